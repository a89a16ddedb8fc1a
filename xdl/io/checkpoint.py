"""What ``xdl.save`` and ``xdl.load`` do: gather, check all, then change all."""

import os
from typing import Any

from xdl.arguments import kind
from xdl.backend import random as draws
from xdl.errors import ArgumentError, CheckpointError, GraphError
from xdl.io import container, parts, tree
from xdl.io.listing import listed
from xdl.recording import current
from xdl.replacing import replacing
from xdl.uninterrupted import Uninterrupted


def save(path, things):
    """Write the things of a dict, and where the random draws stand, to a file."""
    path = _checked_path("save", path)
    if not things or "random" in things:
        raise ArgumentError(
            f"save: the names {list(things)} came, needed at least one, and none that "
            "is 'random', which names where the random draws stand"
        )
    states = {name: parts.state_of(thing) for name, thing in things.items()}
    faults = [
        fault
        for name, thing in things.items()
        for fault in parts.faults(name, thing, states[name])
    ]
    if faults:  # what is written must be fit to be loaded again
        raise CheckpointError(f"save: {path}: {listed(faults, '; ')}")
    arrays: dict[Any, Any] = {}
    try:
        skeleton = tree.without_arrays({**states, "random": _random_state()}, arrays)
        head, blocks = container.packed(skeleton, arrays)
    except RecursionError:
        raise ArgumentError(
            "save: dicts or lists nested too deep came, needed a few hundred at most"
        ) from None
    with replacing(path) as file:
        file.write(head)
        for block in blocks:
            file.write(block)


def load(path, things, wants_random):
    """Change the things of a dict to what a file says; return the rest of it."""
    path = _checked_path("load", path)
    for name, thing in things.items():
        parts.refuse_unless_loadable(name, thing)
    saved = container.read(path)
    random_state = saved.pop("random", None)
    faults = []
    for name, thing in things.items():
        if name in saved:
            faults += parts.faults(name, thing, saved[name])
        else:
            held = listed(map(repr, saved), ", ") or "nothing"
            faults.append(f"missing {name!r} (it holds {held})")
    stand = _checked_random_state(random_state, faults) if wants_random else None
    if faults:
        raise CheckpointError(f"load: {path}: {listed(faults, '; ')}")
    pairs = [(thing, saved.pop(name)) for name, thing in things.items()]
    with Uninterrupted():
        parts.assign(pairs)
        if stand is not None:
            draws.restore(stand)
    return saved


def _checked_path(who, path):
    """Return a path as a str; refuse to be written down as a part of a step."""
    if current() is not None:
        raise GraphError(f"compile: {who} was called in the step; call it outside")
    try:
        return os.fsdecode(path)
    except TypeError:
        raise ArgumentError(
            f"{who}: {kind(path)} came as the path, needed a str or a pathlib.Path; "
            f"{who}(path, model=model) gives things their names"
        ) from None


def _random_state():
    generator, stream = draws.state()
    return {"generator": generator, "stream": list(stream)}


def _checked_random_state(saved, faults):
    """Return what ``random.restore`` takes; add to ``faults`` what is wrong with it."""
    try:
        key, number = saved["stream"]
        is_stream = type(key) is type(number) is int and key >= 0 <= number < 2**64
        state = saved["generator"]
    except (KeyError, TypeError, ValueError):
        is_stream = state = False
    if not is_stream:
        faults.append("random: it does not say where the draws stood")
    else:
        faults += parts.faults("random", draws.generator(), state)
    return state, (key, number) if is_stream else None

"""Checkpoints that somebody has changed and sealed again."""

import hashlib
import json
import pathlib

import numpy as np


def forge(path, change):
    """Change what is in a checkpoint; every digest in it is right again.

    Args:
        path: the file.
        change: a function of the content (a dict of "state" and "tensors") and of the
            entries of the arrays; it changes them, or returns a content.
    """
    whole = pathlib.Path(path).read_bytes()
    length = int.from_bytes(whole[:8], "little")
    entries, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    content = json.loads(entries["__metadata__"]["content"])
    content = change(content, entries) or content
    write(path, content, entries, data)


def write(path, content, entries, data=b""):
    """Write a checkpoint of a content, entries and data, all of it sealed."""
    text = content if isinstance(content, str) else json.dumps(content)
    seal = hashlib.sha256(text.encode()).hexdigest()
    entries["__metadata__"] = {"xdl": "1", "content": text, "sha256": seal}
    head = json.dumps(entries).encode()
    with pathlib.Path(path).open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head + data)


def write_empty(path, count, shape=(0,)):
    """Write a checkpoint of so many arrays without elements."""
    seal, shape = hashlib.sha256(b"").hexdigest(), list(shape)
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
    wanted = {"dtype": "float32", "shape": shape, "sha256": seal}
    names = [f"{i:x}" for i in range(count)]
    content = {
        "state": dict.fromkeys(names),
        "tensors": {name: {"path": [name], **wanted} for name in names},
    }
    write(path, content, dict.fromkeys(names, entry))


def put(*path, value):
    """Return a change that sets the value at a path in the state."""

    def change(content, entries):
        holder = content["state"]
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return change


def nonsense(rng):
    """Return a JSON value that is no sense anywhere."""
    kind = rng.integers(12)
    if kind < 3:
        return [nonsense(rng) for _ in range(rng.integers(4))]
    if kind < 5:
        return {str(i): nonsense(rng) for i in range(rng.integers(4))}
    values = [None, True, -1, 0, 2**64, 10**400, 1e308, "", "weight", "\ud800"]
    values += [float("nan"), float("inf"), -0.5, 2**31, 625, 5, [], {}]
    return values[rng.integers(len(values))]


def mutated(rng):
    """Return a change that puts nonsense somewhere, or takes something away."""

    def change(content, entries):
        spots = list(_spots({"content": content, "entries": entries}))
        holder, key = spots[rng.integers(len(spots))]
        if holder is entries and key == "__metadata__":
            return
        if rng.integers(4) == 0:
            del holder[key]
        else:
            holder[key] = nonsense(rng)

    return change


def _spots(nested):
    if isinstance(nested, dict | list):
        keys = nested if isinstance(nested, dict) else range(len(nested))
        for key in keys:
            if key != "__metadata__":
                yield nested, key
                yield from _spots(nested[key])


def bits_of(things):
    """Return what would tell that one of the things of a checkpoint has changed."""

    def plain(nested):
        if isinstance(nested, dict):
            return {key: plain(value) for key, value in nested.items()}
        return nested.tobytes() if isinstance(nested, np.ndarray) else nested

    return {name: repr(plain(state(thing))) for name, thing in things.items()}


def state(thing):
    """Return the state of a thing."""
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    held = getattr(thing, "parameter", thing)
    return (held if hasattr(thing, "forward") else thing).state_dict()

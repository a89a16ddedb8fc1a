"""What can be saved: the state of each kind of thing, and what fits it.

A part is an object with ``state_dict()`` and ``load_state_dict(state)``. One that also
has ``misfits(state)`` is asked by it, before anything changes, whether a state fits.
"""

import numpy as np
from numpy.random import Generator

from xdl.core.module import Module
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.io.listing import listed
from xdl.optim import Schedule
from xdl.uninterrupted import Uninterrupted


class _Lone:
    """A Variable by itself."""

    def __init__(self, variable):
        self.store = Parameter()
        self.store.register("value", variable)

    def state_dict(self):
        return self.store.state_dict()["value"]

    def misfits(self, state):
        return self.store.misfits({"value": state})

    def load_state_dict(self, state):
        self.store.load_state_dict({"value": state})


class _Generator:
    """A random generator of NumPy's."""

    def __init__(self, generator):
        self.bits = generator.bit_generator

    def state_dict(self):
        return self.bits.state

    def misfits(self, state):
        name, fresh = type(self.bits).__name__, type(self.bits)()
        try:
            fresh.state = state
            is_same = _are_equal(state, fresh.state)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            is_same = False
        return [] if is_same and _is_within(state) else [f"it is no state of {name}"]

    def load_state_dict(self, state):
        self.bits.state = state


# How far places in what was drawn before may point, by NumPy's names for them. NumPy
# does not ask, and reads from there.
_LAST = {"pos": 624, "buffer_pos": 4, "has_uint32": 1, "has_gauss": 1}


def _is_within(state):
    """Tell whether no place in the state of a generator lies outside its memory."""
    pairs = [*state.items(), *_dict_in(state).items()]
    return all(type(v) is int and 0 <= v <= _LAST[k] for k, v in pairs if k in _LAST)


def _dict_in(state):
    inner = state.get("state")
    return inner if isinstance(inner, dict) else {}


def _are_equal(a, b):
    """Tell whether two states are the same: what was set has not been cut to fit."""
    if isinstance(b, dict):
        is_like = isinstance(a, dict) and a.keys() == b.keys()
        return is_like and all(_are_equal(a[key], b[key]) for key in b)
    return type(a) is type(b) and bool(np.array_equal(a, b))


def _part(thing):
    """Return the part that a thing is, or has; None: it is a value."""
    if isinstance(thing, type):
        return None
    if hasattr(thing, "load_state_dict") and hasattr(thing, "state_dict"):
        return thing
    if isinstance(thing, Module):
        return thing.parameter
    if isinstance(thing, Variable):
        return _Lone(thing)
    return _Generator(thing) if isinstance(thing, Generator) else None


def _tells(part):
    """Tell whether a part can be asked for misfits.

    One that inherits ``misfits`` and loads in a way of its own cannot.
    """
    for cls in type(part).__mro__:
        if "misfits" in vars(cls) or "load_state_dict" in vars(cls):
            return "misfits" in vars(cls)
    return False


def state_of(thing):
    """Return what is saved of a thing: nested dicts; of a value, itself."""
    part = _part(thing)
    return thing if part is None else part.state_dict()


def refuse_unless_loadable(name, thing):
    """Raise an error for what is a value, and so cannot be changed."""
    if _part(thing) is None:
        raise ArgumentError(
            f"load: {name}: {type(thing).__name__} came, needed a Module, a Variable "
            "or an object with state_dict and load_state_dict; values are returned"
        )


def faults(name, thing, state):
    """Return a list of what hinders a thing from taking a state over; no thing changes.

    Args:
        name: what the thing is called in the sentences.
        thing: what ``save`` and ``load`` take.
        state: what ``state_of`` such a thing returned.
    """
    part = _part(thing)
    said = part.misfits(state) if _tells(part) else []
    return [f"{name}: {listed(said, '; ')}"] if said else []


def assign(pairs):
    """Let things take over states that have no faults: all of them, or none.

    Args:
        pairs: tuples of a thing and its state.
    """
    found = [(_part(thing), state) for thing, state in pairs]
    found.sort(key=lambda pair: _rank(pair[0]))
    before = []
    with Uninterrupted():
        try:
            for part, state in found:
                if not _tells(part):
                    before.append((part, part.state_dict()))
                part.load_state_dict(state)
        except BaseException:
            for part, state in before:
                part.load_state_dict(state)
            raise


def _rank(part):
    """Return when a part takes its state: the lowest first.

    What may still refuse comes first. A schedule sets the rate of its optimizer, which
    may have been set by hand since, so it comes before that.
    """
    return 0 if not _tells(part) else 1 if isinstance(part, Schedule) else 2

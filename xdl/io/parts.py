"""What can be saved: the state of each kind of thing, and what fits it."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from xdl.core.module import Module
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, CheckpointError
from xdl.optim import EMA
from xdl.optim.optimizer import Optimizer
from xdl.optim.schedule import Schedule


class _Trial(Parameter):
    """A store that takes values and keeps none: it tells whether a state would fit."""

    def __init__(self, variables):
        super().__init__()
        self._variables = variables

    @property
    def variable_dict(self):
        """A dict from names to what stands in for the Variables."""
        return {
            name: SimpleNamespace(shape=v.shape, dtype=v.dtype)
            for name, v in self._variables.items()
        }


class _Values:
    """A Variable, or the Variables of a Parameter or Module."""

    def __init__(self, thing):
        self.thing = thing.parameter if isinstance(thing, Module) else thing

    def state(self):
        if isinstance(self.thing, Variable):
            return self.thing.numpy()
        return self.thing.state_dict()

    def check(self, state):
        if isinstance(self.thing, Variable):
            _Trial({"value": self.thing}).load_state_dict({"value": state})
        else:
            _Trial(self.thing).load_state_dict(state)

    def assign(self, state):
        if isinstance(self.thing, Variable):
            self.thing.value = state
        else:
            self.thing.load_state_dict(state)


class _Optimizer:
    """An optimizer, or an EMA: options, and a store of its own Variables."""

    def __init__(self, thing):
        self.thing = thing
        self.store = thing.average if isinstance(thing, EMA) else thing.state

    def state(self):
        options = self.thing.options()
        return {"hyperparameters": options, "state": self.store.state_dict()}

    def check(self, state):
        if not isinstance(state, dict) or state.keys() != {"hyperparameters", "state"}:
            raise CheckpointError("needed a dict of hyperparameters and state")
        said = []
        for check, part in (
            (self.thing.fitting, state["hyperparameters"]),
            (_Trial(self.store).load_state_dict, state["state"]),
        ):
            try:
                check(part)
            except CheckpointError as error:
                said.append(_said(error))
        if said:
            raise CheckpointError("; ".join(said))

    def assign(self, state):
        if not isinstance(self.thing, EMA):
            self.thing.load_state_dict(state)
            return
        self.store.load_state_dict(state["state"])
        for name, value in state["hyperparameters"].items():
            setattr(self.thing, name, value)


class _Schedule:
    """A schedule: options alone."""

    def __init__(self, thing):
        self.state, self.assign = thing.state_dict, thing.load_state_dict
        self.check = thing.fitting


class _Generator:
    """A random generator of NumPy's."""

    def __init__(self, thing):
        self.bits = thing.bit_generator

    def state(self):
        return self.bits.state

    def check(self, state):
        try:
            type(self.bits)().state = state
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
            name = type(self.bits).__name__
            raise CheckpointError(f"it is no state of {name} ({error})") from None

    def assign(self, state):
        self.bits.state = state


class _Foreign:
    """An object with ``state_dict`` and ``load_state_dict`` of its own."""

    def __init__(self, thing):
        self.state, self.assign = thing.state_dict, thing.load_state_dict

    def check(self, state):
        """Pass: only loading it tells, so that it is loaded first, and back if not."""


_METHODS: dict[Any, type] = {
    Optimizer.load_state_dict: _Optimizer,
    Schedule.load_state_dict: _Schedule,
    Parameter.load_state_dict: _Values,
}
_TYPES = {
    EMA: _Optimizer,
    Module: _Values,
    Variable: _Values,
    np.random.Generator: _Generator,
}
# A schedule sets the rate of its optimizer, which may have been set by hand since.
_ORDER = [_Foreign, _Schedule, _Optimizer, _Generator, _Values]


def _part(thing):
    """Return the part that a thing is; None: it is a value."""
    if isinstance(thing, type):
        return None
    method = getattr(thing, "load_state_dict", None)
    if method is not None and hasattr(thing, "state_dict"):
        return _METHODS.get(getattr(method, "__func__", None), _Foreign)(thing)
    for kind, part in _TYPES.items():
        if isinstance(thing, kind):
            return part(thing)
    return None


def state_of(thing):
    """Return what is saved of a thing: nested dicts; of a value, itself."""
    part = _part(thing)
    return thing if part is None else part.state()


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
    try:
        if part is not None:
            part.check(state)
    except CheckpointError as error:
        return [f"{name}: {_said(error)}"]
    return []


def assign(pairs):
    """Let things take over states that have no faults: all of them, or none.

    Args:
        pairs: tuples of a thing and its state.
    """
    found = [(_part(thing), state) for thing, state in pairs]
    found.sort(key=lambda pair: _ORDER.index(type(pair[0])))
    before = []
    try:
        for part, state in found:
            if isinstance(part, _Foreign):
                before.append((part, part.state()))
            part.assign(state)
    except BaseException:
        for part, state in before:
            part.assign(state)
        raise


def _said(error):
    """Return the text of an error without the name of the method that raised it."""
    text = str(error)
    return text.partition("load_state_dict: ")[2] or text

"""Parameter: the named store of the trainable Variables of a model."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, NamedTuple, Self

from xdl import backend
from xdl.arguments import described, explained
from xdl.core.initial import scaled_normal
from xdl.core.option import plain, switch
from xdl.core.variable import Variable
from xdl.errors import (
    ArgumentError,
    CheckpointError,
    DtypeError,
    GraphError,
    ShapeError,
)
from xdl.recording import count_registration, current
from xdl.typing import Array, ArrayLike, DType, Initializer, Shape
from xdl.uninterrupted import Uninterrupted


class IncompatibleKeys(NamedTuple):
    """The names that a state and what was to take it do not share.

    Attributes:
        missing_keys: those that the state had not; they kept their values.
        unexpected_keys: those that it had and that nobody took.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


class Parameter:
    """A named store of Variables, of a layer or a whole model.

    A Variable is created at the first ``get_variable`` with its name and returned by
    every later one, so that weights are shared wherever the name is used again. Stores
    mount in each other: the names of a mounted store are ``<mount>/<name>``. It is a
    mapping from names to Variables.

    Attributes:
        mounted: what is mounted here, by the name that it is mounted under.

    Raises:
        ArgumentError (when it is read): two Variables have one name.

    Example:
        >>> import xdl
        >>> parameter = xdl.Parameter()
        >>> weight = parameter.get_variable("weight", [64, 10])
        >>> parameter.get_variable("weight", [64, 10]) is weight
        True
        >>> {name: v.shape for name, v in parameter.items()}
        {'weight': (64, 10)}
    """

    _is_frozen = False
    # Whether Variables may come as it is used: then an optimizer takes an empty one.
    _grows = False

    @explained
    def __init__(self) -> None:
        self._own: dict[Any, Any] = {}
        self.mounted: dict[Any, Any] = {}

    @explained
    def get_variable(
        self,
        name: str,
        shape: Shape,
        initializer: Initializer | None = None,
        dtype: DType | None = None,
        trainable: bool = True,
    ) -> Variable:
        """Return the Variable called ``name``; make it at the first call.

        Args:
            name: a str that is not empty.
            shape: an int or a sequence of ints.
            initializer: a function of the shape (a tuple) that returns an array of that
                shape: one of ``xdl.init``, ``np.zeros``, ``rng.standard_normal``, ...;
                default: ``xdl.init.scaled_normal``, N(0, 1) / sqrt(shape[0]).
            dtype: default float32.
            trainable: False for state that no gradient changes.

        Raises:
            ShapeError: the Variable exists with another shape, or the initializer
                returned another shape.
            ArgumentError: the name or the shape is no name or shape.
        """
        lengths = _checked_shape(name, shape)
        if name in self._own:
            variable = self._own[name]
            if variable.shape != lengths:
                raise ShapeError(
                    f'Parameter "{name}": shape {lengths} came, but it exists with '
                    f"shape {variable.shape}"
                )
            return variable
        if not isinstance(name, str) or not name or name in self.mounted:
            raise ArgumentError(
                f"Parameter: {name!r} came, needed a new, non-empty name"
            )
        dtype = backend.parse_dtype(dtype or backend.DEFAULT_DTYPE)
        initializer = scaled_normal if initializer is None else initializer
        if not callable(initializer):
            raise ArgumentError(
                f'Parameter "{name}": initializer {described(initializer)} came, '
                "needed a function of the shape, as those of xdl.init; for given "
                "values write lambda shape: values"
            )
        value = backend.asarray(initializer(lengths), backend.device(), dtype)
        if value.shape != lengths:
            raise ShapeError(
                f'Parameter "{name}": the initializer returned shape {value.shape}, '
                f"needed {lengths}"
            )
        variable = self.register(name, Variable(value, name, trainable))
        if self._is_frozen:
            variable.trainable = False
        return variable

    def register(self, name: str, variable: Variable) -> Variable:
        """Store an existing Variable under ``name`` and return it."""
        _refuse_while_recording(name)
        self._own[name] = variable
        count_registration()
        return variable

    def hold(self, variables: Any) -> None:
        """Store these Variables, a dict by name, and no others."""
        new, own = list(variables.items()), list(self._own.items())
        if [(name, id(v)) for name, v in new] == [(name, id(v)) for name, v in own]:
            return
        for name, variable in new:
            if not _is_among(variable, self._own.values()):
                _refuse_while_recording(name)
        self._own = dict(variables)
        count_registration()

    def mount(self, name: str, holder: Any) -> None:
        """Show the Variables of ``holder`` here under ``name/``.

        Args:
            name: the prefix; of a Variable its name.
            holder: a Variable, a Parameter, an object with one as ``parameter``, or a
                list, tuple or dict of such objects, which is looked into anew each
                time. A Variable takes the place of one that was mounted under the name.

        Raises:
            ArgumentError: another Variable is stored under the name.
        """
        if isinstance(holder, Variable):
            self._take_in(name, holder, self.mounted.get(name))
        self.mounted[name] = holder
        count_registration()

    def _take_in(self, name, variable, before):
        """Let a stored Variable that was mounted under the name make way for one."""
        stored = self._own.values()
        if not _is_among(variable, stored):
            if current() is not None:
                raise GraphError(
                    f'compile: Variable "{name}" is made in the step and set as an '
                    "attribute, where it counts as a weight; make it before the step, "
                    "or set the attribute to its detach()"
                )
            if _is_among(before, stored):
                pairs = self._own.items()
                self._own = {n: variable if v is before else v for n, v in pairs}
            elif name in self._own:
                raise ArgumentError(
                    f'Parameter: another Variable came as "{name}", which is stored '
                    "here already; choose another name"
                )
        if variable.name is None:
            variable.name = name

    def unmount(self, name: str) -> None:
        """Stop showing what is mounted under ``name``; nothing if there is nothing."""
        if self.mounted.pop(name, None) is not None:
            count_registration()

    def forget(self, name: str) -> None:
        """Unmount, and give up a stored Variable that was mounted under this name."""
        variable = self.mounted.get(name)
        self.unmount(name)
        if not _is_among(variable, self.mounted.values()):
            self._own = {n: v for n, v in self._own.items() if v is not variable}

    @property
    def variable_dict(self) -> dict[str, Variable]:
        """A dict from every name, mounted ones too, to its Variable.

        A Variable that is shared stands under its first name alone: one that it is
        stored under, if there is such a name.
        """
        found: dict[Any, Any] = {}
        loose: list[Any] = []
        seen: set[Any] = set()
        for name, variable, is_stored in self._walk([]):
            if not is_stored:
                loose.append((name, variable))
            elif id(variable) not in seen:
                seen.add(id(variable))
                _add(found, name, variable)
        for name, variable in loose:
            if id(variable) not in seen:
                seen.add(id(variable))
                _add(found, name, variable)
        return found

    def lists(self) -> Any:
        """Return the lists and dicts that what is mounted here was found in."""
        found: list[Any] = []
        for _ in self._walk(found):
            pass
        return found

    def _walk(self, lists):
        """Yield name, Variable, and whether it is stored by it: this store's first."""
        visited, waiting = set(), [("", self)]
        while waiting:
            prefix, held = waiting.pop()
            if isinstance(held, Variable):
                yield prefix, held, False
            elif id(held) not in visited:
                visited.add(id(held))
                for name, variable in held._own.items():
                    yield prefix + name, variable, True
                waiting += reversed(held._inside(prefix, lists))

    def _inside(self, prefix, lists):
        """Return pairs of a path and the Variable or store that is mounted there."""
        return [
            (prefix + path + ("" if isinstance(held, Variable) else "/"), held)
            for mount, holder in self.mounted.items()
            for path, held in held_in(holder, mount, lists)
        ]

    def __getitem__(self, name: str) -> Variable:
        try:
            return self.variable_dict[name]
        except KeyError:
            known = ", ".join(self) or "none"
            raise KeyError(
                f"Parameter: no Variable {name!r}; there are {known}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.variable_dict

    def __iter__(self) -> Iterator[str]:
        return iter(self.variable_dict)

    def __len__(self) -> int:
        return len(self.variable_dict)

    def keys(self) -> KeysView[str]:
        """The names of all Variables."""
        return self.variable_dict.keys()

    def values(self) -> ValuesView[Variable]:
        """All Variables, each once."""
        return self.variable_dict.values()

    def items(self) -> ItemsView[str, Variable]:
        """Pairs of name and Variable."""
        return self.variable_dict.items()

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {v.shape}" for name, v in self.items())
        return f"Parameter({{{shapes}}})"

    def weights(self) -> Iterator[tuple[str, Variable]]:
        """Yield name and Variable of what is, or was, trainable: no other state.

        Example:
            >>> import xdl
            >>> [name for name, _ in xdl.nn.BatchNorm1d(3).parameter.weights()]
            ['weight', 'bias']
        """
        return (pair for pair in self.items() if pair[1]._is_weight)

    @property
    def trainable(self) -> bool:
        """Whether any weight is trainable, or there is none.

        To set it freezes, or thaws, all weights, those that are made later too;
        Variables that never were trainable stay as they are.
        """
        found = [variable.trainable for _, variable in self.weights()]
        return any(found) if found else not self._is_frozen

    @trainable.setter
    def trainable(self, on: bool) -> None:
        on = switch("Parameter.trainable", on)
        for _, variable in list(self.weights()):
            variable.trainable = on
        for store in self._stores():
            store._is_frozen = not on

    def _stores(self):
        """Return this store and those inside it, each once."""
        found = {id(self): self}
        waiting = [self]
        for store in waiting:  # grows while it is walked
            inside = [held for _, held in store._inside("", [])]
            new = [one for one in inside if isinstance(one, Parameter)]
            new = [one for one in new if id(one) not in found]
            found |= {id(one): one for one in new}
            waiting += new
        return found.values()

    @property
    def size(self) -> int:
        """The number of elements in all trainable Variables."""
        return sum(v.size for v in self.values() if v.trainable)

    def clear_grads(self) -> None:
        """Forget the gradients of all Variables."""
        for variable in self.values():
            variable.clear_grad()

    def to(self, device: str) -> Self:
        """Move all Variables to a device, in place; returns this store.

        Raises:
            DeviceError: the device is unknown or not usable; nothing has moved then.
        """
        where = backend.usable(device)
        for variable in self.values():
            variable.to(where)
        return self

    def state_dict(self) -> dict[str, Array]:
        """Return a dict from name to a NumPy copy of each Variable."""
        return {name: variable.numpy() for name, variable in self.items()}

    def misfits(self, state: Any) -> list[str]:
        """Return what hinders ``load_state_dict`` from taking a state; nothing changes.

        Args:
            state: what ``load_state_dict`` is to take.

        Returns:
            A sorted list of str, one for each fault; an empty one if the state fits.

        Example:
            >>> import numpy as np, xdl
            >>> xdl.nn.Linear(2, 3).parameter.misfits({"bias": np.zeros(2, np.float32)})
            ["'bias' has shape (2,), needed (3,)", "missing 'weight'"]
        """
        if not hasattr(state, "keys"):
            return [f"{type(state).__name__} came, needed a mapping"]
        mine = self.variable_dict
        faults = [f"missing {name!r}" for name in mine if name not in state]
        faults += [f"unknown {name!r}" for name in state if name not in mine]
        for name in mine.keys() & state.keys():
            faults += _misfits(name, mine[name], state[name])
        return sorted(faults)

    def load_state_dict(
        self, state: Mapping[str, ArrayLike], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy values into the Variables: all of them, or none.

        Args:
            state: a mapping from the names of this store to arrays.
            strict: whether the names must be the same ones; default True. False takes
                what both have, and leaves the rest as it is.

        Returns:
            A tuple ``missing_keys, unexpected_keys`` of lists of names: empty ones if
            ``strict``.

        Raises:
            CheckpointError: a name is missing or unknown, or an array has another shape
                or dtype; one error lists all, and no Variable was touched.

        Example:
            >>> import xdl
            >>> layer, other = xdl.nn.Linear(2, 3), xdl.nn.Linear(2, 3, bias=False)
            >>> layer.load_state_dict(other.state_dict(), strict=False).missing_keys
            ['bias']
        """
        return load(self, self, state, strict)


def load(thing, store, state, strict) -> IncompatibleKeys:
    """Let a thing that has its weights in a store take a state: all, or nothing."""
    mine = store.variable_dict
    missing: list[str] = []
    unexpected: list[str] = []
    if not strict and hasattr(state, "keys"):
        missing = [name for name in mine if name not in state]
        unexpected = [name for name in state if name not in mine]
        state = {name: state[name] for name in mine if name in state}
        mine = {name: mine[name] for name in state}
        refuse(thing, [f for n, v in mine.items() for f in _misfits(n, v, state[n])])
    else:
        refuse(thing, thing.misfits(state))
    pairs = [(v, v._converted(state[n], "value")) for n, v in mine.items()]
    with Uninterrupted():
        for variable, array in pairs:
            variable.value = array
    return IncompatibleKeys(missing, unexpected)


def refuse(thing, faults):
    """Raise one CheckpointError of all that hinders a thing from taking a state."""
    if faults:
        who = f"{type(thing).__name__}.load_state_dict"
        raise CheckpointError(f"{who}: " + "; ".join(sorted(faults)))


def held_in(holder: Any, path: str, lists: Any) -> Any:
    """Yield (path, what) for each Parameter or Variable that ``holder`` is or holds.

    Results of operations are left out: they are no weights.

    Args:
        holder: anything.
        path: what it is called.
        lists: a list; it gets the lists and dicts that were looked into.
    """
    if isinstance(holder, Variable | Parameter):
        if isinstance(holder, Parameter) or holder._is_made:
            yield path, holder
        return
    store = getattr(holder, "parameter", None)
    if isinstance(store, Parameter):
        yield path, store
    elif isinstance(holder, dict | list | tuple):
        if not isinstance(holder, tuple):
            lists.append(holder)
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, item in items:
            yield from held_in(item, f"{path}/{key}", lists)


def _refuse_while_recording(name):
    if current() is not None:
        raise GraphError(
            f'compile: Variable "{name}" is made in the step; make it before, by '
            "calling the model or the step once without compile"
        )


def _is_among(variable, others):
    """Tell whether it is one of the others: == would compare elements."""
    return any(variable is other for other in others)


def _add(found, name, variable):
    if name in found:
        raise ArgumentError(
            f'Parameter: two Variables are called "{name}"; give them names (keys, '
            "attributes) that differ"
        )
    found[name] = variable


def _misfits(name, variable, given):
    try:
        new = backend.as_known_array(given)
    except DtypeError as error:
        yield f"{name!r}: {str(error).removeprefix('asarray: ')}"
        return
    shape = tuple(getattr(new, "shape", ()))
    if shape != variable.shape:
        yield f"{name!r} has shape {shape}, needed {variable.shape}"
    came = backend.dtype_name(new.dtype)
    needed = backend.dtype_name(variable.dtype)
    came = type(given).__name__ if came == "object" else came
    if came != needed:
        yield f"{name!r} is {came}, needed {needed}"
    elif backend.is_floating(new) and not backend.all_finite(new):
        yield f"{name!r} holds NaN or infinity"


def _checked_shape(name: str, shape: Any) -> tuple[int, ...]:
    shape = plain(f'Parameter "{name}"', "shape", shape)
    try:
        lengths: tuple[int, ...] = (operator.index(shape),)
    except TypeError:
        try:
            lengths = tuple(operator.index(n) for n in shape)
        except TypeError:
            lengths = (-1,)
    if any(n < 0 for n in lengths):
        raise ArgumentError(
            f'Parameter "{name}": shape {shape!r} came, needed non-negative ints'
        )
    return lengths

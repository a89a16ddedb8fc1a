"""Parameter: the named store of the trainable Variables of a model."""

import math
import operator

from xdl import backend
from xdl.backend import random
from xdl.backend.recording import current, revision
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, CheckpointError, GraphError, ShapeError

# Counts the registrations of Variables in any store, so that an optimizer sees with one
# comparison that it must look for new ones.
registrations = [0]


def _count_registration():
    registrations[0] += 1
    revision[0] += 1


def scaled_normal(shape):
    """Draw from N(0, 1) / sqrt(shape[0]): the default initializer.

    Args:
        shape: a tuple of ints; an empty one draws from N(0, 1).

    Returns:
        A float64 NumPy array.

    Reference: "Implement a deep learning framework" (part 2, class Parameter); the
    variance 1 / inputs is that of LeCun et al., "Efficient BackProp", 1998, eq. 16.

    Example:
        >>> import xdl
        >>> xdl.seed(0)
        >>> w = xdl.init.scaled_normal((100, 50))
        >>> bool(abs(w.std() - 0.1) < 0.01)
        True
    """
    rows = shape[0] if shape else 1
    return random.generator().standard_normal(shape) / math.sqrt(rows or 1)


class Parameter:
    """A named store of Variables, of a layer or a whole model.

    A Variable is created at the first ``get_variable`` with its name and returned by
    every later one, so that weights are shared wherever the name is used again. Stores
    mount in each other: the names of a mounted store are ``<mount>/<name>``. It is a
    mapping from names to Variables.

    Attributes:
        mounted: what is mounted here, by the name that it is mounted under.

    Example:
        >>> import xdl
        >>> parameter = xdl.Parameter()
        >>> weight = parameter.get_variable("weight", [64, 10])
        >>> parameter.get_variable("weight", [64, 10]) is weight
        True
        >>> {name: v.shape for name, v in parameter.items()}
        {'weight': (64, 10)}
    """

    def __init__(self):
        self._own = {}
        self.mounted = {}

    def get_variable(self, name, shape, initializer=None, dtype=None, trainable=True):
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
        shape = _checked_shape(name, shape)
        if name in self._own:
            variable = self._own[name]
            if variable.shape != shape:
                raise ShapeError(
                    f'Parameter "{name}": shape {shape} came, but it exists with shape '
                    f"{variable.shape}"
                )
            return variable
        if not isinstance(name, str) or not name or name in self.mounted:
            raise ArgumentError(
                f"Parameter: {name!r} came, needed a new, non-empty name"
            )
        value = backend.asarray((initializer or scaled_normal)(shape), backend.device())
        if value.shape != shape:
            raise ShapeError(
                f'Parameter "{name}": the initializer returned shape {value.shape}, '
                f"needed {shape}"
            )
        dtype = dtype or backend.DEFAULT_DTYPE
        return self.register(name, Variable(value, name, trainable, dtype))

    def register(self, name, variable):
        """Store an existing Variable under ``name`` and return it."""
        if current() is not None:
            raise GraphError(
                f'compile: Variable "{name}" is made in the step; make it before, by '
                "calling the model or the step once without compile"
            )
        self._own[name] = variable
        _count_registration()
        return variable

    def mount(self, name, holder):
        """Show the Variables of ``holder`` here under ``name/``.

        Args:
            name: the prefix.
            holder: a Parameter, an object with one as ``parameter``, or a list, tuple
                or dict of such objects, which is looked into anew each time.
        """
        self.mounted[name] = holder
        _count_registration()

    def unmount(self, name):
        """Stop showing what is mounted under ``name``; nothing if there is nothing."""
        if self.mounted.pop(name, None) is not None:
            _count_registration()

    @property
    def variable_dict(self):
        """A dict from every name, mounted ones too, to its Variable.

        A Variable that is shared stands under its first name alone.
        """
        found = {}
        seen = set()
        for name, variable in self._walk():
            if id(variable) not in seen:
                seen.add(id(variable))
                found[name] = variable
        return found

    def _walk(self):
        """Yield (name, Variable), this store's first; stores may be nested deep."""
        visited, waiting = set(), [("", self)]
        while waiting:
            prefix, store = waiting.pop()
            if id(store) in visited:
                continue
            visited.add(id(store))
            for name, variable in store._own.items():
                yield prefix + name, variable
            inner = [
                (f"{prefix}{path}/", parameter)
                for mount, holder in store.mounted.items()
                for path, parameter in stores_in(holder, mount)
            ]
            waiting += reversed(inner)

    def __getitem__(self, name):
        try:
            return self.variable_dict[name]
        except KeyError:
            known = ", ".join(self) or "none"
            raise KeyError(
                f"Parameter: no Variable {name!r}; there are {known}"
            ) from None

    def __contains__(self, name):
        return name in self.variable_dict

    def __iter__(self):
        return iter(self.variable_dict)

    def __len__(self):
        return len(self.variable_dict)

    def keys(self):
        """The names of all Variables."""
        return self.variable_dict.keys()

    def values(self):
        """All Variables, each once."""
        return self.variable_dict.values()

    def items(self):
        """Pairs of name and Variable."""
        return self.variable_dict.items()

    def __repr__(self):
        shapes = ", ".join(f"{name}: {v.shape}" for name, v in self.items())
        return f"Parameter({{{shapes}}})"

    @property
    def size(self):
        """The number of elements in all trainable Variables."""
        return sum(v.size for v in self.values() if v.trainable)

    def clear_grads(self):
        """Forget the gradients of all Variables."""
        for variable in self.values():
            variable.clear_grad()

    def to(self, device):
        """Move all Variables to a device, in place; returns this store.

        Raises:
            DeviceError: the device is unknown or not usable; nothing has moved then.
        """
        where = backend.usable(device)
        for variable in self.values():
            variable.to(where)
        return self

    def state_dict(self):
        """Return a dict from name to a NumPy copy of each Variable."""
        return {name: variable.numpy() for name, variable in self.items()}

    def misfits(self, state):
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

    def load_state_dict(self, state):
        """Copy values into the Variables: all of them, or none.

        Args:
            state: a mapping from the names of this store to arrays.

        Raises:
            CheckpointError: a name is missing or unknown, or an array has another shape
                or dtype; one error lists all, and no Variable was touched.
        """
        refuse_misfits(self, state)
        for name, variable in self.variable_dict.items():
            variable.value = state[name]


def refuse_misfits(thing, state):
    """Raise one CheckpointError of all misfits of a state that a thing is to take."""
    faults = thing.misfits(state)
    if faults:
        who = f"{type(thing).__name__}.load_state_dict"
        raise CheckpointError(f"{who}: " + "; ".join(faults))


def stores_in(holder, path):
    """Yield (path, Parameter) for each store that ``holder`` is or holds."""
    if isinstance(holder, Parameter):
        yield path, holder
    elif isinstance(getattr(holder, "parameter", None), Parameter):
        yield path, holder.parameter
    elif isinstance(holder, dict):
        for key, item in holder.items():
            yield from stores_in(item, f"{path}/{key}")
    elif isinstance(holder, list | tuple):
        for i, item in enumerate(holder):
            yield from stores_in(item, f"{path}/{i}")


def _misfits(name, variable, new):
    shape = tuple(getattr(new, "shape", ()))
    if shape != variable.shape:
        yield f"{name!r} has shape {shape}, needed {variable.shape}"
    came = (
        backend.dtype_name(new.dtype) if hasattr(new, "dtype") else type(new).__name__
    )
    needed = backend.dtype_name(variable.dtype)
    if came != needed:
        yield f"{name!r} is {came}, needed {needed}"
    elif backend.is_floating(new) and not backend.all_finite(new):
        yield f"{name!r} holds NaN or infinity"


def _checked_shape(name, shape):
    try:
        lengths = (operator.index(shape),)
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

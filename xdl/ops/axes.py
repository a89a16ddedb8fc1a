"""Reading arrays, axes and shapes that a user gave."""

import operator
from typing import Any

from xdl import backend
from xdl.arguments import described
from xdl.core.option import plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.typing import Array


def as_operand(x: Any) -> Variable | Array:
    """Return what has a shape as it is, numbers and lists as a Variable of data."""
    return x if isinstance(x, Variable) or backend.namespace(x) else as_variable(x)


def as_axes(who, axis):
    """Return ``axis`` as None, an int or a tuple of ints.

    Raises:
        ArgumentError: it is something else.
    """
    if axis is None or type(axis) is int:
        return axis
    axis = plain(who, "axis", axis)
    try:
        if isinstance(axis, int) and not isinstance(axis, bool):
            return operator.index(axis)
        return tuple(operator.index(a) for a in axis)
    except (TypeError, ShapeError):
        raise ArgumentError(
            f"{who}: axis {described(axis)} came, needed None, an int or a tuple of "
            "ints"
        ) from None


def as_axis(who, axis):
    """Return ``axis`` as an int.

    Raises:
        ArgumentError: it is none.
    """
    if type(axis) is int:
        return axis
    axis = plain(who, "axis", axis)
    if isinstance(axis, int) and not isinstance(axis, bool):
        return operator.index(axis)
    raise ArgumentError(f"{who}: axis {described(axis)} came, needed an int")


def as_shape(who, shape):
    """Return ``shape`` as a tuple of ints: an int is a shape of one axis.

    Raises:
        ArgumentError: it is neither an int nor a sequence of ints.
    """
    shape = plain(who, "shape", shape)
    try:
        if isinstance(shape, dict | set):
            raise TypeError
        if isinstance(shape, int):
            return (operator.index(shape),)
        return tuple(operator.index(n) for n in shape)
    except (TypeError, ShapeError):
        raise ArgumentError(
            f"{who}: shape {described(shape)} came, needed an int or a sequence of ints"
        ) from None


def positive_axes(who, ndim, axis):
    """Return the axes as a tuple of ints from 0 to ndim - 1; None means all.

    Raises:
        ShapeError: there is no such axis, or one is named twice.
        ArgumentError: ``axis`` is no axis.
    """
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is not int and type(axis) is not tuple:
        axis = as_axes(who, axis)
    axes = (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if not -ndim <= a < ndim:
            raise ShapeError(f"{who}: axis {a} came, but there are {ndim} axes")
    found = tuple(a % ndim for a in axes)
    if len(set(found)) < len(found):
        raise ShapeError(f"{who}: axes {axis} name one axis twice")
    return found


def one_axis(who, ndim, axis):
    """Return an axis as an int from 0 to ndim - 1.

    Raises:
        ShapeError: there is no such axis.
        ArgumentError: it is no int.
    """
    (found,) = positive_axes(who, ndim, as_axis(who, axis))
    return found


def is_of_number(ndim, axis):
    """Tell whether it is the axis that NumPy gives a single number: 0 or -1."""
    return not ndim and type(axis) is int and axis in (0, -1)


def axis_shape(who, x_shape, axis):
    """Return ``x_shape``, once it is known to have the axis with elements on it.

    Raises:
        ShapeError: there is no such axis, or it is empty.
    """
    if is_of_number(len(x_shape), axis):
        return x_shape
    for positive in positive_axes(who, len(x_shape), axis):
        if x_shape[positive] == 0:
            raise ShapeError(f"{who}: axis {axis} of shape {x_shape} is empty")
    return x_shape


def reduced_shape(x_shape, axes, keepdims):
    """Return the shape after a reduction over axes from 0 on."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(x_shape))
    return tuple(n for i, n in enumerate(x_shape) if i not in axes)


def as_counts(who, counts):
    """Return how often something is repeated, as a tuple of ints from 0 on.

    Raises:
        ArgumentError: one is negative, or no int.
    """
    found = as_shape(who, counts)
    if min(found, default=0) < 0:
        raise ArgumentError(f"{who}: {counts} came, needed numbers from 0 on")
    return found

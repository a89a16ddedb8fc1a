"""Functions of axes and of repetition, composed of other operations."""

from __future__ import annotations

import math

from xdl.core.case import Case, Counterpart
from xdl.core.op import composed
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import (
    as_counts,
    as_operand,
    as_shape,
    is_of_number,
    one_axis,
    positive_axes,
)
from xdl.ops.layout.shape import broadcast_to, permute_dims, reshape
from xdl.typing import Array, ArrayLike, Axis, Shape


@composed(
    torch=Counterpart("swapaxes", samples=("transpose",)),
    cases=(Case([(2, 3, 4)], {"axis1": 0, "axis2": 1}),),
)
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Variable:
    """Swap two axes.

    Args:
        x: an array of any shape.
        axis1, axis2: ints.

    Returns:
        ``x`` with the two axes in each other's place, a view of it.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.swapaxes([[1.0, 2.0, 3.0]], 0, 1).shape
        (3, 1)
    """
    x = as_operand(x)
    first, second = (one_axis("swapaxes", x.ndim, axis) for axis in (axis1, axis2))
    axes = list(range(x.ndim))
    axes[first], axes[second] = second, first
    return permute_dims(x, axes)


@composed(torch="movedim", cases=(Case([(2, 3, 4)], {"source": 0, "destination": 2}),))
def moveaxis(x: ArrayLike, source: Shape, destination: Shape) -> Variable:
    """Move axes to other places; the others keep their order.

    Args:
        x: an array of any shape.
        source: an int or a sequence of ints: the axes to move.
        destination: where each of them stands in the result.

    Returns:
        ``x`` with its axes in that order, a view of it.

    Raises:
        ShapeError: there is no such axis, or one is named twice.
        ArgumentError: there is not one destination for each source.

    Example:
        >>> import xdl
        >>> xdl.moveaxis([[[1.0, 2.0]]], -1, 0).shape
        (2, 1, 1)
    """
    x = as_operand(x)
    origins, places = (
        positive_axes("moveaxis", x.ndim, as_shape("moveaxis", axes))
        for axes in (source, destination)
    )
    if len(origins) != len(places):
        raise ArgumentError(
            f"moveaxis: source {origins} and destination {places} came, needed as "
            "many of one as of the other"
        )
    axes = [i for i in range(x.ndim) if i not in origins]
    for place, axis in sorted(zip(places, origins, strict=True)):
        axes.insert(place, axis)
    return permute_dims(x, axes)


@composed(
    torch=Counterpart("flatten", {"start_dim": "start_axis", "end_dim": "end_axis"}),
    cases=(Case([(2, 3, 4)]),),
)
def flatten(x: ArrayLike, start_axis: int = 0, end_axis: int = -1) -> Variable:
    """Make one axis of several neighbouring ones, in C order.

    Args:
        x: an array of any shape; a single number becomes an array of one element.
        start_axis, end_axis: ints, the first and the last of them; default: all.

    Returns:
        The elements, with one axis in place of these.

    Raises:
        ShapeError: there is no such axis, or the last stands before the first.

    Example:
        >>> import xdl
        >>> xdl.flatten([[[1.0, 2.0]], [[3.0, 4.0]]], start_axis=1).shape
        (2, 2)
    """
    x = as_operand(x)
    shape = x.shape or (1,)
    start, end = (
        one_axis("flatten", len(shape), axis) for axis in (start_axis, end_axis)
    )
    if start > end:
        raise ShapeError(f"flatten: axis {start} is the first and {end} the last axis")
    length = math.prod(shape[start : end + 1])
    return reshape(x, (*shape[:start], length, *shape[end + 1 :]))


@composed(
    torch=Counterpart("tile", samples=("tile", "repeat")),
    cases=(Case([(2, 3)], {"repetitions": (2, 2)}),),
)
def tile(x: ArrayLike, repetitions: Shape) -> Variable:
    """Lay copies of an array side by side: 1, 2, 1, 2.

    Args:
        x: an array of any shape.
        repetitions: how many copies along each axis, an int or a sequence of ints;
            counted from the last axis on.

    Returns:
        The copies as one array, with as many axes as there are numbers, or as ``x``
        has if that is more.

    Raises:
        ArgumentError: a number is negative.

    Example:
        >>> import xdl
        >>> xdl.tile([1.0, 2.0], (2, 2))
        Variable([[1., 2., 1., 2.],
                  [1., 2., 1., 2.]], dtype=float32)
    """
    x, counts = as_operand(x), as_counts("tile", repetitions)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    lengths = (1,) * (ndim - x.ndim) + tuple(x.shape)
    pairs = list(zip(counts, lengths, strict=True))
    x = reshape(x, [n for _, length in pairs for n in (1, length)])
    x = broadcast_to(x, [n for pair in pairs for n in pair])
    return reshape(x, [count * length for count, length in pairs])


def along(
    x: ArrayLike, axis: Axis, number_has_axis: bool = False
) -> tuple[Variable | Array, int]:
    """Return ``x`` and the axis; for None the elements in C order, and their axis.

    Args:
        x: what was given as an array.
        axis: what was given as its axis.
        number_has_axis: whether 0 or -1 are taken for a single number, as NumPy does,
            which has one axis then.
    """
    if axis is None:
        return flatten(x), 0
    x = as_operand(x)
    if number_has_axis and is_of_number(x.ndim, axis):
        return flatten(x), 0
    return x, axis

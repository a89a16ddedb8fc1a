"""Functions of axes and of repetition, composed of other operations."""

from __future__ import annotations

import math
from typing import Any

from xdl import backend
from xdl.core.case import Case, Counterpart
from xdl.core.op import composed
from xdl.core.option import plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape, is_of_number, one_axis, positive_axes
from xdl.ops.indexing.getitem import getitem, take
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
    torch=Counterpart(
        "diagonal",
        {"dim1": "axis1", "dim2": "axis2"},
        samples=("diagonal", "diagonal_copy"),
    ),
    cases=(Case([(3, 4)]),),
)
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """Take the diagonals of matrices.

    Args:
        x: an array of two axes or more.
        offset: 0 is the main diagonal, 1 the next above it; default 0.
        axis1, axis2: ints, the rows and columns of the matrices; default 0 and 1.

    Returns:
        The diagonals along the last axis, after the axes that are left.

    Raises:
        ShapeError: there are no such axes, or both are the same.

    Example:
        >>> import xdl
        >>> xdl.diagonal([[1.0, 2.0], [3.0, 4.0]])
        Variable([1., 4.], dtype=float32)
    """
    x = as_operand(x)
    offset = plain("diagonal", "offset", offset)
    axes = positive_axes("diagonal", x.ndim, (axis1, axis2))
    rest = [i for i in range(x.ndim) if i not in axes]
    x = permute_dims(x, (*rest, *axes))
    *shape, n, m = x.shape
    length = max(0, min(n + min(offset, 0), m - max(offset, 0)))
    # In C order, the next element of a diagonal stands m + 1 places after the last.
    first = max(offset, 0) - min(offset, 0) * m
    stop = first + max(0, length - 1) * (m + 1) + 1 if length else first
    return getitem(reshape(x, (*shape, n * m)), (..., slice(first, stop, m + 1)))


@composed(torch="repeat_interleave", cases=(Case([(2, 3)], {"repeats": 2, "axis": 1}),))
def repeat(x: ArrayLike, repeats: int, axis: Axis = None) -> Variable:
    """Repeat each element along an axis: 1, 1, 2, 2.

    Args:
        x: an array of any shape.
        repeats: how often, an int or one for each position on the axis.
        axis: an int, or None: the elements in C order.

    Returns:
        The repeated elements.

    Raises:
        ShapeError: there is no such axis, or not one number for each position on it.
        ArgumentError: a number is negative.

    Example:
        >>> import xdl
        >>> xdl.repeat([1.0, 2.0], 2)
        Variable([1., 1., 2., 2.], dtype=float32)
    """
    x, axis = along(x, axis, number_has_axis=True)
    axis = one_axis("repeat", x.ndim, axis)
    counts = _as_counts("repeat", repeats)
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if len(counts) == 1:
        x = reshape(x, (*before, length, 1, *after))
        x = broadcast_to(x, (*before, length, counts[0], *after))
        return reshape(x, (*before, length * counts[0], *after))
    if len(counts) != length:
        raise ShapeError(
            f"repeat: {len(counts)} numbers came for axis {axis} of length {length}"
        )
    positions = [i for i, count in enumerate(counts) for _ in range(count)]
    return take(x, backend.cast(backend.from_python(positions), "int64"), axis)


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
    x, counts = as_operand(x), _as_counts("tile", repetitions)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    lengths = (1,) * (ndim - x.ndim) + tuple(x.shape)
    pairs = list(zip(counts, lengths, strict=True))
    x = reshape(x, [n for _, length in pairs for n in (1, length)])
    x = broadcast_to(x, [n for pair in pairs for n in pair])
    return reshape(x, [count * length for count, length in pairs])


def as_operand(x: Any) -> Variable | Array:
    """Return what has a shape as it is, numbers and lists as a Variable of data."""
    return x if isinstance(x, Variable) or backend.namespace(x) else as_variable(x)


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


def _as_counts(who, counts):
    found = as_shape(who, counts)
    if min(found, default=0) < 0:
        raise ArgumentError(f"{who}: {counts} came, needed numbers from 0 on")
    return found

"""Functions made of picking: diagonals, and elements that are repeated."""

from __future__ import annotations

from xdl import backend
from xdl.core.case import Case, Counterpart
from xdl.core.op import composed
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.axes import (
    as_counts,
    as_operand,
    one_axis,
    positive_axes,
)
from xdl.ops.indexing.getitem import getitem, take
from xdl.ops.layout.composed import along
from xdl.ops.layout.shape import broadcast_to, permute_dims, reshape
from xdl.typing import ArrayLike, Axis


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
    counts = as_counts("repeat", repeats)
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

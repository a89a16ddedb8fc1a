"""Picking along an axis, writing at an index, and positions as vectors of 0 and 1."""

from __future__ import annotations

import math

from xdl import backend
from xdl.backend.fresh import add_into
from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, broadcast_shapes, function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from xdl.ops.axes import one_axis
from xdl.ops.indexing.getitem import Indexed, require_integers
from xdl.ops.indexing.reading import PLACEHOLDER, changed_at
from xdl.ops.layout.composed import along
from xdl.typing import ArrayLike, Axis, DType, Index


class TakeAlongAxis(Op):
    torch = Counterpart("take_along_dim", samples=("gather",))
    moves = True
    own_dtype = ("indices",)
    cases = (
        Case([(2, 3), [[0, 2], [1, 1]]]),
        Case([(3, 2), [[0, 2], [-1, 1]]], {"axis": 0}),
        Case([(2, 3, 2), [[[0, 1]]]], {"axis": 1}),
        Case([(1, 3), [[0], [2]]], {"axis": 1}),
        Case([(4,), [3, 3, 0]]),
        BadCase([(2, 3), [[3], [0]]], IndexRangeError, "out of bounds"),
        BadCase([(2, 3), [[0.0], [0.0]]], DtypeError, "needed integers"),
        BadCase([(2, 3), [0]], ShapeError, "1 axes, needed 2"),
        BadCase([(2, 3), [[0], [0], [0]]], ShapeError, "do not broadcast"),
        BadCase([(2, 3), [[0]]], ShapeError, "axis 2 came", {"axis": 2}),
    )

    def __init__(self, axis=-1):
        self.axis = axis

    def shape(self, x_shape, indices_shape):
        axis = one_axis(self, len(x_shape), self.axis)
        if len(indices_shape) != len(x_shape):
            raise ShapeError(
                f"{self}: indices have {len(indices_shape)} axes, needed {len(x_shape)}"
            )
        one_picked = (*x_shape[:axis], 1, *x_shape[axis + 1 :])
        one_index = (*indices_shape[:axis], 1, *indices_shape[axis + 1 :])
        rest = broadcast_shapes(self, (one_picked, one_index))
        return (*rest[:axis], indices_shape[axis], *rest[axis + 1 :])

    def flops(self, y_shape, *shapes):
        return 0

    def compute(self, xp, x, indices):
        self.shape(x.shape, indices.shape)
        require_integers(self, indices)
        try:
            return xp.take_along_axis(x, indices, axis=self.axis)
        except IndexError as error:
            raise IndexRangeError(f"{self}: {error}") from None

    def gradient(self, xp, gy, x_shape, indices):
        axis = self.axis % len(x_shape)
        indices = xp.broadcast_to(xp.astype(indices, "int64"), gy.shape)
        indices = xp.where(indices < 0, indices + x_shape[axis], indices)
        return add_along_axis(xp, gy, indices, axis, x_shape[axis]), None

    def to_onnx(self, graph, x, indices):
        shape, picked = graph.shape(x), graph.shape(indices)
        picked = self.shape(shape, picked)
        axis = self.axis % len(shape)
        full = (*picked[:axis], shape[axis], *picked[axis + 1 :])
        x = graph.add("Expand", x, graph.integers(full))
        indices = graph.add("Expand", indices, graph.integers(picked))
        return graph.add("GatherElements", x, indices, axis=axis)


def add_along_axis(xp, values, indices, axis, length):
    """Return zeros, ``length`` on the axis, with the values added where they belong.

    Args:
        xp: the namespace.
        values: an array.
        indices: their positions on the axis, int64, 0 or more, of the same shape.
        axis: an int, 0 or more.
        length: an int.
    """
    before, after = values.shape[:axis], values.shape[axis + 1 :]
    rows, columns = math.prod(before), math.prod(after)
    # By positions in C order: additions at one index array are fast.
    indices = xp.reshape(indices, (rows, values.shape[axis], columns))
    row = xp.reshape(xp.new_arange(values, rows), (rows, 1, 1))
    positions = row * length + indices
    if columns != 1:
        positions = positions * columns + xp.new_arange(values, columns)
    zeros = xp.new_zeros(values, (rows * length * columns,))
    positions = xp.reshape(positions, (-1,))
    y = add_into(xp, zeros, (positions,), xp.reshape(values, (-1,)))
    return xp.reshape(y, (*before, length, *after))


class IndexUpdate(Indexed):
    torch = "index_put"
    cases = (
        Case([(3, 4), (4,)], {"template": (1,)}),
        Case([(3, 4), (3, 2)], {"template": (slice(None), slice(1, 3))}),
        Case(
            [(3, 4), (3,), [0, 2, 0], [1, 1, 1]],
            {"template": (PLACEHOLDER, PLACEHOLDER)},
        ),
        Case(
            [(3, 4), (), [0, 2, 0], [1, 1, 1]], {"template": (PLACEHOLDER, PLACEHOLDER)}
        ),
        Case([(4,), (3,), [-1, 0, 3]], {"template": (PLACEHOLDER,)}),
        BadCase([(3, 4), ()], IndexRangeError, "out of bounds", {"template": (3,)}),
        BadCase([(3, 4), (3,)], ShapeError, "broadcast", {"template": (1,)}),
    )

    def shape(self, x_shape, value_shape, *indices_shape):
        return x_shape

    def compute(self, xp, x, value, *indices):
        index = self._index(indices)
        try:
            if value.shape[:1] == (1,):  # NumPy would take more axes than it sets
                xp.broadcast_to(value, xp.getitem(x, index).shape)
            return xp.scatter_set(x, index, value)
        except IndexError as error:
            raise IndexRangeError(f"{self}: {error}") from None
        except ValueError as error:
            raise ShapeError(f"{self}: {error}") from None

    def gradient(self, xp, gy, indices, wanted):
        index = self._index(indices)
        gx = xp.scatter_set(gy, index, 0.0) if wanted[0] else None
        gvalue = self._last_ones(xp, gy, index) if wanted[1] else None
        return (gx, gvalue, *[None] * len(indices))

    def _last_ones(self, xp, gy, index):
        """Return what is picked, with 0 for what a later value overwrites."""
        picked = xp.getitem(gy, index)
        if PLACEHOLDER not in self.template:
            return picked
        numbers = xp.new_arange(gy, math.prod(picked.shape))
        numbers = xp.reshape(numbers, picked.shape)
        last = xp.scatter_set(xp.new_zeros(numbers, gy.shape), index, numbers)
        return xp.zero_unless(xp.getitem(last, index) == numbers, picked)


class OneHot(Op):
    torch = Counterpart("nn.functional.one_hot", samples=())
    own_dtype = ("x",)
    cases = (
        Case([[2, 0, 1]], {"size": 3}),
        Case([[[2, 0], [1, 1]]], {"size": 4, "dtype": "int64"}),
        BadCase([[0, 3]], IndexRangeError, "position 1 holds 3", {"size": 3}),
        BadCase([[0, -1]], IndexRangeError, "position 1 holds -1", {"size": 3}),
        BadCase([[0.0]], DtypeError, "needed integers", {"size": 3}),
    )

    def __init__(self, size, dtype=backend.DEFAULT_DTYPE):
        if size < 0:
            raise ArgumentError(f"OneHot: size {size} came, needed 0 or more")
        self.size, self.dtype = size, backend.parse_dtype(dtype)

    def shape(self, x_shape):
        return (*x_shape, self.size)

    def compute(self, xp, x):
        require_integers(self, x)
        xp.check_indices(x, self.size, self, IndexRangeError)
        chosen = xp.expand_dims(x, axis=-1) == xp.new_arange(x, self.size)
        return xp.astype(chosen, self.dtype)

    def to_onnx(self, graph, x):
        values = graph.constant([0, 1], self.dtype)
        return graph.add("OneHot", x, graph.integers(self.size), values)


@function_of(TakeAlongAxis)
def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: Axis = -1) -> Variable:
    """Pick elements along an axis, other ones in every row.

    ``y[i, j] = x[i, indices[i, j]]`` for axis 1 of two. Elements that are picked more
    than once receive the sum of their gradients.

    Args:
        x: an array of one axis or more.
        indices: an integer array of as many axes, whose lengths broadcast with those
            of ``x`` but on the axis; negative ones count from the end.
        axis: an int, or None: the elements in C order; default -1.

    Returns:
        The picked elements.

    Raises:
        IndexRangeError: an index is outside the axis.
        DtypeError: the indices are not integers.
        ShapeError: there is no such axis, or the shapes do not fit.

    Example:
        >>> import xdl
        >>> xdl.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]])
        Variable([[2.],
                  [3.]], dtype=float32)
    """
    x, axis = along(x, axis)
    return TakeAlongAxis(axis)(x, indices)


@function_of(IndexUpdate)
def index_update(x: ArrayLike, index: Index, value: ArrayLike) -> Variable:
    """Set the elements at an index to values; the array itself stays as it was.

    Where the index names an element twice, the last value stays, on every device, and
    the others get the gradient 0.

    Args:
        x: an array.
        index: as for ``getitem``.
        value: an array or number that broadcasts to the shape of ``x[index]``.

    Returns:
        A copy of ``x`` with the values at the index.

    Raises:
        IndexRangeError: an index is outside its axis, or there are too many.
        ShapeError: the value does not broadcast.

    Example:
        >>> import xdl
        >>> xdl.index_update([1.0, 2.0, 3.0], [0, 2], 9.0)
        Variable([9., 2., 9.], dtype=float32)
    """
    return changed_at(IndexUpdate, x, index, value)


@function_of(OneHot)
def one_hot(x: ArrayLike, size: int, dtype: DType = backend.DEFAULT_DTYPE) -> Variable:
    """Write each position as a vector of zeros with a 1 at that position.

    Args:
        x: integers from 0 to ``size`` - 1, of any shape.
        size: the length of the vectors, an int.
        dtype: of the result; default float32.

    Returns:
        An array with one axis more, the last; not trainable.

    Raises:
        IndexRangeError: a position is outside of ``[0, size)``.
        DtypeError: the positions are not integers.
        ArgumentError: ``size`` is negative.

    Example:
        >>> import xdl
        >>> xdl.one_hot([2, 0], 3)
        Variable([[0., 0., 1.],
                  [1., 0., 0.]], dtype=float32)
    """
    return OneHot(size, dtype)(x)

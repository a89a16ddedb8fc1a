"""Cumulations: each element of the result tells of all elements up to it."""

from __future__ import annotations

from xdl import backend
from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, composed, function_of
from xdl.core.option import plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_operand, one_axis
from xdl.ops.elementwise.arithmetic import subtract
from xdl.ops.indexing.getitem import getitem
from xdl.ops.layout.composed import along
from xdl.typing import ArrayLike, Axis

_ANY_SIGN = (
    Case([(4,)], {"axis": 0}),
    Case([(2, 3)], {"axis": 0}),
    Case([(2, 3, 5)], {"axis": -1}),
    Case([(2, 0, 3)], {"axis": 1}),
    Case([(0, 3)], {"axis": 1}),
    BadCase([(2, 3)], ShapeError, "axis 2 came", {"axis": 2}),
    BadCase([()], ShapeError, "axis 0 came", {"axis": 0}),
)


class _Cumulation(Op):
    """What cumulations share.

    Args:
        axis: an int.
    """

    def __init__(self, axis):
        self.axis = axis

    def shape(self, x_shape):
        one_axis(self, len(x_shape), self.axis)
        return x_shape

    def _part(self, xp, x, *bounds):
        """Return the elements of a slice along the axis."""
        before = (slice(None),) * (self.axis % len(x.shape))
        return xp.getitem(x, (*before, slice(*bounds)))

    def _reversed(self, xp, x):
        return self._part(xp, x, None, None, -1)

    def to_onnx(self, graph, x):
        return graph.add(self.onnx, x, graph.constant(self.axis, "int64"))


class CumulativeSum(_Cumulation):
    torch = Counterpart("cumsum", {"dim": "axis"})
    onnx = "CumSum"
    cases = _ANY_SIGN

    def compute(self, xp, x):
        self.shape(x.shape)
        return self._running(xp, x)

    def gradient(self, xp, gy):
        return (self._reversed(xp, self._running(xp, self._reversed(xp, gy))),)

    def _running(self, xp, x):
        """Return the running sums, added up in float64: the chain is a whole axis."""
        if backend.dtype_name(x.dtype) != "float32":
            return xp.cumulative_sum(x, axis=self.axis)
        y = xp.cumulative_sum(xp.astype(x, "float64"), axis=self.axis)
        return xp.astype(y, x.dtype)


@function_of(CumulativeSum)
def cumulative_sum(x: ArrayLike, axis: Axis = None) -> Variable:
    """Add up the elements from the start of an axis to each of them.

    Args:
        x: an array of any shape.
        axis: an int, or None: the elements in C order; default None.

    Returns:
        The sums; of the shape of ``x``, or with one axis.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.cumulative_sum([1.0, 2.0, 3.0])
        Variable([1., 3., 6.], dtype=float32)
    """
    x, axis = along(x, axis, number_has_axis=True)
    return CumulativeSum(axis)(x)


class CumulativeProd(_Cumulation):
    torch = Counterpart("cumprod", {"dim": "axis"})
    onnx = "CumProd"
    cases = (
        *_ANY_SIGN,
        Case([[[2.0, 0.0, 3.0, 4.0], [0.0, 0.0, 3.0, 1.0]]], {"axis": 1}),
    )

    def compute(self, xp, x):
        self.shape(x.shape)
        return xp.cumulative_prod(x, axis=self.axis)

    def gradient(self, xp, gy, x):
        length = x.shape[self.axis]
        if length < 2:
            return (gy,)
        first, rest = self._part(xp, x, 0, 1), self._part(xp, x, 1, None)
        ones = xp.new_ones(x, first.shape)
        before = xp.concat([ones, self._part(xp, x, 0, -1)], axis=self.axis)
        before = xp.cumulative_prod(before, axis=self.axis)
        factors = xp.concat([rest, ones], axis=self.axis)
        return (before * self._recurrence(xp, gy, factors, length),)

    def _recurrence(self, xp, r, factors, length):
        """Return r with r[i] += factors[i] * r[i + 1] carried out from the end on.

        Each round doubles how far an element has looked ahead.
        """
        step = 1
        while step < length:
            tail = self._part(xp, r, length - step, None)
            head, ahead = self._part(xp, r, 0, -step), self._part(xp, r, step, None)
            near = self._part(xp, factors, 0, -step)
            r = xp.concat([head + near * ahead, tail], axis=self.axis)
            last = self._part(xp, factors, length - step, None)
            near = near * self._part(xp, factors, step, None)
            factors = xp.concat([near, last], axis=self.axis)
            step *= 2
        return r


@function_of(CumulativeProd)
def cumulative_prod(x: ArrayLike, axis: Axis = None) -> Variable:
    """Multiply the elements from the start of an axis to each of them.

    The gradient is exact where some elements are 0: nothing is divided.

    Args:
        x: an array of any shape.
        axis: an int, or None: the elements in C order; default None.

    Returns:
        The products; of the shape of ``x``, or with one axis.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.cumulative_prod([1.0, 2.0, 3.0])
        Variable([1., 2., 6.], dtype=float32)
    """
    x, axis = along(x, axis, number_has_axis=True)
    return CumulativeProd(axis)(x)


@composed(cases=(Case([(3, 5)]),))
def diff(x: ArrayLike, n: int = 1, axis: int = -1) -> Variable:
    """Subtract from each element the one before it along an axis.

    Args:
        x: an array of one axis or more.
        n: how many times, an int; default 1.
        axis: an int; default -1.

    Returns:
        The differences: n fewer than there are elements on the axis.

    Raises:
        ShapeError: there is no such axis.
        ArgumentError: ``n`` is negative.

    Example:
        >>> import xdl
        >>> xdl.diff([1.0, 4.0, 9.0])
        Variable([3., 5.], dtype=float32)
    """
    n = plain("diff", "n", n)
    if n < 0:
        raise ArgumentError(f"diff: n {n} came, needed 0 or more")
    x = as_operand(x)
    axis = one_axis("diff", x.ndim, axis)
    before = (slice(None),) * axis
    for _ in range(n):
        later = getitem(x, (*before, slice(1, None)))
        x = subtract(later, getitem(x, (*before, slice(None, -1))))
    return as_variable(x)

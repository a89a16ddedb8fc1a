"""Reductions: fewer numbers out than in, along axes."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import EmptyBatchError, ShapeError
from xdl.ops.axes import as_axes, is_of_number, positive_axes, reduced_shape
from xdl.typing import ArrayLike, Axes

MANY = (
    Case([(2, 3)]),
    Case([()]),
    Case([(2, 3, 4)], {"axis": 1}),
    Case([(2, 3, 4)], {"axis": (0, -1), "keepdims": True}),
    Case([(2, 3)], {"axis": -1, "keepdims": True}),
    BadCase([(2, 3)], ShapeError, "axis 2 came, but there are 2 axes", {"axis": 2}),
    BadCase([(2, 3)], ShapeError, "name one axis twice", {"axis": (0, -2)}),
)
OF_NUMBER = (
    Case([()], {"axis": 0}),
    Case([()], {"axis": -1, "keepdims": True}),
    BadCase([()], ShapeError, "axis 1 came, but there are 0 axes", {"axis": 1}),
    BadCase([()], ShapeError, "axis 0 came, but there are 0 axes", {"axis": (0,)}),
)
NOT_OF_NUMBER = (
    BadCase([()], ShapeError, "axis 0 came, but there are 0 axes", {"axis": 0}),
    BadCase([()], ShapeError, "axis -1 came, but there are 0 axes", {"axis": -1}),
)
EMPTY = (Case([(0, 3)]), Case([(3, 0, 2)], {"axis": 1}))
NO_EMPTY = (
    Case([(3, 0, 2)], {"axis": 0}),
    BadCase([(3, 0)], ShapeError, "has no elements"),
)


# What PyTorch calls the options.
DIMS = {"dim": "axis", "keepdim": "keepdims"}


class Reduction(Op):
    """What all reductions share: axes, shape rule and spreading a gradient out again.

    Args:
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1.
    """

    number_has_axis = True  # 0 or -1 are taken for a single number, as NumPy does

    def __init__(self, axis=None, keepdims=False):
        self.axis, self.keepdims = as_axes(type(self).__name__, axis), bool(keepdims)

    def shape(self, x_shape):
        return reduced_shape(x_shape, self._axes(len(x_shape)), self.keepdims)

    def _axes(self, ndim):
        """Return the axes to reduce as ints from 0 on."""
        if self.number_has_axis and is_of_number(ndim, self.axis):
            return ()
        return positive_axes(self, ndim, self.axis)

    def _no_axis(self):
        """Return None, the axis for a namespace that reduces a single number."""
        self._axes(0)

    def flops(self, y_shape, x_shape):
        return math.prod(x_shape)

    def _spread(self, xp, gy, x_shape):
        """Return ``gy`` with the reduced axes back, of length 1."""
        if self.keepdims or not gy.ndim:
            return gy
        return xp.reshape(gy, reduced_shape(x_shape, self._axes(len(x_shape)), True))

    def to_onnx(self, graph, x):
        if self.onnx is None:
            return super().to_onnx(graph, x)
        axis, keepdims = self.axis, self.keepdims
        if is_of_number(len(graph.shape(x)), axis):
            axis = ()
        if axis == ():  # which would be all axes: one of length 1 stands for none
            axis, keepdims = len(graph.shape(x)), False
            x = graph.add("Unsqueeze", x, graph.integers(axis))
        return graph.add(self.onnx, x, graph.integers(axis), keepdims=keepdims)


class NonEmptyReduction(Reduction):
    """A reduction that has no value for no elements."""

    def shape(self, x_shape):
        for axis in self._axes(len(x_shape)):
            if x_shape[axis] == 0:
                raise ShapeError(
                    f"{self}: axis {axis} of shape {x_shape} has no elements"
                )
        return super().shape(x_shape)


class Sum(Reduction):
    torch = Counterpart("sum", DIMS)
    onnx = "ReduceSum"
    cases = (*MANY, *EMPTY, *OF_NUMBER)

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.sum(x, axis=axis, keepdims=self.keepdims)

    def gradient(self, xp, gy, x_shape):
        return (xp.broadcast_to(self._spread(xp, gy, x_shape), x_shape),)


@function_of(Sum)
def sum(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Add up the elements along axes; of no elements the sum is 0.

    Args:
        x: an array of any shape.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        The sums.

    Raises:
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
        Variable([4., 6.], dtype=float32)
    """
    return Sum(axis, keepdims)(x)


class Mean(Reduction):
    torch = Counterpart("mean", DIMS)
    onnx = "ReduceMean"
    cases = (
        *MANY,
        NO_EMPTY[0],
        BadCase([(0, 3)], EmptyBatchError, "no elements to average"),
        *NOT_OF_NUMBER,
    )
    floating = True
    number_has_axis = False

    def compute(self, xp, x):
        return xp.sum(x, axis=self.axis, keepdims=self.keepdims) / self._count(x.shape)

    def gradient(self, xp, gy, x_shape):
        gy = self._spread(xp, gy, x_shape) / self._count(x_shape)
        return (xp.broadcast_to(gy, x_shape),)

    def _count(self, x_shape):
        if self.axis is None:
            count = math.prod(x_shape)
        else:
            axes = positive_axes(self, len(x_shape), self.axis)
            count = math.prod(x_shape[axis] for axis in axes)
        if not count:
            raise EmptyBatchError(f"{self}: shape {x_shape} has no elements to average")
        return count


@function_of(Mean)
def mean(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Average the elements along axes.

    Args:
        x: an array of any shape; integers become floats.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        The means.

    Raises:
        EmptyBatchError: there are no elements to average.
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
        Variable([1.5, 3.5], dtype=float32)
    """
    return Mean(axis, keepdims)(x)


class Max(NonEmptyReduction):
    torch = Counterpart("amax", DIMS, samples=("amax", "max:reduction_no_dim"))
    onnx = "ReduceMax"
    cases = (
        *MANY,
        *NO_EMPTY,
        Case([[1.0, 3.0, 3.0]], gradients=[[0.0, 0.5, 0.5]]),
        *OF_NUMBER,
    )

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.max(x, axis=axis, keepdims=self.keepdims)

    def gradient(self, xp, gy, x, y):
        chosen = xp.logical_or(x == self._spread(xp, y, x.shape), x != x)
        axis = self.axis if x.ndim else None
        count = xp.sum(xp.astype(chosen, gy.dtype), axis=axis, keepdims=True)
        return (xp.zero_unless(chosen, self._spread(xp, gy, x.shape) / count),)


@function_of(Max)
def max(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Take the largest element along axes; NaN wins.

    Elements that tie share the gradient equally, as in PyTorch's ``amax``; so do NaNs.

    Args:
        x: an array of any shape.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        The largest elements.

    Raises:
        ShapeError: an axis is empty, does not exist or is named twice.

    Example:
        >>> import xdl
        >>> xdl.max([[1.0, 5.0], [3.0, 4.0]], axis=1)
        Variable([5., 4.], dtype=float32)
    """
    return Max(axis, keepdims)(x)


class Min(Max):
    torch = Counterpart("amin", DIMS, samples=("amin", "min:reduction_no_dim"))
    onnx = "ReduceMin"
    cases = (
        *MANY,
        *NO_EMPTY,
        Case([[1.0, 1.0, 3.0]], gradients=[[0.5, 0.5, 0.0]]),
        *OF_NUMBER,
    )

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.min(x, axis=axis, keepdims=self.keepdims)


@function_of(Min)
def min(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Take the smallest element along axes; NaN wins.

    Elements that tie share the gradient equally, as in PyTorch's ``amin``; so do NaNs.

    Args:
        x: an array of any shape.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        The smallest elements.

    Raises:
        ShapeError: an axis is empty, does not exist or is named twice.

    Example:
        >>> import xdl
        >>> xdl.min([[1.0, 5.0], [3.0, 4.0]], axis=1)
        Variable([1., 3.], dtype=float32)
    """
    return Min(axis, keepdims)(x)


class LogSumExp(NonEmptyReduction):
    reference = "scipy.special.logsumexp"
    torch = Counterpart("logsumexp", DIMS)
    onnx = "ReduceLogSumExp"
    cases = (
        *MANY,
        *NO_EMPTY,
        Case([[1e4, -1e4, 1e4]], gradients=[[0.5, 0.0, 0.5]]),
        OF_NUMBER[0],
    )
    floating = True
    is_singular = True

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        m = xp.max(x, axis=axis, keepdims=True)
        m = xp.where(xp.isfinite(m), m, 0.0)
        total = xp.sum(xp.exp(x - m), axis=axis, keepdims=True)
        y = xp.log(total) + m
        return y if self.keepdims else xp.reshape(y, self.shape(x.shape))

    def gradient(self, xp, gy, x, y):
        y = self._spread(xp, xp.where(y == -math.inf, 0.0, y), x.shape)
        return (self._spread(xp, gy, x.shape) * xp.exp(x - y),)


@function_of(LogSumExp)
def logsumexp(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Compute ln(sum(exp(x))) along axes without overflow.

    Args:
        x: an array of any shape; integers become floats.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        The logarithms; -inf where all elements are -inf, and the gradient is 0 there.

    Raises:
        ShapeError: an axis is empty, does not exist or is named twice.

    Example:
        >>> import xdl
        >>> round(xdl.logsumexp([1000.0, 1000.0]).item(), 3)
        1000.693
    """
    return LogSumExp(axis, keepdims)(x)

"""Products, variances and norms along axes."""

from __future__ import annotations

import math

from xdl.backend.squares import root_of_squares
from xdl.core.case import BadCase, Case, Cases, Counterpart
from xdl.core.op import Op, function_of
from xdl.core.option import number, plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, EmptyBatchError
from xdl.ops.elementwise.arithmetic import abs
from xdl.ops.reduction.reduce import (
    DIMS,
    EMPTY,
    MANY,
    NOT_OF_NUMBER,
    OF_NUMBER,
    Reduction,
    max,
    sum,
)
from xdl.typing import ArrayLike, Axes


class Prod(Reduction):
    torch = Counterpart("prod", DIMS)
    onnx = "ReduceProd"
    cases = (
        *MANY,
        *EMPTY,
        Case([[[0.0, 2.0, 3.0], [0.0, 0.0, 3.0]]], {"axis": 1}),
        *OF_NUMBER,
    )

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.prod(x, axis=axis, keepdims=self.keepdims)

    def gradient(self, xp, gy, x):
        axes = self._axes(len(x.shape))
        if math.prod(x.shape) == 0 or not axes:
            return (xp.broadcast_to(self._spread(xp, gy, x.shape), x.shape),)
        kept = tuple(i for i in range(len(x.shape)) if i not in axes)
        order = (*kept, *axes)
        moved = xp.permute_dims(x, order)
        rest = moved.shape[: len(kept)]
        others = _product_of_others(xp, xp.reshape(moved, (*rest, -1)))
        back = tuple(order.index(i) for i in range(len(order)))
        others = xp.permute_dims(xp.reshape(others, moved.shape), back)
        return (self._spread(xp, gy, x.shape) * others,)


@function_of(Prod)
def prod(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Multiply the elements along axes; of no elements the product is 1.

    The gradient is the product of all other elements, exact where some are 0.

    Args:
        x: an array of any shape.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        The products.

    Raises:
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.prod([[1.0, 2.0], [3.0, 4.0]], axis=0)
        Variable([3., 8.], dtype=float32)
    """
    return Prod(axis, keepdims)(x)


def _product_of_others(xp, x):
    """Return for each element of the last axis the product of all the others."""
    ones = xp.new_ones(x, (*x.shape[:-1], 1))
    backwards = (..., slice(None, None, -1))
    before = xp.concat([ones, xp.getitem(x, (..., slice(None, -1)))], axis=-1)
    after = xp.getitem(xp.getitem(x, (..., slice(1, None))), backwards)
    after = xp.cumulative_prod(xp.concat([ones, after], axis=-1), axis=-1)
    return xp.cumulative_prod(before, axis=-1) * xp.getitem(after, backwards)


class Var(Reduction):
    reference = Counterpart("numpy.var", {"ddof": "correction"})
    torch = Counterpart("var", DIMS, {"correction": 0})
    to_onnx = Op.to_onnx  # ONNX has no operator for it
    cases: Cases = (
        *MANY[:1],
        *MANY[2:],
        Case([(3, 0, 2)], {"axis": 0}),
        Case([(4, 3)], {"axis": 0, "correction": 1}),
        BadCase([(0, 3)], EmptyBatchError, "0 elements"),
        BadCase([(1, 3)], EmptyBatchError, "1 elements", {"axis": 0, "correction": 1}),
        *NOT_OF_NUMBER,
    )
    floating = True
    residuals = ("mean",)
    number_has_axis = False

    def __init__(self, axis=None, keepdims=False, correction=0):
        super().__init__(axis, keepdims)
        self.correction = number(type(self).__name__, "correction", correction)

    def compute(self, xp, x):
        mean = self._mean(xp, x)
        squares = xp.square(x - mean)
        total = xp.sum(squares, axis=self.axis, keepdims=self.keepdims)
        return total / self._divisor(x.shape), mean

    def gradient(self, xp, gy, x, mean):
        scale = self._spread(xp, gy, x.shape) * (2 / self._divisor(x.shape))
        return (scale * (x - mean),)

    def _mean(self, xp, x):
        count = self._divisor(x.shape) + self.correction
        return xp.sum(x, axis=self.axis, keepdims=True) / count

    def _divisor(self, x_shape):
        axes = self._axes(len(x_shape))
        count = math.prod(x_shape[axis] for axis in axes)
        if count <= self.correction:
            raise EmptyBatchError(
                f"{self}: {count} elements of shape {x_shape} came for each result, "
                f"needed more than the correction {self.correction}"
            )
        return count - self.correction


@function_of(Var)
def var(
    x: ArrayLike, axis: Axes = None, keepdims: bool = False, correction: float = 0
) -> Variable:
    """Average the squared distances from the mean, in two passes: stable.

    Args:
        x: an array of any shape; integers become floats.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.
        correction: the sum is divided by the number of elements less this; 1 gives an
            estimate without bias; default 0.

    Returns:
        The variances.

    Raises:
        EmptyBatchError: there are no more elements than ``correction``.
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.var([[1.0, 3.0], [2.0, 8.0]], axis=1)
        Variable([1., 9.], dtype=float32)
    """
    return Var(axis, keepdims, correction)(x)


class Std(Var):
    reference = Counterpart("numpy.std", {"ddof": "correction"})
    torch = Counterpart("std", DIMS, {"correction": 0})
    cases = (
        *Var.cases[: -len(NOT_OF_NUMBER)],
        Case(
            [[[2.0, 2.0], [1.0, 3.0]]],
            {"axis": 1},
            gradients=[[[0.0, 0.0], [-0.5, 0.5]]],
        ),
        *NOT_OF_NUMBER,
    )

    def compute(self, xp, x):
        divisor = self._divisor(x.shape)
        mean = self._mean(xp, x)
        y = root_of_squares(xp, x - mean, self.axis, self.keepdims, divisor)
        return y, mean

    def gradient(self, xp, gy, x, y, mean):  # type: ignore[override]
        scale = _over_nonzero(xp, gy, y) / self._divisor(x.shape)
        return (self._spread(xp, scale, x.shape) * (x - mean),)


@function_of(Std)
def std(
    x: ArrayLike, axis: Axes = None, keepdims: bool = False, correction: float = 0
) -> Variable:
    """Take the square root of the variance; where it is 0, so is the gradient.

    Args:
        x: an array of any shape; integers become floats.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.
        correction: as for ``var``; default 0.

    Returns:
        The standard deviations.

    Raises:
        EmptyBatchError: there are no more elements than ``correction``.
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.std([[1.0, 3.0], [2.0, 8.0]], axis=1)
        Variable([1., 3.], dtype=float32)
    """
    return Std(axis, keepdims, correction)(x)


class Norm(Reduction):
    reference = "numpy.linalg.vector_norm"
    torch = Counterpart("linalg.vector_norm", DIMS)
    onnx = "ReduceL2"
    cases = (
        *MANY,
        *EMPTY,
        Case(
            [[[0.0, 0.0], [3.0, 4.0]]],
            {"axis": 1},
            gradients=[[[0.0, 0.0], [0.6, 0.8]]],
        ),
        *NOT_OF_NUMBER,
    )
    floating = True
    number_has_axis = False

    def compute(self, xp, x):
        if not x.ndim:
            self._axes(0)
        axis = self.axis if x.ndim else None
        return root_of_squares(xp, x, axis, self.keepdims)

    def gradient(self, xp, gy, x, y):
        return (self._spread(xp, _over_nonzero(xp, gy, y), x.shape) * x,)


@function_of(Norm)
def norm(
    x: ArrayLike, axis: Axes = None, keepdims: bool = False, ord: float = 2
) -> Variable:
    """Measure the length of vectors along axes.

    Args:
        x: an array of any shape; integers become floats.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.
        ord: 2, the root of the sum of squares; 1, the sum of the magnitudes; or
            ``inf``, the largest magnitude; default 2.

    Returns:
        The norms. The gradient of a vector of zeros is 0.

    Raises:
        ShapeError: there is no such axis, or one is named twice; or no elements for
            ``inf``.
        ArgumentError: another ``ord``.

    Example:
        >>> import xdl
        >>> xdl.norm([[3.0, 4.0], [0.0, 2.0]], axis=1)
        Variable([5., 2.], dtype=float32)
    """
    ord = plain("Norm", "ord", ord)
    op = Norm(axis, keepdims)
    if ord == 2:
        return op(x)
    if ord not in (1, math.inf):
        raise ArgumentError(f"Norm: ord {ord!r} came, needed 1, 2 or inf")
    x, reduction = abs(x), sum if ord == 1 else max
    op.shape(x.shape)
    return reduction(x, axis, keepdims)


def _over_nonzero(xp, gy, y):
    """Return ``gy / y``, and 0 where y is 0."""
    is_zero = y == 0
    return xp.where(is_zero, 0.0, gy / xp.where(is_zero, 1.0, y))

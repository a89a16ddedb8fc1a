"""Choosing between elements: larger, smaller, limited, by a condition."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.elementwise import Binary
from xdl.core.op import Op, function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.typing import ArrayLike


class Maximum(Binary):
    torch = Counterpart("maximum", samples=("maximum", "max:binary"))
    onnx = "Max"
    cases = (
        *Binary.cases,
        Case([[1.0, 2.0], [1.0, 3.0]], gradients=[[0.5, 0.0], [0.5, 1.0]]),
    )
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return xp.maximum(x1, x2)

    def gradient(self, xp, gy, x1, x2, wanted):
        return share(xp, gy, x1, x2, wanted)


@function_of(Maximum)
def maximum(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Take the larger of two elements, with broadcasting; NaN wins.

    Where both are equal, each gets half of the gradient, as in PyTorch.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        The larger elements, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.maximum([1.0, -2.0], 0)
        Variable([1., 0.], dtype=float32)
    """
    return Maximum()(x1, x2)


class Minimum(Binary):
    torch = Counterpart("minimum", samples=("minimum", "min:binary"))
    onnx = "Min"
    cases = (
        *Binary.cases,
        Case([[1.0, 2.0], [1.0, 3.0]], gradients=[[0.5, 1.0], [0.5, 0.0]]),
    )
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return xp.minimum(x1, x2)

    def gradient(self, xp, gy, x1, x2, wanted):
        return share(xp, gy, x2, x1, wanted)


@function_of(Minimum)
def minimum(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Take the smaller of two elements, with broadcasting; NaN wins.

    Where both are equal, each gets half of the gradient, as in PyTorch.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        The smaller elements, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.minimum([1.0, -2.0], 0)
        Variable([ 0., -2.], dtype=float32)
    """
    return Minimum()(x1, x2)


def weighed(xp, values, weight):
    """Return values times a weight, if there is one; 0 leaves out what it weighs."""
    return values if weight is None else xp.zero_unless(weight != 0, values) * weight


def share(xp, gy, high, low, wanted):
    """Return the gradients by the one that wins where ``high > low``, and the other."""
    gy = gy * (1 - xp.astype(high == low, gy.dtype) * 0.5)
    first = xp.zero_unless(xp.logical_not(high < low), gy) if wanted[0] else None
    second = xp.zero_unless(xp.logical_not(high > low), gy) if wanted[1] else None
    return first, second


class Clip(Op):
    torch = "clamp"
    onnx = Onnx("Clip", numbers=("min", "max"))
    cases = (
        Case([(2, 3)], {"min": -0.5, "max": 0.75}),
        Case([()], {"max": 1.0}),
        Case([(0, 4)], {"min": 0.0}),
        Case(
            [[-1.0, 0.0, 1.0, 2.0]],
            {"min": 0.0, "max": 1.0},
            gradients=[[0.0, 1.0, 1.0, 0.0]],
        ),
        BadCase(
            [(2,)], ArgumentError, "min 2 is greater than max 1", {"min": 2, "max": 1}
        ),
    )

    def __init__(self, min=None, max=None):
        min = None if min is None else number("Clip", "min", min)
        max = None if max is None else number("Clip", "max", max)
        if min is not None and max is not None and min > max:
            raise ArgumentError(f"Clip: min {min} is greater than max {max}")
        self.min, self.max = min, max

    def compute(self, xp, x):
        y = x if self.min is None else xp.maximum(x, self.min)
        return y if self.max is None else xp.minimum(y, self.max)

    def gradient(self, xp, gy, x):
        if self.min is not None:
            gy = xp.zero_unless(x >= self.min, gy)
        if self.max is not None:
            gy = xp.zero_unless(x <= self.max, gy)
        return (gy,)


class Where(Op):
    onnx = "Where"
    conditions = ("condition",)
    cases = (
        Case([[[True, False, True], [False, False, True]], (2, 3), (2, 3)]),
        Case([[True, False, True], (), (2, 3)]),
        Case([[2, 0, -1], (3,), (2, 3)]),
        Case([[0.5, 0.0, math.nan], (3,), ()]),
        BadCase([[True, False], (3,), ()], ShapeError, "do not broadcast"),
    )
    takes_numbers = True

    def compute(self, xp, condition, x1, x2):
        return xp.where(condition, x1, x2)

    def gradient(self, xp, gy, condition, wanted):
        gx1 = xp.zero_unless(condition, gy) if wanted[1] else None
        gx2 = xp.where(condition, 0.0, gy) if wanted[2] else None
        return None, gx1, gx2

    def to_onnx(self, graph, condition, x1, x2):
        return graph.add(self.onnx, graph.condition(condition), x1, x2)


@function_of(Where)
def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Choose elements of two arrays by a condition, with broadcasting.

    Args:
        condition: an array of booleans, or of numbers: what is not 0 is true, NaN too.
            No gradient flows to it.
        x: taken where the condition is true.
        y: taken where it is false.

    Returns:
        The chosen elements, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.where([True, False], [1.0, 2.0], 0)
        Variable([1., 0.], dtype=float32)
    """
    return Where()(condition, x1, x2)


@function_of(Clip)
def clip(x: ArrayLike, min: float | None = None, max: float | None = None) -> Variable:
    """Limit every element to a range; the gradient passes inside it and on its ends.

    Args:
        x: an array of any shape.
        min, max: numbers or None (no limit); default None.

    Returns:
        ``x`` with smaller elements set to ``min`` and larger ones to ``max``.

    Raises:
        ArgumentError: ``min`` is greater than ``max``.

    Example:
        >>> import xdl
        >>> xdl.clip([-3.0, 0.5, 3.0], 0, 1)
        Variable([0. , 0.5, 1. ], dtype=float32)
    """
    return Clip(min, max)(x)

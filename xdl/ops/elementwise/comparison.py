"""Comparisons and logic: boolean results, no gradients."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case
from xdl.core.elementwise import Binary, Comparison, Unary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.typing import ArrayLike

_NUMBERS = [0.0, -2.0, math.inf, math.nan]
_TRUTH = (
    Case([[[True, False], [True, False]], [True, True]]),
    Case([_NUMBERS, [1, 0, 3, 0]]),
    BadCase([[True, False], [True, False, True]], ShapeError, "do not broadcast"),
)


class Equal(Comparison):
    torch = "eq"
    onnx = "Equal"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 == x2


@function_of(Equal)
def equal(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether ``x1 == x2``.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        Booleans of the broadcast shape; not trainable.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.equal([1.0, 2.0, 3.0], 2)
        Variable([False,  True, False])
    """
    return Equal()(x1, x2)


class NotEqual(Comparison):
    torch = "ne"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 != x2

    def to_onnx(self, graph, x1, x2):
        return graph.add("Not", graph.add("Equal", x1, x2))


@function_of(NotEqual)
def not_equal(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether ``x1 != x2``.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        Booleans of the broadcast shape; not trainable.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.not_equal([1.0, 2.0, 3.0], 2)
        Variable([ True, False,  True])
    """
    return NotEqual()(x1, x2)


class Less(Comparison):
    torch = "lt"
    onnx = "Less"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 < x2


@function_of(Less)
def less(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether ``x1 < x2``.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        Booleans of the broadcast shape; not trainable.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.less([1.0, 2.0, 3.0], 2)
        Variable([ True, False, False])
    """
    return Less()(x1, x2)


class LessEqual(Comparison):
    torch = "le"
    onnx = "LessOrEqual"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 <= x2


@function_of(LessEqual)
def less_equal(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether ``x1 <= x2``.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        Booleans of the broadcast shape; not trainable.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.less_equal([1.0, 2.0, 3.0], 2)
        Variable([ True,  True, False])
    """
    return LessEqual()(x1, x2)


class Greater(Comparison):
    torch = "gt"
    onnx = "Greater"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 > x2


@function_of(Greater)
def greater(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether ``x1 > x2``.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        Booleans of the broadcast shape; not trainable.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.greater([1.0, 2.0, 3.0], 2)
        Variable([False, False,  True])
    """
    return Greater()(x1, x2)


class GreaterEqual(Comparison):
    torch = "ge"
    onnx = "GreaterOrEqual"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 >= x2


@function_of(GreaterEqual)
def greater_equal(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether ``x1 >= x2``.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        Booleans of the broadcast shape; not trainable.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.greater_equal([1.0, 2.0, 3.0], 2)
        Variable([False,  True,  True])
    """
    return GreaterEqual()(x1, x2)


class LogicalAnd(Binary):
    onnx = "And"
    conditions = ("x1", "x2")
    cases = _TRUTH

    def compute(self, xp, x1, x2):
        return xp.logical_and(x1, x2)

    def to_onnx(self, graph, x1, x2):
        return graph.add(self.onnx, graph.condition(x1), graph.condition(x2))


@function_of(LogicalAnd)
def logical_and(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether both are true.

    Args:
        x1, x2: arrays whose shapes broadcast; what is not 0 is true, NaN too.

    Returns:
        Booleans of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.logical_and([True, False], [True, True])
        Variable([ True, False])
    """
    return LogicalAnd()(x1, x2)


class LogicalOr(Binary):
    onnx = "Or"
    conditions = ("x1", "x2")
    cases = _TRUTH

    def compute(self, xp, x1, x2):
        return xp.logical_or(x1, x2)

    def to_onnx(self, graph, x1, x2):
        return graph.add(self.onnx, graph.condition(x1), graph.condition(x2))


@function_of(LogicalOr)
def logical_or(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Tell for every pair of elements whether one or both are true.

    Args:
        x1, x2: arrays whose shapes broadcast; what is not 0 is true, NaN too.

    Returns:
        Booleans of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.logical_or([True, False], [True, True])
        Variable([ True,  True])
    """
    return LogicalOr()(x1, x2)


class LogicalNot(Unary):
    onnx = "Not"
    conditions = ("x",)
    cases = (Case([[True, False]]), Case([[[True], [False]]]), Case([_NUMBERS]))

    def compute(self, xp, x):
        return xp.logical_not(x)

    def to_onnx(self, graph, x):
        return graph.add(self.onnx, graph.condition(x))


@function_of(LogicalNot)
def logical_not(x: ArrayLike) -> Variable:
    """Turn true into false and false into true.

    Args:
        x: an array of any shape; what is not 0 is true, NaN too.

    Returns:
        Booleans of the same shape.

    Example:
        >>> import xdl
        >>> xdl.logical_not([True, False])
        Variable([False,  True])
    """
    return LogicalNot()(x)


class IsNan(Unary):
    onnx = "IsNaN"

    def compute(self, xp, x):
        return xp.isnan(x)


@function_of(IsNan)
def isnan(x: ArrayLike) -> Variable:
    """Tell for every element whether it is NaN.

    Args:
        x: an array of any shape.

    Returns:
        Booleans of the same shape.

    Example:
        >>> import xdl
        >>> xdl.isnan([1.0, float("nan")])
        Variable([False,  True])
    """
    return IsNan()(x)


class IsInf(Unary):
    onnx = "IsInf"

    def compute(self, xp, x):
        return xp.isinf(x)


@function_of(IsInf)
def isinf(x: ArrayLike) -> Variable:
    """Tell for every element whether it is an infinity.

    Args:
        x: an array of any shape.

    Returns:
        Booleans of the same shape.

    Example:
        >>> import xdl
        >>> xdl.isinf([1.0, float("inf")])
        Variable([False,  True])
    """
    return IsInf()(x)


class IsFinite(Unary):
    def compute(self, xp, x):
        return xp.isfinite(x)

    def to_onnx(self, graph, x):
        wrong = graph.add("Or", graph.add("IsInf", x), graph.add("IsNaN", x))
        return graph.add("Not", wrong)


@function_of(IsFinite)
def isfinite(x: ArrayLike) -> Variable:
    """Tell for every element whether it is a finite number.

    Args:
        x: an array of any shape.

    Returns:
        Booleans of the same shape.

    Example:
        >>> import xdl
        >>> xdl.isfinite([1.0, float("inf")])
        Variable([ True, False])
    """
    return IsFinite()(x)

"""Comparisons and logic: boolean results, no gradients."""

import math

from xdl.core.case import BadCase, Case
from xdl.core.op import Op
from xdl.errors import ShapeError

_PAIR = (
    Case([(2, 3), (2, 3)]),
    Case([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]),
    Case([(3, 1), (1, 4)]),
    Case([(0, 3), (3,)]),
    BadCase([(2, 3), (4,)], ShapeError, "do not broadcast"),
)
_NUMBERS = [0.0, -2.0, math.inf, math.nan]
_TRUTH = (
    Case([[[True, False], [True, False]], [True, True]]),
    Case([_NUMBERS, [1, 0, 3, 0]]),
    BadCase([[True, False], [True, False, True]], ShapeError, "do not broadcast"),
)
_ONE = (Case([(2, 3)]), Case([()]), Case([(3, 0, 2)]))


class Equal(Op):
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

    onnx = "Equal"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 == x2


class NotEqual(Op):
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

    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 != x2

    def to_onnx(self, graph, x1, x2):
        return graph.add("Not", graph.add("Equal", x1, x2))


class Less(Op):
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

    onnx = "Less"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 < x2


class LessEqual(Op):
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

    onnx = "LessOrEqual"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 <= x2


class Greater(Op):
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

    onnx = "Greater"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 > x2


class GreaterEqual(Op):
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

    onnx = "GreaterOrEqual"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 >= x2


class LogicalAnd(Op):
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

    onnx = "And"
    conditions = ("x1", "x2")
    cases = _TRUTH

    def compute(self, xp, x1, x2):
        return xp.logical_and(x1, x2)

    def to_onnx(self, graph, x1, x2):
        return graph.add(self.onnx, graph.condition(x1), graph.condition(x2))


class LogicalOr(Op):
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

    onnx = "Or"
    conditions = ("x1", "x2")
    cases = _TRUTH

    def compute(self, xp, x1, x2):
        return xp.logical_or(x1, x2)

    def to_onnx(self, graph, x1, x2):
        return graph.add(self.onnx, graph.condition(x1), graph.condition(x2))


class LogicalNot(Op):
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

    onnx = "Not"
    conditions = ("x",)
    cases = (Case([[True, False]]), Case([[[True], [False]]]), Case([_NUMBERS]))

    def compute(self, xp, x):
        return xp.logical_not(x)

    def to_onnx(self, graph, x):
        return graph.add(self.onnx, graph.condition(x))


class IsNan(Op):
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

    onnx = "IsNaN"
    cases = _ONE

    def compute(self, xp, x):
        return xp.isnan(x)


class IsInf(Op):
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

    onnx = "IsInf"
    cases = _ONE

    def compute(self, xp, x):
        return xp.isinf(x)


class IsFinite(Op):
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

    cases = _ONE

    def compute(self, xp, x):
        return xp.isfinite(x)

    def to_onnx(self, graph, x):
        wrong = graph.add("Or", graph.add("IsInf", x), graph.add("IsNaN", x))
        return graph.add("Not", wrong)


equal = Equal()
not_equal = NotEqual()
less = Less()
less_equal = LessEqual()
greater = Greater()
greater_equal = GreaterEqual()
logical_and = LogicalAnd()
logical_or = LogicalOr()
logical_not = LogicalNot()
isnan = IsNan()
isinf = IsInf()
isfinite = IsFinite()

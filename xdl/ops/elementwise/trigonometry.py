"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math

from xdl.backend.squares import hypot
from xdl.core.case import Case, binary_cases, unary_cases
from xdl.core.elementwise import Binary, Unary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.typing import ArrayLike

_INSIDE, _AT_ENDS = unary_cases(-0.9, 0.9), [[-1.0, 0.0, 1.0]]


class Sin(Unary):
    onnx = "Sin"
    floating = True

    def compute(self, xp, x):
        return xp.sin(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.cos(x),)


@function_of(Sin)
def sin(x: ArrayLike) -> Variable:
    """Take the sine of every element, an angle in radians.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The sines, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.sin([0.0, 1.0]).numpy().round(4)
        array([0.    , 0.8415], dtype=float32)
    """
    return Sin()(x)


class Cos(Unary):
    onnx = "Cos"
    floating = True

    def compute(self, xp, x):
        return xp.cos(x)

    def gradient(self, xp, gy, x):
        return (-gy * xp.sin(x),)


@function_of(Cos)
def cos(x: ArrayLike) -> Variable:
    """Take the cosine of every element, an angle in radians.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The cosines, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.cos([0.0, 1.0]).numpy().round(4)
        array([1.    , 0.5403], dtype=float32)
    """
    return Cos()(x)


class Tan(Unary):
    onnx = "Tan"
    cases = unary_cases(-1.4, 1.4)
    floating = True

    def compute(self, xp, x):
        return xp.tan(x)

    def gradient(self, xp, gy, y):
        return (gy * (1 + y * y),)


@function_of(Tan)
def tan(x: ArrayLike) -> Variable:
    """Take the tangent of every element, an angle in radians.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The tangents.

    Example:
        >>> import xdl
        >>> xdl.tan([0.0, 1.0]).numpy().round(4)
        array([0.    , 1.5574], dtype=float32)
    """
    return Tan()(x)


class Asin(Unary):
    onnx = "Asin"
    cases = (*_INSIDE, Case(_AT_ENDS, gradients=[[math.inf, 1.0, math.inf]]))
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.asin(x)

    def gradient(self, xp, gy, x):
        return (gy / xp.sqrt(1 - x * x),)


@function_of(Asin)
def asin(x: ArrayLike) -> Variable:
    """Take the inverse sine; outside [-1, 1] it is NaN.

    The gradient at -1 and 1 is infinite.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The angles in radians, in [-pi/2, pi/2].

    Example:
        >>> import xdl
        >>> xdl.asin([0.0, 1.0, 2.0]).numpy().round(4)
        array([0.    , 1.5708,    nan], dtype=float32)
    """
    return Asin()(x)


class Acos(Unary):
    onnx = "Acos"
    cases = (*_INSIDE, Case(_AT_ENDS, gradients=[[-math.inf, -1.0, -math.inf]]))
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.acos(x)

    def gradient(self, xp, gy, x):
        return (-gy / xp.sqrt(1 - x * x),)


@function_of(Acos)
def acos(x: ArrayLike) -> Variable:
    """Take the inverse cosine; outside [-1, 1] it is NaN.

    The gradient at -1 and 1 is infinite.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The angles in radians, in [0, pi].

    Example:
        >>> import xdl
        >>> xdl.acos([0.0, 1.0, 2.0]).numpy().round(4)
        array([1.5708, 0.    ,    nan], dtype=float32)
    """
    return Acos()(x)


class Atan(Unary):
    onnx = "Atan"
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.atan(x)

    def gradient(self, xp, gy, x):
        return (gy / (1 + x * x),)


@function_of(Atan)
def atan(x: ArrayLike) -> Variable:
    """Take the inverse tangent of every element.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The angles in radians, in [-pi/2, pi/2].

    Example:
        >>> import xdl
        >>> xdl.atan([0.0, 1.0]).numpy().round(4)
        array([0.    , 0.7854], dtype=float32)
    """
    return Atan()(x)


class Atan2(Binary):
    cases = (
        *binary_cases(low=0.2),
        Case(
            [[0.0, 0.0, 3.0], [-2.0, 0.0, 4.0]],
            gradients=[[-0.5, 0.0, 0.16], [0.0, 0.0, -0.12]],
        ),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x1, x2):
        return xp.atan2(x1, x2)

    def gradient(self, xp, gy, x1, x2):
        length = hypot(xp, x1, x2)
        length = xp.where(length == 0, 1.0, length)
        gy = gy / length
        return gy * (x2 / length), -gy * (x1 / length)


@function_of(Atan2)
def atan2(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Take the angle of the point (x2, x1), in the right quadrant.

    The gradient at the origin is 0, as in PyTorch.

    Args:
        x1: the ordinates; integers become floats.
        x2: the abscissas, whose shape broadcasts with that of ``x1``.

    Returns:
        The angles in radians, in [-pi, pi], of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.atan2([0.0, 1.0], [-1.0, 0.0]).numpy().round(4)
        array([3.1416, 1.5708], dtype=float32)
    """
    return Atan2()(x1, x2)


class Sinh(Unary):
    onnx = "Sinh"
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.sinh(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.cosh(x),)


@function_of(Sinh)
def sinh(x: ArrayLike) -> Variable:
    """Take the hyperbolic sine; overflow gives an infinity.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``(exp(x) - exp(-x)) / 2``.

    Example:
        >>> import xdl
        >>> xdl.sinh([0.0, 1.0]).numpy().round(4)
        array([0.    , 1.1752], dtype=float32)
    """
    return Sinh()(x)


class Cosh(Unary):
    onnx = "Cosh"
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.cosh(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.sinh(x),)


@function_of(Cosh)
def cosh(x: ArrayLike) -> Variable:
    """Take the hyperbolic cosine; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``(exp(x) + exp(-x)) / 2``.

    Example:
        >>> import xdl
        >>> xdl.cosh([0.0, 1.0]).numpy().round(4)
        array([1.    , 1.5431], dtype=float32)
    """
    return Cosh()(x)


class Asinh(Unary):
    onnx = "Asinh"
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.asinh(x)

    def gradient(self, xp, gy, x):
        return (gy / hypot(xp, x, 1.0),)


@function_of(Asinh)
def asinh(x: ArrayLike) -> Variable:
    """Take the inverse hyperbolic sine of every element.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(x + sqrt(x * x + 1))``.

    Example:
        >>> import xdl
        >>> xdl.asinh([0.0, 1.0]).numpy().round(4)
        array([0.    , 0.8814], dtype=float32)
    """
    return Asinh()(x)


class Acosh(Unary):
    onnx = "Acosh"
    cases = (
        *unary_cases(1.2, 4),
        Case([[1.0, 2.0]], gradients=[[math.inf, 3 ** (-0.5)]]),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.acosh(x)

    def gradient(self, xp, gy, x):
        x = xp.abs(x)  # as PyTorch, which has a gradient below -1 too
        return (gy / xp.sqrt(x - 1) / xp.sqrt(x + 1),)  # not inf * 0 in the next


@function_of(Acosh)
def acosh(x: ArrayLike) -> Variable:
    """Take the inverse hyperbolic cosine; below 1 it is NaN.

    The gradient at 1 is infinite.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(x + sqrt(x * x - 1))``.

    Example:
        >>> import xdl
        >>> xdl.acosh([1.0, 2.0, 0.0]).numpy().round(4)
        array([0.   , 1.317,   nan], dtype=float32)
    """
    return Acosh()(x)


class Atanh(Unary):
    onnx = "Atanh"
    cases = (*_INSIDE, Case(_AT_ENDS, gradients=[[math.inf, 1.0, math.inf]]))
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.atanh(x)

    def gradient(self, xp, gy, x):
        return (gy / (1 - x * x),)


@function_of(Atanh)
def atanh(x: ArrayLike) -> Variable:
    """Take the inverse hyperbolic tangent; outside [-1, 1] it is NaN.

    The value at -1 and 1 is infinite, and so is the gradient.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln((1 + x) / (1 - x)) / 2``.

    Example:
        >>> import xdl
        >>> xdl.atanh([0.0, 0.5, 1.0]).numpy().round(4)
        array([0.    , 0.5493,    inf], dtype=float32)
    """
    return Atanh()(x)

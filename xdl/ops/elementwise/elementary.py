"""Elementary functions: roots, exponentials, logarithms, tanh."""

from __future__ import annotations

from xdl.core.case import unary_cases
from xdl.core.elementwise import Unary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.typing import ArrayLike

_POSITIVE = unary_cases(0.1, 4)


class Sqrt(Unary):
    onnx = "Sqrt"
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.sqrt(x)

    def gradient(self, xp, gy, y):
        return (gy / (2 * y),)


@function_of(Sqrt)
def sqrt(x: ArrayLike) -> Variable:
    """Take the square root; a negative element gives NaN, the gradient at 0 is inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The square roots.

    Example:
        >>> import xdl
        >>> xdl.sqrt([4.0, 0.25])
        Variable([2. , 0.5], dtype=float32)
    """
    return Sqrt()(x)


class Reciprocal(Unary):
    onnx = "Reciprocal"
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return 1 / x

    def gradient(self, xp, gy, y):
        return (-gy * y * y,)


@function_of(Reciprocal)
def reciprocal(x: ArrayLike) -> Variable:
    """Compute 1 / x; 0 gives an infinity.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``1 / x``.

    Example:
        >>> import xdl
        >>> xdl.reciprocal([4.0, 0.5])
        Variable([0.25, 2.  ], dtype=float32)
    """
    return Reciprocal()(x)


class Exp(Unary):
    onnx = "Exp"
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.exp(x)

    def gradient(self, xp, gy, y):
        return (gy * y,)


@function_of(Exp)
def exp(x: ArrayLike) -> Variable:
    """Compute e to the power of every element; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``exp(x)``.

    Example:
        >>> import xdl
        >>> xdl.exp([0.0, 1.0]).numpy().round(4)
        array([1.    , 2.7183], dtype=float32)
    """
    return Exp()(x)


class Expm1(Unary):
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.expm1(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.exp(x),)  # y + 1 would cancel


@function_of(Expm1)
def expm1(x: ArrayLike) -> Variable:
    """Compute exp(x) - 1, precise for small x; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``exp(x) - 1``.

    Example:
        >>> import xdl
        >>> float(xdl.expm1(1e-10)) == float(xdl.Variable(1e-10))
        True
    """
    return Expm1()(x)


class Log(Unary):
    onnx = "Log"
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.log(x)

    def gradient(self, xp, gy, x):
        return (gy / x,)


@function_of(Log)
def log(x: ArrayLike) -> Variable:
    """Take the natural logarithm; 0 gives -inf, a negative element NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(x)``.

    Example:
        >>> import xdl
        >>> xdl.log([1.0, 0.0])
        Variable([  0., -inf], dtype=float32)
    """
    return Log()(x)


class Log1p(Unary):
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.log1p(x)

    def gradient(self, xp, gy, x):
        return (gy / (1 + x),)


@function_of(Log1p)
def log1p(x: ArrayLike) -> Variable:
    """Compute ln(1 + x), precise for small x; -1 gives -inf, less gives NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(1 + x)``.

    Example:
        >>> import xdl
        >>> float(xdl.log1p(1e-10)) == float(xdl.Variable(1e-10))
        True
    """
    return Log1p()(x)


class Tanh(Unary):
    onnx = "Tanh"
    floating = True

    def compute(self, xp, x):
        return xp.tanh(x)

    def gradient(self, xp, gy, y):
        return (gy * (1 - y * y),)


@function_of(Tanh)
def tanh(x: ArrayLike) -> Variable:
    """Take the hyperbolic tangent of every element.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``tanh(x)``, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.tanh([0.0, 100.0])
        Variable([0., 1.], dtype=float32)
    """
    return Tanh()(x)

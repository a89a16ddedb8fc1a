"""Powers of two and ten, their logarithms, rsqrt, and the error function."""

from __future__ import annotations

import math

from xdl.core.case import Case, unary_cases
from xdl.core.elementwise import Binary, Unary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.ops.elementwise import logistic
from xdl.typing import ArrayLike

_LN_2, _LN_10 = math.log(2), math.log(10)
_AT_0 = [[0.0, 1.0, 4.0]]


class Exp2(Unary):
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return 2.0**x if x.ndim else xp.power(2.0, x)

    def gradient(self, xp, gy, y):
        return (gy * (y * _LN_2),)


@function_of(Exp2)
def exp2(x: ArrayLike) -> Variable:
    """Compute 2 to the power of every element; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``2 ** x``.

    Example:
        >>> import xdl
        >>> xdl.exp2([3.0, -1.0])
        Variable([8. , 0.5], dtype=float32)
    """
    return Exp2()(x)


class Log2(Unary):
    cases = (
        *unary_cases(0.2, 4),
        Case(_AT_0, gradients=[[math.inf, 1 / math.log(2), 0.25 / math.log(2)]]),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.log2(x)

    def gradient(self, xp, gy, x):
        return (gy * (1 / _LN_2) / x,)


@function_of(Log2)
def log2(x: ArrayLike) -> Variable:
    """Take the logarithm to base 2; 0 gives -inf, a negative element NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``log2(x)``.

    Example:
        >>> import xdl
        >>> xdl.log2([8.0, 0.5, 0.0])
        Variable([  3.,  -1., -inf], dtype=float32)
    """
    return Log2()(x)


class Log10(Unary):
    cases = (
        *unary_cases(0.2, 4),
        Case(_AT_0, gradients=[[math.inf, 1 / math.log(10), 0.25 / math.log(10)]]),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.log10(x)

    def gradient(self, xp, gy, x):
        return (gy * (1 / _LN_10) / x,)


@function_of(Log10)
def log10(x: ArrayLike) -> Variable:
    """Take the logarithm to base 10; 0 gives -inf, a negative element NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``log10(x)``.

    Example:
        >>> import xdl
        >>> xdl.log10([100.0, 0.1, 0.0]).numpy().round(4)
        array([  2.,  -1., -inf], dtype=float32)
    """
    return Log10()(x)


class LogAddExp(Binary):
    cases = (
        *Binary.cases,
        Case([[1e4, -1e4], [-1e4, -1e4]], gradients=[[1.0, 0.5], [0.0, 0.5]]),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x1, x2):
        return xp.logaddexp(x1, x2)

    def gradient(self, xp, gy, x1, x2, wanted):
        gx1 = gy * logistic.sigmoid(xp, x1 - x2) if wanted[0] else None
        return gx1, gy * logistic.sigmoid(xp, x2 - x1) if wanted[1] else None


@function_of(LogAddExp)
def logaddexp(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Compute ln(exp(x1) + exp(x2)) without overflow, with broadcasting.

    The gradient is NaN where both are the same infinity, as in PyTorch.

    Args:
        x1, x2: arrays whose shapes broadcast; integers become floats.

    Returns:
        The logarithms, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.logaddexp([1000.0, 0.0], 1000.0).numpy().round(3)
        array([1000.693, 1000.   ], dtype=float32)
    """
    return LogAddExp()(x1, x2)


class Rsqrt(Unary):
    cases = (*unary_cases(0.2, 4), Case(_AT_0, gradients=[[-math.inf, -0.5, -0.0625]]))
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return 1 / xp.sqrt(x)

    def gradient(self, xp, gy, y):
        return (gy * (-0.5 * y * y * y),)


@function_of(Rsqrt)
def rsqrt(x: ArrayLike) -> Variable:
    """Compute 1 / sqrt(x); 0 gives inf, a negative element NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``1 / sqrt(x)``.

    Example:
        >>> import xdl
        >>> xdl.rsqrt([4.0, 0.25])
        Variable([0.5, 2. ], dtype=float32)
    """
    return Rsqrt()(x)


class Erf(Unary):
    reference = "scipy.special.erf"
    onnx = "Erf"
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.erf(x)

    def gradient(self, xp, gy, x):
        return (gy * (2 / math.sqrt(math.pi) * xp.exp(-x * x)),)


@function_of(Erf)
def erf(x: ArrayLike) -> Variable:
    """Compute the error function: 2 / sqrt(pi) times the integral of exp(-t**2).

    The integral is from 0 to x. On a CPU it is right to 2 units in the last place in
    float32, to 1e-15 in float64.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``erf(x)``, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.erf([0.0, 0.5, 10.0]).numpy().round(4)
        array([0.    , 0.5205, 1.    ], dtype=float32)
    """
    return Erf()(x)

"""Activations that are smooth everywhere.

Where a gradient is built from several arrays, those that were just made are changed in
place: each new array of a large layer costs as much as two operations on it.
"""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Onnx, unary_cases
from xdl.core.elementwise import Unary
from xdl.core.op import function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.ops.elementwise import logistic
from xdl.typing import ArrayLike

_FAR = Case([(5,)], low=-90, high=90)
_ROOT = math.sqrt(2 / math.pi)
_CUBIC = 0.044715
# Where exp(x) is so large that the slope of Mish is 1 in double precision, and so small
# that its fourth power is finite in single.
_STRAIGHT = 21.0
_LEVEL = 22.0  # from here on the GELU by tanh is x, or 0, in double precision


class GELU(Unary):
    torch = "nn.functional.gelu"
    onnx = Onnx("Gelu", {"approximate": "approximate"})
    cases = (
        *unary_cases(),
        Case([(2, 3)], {"approximate": "tanh"}),
        Case([()], {"approximate": "tanh"}),
        Case([(5,)], {"approximate": "tanh"}, low=-90, high=90),
        _FAR,
        BadCase([(2,)], ArgumentError, "'sigmoid'", {"approximate": "sigmoid"}),
    )
    floating = True
    is_chain = True
    residuals = ("part",)

    def __init__(self, approximate="none"):
        if approximate not in ("none", "tanh"):
            raise ArgumentError(
                f"GELU: approximate {approximate!r} came, needed 'none' or 'tanh'"
            )
        self.approximate = approximate

    def flops(self, y_shape, x_shape):
        return 10 * math.prod(y_shape)

    def compute(self, xp, x):
        if xp.fused is not None and xp.fused.takes(x):
            return xp.fused.gelu(x, self.approximate == "tanh")
        if self.approximate == "tanh":  # (1 + tanh(a)) / 2 is the sigmoid of 2 a
            inner = x * x
            inner *= 2 * _CUBIC * _ROOT
            inner += 2 * _ROOT
            inner *= x
            part = logistic.sigmoid(xp, inner)
        else:
            part = xp.erf(x * math.sqrt(0.5))
            part += 1
            part *= 0.5
        return x * part, part

    def gradient(self, xp, gy, x, part):
        if xp.fused is not None and xp.fused.takes(x):
            by_tanh = self.approximate == "tanh"
            return (xp.fused.gelu_gradient(gy, x, part, by_tanh),)
        if self.approximate == "tanh":
            # Limited to where the slope is no whole number yet: else inf * 0 is NaN.
            x = xp.minimum(xp.maximum(x, -_LEVEL), _LEVEL)
            slope = x * x
            slope *= 6 * _CUBIC * _ROOT
            slope += 2 * _ROOT
            slope *= x
            slope *= 1 - part
            slope += 1
            slope *= part
        else:
            slope = x * x
            slope *= -0.5
            slope = xp.exp(slope)
            slope *= x
            slope *= 1 / math.sqrt(2 * math.pi)
            slope += part
        slope *= gy
        return (slope,)


@function_of(GELU)
def gelu(x: ArrayLike, approximate: str = "none") -> Variable:
    """Multiply every element by the probability that a normal variate is less.

    With ``approximate="none"`` that is x (1 + erf(x / sqrt(2))) / 2; with ``"tanh"``,
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2, which is faster.

    Args:
        x: an array of any shape; integers become floats.
        approximate: "none" (default) or "tanh".

    Returns:
        An array of the same shape.

    Raises:
        ArgumentError: ``approximate`` is something else.

    Example:
        >>> import xdl
        >>> xdl.gelu([-1.0, 0.0, 1.0], approximate="tanh").numpy().round(4)
        array([-0.1588,  0.    ,  0.8412], dtype=float32)

    Reference: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """
    return _gelu[approximate](x) if approximate in _gelu else GELU(approximate)(x)


class Mish(Unary):
    torch = "nn.functional.mish"
    onnx = "Mish"
    cases = (*unary_cases(), _FAR)
    floating = True
    is_chain = True

    def compute(self, xp, x):
        z, rest = logistic.exp_in_two(xp, x, _STRAIGHT)
        y = self._square(z)
        y /= y + 1
        y *= x
        y *= rest
        return y

    def gradient(self, xp, gy, x):
        z, rest = logistic.exp_in_two(xp, x, _STRAIGHT)
        square = self._square(z)
        d = square + 1
        slope = z * z
        slope += z
        slope *= xp.minimum(x, _STRAIGHT)
        slope /= d * d
        slope += square / d
        slope *= rest
        slope *= gy
        return (slope,)

    def _square(self, z):
        """Return s = z + z**2 / 2: with z = exp(x), tanh(ln(1 + z)) is s / (s + 1)."""
        s = z * z
        s *= 0.5
        s += z
        return s


@function_of(Mish)
def mish(x: ArrayLike) -> Variable:
    """Multiply every element by the tanh of its softplus: x tanh(ln(1 + exp(x))).

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        An array of the same shape.

    Example:
        >>> import xdl
        >>> xdl.mish([-1.0, 0.0, 1.0]).numpy().round(4)
        array([-0.3034,  0.    ,  0.8651], dtype=float32)

    Reference: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function",
    2019, eq. 1.
    """
    return Mish()(x)


class Softplus(Unary):
    torch = "nn.functional.softplus"
    cases = (
        *unary_cases(),
        _FAR,
        Case([(2, 3)], {"beta": 2.5}),
        BadCase([(2,)], ArgumentError, "beta 0 came", {"beta": 0}),
    )
    floating = True
    is_chain = True

    def __init__(self, beta=1.0):
        self.beta = float(number("Softplus", "beta", beta, above=0))

    def compute(self, xp, x):
        return logistic.softplus(xp, x * self.beta) * (1 / self.beta)

    def gradient(self, xp, gy, x):
        return (gy * logistic.sigmoid(xp, x * self.beta),)

    def to_onnx(self, graph, x):
        if self.beta == 1:
            return graph.add("Softplus", x)
        beta = graph.number(self.beta, x)
        return graph.add("Div", graph.add("Softplus", graph.add("Mul", x, beta)), beta)


@function_of(Softplus)
def softplus(x: ArrayLike, beta: float = 1.0) -> Variable:
    """Compute ln(1 + exp(beta x)) / beta, a smooth form of the rectifier.

    It never overflows.

    Args:
        x: an array of any shape; integers become floats.
        beta: how sharp the bend is, > 0; default 1.

    Returns:
        Positive values of the same shape.

    Raises:
        ArgumentError: ``beta`` is not positive.

    Example:
        >>> import xdl
        >>> xdl.softplus([-1000.0, 0.0, 1000.0]).numpy().round(4)
        array([0.000e+00, 6.931e-01, 1.000e+03], dtype=float32)

    Reference: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better
    Option Pricing", 2001, section 3.
    """
    return Softplus(beta)(x)


class Softsign(Unary):
    torch = "nn.functional.softsign"
    onnx = "Softsign"
    cases = (*unary_cases(), _FAR)
    floating = True

    def compute(self, xp, x):
        return x / (1 + xp.abs(x))

    def gradient(self, xp, gy, x):
        d = 1 + xp.abs(x)
        return (gy / d / d,)


@function_of(Softsign)
def softsign(x: ArrayLike) -> Variable:
    """Squash every element into (-1, 1): x / (1 + abs(x)).

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        An array of the same shape.

    Example:
        >>> import xdl
        >>> xdl.softsign([-3.0, 0.0, 1.0])
        Variable([-0.75,  0.  ,  0.5 ], dtype=float32)

    Reference: Glorot and Bengio, "Understanding the Difficulty of Training Deep
    Feedforward Neural Networks", 2010, section 3.1.
    """
    return Softsign()(x)


_gelu = {name: GELU(name) for name in ("none", "tanh")}

"""Rectifiers: the identity where x is positive, a line or an exponential below."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Onnx, unary_cases
from xdl.core.elementwise import Unary
from xdl.core.op import Op, function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.typing import ArrayLike


class Relu(Unary):
    torch = "nn.functional.relu"
    onnx = "Relu"
    cases = (*unary_cases(), Case([[-1.0, 0.0, 2.0]], gradients=[[0.0, 0.0, 1.0]]))

    def compute(self, xp, x):
        return xp.maximum(x, 0)

    def gradient(self, xp, gy, y):
        return (xp.zero_unless(y != 0, gy),)


@function_of(Relu)
def relu(x: ArrayLike) -> Variable:
    """Set every negative element to 0; the gradient at 0 is 0.

    Args:
        x: an array of any shape.

    Returns:
        ``max(x, 0)``; NaN stays NaN, and passes the gradient.

    Example:
        >>> import xdl
        >>> xdl.relu([-1.0, 0.0, 2.0])
        Variable([0., 0., 2.], dtype=float32)

    Reference: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann
    Machines", 2010.
    """
    return Relu()(x)


class LeakyReLU(Unary):
    torch = "nn.functional.leaky_relu"
    onnx = Onnx("LeakyRelu", {"alpha": "negative_slope"})
    cases = (
        *unary_cases(),
        Case([(2, 3)], {"negative_slope": 0.0}),
        Case([(2, 3)], {"negative_slope": 1.5}),
        Case(
            [[-1.0, 0.0, 2.0]], {"negative_slope": 0.25}, gradients=[[0.25, 0.25, 1.0]]
        ),
        BadCase([(2,)], ArgumentError, "negative_slope -1", {"negative_slope": -1}),
    )
    floating = True

    def __init__(self, negative_slope=0.01):
        slope = number("LeakyReLU", "negative_slope", negative_slope, low=0)
        self.negative_slope = float(slope)

    def compute(self, xp, x):
        if self.negative_slope == 0:
            return xp.maximum(x, 0)
        if self.negative_slope <= 1:
            return xp.maximum(x, x * self.negative_slope)
        return xp.where(x > 0, x, x * self.negative_slope)

    def gradient(self, xp, gy, y):
        slope = self.negative_slope
        if slope == 0:
            return (xp.zero_unless(y != 0, gy),)
        if slope > 1:
            return (xp.where(y > 0, gy, gy * slope),)
        return (xp.zero_unless(y > 0, gy * (1 - slope)) + gy * slope,)


@function_of(LeakyReLU)
def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> Variable:
    """Multiply every negative element by a small slope; at 0 that is the gradient.

    Args:
        x: an array of any shape; integers become floats.
        negative_slope: the factor, >= 0; default 0.01.

    Returns:
        ``x`` where it is positive, ``negative_slope * x`` elsewhere.

    Raises:
        ArgumentError: the slope is negative.

    Example:
        >>> import xdl
        >>> xdl.leaky_relu([-1.0, 0.0, 2.0], 0.5)
        Variable([-0.5,  0. ,  2. ], dtype=float32)

    Reference: Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network
    Acoustic Models", 2013.
    """
    return LeakyReLU(negative_slope)(x)


class PReLU(Op):
    torch = "nn.functional.prelu"
    cases = (
        Case([(2, 3), (3,)]),
        Case([(2, 3, 4), (3,)]),
        Case([(2, 3), (1,)]),
        Case([(4,), ()]),
        Case([(), ()]),
        Case([(0, 3), (3,)]),
        Case(
            [[[-1.0, 0.0, 2.0]], [0.25, 0.5, 3.0]],
            gradients=[[[0.25, 0.5, 1.0]], [-1.0, 0.0, 0.0]],
        ),
        BadCase([(2, 3), (2,)], ShapeError, "weight has shape (2,), needed (3,)"),
        BadCase([(3,), (3,)], ShapeError, "needed (1,)"),
    )
    floating = True
    is_singular = True

    def shape(self, x_shape, weight_shape):
        channels = x_shape[1] if len(x_shape) > 1 else 1
        if tuple(weight_shape) not in ((), (1,), (channels,)):
            raise ShapeError(
                f"{self}: weight has shape {tuple(weight_shape)}, needed ({channels},) "
                f"or one number, for x {tuple(x_shape)}"
            )
        return x_shape

    def compute(self, xp, x, weight):
        self.shape(x.shape, weight.shape)
        return xp.where(x > 0, x, x * self._slopes(xp, x.shape, weight))

    def gradient(self, xp, gy, x, weight, weight_shape, wanted):
        gx = gweight = None
        if wanted[0]:
            gx = xp.where(x > 0, gy, gy * self._slopes(xp, x.shape, weight))
        if wanted[1]:
            gweight = xp.zero_unless(xp.logical_not(x > 0), gy * x)
            is_lone = math.prod(weight_shape) == 1
            axes = tuple(i for i in range(gweight.ndim) if is_lone or i != 1)
            gweight = xp.reshape(xp.sum(gweight, axis=axes), weight_shape)
        return gx, gweight

    def _slopes(self, xp, x_shape, weight):
        """Return the weight in a shape that broadcasts to that of x."""
        if math.prod(weight.shape) == 1:
            return xp.reshape(weight, ())
        return xp.reshape(weight, (-1, *[1] * (len(x_shape) - 2)))

    def to_onnx(self, graph, x, weight):
        after = tuple(range(1, len(graph.shape(x)) - 1))
        if after:
            weight = graph.add("Unsqueeze", weight, graph.integers(after))
        return graph.add("PRelu", x, weight)


@function_of(PReLU)
def prelu(x: ArrayLike, weight: ArrayLike) -> Variable:
    """Multiply every negative element by a slope that is learnt.

    At 0 the gradient by ``x`` is the slope, that by the weight 0.

    Args:
        x: an array of any shape; integers become floats.
        weight: the slopes, one for each position on axis 1 (the channels), or one
            number for all.

    Returns:
        ``x`` where it is positive, ``weight * x`` elsewhere.

    Raises:
        ShapeError: there are neither as many slopes as channels, nor one.

    Example:
        >>> import xdl
        >>> xdl.prelu([[-1.0, -1.0, 2.0]], [0.25, 0.5, 0.5])
        Variable([[-0.25, -0.5 ,  2.  ]], dtype=float32)

    Reference: He et al., "Delving Deep into Rectifiers", 2015, equation 1.
    """
    return PReLU()(x, weight)


class ELU(Unary):
    torch = "nn.functional.elu"
    onnx: str | Onnx | None = Onnx("Elu", {"alpha": "alpha"})
    cases = (
        *unary_cases(),
        Case([(2, 3)], {"alpha": 0.5}),
        Case(
            [[-100.0, 0.0, 2.0]],
            {"alpha": 0.5},
            gradients=[[0.5 * math.exp(-100.0), 0.5, 1.0]],
        ),
        BadCase([(2,)], ArgumentError, "alpha -1 came", {"alpha": -1}),
    )
    floating = True
    is_chain = True
    scale = 1.0  # the slope on the positive side
    _width = 1.0  # what x is divided by in the exponential

    def __init__(self, alpha=1.0):
        self.alpha = float(number("ELU", "alpha", alpha, low=0))

    def compute(self, xp, x):
        low = xp.expm1(self._bent(xp, x))
        return xp.maximum(x, 0) * self.scale + low * self.alpha

    def gradient(self, xp, gy, x):
        below = self.alpha / self._width  # the slope just below 0
        slope = xp.exp(self._bent(xp, x))  # y + alpha would cancel
        if below != 1:
            slope *= below
        if below != self.scale:
            slope += xp.astype(x > 0, gy.dtype) * (self.scale - below)
        slope *= gy
        return (slope,)

    def _bent(self, xp, x):
        """Return what the exponential is taken of: 0 where x is positive."""
        low = xp.minimum(x, 0)
        return low if self._width == 1 else low / self._width


@function_of(ELU)
def elu(x: ArrayLike, alpha: float = 1.0) -> Variable:
    """Bend negative elements towards -alpha: alpha (exp(x) - 1).

    At 0 the gradient is that of the negative side, ``alpha``.

    Args:
        x: an array of any shape; integers become floats.
        alpha: minus the value at -inf, >= 0; default 1.

    Returns:
        ``x`` where it is positive, ``alpha * expm1(x)`` elsewhere.

    Raises:
        ArgumentError: ``alpha`` is negative.

    Example:
        >>> import xdl
        >>> xdl.elu([-100.0, 0.0, 2.0], alpha=0.5)
        Variable([-0.5,  0. ,  2. ], dtype=float32)

    Reference: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network
    Learning by Exponential Linear Units", 2016, eq. 15.
    """
    return ELU(alpha)(x)


class SELU(ELU):
    torch = "nn.functional.selu"
    onnx = "Selu"
    cases = (
        *unary_cases(),
        Case(
            [[-100.0, 0.0, 1.0]],
            gradients=[[0.0, 1.7580993408473768, 1.0507009873554805]],
        ),
    )
    scale = 1.0507009873554804934193349852946
    alpha = 1.6732632423543772848170429916717 * scale

    def __init__(self):
        pass


@function_of(SELU)
def selu(x: ArrayLike) -> Variable:
    """Apply the ELU that brings a deep network to mean 0 and variance 1 by itself.

    At 0 the gradient is that of the negative side.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``1.0507 * x`` where it is positive, ``1.7581 * expm1(x)`` elsewhere.

    Example:
        >>> import xdl
        >>> xdl.selu([-100.0, 0.0, 1.0]).numpy().round(4)
        array([-1.7581,  0.    ,  1.0507], dtype=float32)

    Reference: Klambauer et al., "Self-Normalizing Neural Networks", 2017, eq. 14.
    """
    return SELU()(x)


class CELU(ELU):
    torch = "nn.functional.celu"
    onnx = Onnx("Celu", {"alpha": "alpha"})
    cases = (
        *unary_cases(),
        Case([(2, 3)], {"alpha": 0.5}),
        Case(
            [[-100.0, 0.0, 2.0]],
            {"alpha": 0.5},
            gradients=[[math.exp(-200.0), 1.0, 1.0]],
        ),
        BadCase([(2,)], ArgumentError, "alpha 0 came", {"alpha": 0}),
    )

    def __init__(self, alpha=1.0):
        self.alpha = self._width = float(number("CELU", "alpha", alpha, above=0))


@function_of(CELU)
def celu(x: ArrayLike, alpha: float = 1.0) -> Variable:
    """Bend negative elements towards -alpha, with gradient 1 at 0.

    Args:
        x: an array of any shape; integers become floats.
        alpha: minus the value at -inf, > 0; default 1.

    Returns:
        ``x`` where it is positive, ``alpha * expm1(x / alpha)`` elsewhere.

    Raises:
        ArgumentError: ``alpha`` is not positive.

    Example:
        >>> import xdl
        >>> xdl.celu([-100.0, 0.0, 2.0], alpha=0.5)
        Variable([-0.5,  0. ,  2. ], dtype=float32)

    Reference: Barron, "Continuously Differentiable Exponential Linear Units", 2017.
    """
    return CELU(alpha)(x)

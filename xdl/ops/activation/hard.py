"""Activations made of straight lines."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Counterpart, Onnx, unary_cases
from xdl.core.elementwise import Unary
from xdl.core.op import function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.typing import ArrayLike

_WIDE = Case([(2, 5)], low=-6, high=9)


class HardTanh(Unary):
    torch: str | Counterpart | None = Counterpart(
        "nn.functional.hardtanh", {"min_val": "min", "max_val": "max"}
    )
    onnx = Onnx("Clip", numbers=("min", "max"))
    cases = (
        *unary_cases(),
        Case([(2, 3)], {"min": -0.5, "max": 1.5}),
        Case([[-2.0, -1.0, 0.0, 1.0, 2.0]], gradients=[[0.0, 0.0, 1.0, 0.0, 0.0]]),
        BadCase([(2,)], ArgumentError, "min 2 is greater", {"min": 2, "max": 1}),
    )
    floating = True

    def __init__(self, min=-1.0, max=1.0):
        min, max = number("HardTanh", "min", min), number("HardTanh", "max", max)
        if not min <= max:
            raise ArgumentError(f"HardTanh: min {min} is greater than max {max}")
        self.min, self.max = float(min), float(max)

    def compute(self, xp, x):
        return xp.minimum(xp.maximum(x, self.min), self.max)

    def gradient(self, xp, gy, y):
        return (xp.zero_unless((y != self.min) & (y != self.max), gy),)


@function_of(HardTanh)
def hard_tanh(x: ArrayLike, min: float = -1.0, max: float = 1.0) -> Variable:
    """Limit every element to a range; the gradient at its ends is 0.

    Args:
        x: an array of any shape; integers become floats.
        min, max: the ends; default -1 and 1.

    Returns:
        ``x`` with smaller elements set to ``min`` and larger ones to ``max``.

    Raises:
        ArgumentError: ``min`` is greater than ``max``.

    Example:
        >>> import xdl
        >>> xdl.hard_tanh([-3.0, 0.5, 3.0])
        Variable([-1. ,  0.5,  1. ], dtype=float32)

    Reference: Collobert, "Large Scale Machine Learning", 2004.
    """
    return HardTanh(min, max)(x)


class ReLU6(HardTanh):
    torch = "nn.functional.relu6"
    cases = (
        *unary_cases(),
        _WIDE,
        Case([[-1.0, 0.0, 3.0, 6.0]], gradients=[[0.0, 0.0, 1.0, 0.0]]),
    )
    min, max = 0.0, 6.0

    def __init__(self):
        pass


@function_of(ReLU6)
def relu6(x: ArrayLike) -> Variable:
    """Limit every element to [0, 6]; the gradient at both ends is 0.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``min(max(x, 0), 6)``.

    Example:
        >>> import xdl
        >>> xdl.relu6([-1.0, 3.0, 9.0])
        Variable([0., 3., 6.], dtype=float32)

    Reference: Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010.
    """
    return ReLU6()(x)


class HardSigmoid(Unary):
    torch = "nn.functional.hardsigmoid"
    onnx = Onnx("HardSigmoid", {"alpha": "slope"})
    cases = (
        *unary_cases(),
        _WIDE,
        Case([[-4.0, -3.0, 0.0, 3.0]], gradients=[[0.0, 0.0, 1 / 6, 0.0]]),
    )
    floating = True
    slope = 1 / 6

    def compute(self, xp, x):
        return _hard_sigmoid(xp, x)

    def gradient(self, xp, gy, y):
        return (xp.zero_unless((y > 0) & (y < 1), gy * self.slope),)


@function_of(HardSigmoid)
def hard_sigmoid(x: ArrayLike) -> Variable:
    """Approximate the sigmoid by three lines: x / 6 + 1/2, limited to [0, 1].

    The gradient at both ends, -3 and 3, is 0.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        Values from 0 to 1 of the same shape.

    Example:
        >>> import xdl
        >>> xdl.hard_sigmoid([-4.0, 0.0, 1.5])
        Variable([0.  , 0.5 , 0.75], dtype=float32)

    Reference: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.
    """
    return HardSigmoid()(x)


class HardSwish(Unary):
    torch = "nn.functional.hardswish"
    onnx = "HardSwish"
    cases = (
        *unary_cases(),
        _WIDE,
        Case([[-4.0, -3.0, 0.0, 3.0]], gradients=[[0.0, 0.0, 0.5, 1.0]]),
    )
    floating = True

    def compute(self, xp, x):
        return x * _hard_sigmoid(xp, x)

    def gradient(self, xp, gy, x):
        slope = xp.zero_unless(x < 3, x * (2 * HardSigmoid.slope) + 0.5)
        slope = slope + xp.astype(x >= 3, gy.dtype)
        return (xp.zero_unless(x > -3, gy * slope),)


@function_of(HardSwish)
def hard_swish(x: ArrayLike) -> Variable:
    """Multiply every element by its hard sigmoid.

    The gradient is 0 at -3 and 1 at 3.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``x * hard_sigmoid(x)``.

    Example:
        >>> import xdl
        >>> xdl.hard_swish([-1.5, 1.5, 4.0])
        Variable([-0.375,  1.125,  4.   ], dtype=float32)

    Reference: Howard et al., "Searching for MobileNetV3", 2019, section 5.2.
    """
    return HardSwish()(x)


class HardShrink(Unary):
    torch = "nn.functional.hardshrink"
    onnx = Onnx("Shrink", {"lambd": "lambd"}, fixed={"bias": 0.0})
    cases = (
        *unary_cases(),
        Case([(2, 3)], {"lambd": 1.0}),
        Case([(2, 3)], {"lambd": 0.0}),
        Case([[-1.0, -0.5, 0.0, 0.5, 2.0]], gradients=[[1.0, 0.0, 0.0, 0.0, 1.0]]),
        BadCase([(2,)], ArgumentError, "lambd nan", {"lambd": float("nan")}),
    )
    floating = True

    def __init__(self, lambd=0.5):
        self.lambd = float(number("HardShrink", "lambd", lambd, low=-math.inf))

    def compute(self, xp, x):
        return xp.zero_unless(self._stays(xp, x), x)

    def gradient(self, xp, gy, x):
        return (xp.zero_unless(self._stays(xp, x), gy),)

    def _stays(self, xp, x):
        return xp.logical_not(xp.abs(x) <= self.lambd)  # NaN too


@function_of(HardShrink)
def hard_shrink(x: ArrayLike, lambd: float = 0.5) -> Variable:
    """Set every element near 0 to 0; the others stay as they are.

    Args:
        x: an array of any shape; integers become floats.
        lambd: how far from 0 that is; default 0.5. Just there too the result is 0, and
            so is the gradient.

    Returns:
        ``x`` where ``abs(x) > lambd``, else 0.

    Raises:
        ArgumentError: ``lambd`` is NaN.

    Example:
        >>> import xdl
        >>> xdl.hard_shrink([-1.0, 0.25, 2.0])
        Variable([-1.,  0.,  2.], dtype=float32)
    """
    return HardShrink(lambd)(x)


def _hard_sigmoid(xp, x):
    return xp.minimum(xp.maximum(x * HardSigmoid.slope + 0.5, 0.0), 1.0)

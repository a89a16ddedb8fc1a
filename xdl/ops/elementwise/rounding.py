"""Rounding to whole numbers."""

from __future__ import annotations

from xdl.core.case import Case, unary_cases
from xdl.core.elementwise import Unary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.typing import ArrayLike

# On whole numbers and halves there is no derivative; PyTorch's 0 holds there too.
_AT_STEPS = Case([[-2.5, -1.0, 0.0, 0.5, 1.5]], gradients=[[0.0] * 5])
_CASES = (*unary_cases(), _AT_STEPS)


class Floor(Unary):
    onnx = "Floor"
    cases = _CASES

    def compute(self, xp, x):
        return xp.floor(x)

    def gradient(self, xp, gy):
        return (xp.new_zeros(gy, gy.shape),)


@function_of(Floor)
def floor(x: ArrayLike) -> Variable:
    """Round every element down to a whole number; the gradient is 0 everywhere.

    Args:
        x: an array of any shape.

    Returns:
        The greatest whole numbers that are not greater, of the dtype of ``x``.

    Example:
        >>> import xdl
        >>> xdl.floor([-1.5, 0.5, 2.0])
        Variable([-2.,  0.,  2.], dtype=float32)
    """
    return Floor()(x)


class Ceil(Floor):
    onnx = "Ceil"
    cases = _CASES

    def compute(self, xp, x):
        return xp.ceil(x)


@function_of(Ceil)
def ceil(x: ArrayLike) -> Variable:
    """Round every element up to a whole number; the gradient is 0 everywhere.

    Args:
        x: an array of any shape.

    Returns:
        The smallest whole numbers that are not smaller, of the dtype of ``x``.

    Example:
        >>> import xdl
        >>> xdl.ceil([-1.5, 0.5, 2.0])
        Variable([-1.,  1.,  2.], dtype=float32)
    """
    return Ceil()(x)


class Round(Floor):
    onnx = "Round"
    cases = _CASES

    def compute(self, xp, x):
        return xp.round(x)


@function_of(Round)
def round(x: ArrayLike) -> Variable:
    """Round every element to the nearest whole number; the gradient is 0 everywhere.

    A half goes to the even neighbour, as in NumPy and PyTorch.

    Args:
        x: an array of any shape.

    Returns:
        The nearest whole numbers, of the dtype of ``x``.

    Example:
        >>> import xdl
        >>> xdl.round([0.5, 1.5, -2.6])
        Variable([ 0.,  2., -3.], dtype=float32)
    """
    return Round()(x)

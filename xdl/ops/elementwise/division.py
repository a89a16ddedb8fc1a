"""Division to whole numbers, and what is left."""

from __future__ import annotations

from xdl.core.case import Case, binary_cases
from xdl.core.elementwise import Binary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.typing import ArrayLike


class FloorDivide(Binary):
    cases = binary_cases(low=0.5)
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 // x2


@function_of(FloorDivide)
def floor_divide(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Divide and round down to an integer; there is no gradient.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        ``x1 // x2``, of the broadcast shape and the dtype of the inputs.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.floor_divide([7.0, -7.0], 2)
        Variable([ 3., -4.], dtype=float32)
    """
    return FloorDivide()(x1, x2)


class Remainder(Binary):
    onnx = None  # ONNX has a Mod whose sign is that of the dividend
    cases = (
        *FloorDivide.cases,
        Case(
            [[4.0, -4.0, 3.0], [2.0, 2.0, 2.0]],
            gradients=[[1.0, 1.0, 1.0], [-2.0, 2.0, -1.0]],
        ),
    )
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 % x2

    def gradient(self, xp, gy, x1, x2, wanted):
        return gy, -gy * (x1 // x2) if wanted[1] else None


@function_of(Remainder)
def remainder(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Give what ``floor_divide`` leaves; it has the sign of the divisor.

    The gradient is that of ``x1 - x2 * n`` for the whole number n, on multiples too.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        ``x1 - x2 * floor(x1 / x2)``, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.remainder([7.0, -7.0], 4)
        Variable([3., 1.], dtype=float32)
    """
    return Remainder()(x1, x2)

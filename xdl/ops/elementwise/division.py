"""Division to whole numbers, and what is left."""

from xdl.core.case import BadCase, Case
from xdl.core.op import Op
from xdl.errors import ShapeError

_CASES = (
    Case([(2, 3), (2, 3)], low=0.5),
    Case([(3, 1), (1, 4)], low=0.5),
    BadCase([(2, 3), (4,)], ShapeError, "shapes (2, 3) and (4,) do not broadcast"),
)


class FloorDivide(Op):
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

    cases = _CASES
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 // x2


class Remainder(Op):
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

    cases = (*_CASES, Case([[4.0, -4.0, 3.0], [2.0, 2.0, 2.0]], smooth=False))
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 % x2

    def gradient(self, xp, gy, x1, x2, wanted):
        return gy, -gy * (x1 // x2) if wanted[1] else None


floor_divide = FloorDivide()
remainder = Remainder()

"""Rounding to whole numbers."""

from xdl.core.case import Case
from xdl.core.op import Op

# On whole numbers and halves there is no derivative; PyTorch's 0 holds there too.
_ONE = (
    Case([(2, 3)]),
    Case([()]),
    Case([(3, 0, 2)]),
    Case([[-2.5, -1.0, 0.0, 0.5, 1.5]], smooth=False),
)


class Floor(Op):
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

    onnx = "Floor"
    cases = _ONE

    def compute(self, xp, x):
        return xp.floor(x)

    def gradient(self, xp, gy):
        return (xp.new_zeros(gy, gy.shape),)


class Ceil(Floor):
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

    onnx = "Ceil"
    cases = _ONE

    def compute(self, xp, x):
        return xp.ceil(x)


class Round(Floor):
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

    onnx = "Round"
    cases = _ONE

    def compute(self, xp, x):
        return xp.round(x)


floor = Floor()
ceil = Ceil()
round = Round()

"""Arithmetic, element by element."""

from xdl.core.case import BadCase, Case
from xdl.core.op import Op
from xdl.errors import ShapeError

_PAIR = (
    Case([(2, 3), (2, 3)]),
    Case([(3, 1), (1, 4)]),
    Case([(), (2, 3)]),
    Case([(4,), (2, 4)]),
    Case([(0, 3), (3,)]),
    BadCase([(2, 3), (4,)], ShapeError, "shapes (2, 3) and (4,) do not broadcast"),
)
_ONE = (Case([(2, 3)]), Case([()]), Case([(3, 0, 2)]))


class Add(Op):
    """Add two arrays element by element, with broadcasting.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        ``x1 + x2``, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.add([1.0, 2.0], 10)
        Variable([11., 12.], dtype=float32)
    """

    onnx = "Add"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 + x2

    def gradient(self, xp, gy):
        return gy, gy


class Subtract(Op):
    """Subtract two arrays element by element, with broadcasting.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        ``x1 - x2``, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.subtract([3.0, 5.0], [1.0, 2.0])
        Variable([2., 3.], dtype=float32)
    """

    onnx = "Sub"
    cases = _PAIR
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 - x2

    def gradient(self, xp, gy, wanted):
        return gy, -gy if wanted[1] else None


class Multiply(Op):
    """Multiply two arrays element by element, with broadcasting.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        ``x1 * x2``, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.multiply([3.0, 5.0], [2.0, -1.0])
        Variable([ 6., -5.], dtype=float32)
    """

    onnx = "Mul"
    cases = _PAIR
    takes_numbers = True
    kept_for = {"x1": "x2", "x2": "x1"}

    def compute(self, xp, x1, x2):
        return x1 * x2

    def gradient(self, xp, gy, x1, x2):
        return None if x2 is None else gy * x2, None if x1 is None else gy * x1


class Divide(Op):
    """Divide two arrays element by element, with broadcasting; integers become floats.

    Division by zero gives an infinity or NaN, as IEEE 754 says, without a warning.

    Args:
        x1, x2: arrays whose shapes broadcast.

    Returns:
        ``x1 / x2``, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.divide([3.0, 5.0], [2.0, 0.0])
        Variable([1.5, inf], dtype=float32)
    """

    onnx = "Div"
    cases = (
        Case([(2, 3), (2, 3)], low=0.5),
        Case([(3, 1), (1, 4)], low=0.5),
        Case([(), (2, 3)], low=0.5),
        Case([(4,), (2, 4)], low=0.5),
        Case([(0, 3), (3,)], low=0.5),
        _PAIR[-1],
    )
    takes_numbers = True
    floating = True
    is_singular = True

    def compute(self, xp, x1, x2):
        return xp.divide(x1, x2)

    def gradient(self, xp, gy, x2, y, wanted):
        gx1 = gy / x2
        return gx1, -gx1 * y if wanted[1] else None


class Power(Op):
    """Raise to a power element by element, with broadcasting.

    The gradient by ``x1`` is 0 where ``x2`` is 0 (also at 0**0), and the gradient by
    ``x2`` is 0 where ``x1`` is 0 and ``x2`` >= 0, as in PyTorch.

    Args:
        x1, x2: arrays whose shapes broadcast; a negative ``x1`` with a fractional
            ``x2`` gives NaN.

    Returns:
        ``x1 ** x2``, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.power([2.0, 3.0], 2)
        Variable([4., 9.], dtype=float32)
    """

    onnx = "Pow"
    cases = (
        Case([(2, 3), (2, 3)], low=0.2, high=3),
        Case([(3, 1), (1, 4)], low=0.2, high=3),
        Case([(), (2, 3)], low=0.2, high=3),
        Case([(0, 3), (3,)]),
        Case([[[0.0, 0.0, 2.0, -2.0]], [[0.0, 2.0, 0.0, 3.0]]], smooth=False),
        _PAIR[-1],
    )
    takes_numbers = True
    is_singular = True

    def compute(self, xp, x1, x2):
        return _raised(xp, x1, x2)

    def gradient(self, xp, gy, x1, x2, y, wanted):
        gx1 = gx2 = None
        if wanted[0] and not hasattr(x2, "dtype"):
            gx1 = (
                gy * x2 * _raised(xp, x1, x2 - 1) if x2 else xp.new_zeros(gy, gy.shape)
            )
        elif wanted[0]:
            gx1 = gy * x2 * _raised(xp, x1, xp.where(x2 == 0, 1.0, x2) - 1)
            gx1 = xp.zero_unless(x2 != 0, gx1)
        if wanted[1]:
            x1 = x1 if hasattr(x1, "dtype") else x1 * xp.new_ones(x2, x2.shape)
            flat = xp.logical_and(x1 == 0, x2 >= 0)
            gx2 = gy * y * xp.log(xp.where(flat, 1.0, x1))
            gx2 = xp.zero_unless(xp.logical_not(flat), gx2)
        return gx1, gx2


def _raised(xp, x1, x2):
    """Return a power; what has no axes by the function, as replays compute it.

    NumPy's scalars have an operator of their own, which rounds otherwise.
    """
    has_axes = getattr(x1, "ndim", 0) or getattr(x2, "ndim", 0)
    return x1**x2 if has_axes else xp.power(x1, x2)


class Negative(Op):
    """Change the sign of every element.

    Args:
        x: an array of any shape; unsigned integers and booleans are refused, for they
            would wrap.

    Returns:
        ``-x``.

    Raises:
        DtypeError: ``x`` is unsigned or boolean.

    Example:
        >>> import xdl
        >>> xdl.negative([1.0, -2.0])
        Variable([-1.,  2.], dtype=float32)
    """

    onnx = "Neg"
    cases = _ONE
    refuses_unsigned = True

    def compute(self, xp, x):
        return -x

    def gradient(self, xp, gy):
        return (-gy,)


class Positive(Op):
    """Return the elements as they are.

    Args:
        x: an array of any shape.

    Returns:
        ``+x``, a copy.

    Example:
        >>> import xdl
        >>> xdl.positive([1.0, -2.0])
        Variable([ 1., -2.], dtype=float32)
    """

    onnx = "Identity"
    cases = _ONE

    def compute(self, xp, x):
        return +x

    def gradient(self, xp, gy):
        return (gy,)


class Abs(Op):
    """Take the absolute value of every element; the gradient at 0 is 0.

    Args:
        x: an array of any shape.

    Returns:
        ``|x|``.

    Example:
        >>> import xdl
        >>> xdl.abs([-1.5, 0.0, 2.0])
        Variable([1.5, 0. , 2. ], dtype=float32)
    """

    onnx = "Abs"
    cases = (*_ONE, Case([[-1.0, 0.0, 2.0]], smooth=False))

    def compute(self, xp, x):
        return xp.abs(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.sign(x),)


class Sign(Op):
    """Give -1, 0 or 1 for every element; the gradient is 0 everywhere.

    Args:
        x: an array of any shape.

    Returns:
        The signs, of the dtype of ``x``.

    Example:
        >>> import xdl
        >>> xdl.sign([-1.5, 0.0, 2.0])
        Variable([-1.,  0.,  1.], dtype=float32)
    """

    onnx = "Sign"
    cases = _ONE

    def compute(self, xp, x):
        return xp.sign(x)

    def gradient(self, xp, gy):
        return (xp.new_zeros(gy, gy.shape),)


class Square(Op):
    """Square every element.

    Args:
        x: an array of any shape.

    Returns:
        ``x * x``.

    Example:
        >>> import xdl
        >>> xdl.square([3.0, -2.0])
        Variable([9., 4.], dtype=float32)
    """

    cases = _ONE

    def compute(self, xp, x):
        return x * x

    def gradient(self, xp, gy, x):
        return (gy * (2 * x),)


add = Add()
subtract = Subtract()
multiply = Multiply()
divide = Divide()
power = Power()
negative = Negative()
positive = Positive()
abs = Abs()
sign = Sign()
square = Square()

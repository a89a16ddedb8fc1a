"""Arithmetic, element by element."""

from __future__ import annotations

import math

from xdl.backend import squares
from xdl.core.case import Case, Counterpart, binary_cases
from xdl.core.elementwise import Binary, Unary
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.typing import ArrayLike


class Add(Binary):
    onnx = "Add"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 + x2

    def gradient(self, xp, gy):
        return gy, gy


@function_of(Add)
def add(x1: ArrayLike, x2: ArrayLike) -> Variable:
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
    return Add()(x1, x2)


class Subtract(Binary):
    torch = "sub"
    onnx = "Sub"
    takes_numbers = True

    def compute(self, xp, x1, x2):
        return x1 - x2

    def gradient(self, xp, gy, wanted):
        return gy, -gy if wanted[1] else None


@function_of(Subtract)
def subtract(x1: ArrayLike, x2: ArrayLike) -> Variable:
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
    return Subtract()(x1, x2)


class Multiply(Binary):
    torch = "mul"
    onnx = "Mul"
    takes_numbers = True
    kept_for = {"x1": "x2", "x2": "x1"}

    def compute(self, xp, x1, x2):
        return x1 * x2

    def gradient(self, xp, gy, x1, x2):
        return None if x2 is None else gy * x2, None if x1 is None else gy * x1


@function_of(Multiply)
def multiply(x1: ArrayLike, x2: ArrayLike) -> Variable:
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
    return Multiply()(x1, x2)


class Divide(Binary):
    torch = Counterpart("div", samples=("div:no_rounding_mode", "true_divide"))
    onnx = "Div"
    cases = binary_cases(low=0.5)
    takes_numbers = True
    floating = True
    is_singular = True

    def compute(self, xp, x1, x2):
        return xp.divide(x1, x2)

    def gradient(self, xp, gy, x2, y, wanted):
        gx1 = gy / x2
        return gx1, -gx1 * y if wanted[1] else None


@function_of(Divide)
def divide(x1: ArrayLike, x2: ArrayLike) -> Variable:
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
    return Divide()(x1, x2)


class Power(Binary):
    torch = "pow"
    onnx = "Pow"
    cases = (
        *binary_cases(0.2, 3),
        Case(
            [[[0.0, 0.0, 2.0, -2.0]], [[0.0, 2.0, 0.0, 3.0]]],
            gradients=[[[0.0, 0.0, 0.0, 12.0]], [[0.0, 0.0, math.log(2), math.nan]]],
        ),
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


@function_of(Power)
def power(x1: ArrayLike, x2: ArrayLike) -> Variable:
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
    return Power()(x1, x2)


def _raised(xp, x1, x2):
    """Return a power; what has no axes by the function, as replays compute it.

    NumPy's scalars have an operator of their own, which rounds otherwise.
    """
    has_axes = getattr(x1, "ndim", 0) or getattr(x2, "ndim", 0)
    return x1**x2 if has_axes else xp.power(x1, x2)


class Negative(Unary):
    torch = "neg"
    onnx = "Neg"
    refuses_unsigned = True

    def compute(self, xp, x):
        return -x

    def gradient(self, xp, gy):
        return (-gy,)


@function_of(Negative)
def negative(x: ArrayLike) -> Variable:
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
    return Negative()(x)


class Positive(Unary):
    onnx = "Identity"

    def compute(self, xp, x):
        return +x

    def gradient(self, xp, gy):
        return (gy,)


@function_of(Positive)
def positive(x: ArrayLike) -> Variable:
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
    return Positive()(x)


class Abs(Unary):
    onnx = "Abs"
    cases = (*Unary.cases, Case([[-1.0, 0.0, 2.0]], gradients=[[-1.0, 0.0, 1.0]]))

    def compute(self, xp, x):
        return xp.abs(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.sign(x),)


@function_of(Abs)
def abs(x: ArrayLike) -> Variable:
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
    return Abs()(x)


class Sign(Unary):
    onnx = "Sign"

    def compute(self, xp, x):
        return xp.sign(x)

    def gradient(self, xp, gy):
        return (xp.new_zeros(gy, gy.shape),)


@function_of(Sign)
def sign(x: ArrayLike) -> Variable:
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
    return Sign()(x)


class Square(Unary):
    def compute(self, xp, x):
        return x * x

    def gradient(self, xp, gy, x):
        return (gy * (2 * x),)


@function_of(Square)
def square(x: ArrayLike) -> Variable:
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
    return Square()(x)


class Hypot(Binary):
    cases = (
        *Binary.cases,
        Case(
            [[0.0, 3.0, 0.0], [0.0, 4.0, 2.0]],
            gradients=[[0.0, 0.6, 0.0], [0.0, 0.8, 1.0]],
        ),
    )
    floating = True

    def compute(self, xp, x1, x2):
        with xp.quiet():
            y = squares.hypot(xp, x1, x2)
        is_infinite = xp.logical_or(xp.isinf(x1), xp.isinf(x2))  # beside NaN too
        return xp.where(is_infinite, math.inf, y)

    def gradient(self, xp, gy, x1, x2, y):
        y = xp.where(y == 0, 1.0, y)
        return gy * (x1 / y), gy * (x2 / y)


@function_of(Hypot)
def hypot(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Compute the length of the hypotenuse, the root of x1**2 + x2**2.

    No square overflows or underflows. The gradient at the origin is 0.

    Args:
        x1, x2: arrays whose shapes broadcast; integers become floats.

    Returns:
        The lengths, of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.hypot([3.0, 1e30], [4.0, 0.0])
        Variable([5.e+00, 1.e+30], dtype=float32)
    """
    return Hypot()(x1, x2)

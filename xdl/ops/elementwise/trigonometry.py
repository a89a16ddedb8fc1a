"""Trigonometric and hyperbolic functions and their inverses."""

from xdl.backend.squares import hypot
from xdl.core.case import BadCase, Case
from xdl.core.op import Op
from xdl.errors import ShapeError

_ONE = (Case([(2, 3)]), Case([()]), Case([(3, 0, 2)]))
_INSIDE = (
    Case([(2, 3)], low=-0.9, high=0.9),
    Case([()], low=-0.9, high=0.9),
    Case([(3, 0, 2)]),
    Case([[-1.0, 0.0, 1.0]], smooth=False),
)


class Sin(Op):
    """Take the sine of every element, an angle in radians.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The sines, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.sin([0.0, 1.0]).numpy().round(4)
        array([0.    , 0.8415], dtype=float32)
    """

    onnx = "Sin"
    cases = _ONE
    floating = True

    def compute(self, xp, x):
        return xp.sin(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.cos(x),)


class Cos(Op):
    """Take the cosine of every element, an angle in radians.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The cosines, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.cos([0.0, 1.0]).numpy().round(4)
        array([1.    , 0.5403], dtype=float32)
    """

    onnx = "Cos"
    cases = _ONE
    floating = True

    def compute(self, xp, x):
        return xp.cos(x)

    def gradient(self, xp, gy, x):
        return (-gy * xp.sin(x),)


class Tan(Op):
    """Take the tangent of every element, an angle in radians.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The tangents.

    Example:
        >>> import xdl
        >>> xdl.tan([0.0, 1.0]).numpy().round(4)
        array([0.    , 1.5574], dtype=float32)
    """

    onnx = "Tan"
    cases = tuple(case._replace(low=-1.4, high=1.4) for case in _ONE)
    floating = True

    def compute(self, xp, x):
        return xp.tan(x)

    def gradient(self, xp, gy, y):
        return (gy * (1 + y * y),)


class Asin(Op):
    """Take the inverse sine; outside [-1, 1] it is NaN.

    The gradient at -1 and 1 is infinite.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The angles in radians, in [-pi/2, pi/2].

    Example:
        >>> import xdl
        >>> xdl.asin([0.0, 1.0, 2.0]).numpy().round(4)
        array([0.    , 1.5708,    nan], dtype=float32)
    """

    onnx = "Asin"
    cases = _INSIDE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.asin(x)

    def gradient(self, xp, gy, x):
        return (gy / xp.sqrt(1 - x * x),)


class Acos(Op):
    """Take the inverse cosine; outside [-1, 1] it is NaN.

    The gradient at -1 and 1 is infinite.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The angles in radians, in [0, pi].

    Example:
        >>> import xdl
        >>> xdl.acos([0.0, 1.0, 2.0]).numpy().round(4)
        array([1.5708, 0.    ,    nan], dtype=float32)
    """

    onnx = "Acos"
    cases = _INSIDE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.acos(x)

    def gradient(self, xp, gy, x):
        return (-gy / xp.sqrt(1 - x * x),)


class Atan(Op):
    """Take the inverse tangent of every element.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The angles in radians, in [-pi/2, pi/2].

    Example:
        >>> import xdl
        >>> xdl.atan([0.0, 1.0]).numpy().round(4)
        array([0.    , 0.7854], dtype=float32)
    """

    onnx = "Atan"
    cases = _ONE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.atan(x)

    def gradient(self, xp, gy, x):
        return (gy / (1 + x * x),)


class Atan2(Op):
    """Take the angle of the point (x2, x1), in the right quadrant.

    The gradient at the origin is 0, as in PyTorch.

    Args:
        x1: the ordinates; integers become floats.
        x2: the abscissas, whose shape broadcasts with that of ``x1``.

    Returns:
        The angles in radians, in [-pi, pi], of the broadcast shape.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.atan2([0.0, 1.0], [-1.0, 0.0]).numpy().round(4)
        array([3.1416, 1.5708], dtype=float32)
    """

    cases = (
        Case([(2, 3), (2, 3)], low=0.2),
        Case([(3, 1), (1, 4)], low=0.2),
        Case([(), (2, 3)], low=0.2),
        Case([(0, 3), (3,)]),
        Case([[0.0, 0.0, 3.0], [-2.0, 0.0, 4.0]], smooth=False),
        BadCase([(2, 3), (4,)], ShapeError, "do not broadcast"),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x1, x2):
        return xp.atan2(x1, x2)

    def gradient(self, xp, gy, x1, x2):
        length = hypot(xp, x1, x2)
        length = xp.where(length == 0, 1.0, length)
        gy = gy / length
        return gy * (x2 / length), -gy * (x1 / length)


class Sinh(Op):
    """Take the hyperbolic sine; overflow gives an infinity.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``(exp(x) - exp(-x)) / 2``.

    Example:
        >>> import xdl
        >>> xdl.sinh([0.0, 1.0]).numpy().round(4)
        array([0.    , 1.1752], dtype=float32)
    """

    onnx = "Sinh"
    cases = _ONE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.sinh(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.cosh(x),)


class Cosh(Op):
    """Take the hyperbolic cosine; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``(exp(x) + exp(-x)) / 2``.

    Example:
        >>> import xdl
        >>> xdl.cosh([0.0, 1.0]).numpy().round(4)
        array([1.    , 1.5431], dtype=float32)
    """

    onnx = "Cosh"
    cases = _ONE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.cosh(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.sinh(x),)


class Asinh(Op):
    """Take the inverse hyperbolic sine of every element.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(x + sqrt(x * x + 1))``.

    Example:
        >>> import xdl
        >>> xdl.asinh([0.0, 1.0]).numpy().round(4)
        array([0.    , 0.8814], dtype=float32)
    """

    onnx = "Asinh"
    cases = _ONE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.asinh(x)

    def gradient(self, xp, gy, x):
        return (gy / hypot(xp, x, 1.0),)


class Acosh(Op):
    """Take the inverse hyperbolic cosine; below 1 it is NaN.

    The gradient at 1 is infinite.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(x + sqrt(x * x - 1))``.

    Example:
        >>> import xdl
        >>> xdl.acosh([1.0, 2.0, 0.0]).numpy().round(4)
        array([0.   , 1.317,   nan], dtype=float32)
    """

    onnx = "Acosh"
    cases = (
        Case([(2, 3)], low=1.2, high=4),
        Case([()], low=1.2, high=4),
        Case([(3, 0, 2)]),
        Case([[1.0, 2.0]], smooth=False),
    )
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.acosh(x)

    def gradient(self, xp, gy, x):
        x = xp.abs(x)  # as PyTorch, which has a gradient below -1 too
        return (gy / xp.sqrt(x - 1) / xp.sqrt(x + 1),)  # not inf * 0 in the next


class Atanh(Op):
    """Take the inverse hyperbolic tangent; outside [-1, 1] it is NaN.

    The value at -1 and 1 is infinite, and so is the gradient.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln((1 + x) / (1 - x)) / 2``.

    Example:
        >>> import xdl
        >>> xdl.atanh([0.0, 0.5, 1.0]).numpy().round(4)
        array([0.    , 0.5493,    inf], dtype=float32)
    """

    onnx = "Atanh"
    cases = _INSIDE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.atanh(x)

    def gradient(self, xp, gy, x):
        return (gy / (1 - x * x),)


sin = Sin()
cos = Cos()
tan = Tan()
asin = Asin()
acos = Acos()
atan = Atan()
atan2 = Atan2()
sinh = Sinh()
cosh = Cosh()
asinh = Asinh()
acosh = Acosh()
atanh = Atanh()

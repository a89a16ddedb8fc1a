"""Elementary functions: roots, exponentials, logarithms, tanh."""

from xdl.core.case import Case
from xdl.core.op import Op

_ONE = (Case([(2, 3)]), Case([()]), Case([(3, 0, 2)]))
_POSITIVE = (
    Case([(2, 3)], low=0.1, high=4),
    Case([()], low=0.1, high=4),
    Case([(3, 0, 2)]),
)


class Sqrt(Op):
    """Take the square root; a negative element gives NaN, the gradient at 0 is inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        The square roots.

    Example:
        >>> import xdl
        >>> xdl.sqrt([4.0, 0.25])
        Variable([2. , 0.5], dtype=float32)
    """

    onnx = "Sqrt"
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.sqrt(x)

    def gradient(self, xp, gy, y):
        return (gy / (2 * y),)


class Reciprocal(Op):
    """Compute 1 / x; 0 gives an infinity.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``1 / x``.

    Example:
        >>> import xdl
        >>> xdl.reciprocal([4.0, 0.5])
        Variable([0.25, 2.  ], dtype=float32)
    """

    onnx = "Reciprocal"
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return 1 / x

    def gradient(self, xp, gy, y):
        return (-gy * y * y,)


class Exp(Op):
    """Compute e to the power of every element; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``exp(x)``.

    Example:
        >>> import xdl
        >>> xdl.exp([0.0, 1.0]).numpy().round(4)
        array([1.    , 2.7183], dtype=float32)
    """

    onnx = "Exp"
    cases = _ONE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.exp(x)

    def gradient(self, xp, gy, y):
        return (gy * y,)


class Expm1(Op):
    """Compute exp(x) - 1, precise for small x; overflow gives inf.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``exp(x) - 1``.

    Example:
        >>> import xdl
        >>> float(xdl.expm1(1e-10)) == float(xdl.Variable(1e-10))
        True
    """

    cases = _ONE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.expm1(x)

    def gradient(self, xp, gy, x):
        return (gy * xp.exp(x),)  # y + 1 would cancel


class Log(Op):
    """Take the natural logarithm; 0 gives -inf, a negative element NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(x)``.

    Example:
        >>> import xdl
        >>> xdl.log([1.0, 0.0])
        Variable([  0., -inf], dtype=float32)
    """

    onnx = "Log"
    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.log(x)

    def gradient(self, xp, gy, x):
        return (gy / x,)


class Log1p(Op):
    """Compute ln(1 + x), precise for small x; -1 gives -inf, less gives NaN.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``ln(1 + x)``.

    Example:
        >>> import xdl
        >>> float(xdl.log1p(1e-10)) == float(xdl.Variable(1e-10))
        True
    """

    cases = _POSITIVE
    floating = True
    is_singular = True

    def compute(self, xp, x):
        return xp.log1p(x)

    def gradient(self, xp, gy, x):
        return (gy / (1 + x),)


class Tanh(Op):
    """Take the hyperbolic tangent of every element.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        ``tanh(x)``, in [-1, 1].

    Example:
        >>> import xdl
        >>> xdl.tanh([0.0, 100.0])
        Variable([0., 1.], dtype=float32)
    """

    onnx = "Tanh"
    cases = _ONE
    floating = True

    def compute(self, xp, x):
        return xp.tanh(x)

    def gradient(self, xp, gy, y):
        return (gy * (1 - y * y),)


sqrt = Sqrt()
reciprocal = Reciprocal()
exp = Exp()
expm1 = Expm1()
log = Log()
log1p = Log1p()
tanh = Tanh()

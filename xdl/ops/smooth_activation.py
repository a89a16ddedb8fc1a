"""Activations that are smooth everywhere, and the gated linear unit.

Where a gradient is built from several arrays, those that were just made are changed in
place: each new array of a large layer costs as much as two operations on it.
"""

import math

from xdl.core.case import BadCase, Case, Onnx
from xdl.core.op import Op, function_of
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import one_axis

_ONE = (Case([(2, 3)]), Case([()]), Case([(3, 0, 2)]))
_FAR = Case([(5,)], low=-90, high=90)
_ROOT = math.sqrt(2 / math.pi)
_CUBIC = 0.044715


def _sigmoid(xp, x):
    s = xp.tanh(0.5 * x)
    s *= 0.5
    s += 0.5
    return s


class GELU(Op):
    """Multiply every element by the probability that a normal variate is less.

    With ``approximate="none"`` that is x (1 + erf(x / sqrt(2))) / 2; with ``"tanh"``,
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x**3))) / 2, which is faster.

    Args:
        x: an array of any shape; integers become floats.
        approximate: "none" (default) or "tanh".

    Returns:
        An array of the same shape.

    Raises:
        ArgumentError: ``approximate`` is something else.

    Example:
        >>> import xdl
        >>> xdl.gelu([-1.0, 0.0, 1.0], approximate="tanh").numpy().round(4)
        array([-0.1588,  0.    ,  0.8412], dtype=float32)

    Reference: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """

    onnx = Onnx("Gelu", {"approximate": "approximate"})
    cases = (
        *_ONE,
        Case([(2, 3)], {"approximate": "tanh"}),
        Case([()], {"approximate": "tanh"}),
        Case([(5,)], {"approximate": "tanh"}, low=-90, high=90),
        _FAR,
        BadCase([(2,)], ArgumentError, "'sigmoid'", {"approximate": "sigmoid"}),
    )
    floating = True
    residuals = ("bend",)

    def __init__(self, approximate="none"):
        if approximate not in ("none", "tanh"):
            raise ArgumentError(
                f"GELU: approximate {approximate!r} came, needed 'none' or 'tanh'"
            )
        self.approximate = approximate

    def flops(self, y_shape, x_shape):
        return 10 * math.prod(y_shape)

    def compute(self, xp, x):
        if self.approximate == "tanh":
            inner = x * x
            inner *= _CUBIC * _ROOT
            inner += _ROOT
            inner *= x
            bend = xp.tanh(inner)
        else:
            bend = xp.erf(x * math.sqrt(0.5))
        y = bend + 1
        y *= x
        y *= 0.5
        return y, bend

    def gradient(self, xp, gy, x, bend):
        slope = x * x
        if self.approximate == "tanh":
            slope *= 1.5 * _CUBIC * _ROOT
            slope += 0.5 * _ROOT
            slope *= 1 - bend * bend
        else:
            slope = xp.exp(slope * -0.5)
            slope *= 1 / math.sqrt(2 * math.pi)
        slope *= x
        slope += 0.5 * bend
        slope += 0.5
        slope *= gy
        return (slope,)


class SiLU(Op):
    """Multiply every element by its sigmoid: x / (1 + exp(-x)).

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        An array of the same shape.

    Example:
        >>> import xdl
        >>> xdl.silu([-1.0, 0.0, 1.0]).numpy().round(4)
        array([-0.2689,  0.    ,  0.7311], dtype=float32)

    Reference: Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units for Neural
    Network Function Approximation in Reinforcement Learning", 2018, eq. 9.
    """

    cases = (*_ONE, _FAR)
    floating = True
    residuals = ("s",)

    def compute(self, xp, x):
        s = _sigmoid(xp, x)
        return x * s, s

    def gradient(self, xp, gy, x, s):
        slope = 1 - s
        slope *= x
        slope += 1
        slope *= s
        slope *= gy
        return (slope,)

    def to_onnx(self, graph, x):
        return graph.add("Mul", x, graph.add("Sigmoid", x))


class Mish(Op):
    """Multiply every element by the tanh of its softplus: x tanh(ln(1 + exp(x))).

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        An array of the same shape.

    Example:
        >>> import xdl
        >>> xdl.mish([-1.0, 0.0, 1.0]).numpy().round(4)
        array([-0.3034,  0.    ,  0.8651], dtype=float32)

    Reference: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function",
    2019, eq. 1.
    """

    onnx = "Mish"
    cases = (*_ONE, _FAR)
    floating = True

    def compute(self, xp, x):
        return x * xp.tanh(_softplus(xp, x))

    def gradient(self, xp, gy, x):
        bend = xp.tanh(_softplus(xp, x))
        slope = 1 - bend * bend
        slope *= _sigmoid(xp, x)
        slope *= x
        slope += bend
        slope *= gy
        return (slope,)


class Softplus(Op):
    """Compute ln(1 + exp(beta x)) / beta, a smooth form of the rectifier.

    It never overflows.

    Args:
        x: an array of any shape; integers become floats.
        beta: how sharp the bend is, > 0; default 1.

    Returns:
        Positive values of the same shape.

    Raises:
        ArgumentError: ``beta`` is not positive.

    Example:
        >>> import xdl
        >>> xdl.softplus([-1000.0, 0.0, 1000.0]).numpy().round(4)
        array([0.000e+00, 6.931e-01, 1.000e+03], dtype=float32)

    Reference: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better
    Option Pricing", 2001, section 3.
    """

    cases = (
        *_ONE,
        _FAR,
        Case([(2, 3)], {"beta": 2.5}),
        BadCase([(2,)], ArgumentError, "beta 0 came", {"beta": 0}),
    )
    floating = True

    def __init__(self, beta=1.0):
        if not beta > 0:
            raise ArgumentError(f"Softplus: beta {beta} came, needed > 0")
        self.beta = float(beta)

    def compute(self, xp, x):
        return _softplus(xp, x * self.beta) * (1 / self.beta)

    def gradient(self, xp, gy, y):
        return (gy * -xp.expm1(y * -self.beta),)

    def to_onnx(self, graph, x):
        if self.beta == 1:
            return graph.add("Softplus", x)
        beta = graph.number(self.beta, x)
        return graph.add("Div", graph.add("Softplus", graph.add("Mul", x, beta)), beta)


def _softplus(xp, x):
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


class Softsign(Op):
    """Squash every element into (-1, 1): x / (1 + abs(x)).

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        An array of the same shape.

    Example:
        >>> import xdl
        >>> xdl.softsign([-3.0, 0.0, 1.0])
        Variable([-0.75,  0.  ,  0.5 ], dtype=float32)

    Reference: Glorot and Bengio, "Understanding the Difficulty of Training Deep
    Feedforward Neural Networks", 2010, section 3.1.
    """

    onnx = "Softsign"
    cases = (*_ONE, _FAR)
    floating = True

    def compute(self, xp, x):
        return x / (1 + xp.abs(x))

    def gradient(self, xp, gy, x):
        d = 1 + xp.abs(x)
        return (gy / (d * d),)


class GLU(Op):
    """Multiply one half of an axis by the sigmoid of the other half.

    Args:
        x: an array (..., 2 k, ...); integers become floats.
        axis: the axis that is halved, an int; default: the last.

    Returns:
        An array (..., k, ...): ``first * sigmoid(second)``.

    Raises:
        ShapeError: there is no such axis, or its length is odd.

    Example:
        >>> import xdl
        >>> xdl.glu([3.0, 5.0, 0.0, 100.0])
        Variable([1.5, 5. ], dtype=float32)

    Reference: Dauphin et al., "Language Modeling with Gated Convolutional Networks",
    2017, eq. 1.
    """

    cases = (
        Case([(2, 4)]),
        Case([(4, 3)], {"axis": 0}),
        Case([(2, 6, 3)], {"axis": -2}),
        Case([(0, 4)]),
        BadCase([(2, 3)], ShapeError, "length 3, needed an even one"),
        BadCase([(2, 4)], ShapeError, "axis 2 came", {"axis": 2}),
    )
    floating = True

    def __init__(self, axis=-1):
        self.axis = axis

    def shape(self, x_shape):
        axis = one_axis(self, len(x_shape), self.axis)
        length = x_shape[axis]
        if length % 2:
            raise ShapeError(f"{self}: length {length}, needed an even one")
        return (*x_shape[:axis], length // 2, *x_shape[axis + 1 :])

    def flops(self, y_shape, x_shape):
        return 4 * math.prod(y_shape)

    def compute(self, xp, x):
        first, second = self._halves(xp, x)
        return first * _sigmoid(xp, second)

    def gradient(self, xp, gy, x):
        first, second = self._halves(xp, x)
        s = _sigmoid(xp, second)
        gated = gy * s
        return (xp.concat([gated, gated * first * (1 - s)], axis=self.axis),)

    def _halves(self, xp, x):
        axis = one_axis(self, x.ndim, self.axis)
        half = self.shape(x.shape)[axis]
        before = (slice(None),) * axis
        return (
            xp.getitem(x, (*before, slice(None, half))),
            xp.getitem(x, (*before, slice(half, None))),
        )


silu = SiLU()
mish = Mish()
softsign = Softsign()


@function_of(GELU)
def gelu(x, approximate="none"):
    return _gelu[approximate](x) if approximate in _gelu else GELU(approximate)(x)


@function_of(Softplus)
def softplus(x, beta=1.0):
    return Softplus(beta)(x)


@function_of(GLU)
def glu(x, axis=-1):
    return GLU(axis)(x)


_gelu = {name: GELU(name) for name in ("none", "tanh")}

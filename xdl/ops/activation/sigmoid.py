"""The sigmoid, and what is multiplied by it.

Where a gradient is built from several arrays, those that were just made are changed in
place: each new array of a large layer costs as much as two operations on it.
"""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Counterpart, unary_cases
from xdl.core.elementwise import Unary
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.axes import one_axis
from xdl.ops.elementwise import logistic
from xdl.ops.elementwise.selection import where
from xdl.typing import ArrayLike

_FAR = Case([(5,)], low=-90, high=90)


class Sigmoid(Unary):
    reference = "scipy.special.expit"
    onnx = "Sigmoid"
    cases = (*unary_cases(), Case([(5,)], low=-90, high=90))
    floating = True
    residuals = ("less",)  # the lesser of sigmoid(x) and sigmoid(-x)

    def compute(self, xp, x):
        less = xp.exp(-xp.abs(x))
        less /= less + 1
        return xp.maximum(less, xp.sign(x) - less), less

    def gradient(self, xp, gy, x, less):
        slope = less - less * less  # y - y * y would cancel
        slope *= gy
        return (slope,)

    def rewrap(self, node, wrap):
        x = wrap(node.kept[0], node.inputs[0])
        # Chosen: the third derivative of what is made of abs(x) is wrong at 0.
        return [x, where(x >= 0, sigmoid(-x), sigmoid(x))]


@function_of(Sigmoid)
def sigmoid(x: ArrayLike) -> Variable:
    """Squash every element into (0, 1): 1 / (1 + exp(-x)).

    Value and gradient hold in both tails, down to the smallest numbers of the dtype.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        Values from 0 to 1 of the same shape.

    Example:
        >>> import xdl
        >>> xdl.sigmoid([-1000.0, 0.0, 1000.0])
        Variable([0. , 0.5, 1. ], dtype=float32)
        >>> round(xdl.sigmoid(-20.0).item() * 1e9, 3)
        2.061
    """
    return Sigmoid()(x)


class LogSigmoid(Unary):
    reference = "scipy.special.log_expit"
    torch = "nn.functional.logsigmoid"
    cases = (
        *unary_cases(),
        _FAR,
        Case([[-90.0, 0.0, 50.0]], gradients=[[1.0, 0.5, math.exp(-50.0)]]),
    )
    floating = True

    def compute(self, xp, x):
        return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))

    def gradient(self, xp, gy, x):
        return (gy * logistic.sigmoid(xp, -x),)  # 1 - sigmoid(x) would cancel

    def to_onnx(self, graph, x):
        return graph.add("Neg", graph.add("Softplus", graph.add("Neg", x)))


@function_of(LogSigmoid)
def log_sigmoid(x: ArrayLike) -> Variable:
    """Compute the logarithm of the sigmoid: -ln(1 + exp(-x)).

    It stays finite where the sigmoid itself would be 0.

    Args:
        x: an array of any shape; integers become floats.

    Returns:
        Values below 0 of the same shape.

    Example:
        >>> import xdl
        >>> xdl.log_sigmoid([-1000.0, 0.0]).numpy().round(4)
        array([-1.0000e+03, -6.9310e-01], dtype=float32)
    """
    return LogSigmoid()(x)


class SiLU(Unary):
    torch = "nn.functional.silu"
    cases = (*unary_cases(), _FAR)
    floating = True
    is_chain = True
    residuals = ("z", "rest")  # whose product is exp(x)

    def compute(self, xp, x):
        z, rest = logistic.exp_in_two(xp, x)
        y = z / (z + 1)
        y *= x
        y *= rest
        return y, z, rest

    def gradient(self, xp, gy, x, z, rest):
        d = z + 1
        slope = xp.minimum(x, logistic.FLAT) / d  # x (1 - sigmoid(x))
        slope += 1
        slope *= z
        slope /= d
        slope *= rest
        slope *= gy
        return (slope,)

    def to_onnx(self, graph, x):
        return graph.add("Mul", x, graph.add("Sigmoid", x))


@function_of(SiLU)
def silu(x: ArrayLike) -> Variable:
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
    return SiLU()(x)


class GLU(Op):
    torch = Counterpart("nn.functional.glu", {"dim": "axis"})
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
        return first * logistic.sigmoid(xp, second)

    def gradient(self, xp, gy, x):
        first, second = self._halves(xp, x)
        gated = gy * logistic.sigmoid(xp, second)
        bent = gated * logistic.sigmoid(xp, -second)  # 1 - sigmoid(x) would cancel
        bent *= first
        return (xp.concat([gated, bent], axis=self.axis),)

    def _halves(self, xp, x):
        axis = one_axis(self, x.ndim, self.axis)
        half = self.shape(x.shape)[axis]
        before = (slice(None),) * axis
        return (
            xp.getitem(x, (*before, slice(None, half))),
            xp.getitem(x, (*before, slice(half, None))),
        )


@function_of(GLU)
def glu(x: ArrayLike, axis: int = -1) -> Variable:
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
    return GLU(axis)(x)

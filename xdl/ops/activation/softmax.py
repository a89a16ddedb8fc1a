"""The softmax, and its logarithm."""

from __future__ import annotations

from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.axes import axis_shape
from xdl.typing import ArrayLike

_ROWS = (
    Case([(2, 3)]),
    Case([(4,)]),
    Case([(2, 3, 4)], {"axis": 1}),
    Case([(2, 3)], {"axis": 0}),
    Case([(0, 4)]),
)
_FAR = [[[1e4, -1e4], [1000.0, 1000.0]]]
_REFUSED = (
    BadCase([(2, 3)], ShapeError, "axis 2", {"axis": 2}),
    BadCase([(2, 0)], ShapeError, "is empty"),
)


class Softmax(Op):
    reference = Counterpart("scipy.special.softmax", defaults={"axis": -1})
    torch = Counterpart("softmax", {"dim": "axis"}, {"dim": -1})
    onnx = Onnx("Softmax", {"axis": "axis"})
    cases = (*_ROWS, Case(_FAR, gradients=[[[0.0, 0.0], [0.0, 0.0]]]), *_REFUSED)
    floating = True

    def __init__(self, axis=-1):
        self.axis = axis

    def shape(self, x_shape):
        return axis_shape(self, x_shape, self.axis)

    def compute(self, xp, x):
        if self._is_fused(xp, x):
            return xp.fused.softmax(x)
        e = xp.exp(x - xp.max(x, axis=self.axis, keepdims=True))
        return e / xp.sum(e, axis=self.axis, keepdims=True)

    def gradient(self, xp, gy, y):
        if self._is_fused(xp, y):
            return (xp.fused.softmax_gradient(gy, y),)
        gx = gy * y
        return (gx - y * xp.sum(gx, axis=self.axis, keepdims=True),)

    def _is_fused(self, xp, x):
        if xp.fused is None or self.axis not in (-1, x.ndim - 1):
            return False
        return xp.fused.takes_rows(x)


@function_of(Softmax)
def softmax(x: ArrayLike, axis: int = -1) -> Variable:
    """Turn scores into probabilities along an axis: exp(x) / sum(exp(x)).

    The largest score is subtracted first, so that no exponential overflows.

    Args:
        x: an array of one axis or more; integers become floats.
        axis: the axis that sums to 1, an int; default: the last.

    Returns:
        Probabilities, of the shape of ``x``.

    Raises:
        ShapeError: there is no such axis, or it is empty.

    Example:
        >>> import xdl
        >>> xdl.softmax([[1000.0, 1000.0], [0.0, -1000.0]])
        Variable([[0.5, 0.5],
                  [1. , 0. ]], dtype=float32)

    Reference: Bridle, "Probabilistic Interpretation of Feedforward Classification
    Network Outputs", 1990.
    """
    return Softmax(axis)(x)


class LogSoftmax(Op):
    torch = Counterpart("log_softmax", {"dim": "axis"}, {"dim": -1})
    onnx = Onnx("LogSoftmax", {"axis": "axis"})
    cases = (*_ROWS, Case(_FAR, gradients=[[[-1.0, 1.0], [0.0, 0.0]]]), *_REFUSED)
    floating = True

    def __init__(self, axis=-1):
        self.axis = axis

    def shape(self, x_shape):
        return axis_shape(self, x_shape, self.axis)

    def compute(self, xp, x):
        z = x - xp.max(x, axis=self.axis, keepdims=True)
        return z - xp.log(xp.sum(xp.exp(z), axis=self.axis, keepdims=True))

    def gradient(self, xp, gy, y):
        return (gy - xp.exp(y) * xp.sum(gy, axis=self.axis, keepdims=True),)


@function_of(LogSoftmax)
def log_softmax(x: ArrayLike, axis: int = -1) -> Variable:
    """Compute the logarithm of the softmax along an axis: x - ln(sum(exp(x))).

    It stays finite where the softmax itself would be 0.

    Args:
        x: an array of one axis or more; integers become floats.
        axis: an int; default: the last.

    Returns:
        Log-probabilities, of the shape of ``x``.

    Raises:
        ShapeError: there is no such axis, or it is empty.

    Example:
        >>> import xdl
        >>> xdl.log_softmax([0.0, -1000.0])
        Variable([    0., -1000.], dtype=float32)
    """
    return LogSoftmax(axis)(x)

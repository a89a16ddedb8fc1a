"""Activations: what stands between two linear layers."""

from xdl.core.case import BadCase, Case, Onnx
from xdl.core.op import Op, function_of
from xdl.errors import ShapeError
from xdl.ops.axes import axis_shape
from xdl.ops.elementwise.selection import where

_ONE = (Case([(2, 3)]), Case([()]), Case([(3, 0, 2)]))
_ROWS = (
    Case([(2, 3)]),
    Case([(4,)]),
    Case([(2, 3, 4)], {"axis": 1}),
    Case([(2, 3)], {"axis": 0}),
    Case([(0, 4)]),
    Case([[[1e4, -1e4], [1000.0, 1000.0]]], smooth=False),
    BadCase([(2, 3)], ShapeError, "axis 2", {"axis": 2}),
    BadCase([(2, 0)], ShapeError, "is empty"),
)


class Relu(Op):
    """Set every negative element to 0; the gradient at 0 is 0.

    Args:
        x: an array of any shape.

    Returns:
        ``max(x, 0)``; NaN stays NaN, and passes the gradient.

    Example:
        >>> import xdl
        >>> xdl.relu([-1.0, 0.0, 2.0])
        Variable([0., 0., 2.], dtype=float32)

    Reference: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann
    Machines", 2010.
    """

    onnx = "Relu"
    cases = (*_ONE, Case([[-1.0, 0.0, 2.0]], smooth=False))

    def compute(self, xp, x):
        return xp.maximum(x, 0)

    def gradient(self, xp, gy, y):
        return (xp.zero_unless(y != 0, gy),)


class Sigmoid(Op):
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

    onnx = "Sigmoid"
    cases = (*_ONE, Case([(5,)], low=-90, high=90))
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


class Softmax(Op):
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

    onnx = Onnx("Softmax", {"axis": "axis"})
    cases = _ROWS
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


class LogSoftmax(Op):
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

    onnx = Onnx("LogSoftmax", {"axis": "axis"})
    cases = _ROWS
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


relu = Relu()
sigmoid = Sigmoid()


@function_of(Softmax)
def softmax(x, axis=-1):
    return Softmax(axis)(x)


@function_of(LogSoftmax)
def log_softmax(x, axis=-1):
    return LogSoftmax(axis)(x)

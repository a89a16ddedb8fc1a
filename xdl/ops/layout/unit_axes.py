"""Axes of length 1: removing and inserting them."""

from __future__ import annotations

from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_axes, as_axis, is_of_number, positive_axes
from xdl.typing import ArrayLike, Axes, Shape


class Squeeze(Op):
    torch = Counterpart(
        "squeeze", {"dim": "axis"}, samples=("squeeze", "squeeze:multiple")
    )
    moves = True
    onnx = Onnx("Squeeze", inputs=("axis",))
    cases = (
        Case([(2, 1, 1)]),
        Case([(2, 1, 1)], {"axis": 1}),
        Case([(1, 2, 1)], {"axis": (0, -1)}),
        Case([()], {"axis": 0}),
        BadCase([(2, 3)], ShapeError, "length 3", {"axis": 1}),
        BadCase([()], ShapeError, "axis 1 came", {"axis": 1}),
    )

    def __init__(self, axis=None):
        self.axis = as_axes("Squeeze", axis)

    def shape(self, x_shape):
        axes = [i for i, n in enumerate(x_shape) if n == 1]
        if self.axis is not None:
            axes = self._axes(len(x_shape))
        for axis in axes:
            if x_shape[axis] != 1:
                raise ShapeError(
                    f"{self}: axis {axis} of {x_shape} has length {x_shape[axis]}"
                )
        return tuple(n for i, n in enumerate(x_shape) if i not in axes)

    def _axes(self, ndim):
        if is_of_number(ndim, self.axis):
            return ()
        return positive_axes(self, ndim, self.axis)

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        return xp.reshape(x, self.shape(x.shape))

    def gradient(self, xp, gy, x_shape):
        return (xp.reshape(gy, x_shape),)

    def to_onnx(self, graph, x):
        if not graph.shape(x):
            return graph.add("Identity", x)
        return super().to_onnx(graph, x)


class ExpandDims(Op):
    torch = Counterpart("unsqueeze", {"dim": "axis"})
    moves = True
    onnx = Onnx("Unsqueeze", inputs=("axis",))
    cases = (
        Case([(2, 3)], {"axis": 0}),
        Case([(2, 3)], {"axis": -1}),
        Case([()], {"axis": 0}),
        Case([(2, 3)], {"axis": (0, -2)}),
        Case([(2, 3)], {"axis": (-1, 1)}),
        Case([(2, 3)], {"axis": ()}),
        BadCase([(2, 3)], ShapeError, "axis 4 came", {"axis": 4}),
        BadCase([(2, 3)], ShapeError, "name one axis twice", {"axis": (0, -4)}),
        BadCase([(2, 3)], ArgumentError, "axis None came", {"axis": None}),
    )

    def __init__(self, axis=0):
        known = as_axes("ExpandDims", axis)
        self.axis = as_axis("ExpandDims", axis) if known is None else known

    def shape(self, x_shape):
        added = 1 if isinstance(self.axis, int) else len(self.axis)
        ndim = len(x_shape) + added
        axes, lengths = positive_axes(self, ndim, self.axis), iter(x_shape)
        return tuple(1 if i in axes else next(lengths) for i in range(ndim))

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        return xp.reshape(x, self.shape(x.shape))

    def gradient(self, xp, gy, x_shape):
        return (xp.reshape(gy, x_shape),)


@function_of(Squeeze)
def squeeze(x: ArrayLike, axis: Axes = None) -> Variable:
    """Remove axes of length 1.

    Args:
        x: an array of any shape.
        axis: an int, a tuple of ints, or None: all axes of length 1.

    Returns:
        The elements without these axes.

    Raises:
        ShapeError: an axis has another length or does not exist.

    Example:
        >>> import xdl
        >>> xdl.squeeze([[1.0], [2.0]], 1)
        Variable([1., 2.], dtype=float32)
    """
    return Squeeze(axis)(x)


@function_of(ExpandDims)
def expand_dims(x: ArrayLike, axis: Shape = 0) -> Variable:
    """Insert axes of length 1.

    Args:
        x: an array of any shape.
        axis: where the new axis stands in the result, an int, or a tuple of ints for
            several; default 0.

    Returns:
        The elements with these axes.

    Raises:
        ShapeError: there is no such place, or one is named twice.
        ArgumentError: ``axis`` is something else.

    Example:
        >>> import xdl
        >>> xdl.expand_dims([1.0, 2.0], -1).shape
        (2, 1)
    """
    return ExpandDims(axis)(x)

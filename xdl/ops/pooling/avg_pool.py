"""Pooling by the mean of each window of an image."""

from __future__ import annotations

import functools
import math
import operator

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.windows import (
    applied,
    as_images,
    as_sequences,
    images_last,
    padded,
)
from xdl.ops.pooling.windows import Pooling, SequencePooling, Unpooling
from xdl.typing import ArrayLike, Shape


class AvgPool2d(Pooling):
    torch = Counterpart("nn.functional.avg_pool2d", {"kernel_size": "window"})
    floating = True
    cases = (
        Case([(2, 3, 4, 6)], {"window": 2}),
        Case([(2, 2, 5, 5)], {"window": (3, 2), "stride": 1}),
        Case([(1, 2, 5, 6)], {"window": 3, "stride": 2, "padding": 1}),
        Case([(0, 2, 4, 4)], {"window": 2}),
        BadCase([(1, 1, 2, 2)], ShapeError, "does not fit", {"window": 3}),
        BadCase([(1, 4, 4)], ShapeError, "x (1, 4, 4)", {"window": 2}),
        BadCase(
            [(1, 1, 4, 4)], ArgumentError, "padding -1", {"window": 2, "padding": -1}
        ),
    )

    def __init__(self, window, stride=None, padding=0):
        self._set(window, stride, padding)

    def shape(self, x_shape):
        return self._pooled_shape(x_shape)

    def compute(self, xp, x):
        count = self._places(x.shape)
        x = padded(xp, x, self.padding)
        at = self._shifts(count)
        columns = self.window[1]  # a row of the window first: shorter chains of sums
        rows = (at[i : i + columns] for i in range(0, len(at), columns))
        total = _added(_added(x[i] for i in row) for row in rows)
        return total / math.prod(self.window)

    def gradient(self, xp, gy, x_shape):
        op = AvgUnpool2d(tuple(x_shape[2:]), *self._options)
        return (applied(op, xp, gy),)

    def to_onnx(self, graph, x):
        return graph.add("AveragePool", x, count_include_pad=1, **self._onnx)


@function_of(AvgPool2d)
def avg_pool2d(
    x: ArrayLike, window: Shape, stride: Shape | None = None, padding: Shape = 0
) -> Variable:
    """Take the mean of each window; what is padded counts as zeros.

    Args:
        x: images (n, channels, height, width).
        window: its rows and columns, an int or a pair of ints.
        stride: steps between windows, likewise; default None: that of the window, so
            that the windows do not overlap.
        padding: likewise, at most half of the window; default 0.

    Returns:
        An array (n, channels, rows of windows, columns of windows).

    Raises:
        ShapeError: ``x`` has not 4 axes, or the window is larger than the image.
        ArgumentError: a window or stride below 1, or a padding that does not fit.

    Example:
        >>> import xdl
        >>> xdl.avg_pool2d([[[[1.0, 2.0, 3.0, 0.0]]]], (1, 2))
        Variable([[[[1.5, 1.5]]]], dtype=float32)
    """
    return AvgPool2d(window, stride, padding)(x)


def _added(arrays):
    return functools.reduce(operator.add, arrays)


class AvgUnpool2d(Unpooling):
    """Compute the gradient of ``avg_pool2d``: each number is shared by its window.

    Args:
        size: (height, width) of the images.
        g: an array (n, channels, rows of windows, columns of windows).
        window, stride, padding: as in ``avg_pool2d``.

    Returns:
        An array (n, channels, height, width).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> from xdl.ops.pooling.avg_pool import AvgUnpool2d
        >>> AvgUnpool2d((1, 4), (1, 2))([[[[5.0, 6.0]]]])
        Variable([[[[2.5, 2.5, 3. , 3. ]]]], dtype=float32)
    """

    floating = True
    cases = (
        Case([(2, 3, 2, 3)], {"size": (4, 7), "window": 2}),
        Case(
            [(1, 2, 3, 3)],
            {"size": (5, 6), "window": 3, "stride": 2, "padding": 1},
        ),
        BadCase(
            [(1, 1, 1, 2)],
            ShapeError,
            "g (1, 1, 1, 2)",
            {"size": (4, 4), "window": 2},
        ),
    )

    def __init__(self, size, window, stride=None, padding=0):
        self._set_size(size, window, stride, padding)

    def shape(self, g_shape):
        return self._image_shape(g_shape)

    def compute(self, xp, g):
        self._image_shape(g.shape)
        area = math.prod(self.window)
        return self._given(xp, g, [images_last(xp, g) / area] * area)

    def gradient(self, xp, gy):
        return (applied(AvgPool2d(*self._options), xp, gy),)


class AvgPool1d(SequencePooling):
    torch = Counterpart("nn.functional.avg_pool1d", {"kernel_size": "window"})
    floating = True
    of_images = AvgPool2d
    cases = (
        Case([(2, 3, 6)], {"window": 2}),
        Case([(2, 2, 5)], {"window": 3, "stride": 1}),
        Case([(1, 2, 7)], {"window": 3, "stride": (2,), "padding": 1}),
        Case([(0, 2, 4)], {"window": 2}),
        BadCase([(1, 1, 2)], ShapeError, "sequences (2,)", {"window": 3}),
        BadCase([(1, 4)], ShapeError, "(n, channels, length)", {"window": 2}),
        BadCase([(1, 1, 4)], ArgumentError, "needed an int", {"window": (2, 2)}),
        BadCase(
            [(1, 1, 4)], ArgumentError, "at most half", {"window": 2, "padding": 2}
        ),
    )

    def compute(self, xp, x):
        self.shape(x.shape)
        (y,) = as_sequences(xp, self._of_images.compute(xp, *as_images(xp, x)))
        return y

    def gradient(self, xp, gy, x_shape):
        x_shape = (*x_shape[:2], 1, x_shape[2])
        gx = self._of_images.gradient(xp, *as_images(xp, gy), x_shape)
        return tuple(as_sequences(xp, *gx))

    def to_onnx(self, graph, x):
        return graph.add("AveragePool", x, count_include_pad=1, **self._onnx)


@function_of(AvgPool1d)
def avg_pool1d(
    x: ArrayLike, window: Shape, stride: Shape | None = None, padding: Shape = 0
) -> Variable:
    """Take the mean of each window; what is padded counts as zeros.

    Args:
        x: sequences (n, channels, length).
        window: its width, an int.
        stride: steps between windows; default None: the width, so that the windows do
            not overlap.
        padding: how much is put on each side, at most half of the window; default 0.

    Returns:
        An array (n, channels, windows).

    Raises:
        ShapeError: ``x`` has not 3 axes, or the window is longer than the sequence.
        ArgumentError: a window or stride below 1, or a padding that does not fit.

    Example:
        >>> import xdl
        >>> xdl.avg_pool1d([[[1.0, 2.0, 3.0, 0.0]]], 2)
        Variable([[[1.5, 1.5]]], dtype=float32)
    """
    return AvgPool1d(window, stride, padding)(x)

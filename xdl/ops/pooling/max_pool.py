"""Pooling by the largest element of each window."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.windows import (
    applied,
    as_images,
    as_sequences,
    first_inside,
    images_last,
    lowest,
    padded,
)
from xdl.ops.pooling.windows import Pooling, SequencePooling, Unpooling
from xdl.typing import ArrayLike, Shape


class MaxPool2d(Pooling):
    torch = Counterpart("nn.functional.max_pool2d", {"kernel_size": "window"})
    residuals = ("winners",)
    cases = (
        Case([(2, 3, 4, 6)], {"window": 2}),
        Case([(2, 2, 5, 5)], {"window": (3, 2), "stride": 1}),
        Case([(1, 2, 5, 6)], {"window": 3, "stride": 2, "padding": 1}),
        Case([(0, 2, 4, 4)], {"window": 2}),
        Case([(1, 2, 3, 3)], {"window": 1, "stride": 2}),
        Case([(1, 1, 17, 18)], {"window": 17}),
        Case(
            [[[[[1.0, 2.0, 2.0, 1.0]]]]],
            {"window": (1, 3), "stride": 1},
            gradients=[[[[[0.0, 2.0, 0.0, 0.0]]]]],
        ),
        Case(
            [[[[[-math.inf] * 2] * 2]]],
            {"window": 2, "padding": 1},
            gradients=[[[[[1.0, 1.0], [1.0, 1.0]]]]],
        ),
        BadCase([(1, 1, 2, 2)], ShapeError, "does not fit", {"window": 3}),
        BadCase([(1, 4, 4)], ShapeError, "x (1, 4, 4)", {"window": 2}),
        BadCase([(1, 1, 4, 4)], ArgumentError, "window 0", {"window": 0}),
        BadCase([(1, 1, 4, 4)], ArgumentError, "stride 0", {"window": 2, "stride": 0}),
        BadCase(
            [(1, 1, 4, 4)], ArgumentError, "at most half", {"window": 2, "padding": 2}
        ),
    )

    def __init__(self, window, stride=None, padding=0):
        self._set(window, stride, padding)

    def shape(self, x_shape):
        return self._pooled_shape(x_shape)

    def compute(self, xp, x):
        count = self._places(x.shape)
        if xp.fused is not None and xp.fused.takes(x):
            return xp.fused.max_pool(x, count, self._options, lowest(x.dtype))
        x = padded(xp, x, self.padding, lowest(x.dtype))
        first, *rest = self._shifts(count)
        y, narrow = x[first], math.prod(self.window) <= 256
        dtype = xp.uint8 if narrow else xp.int32
        winners = None
        for k, i in enumerate(rest, 1):
            larger = xp.astype(x[i] > y, dtype)  # later winners have larger numbers
            winners = larger if k == 1 else xp.maximum(winners, larger * k)
            y = xp.maximum(y, x[i])
        if not rest:
            return y + 0, xp.astype(y != y, dtype) * 0
        if any(self.padding):  # of -inf alone the first is largest, which may be padded
            first = xp.astype(first_inside(xp, y, *self._options), dtype)
            winners = winners + xp.astype(y == -math.inf, dtype) * first
        return y, winners

    def gradient(self, xp, gy, winners, x_shape):
        op = MaxUnpool2d(tuple(x_shape[2:]), *self._options)
        return (applied(op, xp, gy, winners),)

    def rewrap(self, node, wrap):
        """Keep the winners: they are integers, without a gradient."""
        return list(node.kept)

    def to_onnx(self, graph, x):
        return graph.add("MaxPool", x, **self._onnx)


@function_of(MaxPool2d)
def max_pool2d(
    x: ArrayLike, window: Shape, stride: Shape | None = None, padding: Shape = 0
) -> Variable:
    """Take the largest element of each window.

    The gradient goes to it, to the first of equal ones, as in PyTorch. What is padded
    is less than any number, -inf too.

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
        >>> xdl.max_pool2d([[[[1.0, 2.0, 3.0, 0.0]]]], (1, 2))
        Variable([[[[2., 3.]]]], dtype=float32)
    """
    return MaxPool2d(window, stride, padding)(x)


class MaxUnpool2d(Unpooling):
    """Compute the gradient of ``max_pool2d``: each number is added to its winner.

    Args:
        size: (height, width) of the images.
        g: an array (n, channels, rows of windows, columns of windows).
        winners: for each, the number of an element of its window.
        window, stride, padding: as in ``max_pool2d``.

    Returns:
        An array (n, channels, height, width).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> from xdl.ops.pooling.max_pool import MaxUnpool2d
        >>> MaxUnpool2d((1, 4), (1, 2))([[[[5.0, 6.0]]]], [[[[1, 0]]]])
        Variable([[[[0., 5., 6., 0.]]]], dtype=float32)
    """

    own_dtype = ("winners",)
    cases = (
        Case([(1, 1, 2, 2), [[[[0, 3], [2, 1]]]]], {"size": (4, 5), "window": 2}),
        Case(
            [(1, 1, 2, 2), [[[[4, 3], [5, 4]]]]],
            {"size": (3, 4), "window": 3, "stride": 2, "padding": 1},
        ),
        BadCase(
            [(1, 1, 1, 2), [[[[0, 0]]]]],
            ShapeError,
            "g (1, 1, 1, 2)",
            {"size": (4, 4), "window": 2},
        ),
    )

    def __init__(self, size, window, stride=None, padding=0):
        self._set_size(size, window, stride, padding)

    def shape(self, g_shape, winners_shape):
        return self._image_shape(g_shape)

    def compute(self, xp, g, winners):
        self._image_shape(g.shape)
        if xp.fused is not None and xp.fused.takes(g):
            return xp.fused.max_unpool(g, winners, self.size, self._options)
        rows = images_last(xp, g)
        winners = images_last(xp, winners)
        numbers = range(math.prod(self.window))
        values = (xp.zero_unless(winners == k, rows) for k in numbers)
        return self._given(xp, g, values)

    def gradient(self, xp, gy, winners):
        return applied(MaxPick2d(*self._options), xp, gy, winners), None


class MaxPick2d(Pooling):
    """Pick an element of each window by its number.

    Args:
        x: images (n, channels, height, width).
        winners: for each window the number of an element.
        window, stride, padding: as in ``max_pool2d``.

    Returns:
        An array (n, channels, rows of windows, columns of windows).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> from xdl.ops.pooling.max_pool import MaxPick2d
        >>> MaxPick2d((1, 2))([[[[1.0, 2.0, 3.0, 0.0]]]], [[[[1, 0]]]])
        Variable([[[[2., 3.]]]], dtype=float32)
    """

    own_dtype = ("winners",)
    cases = (
        Case([(1, 1, 4, 5), [[[[0, 3], [2, 1]]]]], {"window": 2}),
        Case(
            [(1, 1, 3, 4), [[[[4, 3], [5, 4]]]]],
            {"window": 3, "stride": 2, "padding": 1},
        ),
        BadCase([(1, 1, 1), [0]], ShapeError, "x (1, 1, 1)", {"window": 1}),
    )

    def __init__(self, window, stride=None, padding=0):
        self._set(window, stride, padding)

    def shape(self, x_shape, winners_shape):
        return self._pooled_shape(x_shape)

    def compute(self, xp, x, winners):
        count = self._places(x.shape)
        x, total = padded(xp, x, self.padding), None
        for k, i in enumerate(self._shifts(count)):
            picked = xp.zero_unless(winners == k, x[i] + 0)
            total = picked if total is None else total + picked
        return total

    def gradient(self, xp, gy, winners, x_shape):
        op = MaxUnpool2d(tuple(x_shape[2:]), *self._options)
        return applied(op, xp, gy, winners), None


class MaxPool1d(SequencePooling):
    torch = Counterpart("nn.functional.max_pool1d", {"kernel_size": "window"})
    residuals = ("winners",)
    of_images = MaxPool2d
    cases = (
        Case([(2, 3, 6)], {"window": 2}),
        Case([(2, 2, 5)], {"window": 3, "stride": 1}),
        Case([(1, 2, 7)], {"window": 3, "stride": (2,), "padding": 1}),
        Case([(0, 2, 4)], {"window": 2}),
        Case(
            [[[[1.0, 2.0, 2.0, 1.0]]]],
            {"window": 3, "stride": 1},
            gradients=[[[[0.0, 2.0, 0.0, 0.0]]]],
        ),
        BadCase([(1, 1, 2)], ShapeError, "sequences (2,)", {"window": 3}),
        BadCase([(1, 4)], ShapeError, "(n, channels, length)", {"window": 2}),
        BadCase([(1, 1, 4)], ArgumentError, "needed an int", {"window": (2, 2)}),
        BadCase(
            [(1, 1, 4)], ArgumentError, "at most half", {"window": 2, "padding": 2}
        ),
    )

    def compute(self, xp, x):
        self.shape(x.shape)
        return tuple(as_sequences(xp, *self._of_images.compute(xp, *as_images(xp, x))))

    def gradient(self, xp, gy, winners, x_shape):
        x_shape = (*x_shape[:2], 1, x_shape[2])
        arrays = as_images(xp, gy, winners)
        return tuple(as_sequences(xp, *self._of_images.gradient(xp, *arrays, x_shape)))

    def rewrap(self, node, wrap):
        """Keep the winners: they are integers, without a gradient."""
        return list(node.kept)

    def to_onnx(self, graph, x):
        return graph.add("MaxPool", x, **self._onnx)


@function_of(MaxPool1d)
def max_pool1d(
    x: ArrayLike, window: Shape, stride: Shape | None = None, padding: Shape = 0
) -> Variable:
    """Take the largest element of each window.

    The gradient goes to it, to the first of equal ones, as in PyTorch. What is padded
    is less than any number.

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
        >>> xdl.max_pool1d([[[1.0, 2.0, 3.0, 0.0]]], 2)
        Variable([[[2., 3.]]], dtype=float32)
    """
    return MaxPool1d(window, stride, padding)(x)

"""Pooling: one number for each window of an image."""

import math

from xdl.core.case import BadCase, Case
from xdl.core.op import Op, function_of
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.windows import (
    applied,
    as_pair,
    first_inside,
    images_last,
    inner,
    lowest,
    padded,
    places,
    shifts,
)


class Pooling(Op):
    """What the operations share: where the windows stand."""

    def _set(self, window, stride, padding):
        who = type(self).__name__
        self.window = as_pair(who, "window", window, 1)
        self.stride = as_pair(who, "stride", window if stride is None else stride, 1)
        self.padding = as_pair(who, "padding", padding, 0)
        if any(2 * p > w for p, w in zip(self.padding, self.window, strict=True)):
            raise ArgumentError(
                f"{who}: padding {padding} came, needed at most half of the window "
                f"{window}"
            )

    @property
    def _options(self):
        return self.window, self.stride, self.padding

    def _places(self, x_shape):
        if len(x_shape) != 4:
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} came, needed (n, channels, height, width)"
            )
        return places(self, x_shape[2:], self.window, self.stride, self.padding)

    def _pooled_shape(self, x_shape):
        count = self._places(x_shape)
        return (*x_shape[:2], *count)

    def _shifts(self, count):
        return shifts(self.window, count, self.stride)

    def flops(self, y_shape, *shapes):
        return math.prod(self.window) * math.prod(y_shape)

    @property
    def _onnx(self):
        """The options as ONNX calls them."""
        pads = self.padding * 2
        return {"kernel_shape": self.window, "strides": self.stride, "pads": pads}


class Unpooling(Pooling):
    """What the gradients share: the images that the windows stand on."""

    def _set_size(self, size, window, stride, padding):
        self.size = as_pair(type(self).__name__, "size", size, 1)
        self._set(window, stride, padding)

    def _image_shape(self, g_shape):
        """Return the shape of the images that the windows of ``g`` stand on."""
        count = self._places((*g_shape[:2], *self.size))
        if len(g_shape) != 4 or tuple(g_shape[2:]) != count:
            raise ShapeError(
                f"{self}: g {tuple(g_shape)} came, needed (n, channels, *{count})"
            )
        return (*g_shape[:2], *self.size)

    def _given(self, xp, g, values):
        """Return images with ``values``, one array for each place in the window, added.

        The channels are last in memory: rows of one channel are short.
        """
        n, channels = g.shape[:2]
        size = (m + 2 * p for m, p in zip(self.size, self.padding, strict=True))
        y = xp.new_zeros(g, (n, *size, channels))
        windows = zip(self.stride, self.window, strict=True)
        is_overlapping = any(s < w for s, w in windows)
        indices = self._shifts(g.shape[2:])
        for (_, i, j), value in zip(indices, values, strict=True):
            if is_overlapping:
                y[:, i, j, :] += value
            else:  # nothing was there
                y[:, i, j, :] = value
        y = xp.permute_dims(y, (0, 3, 1, 2))
        return y[inner(self.padding, self.size)] if any(self.padding) else y


class MaxPool2d(Pooling):
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

    residuals = ("winners",)
    cases = (
        Case([(2, 3, 4, 6)], {"window": 2}),
        Case([(2, 2, 5, 5)], {"window": (3, 2), "stride": 1}),
        Case([(1, 2, 5, 6)], {"window": 3, "stride": 2, "padding": 1}),
        Case([(0, 2, 4, 4)], {"window": 2}),
        Case([(1, 2, 3, 3)], {"window": 1, "stride": 2}),
        Case([(1, 1, 17, 18)], {"window": 17}),
        Case(
            [[[[[1.0, 2.0, 2.0, 1.0]]]]], {"window": (1, 3), "stride": 1}, smooth=False
        ),
        Case([[[[[-math.inf] * 2] * 2]]], {"window": 2, "padding": 1}, smooth=False),
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


@function_of(MaxPool2d)
def max_pool2d(x, window, stride=None, padding=0):
    return MaxPool2d(window, stride, padding)(x)

"""What poolings share: windows on images, and on sequences as images one row high."""

from __future__ import annotations

import math
from typing import Any

from xdl.core.op import Op
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.windows import (
    inner,
    per_axis,
    places,
    shifts,
)


class Pooling(Op):
    """What the operations share: where the windows stand.

    Attributes:
        axes: over how many axes the window slides.
    """

    axes = 2

    def _set(self, window, stride, padding):
        who = type(self).__name__
        stride = window if stride is None else stride
        self.window = per_axis(who, "window", window, 1, self.axes)
        self.stride = per_axis(who, "stride", stride, 1, self.axes)
        self.padding = per_axis(who, "padding", padding, 0, self.axes)
        if any(2 * p > w for p, w in zip(self.padding, self.window, strict=True)):
            raise ArgumentError(
                f"{who}: padding {padding} came, needed at most half of the window "
                f"{window}"
            )

    @property
    def _options(self) -> tuple[Any, Any, Any]:
        return self.window, self.stride, self.padding

    def _places(self, x_shape):
        if len(x_shape) != self.axes + 2:
            size = "length" if self.axes == 1 else "height, width"
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} came, needed (n, channels, {size})"
            )
        size, near = x_shape[2:], (1,) * self.axes
        return places(self, size, self.window, self.stride, self.padding, near)

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
        self.size = per_axis(type(self).__name__, "size", size, 1, self.axes)
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


class SequencePooling(Pooling):
    """Pooling of sequences: that of images which are one row high.

    Attributes:
        of_images: the class that pools images.
    """

    axes = 1
    of_images: type[Any] = Pooling

    def __init__(self, window, stride=None, padding=0):
        self._set(window, stride, padding)
        options = (1, *self.window), (1, *self.stride), (0, *self.padding)
        self._of_images: Any = self.of_images(*options)

    def shape(self, x_shape):
        return self._pooled_shape(x_shape)

"""Convolution of sequences: that of images that are one row high."""

from __future__ import annotations

from typing import Any

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.conv2d import Conv2d
from xdl.ops.convolution.products import Forward
from xdl.ops.convolution.windows import as_images, as_sequences
from xdl.typing import ArrayLike, Shape


class Conv1d(Forward):
    torch = "nn.functional.conv1d"
    axes = 1
    cases = (
        Case([(2, 3, 7), (4, 3, 3), (4,)]),
        Case([(2, 3, 7), (4, 3, 3), None], {"stride": 2, "padding": 1}),
        Case([(2, 4, 6), (6, 2, 2), (6,)], {"groups": 2, "dilation": 3}),
        Case([(2, 3, 5), (3, 1, 3), (3,)], {"groups": 3, "padding": (2,)}),
        Case([(0, 3, 4), (2, 3, 2), (2,)]),
        BadCase([(1, 2, 2), (1, 2, 3), None], ShapeError, "sequences (2,)"),
        BadCase([(1, 3, 4), (1, 2, 3), None], ShapeError, "weight needs 2"),
        BadCase([(1, 2, 4, 4), (1, 2, 3), None], ShapeError, "(n, channels, length)"),
        BadCase([(1, 3, 4), (2, 3, 3), (3,)], ShapeError, "needed (2,)"),
        BadCase([(1, 1, 4)] * 2, ArgumentError, "needed an int", {"stride": (1, 1)}),
        BadCase([(1, 1, 4)] * 2, ArgumentError, "Conv1d: padding -1", {"padding": -1}),
        BadCase([(1, 1, 4)] * 2, ArgumentError, "Conv1d: groups 0", {"groups": 0}),
    )

    def _set(self, stride, padding, dilation, groups):
        super()._set(stride, padding, dilation, groups)
        options = (1, *self.stride), (0, *self.padding), (1, *self.dilation)
        self._of_images: Any = Conv2d(*options, self.groups)

    def compute(self, xp, x, weight, bias=None):
        self.shape(x.shape, weight.shape, None if bias is None else bias.shape)
        x, weight = as_images(xp, x, weight)
        (y,) = as_sequences(xp, self._of_images.compute(xp, x, weight, bias))
        return y

    def gradient(self, xp, gy, x, weight, x_shape, weight_shape, wanted):
        gy, x, weight = as_images(xp, gy, x, weight)
        x_shape, weight_shape = ((*s[:2], 1, s[2]) for s in (x_shape, weight_shape))
        gx, gweight, gbias = self._of_images.gradient(
            xp, gy, x, weight, x_shape, weight_shape, wanted
        )
        return *as_sequences(xp, gx, gweight), gbias


@function_of(Conv1d)
def conv1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Shape = 1,
    padding: Shape = 0,
    dilation: Shape = 1,
    groups: int = 1,
) -> Variable:
    """Slide windows over sequences and take the product with what they see.

    It is ``conv2d`` on images that are one row high.

    Args:
        x: sequences (n, channels, length).
        weight: an array (out, channels / groups, width).
        bias: an array (out,), or None: no bias.
        stride, padding, dilation, groups: ints, as in ``conv2d``.

    Returns:
        An array (n, out, places).

    Raises:
        ShapeError: the shapes do not fit, or the window is longer than the sequence.
        ArgumentError: a stride or dilation below 1, or a padding below 0.

    Example:
        >>> import xdl
        >>> xdl.conv1d([[[1.0, 2.0, 4.0]]], [[[1.0, -1.0]]])
        Variable([[[-1., -2.]]], dtype=float32)
    """
    return Conv1d(stride, padding, dilation, groups)(x, weight, bias)

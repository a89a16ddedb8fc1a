"""The layers of transposed convolution."""

from __future__ import annotations

import math

from xdl.core.variable import Variable
from xdl.nn import init
from xdl.nn.conv import Convolution
from xdl.ops import conv_transpose1d, conv_transpose2d
from xdl.typing import ArrayLike, Initializer, Shape


class _ConvTranspose(Convolution):
    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        window: Shape,
        stride: Shape = 1,
        padding: Shape = 0,
        output_padding: Shape = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Shape = 1,
        initializer: Initializer | None = None,
    ) -> None:
        options = {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
        }
        super().__init__(
            input_channels, output_channels, window, options, bias, initializer
        )

    def _weight_shape(self, groups):
        return [self.input_channels, self.output_channels // groups, *self.window]

    def _initial(self, shape):
        """Draw with the variance 1 / fan_in: as many terms as an output adds up."""
        stride = self._for_each_axis("stride", self.options["stride"])
        meets = math.prod(self.window) / math.prod(stride)
        fan_in = self.input_channels / self.options["groups"] * meets
        return init.normal(shape, std=fan_in**-0.5)


class ConvTranspose2d(_ConvTranspose):
    """Add to an image, at each place of a window, the weight times what stands there.

    Args:
        input_channels: channels that come in, an int.
        output_channels: channels that go out, an int.
        window: rows and columns of the window, an int or a pair of ints.
        stride, padding, output_padding, groups, dilation: as in
            ``xdl.conv_transpose2d``.
        bias: whether a bias is added; default True.
        initializer: for the weight; default: normal, with the variance 1 / fan_in,
            where fan_in is how many products an output adds up on average. The bias
            starts at zero.

    Attributes:
        weight: a Variable (input_channels, output_channels / groups, rows, columns).
        bias: a Variable (output_channels,), or None.

    Raises:
        ArgumentError: ``groups`` does not divide the channels, the window is empty, or
            a stride is below 1.

    Raises (when it is called):
        ShapeError: the images have other channels, or nothing is left of them.
        ArgumentError: an option that ``xdl.conv_transpose2d`` refuses.
        DtypeError: the input holds integers.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.ConvTranspose2d(1, 2, 4, stride=2, padding=1)
        >>> layer([[[[1.0, 2.0, 3.0]]]]).shape
        (1, 2, 2, 6)
    """

    axes = 2

    def _called(self, x: ArrayLike) -> Variable:
        return conv_transpose2d(x, self.weight, self.bias, **self.options)


class ConvTranspose1d(_ConvTranspose):
    """Add to a sequence, at each place of a window, the weight times what stands there.

    Arguments and errors are those of ``ConvTranspose2d``, with ints for the window and
    its options.

    Attributes:
        weight: a Variable (input_channels, output_channels / groups, width).
        bias: a Variable (output_channels,), or None.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.ConvTranspose1d(1, 2, 4, stride=2, padding=1)
        >>> layer([[[1.0, 2.0, 3.0]]]).shape
        (1, 2, 6)
    """

    axes = 1

    def _called(self, x: ArrayLike) -> Variable:
        return conv_transpose1d(x, self.weight, self.bias, **self.options)

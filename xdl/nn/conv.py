"""The layers of convolution."""

from __future__ import annotations

from typing import Any

from xdl.core.module import Module
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError, ShapeError
from xdl.nn import init
from xdl.ops import conv1d, conv2d, conv3d
from xdl.ops.axes import as_shape
from xdl.typing import ArrayLike, Initializer, Shape

USUAL = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}


class Convolution(Module):
    """What the layers of convolution share: a weight, a bias and options.

    A subclass says how many ``axes`` its window has, and calls its function.

    Args:
        input_channels, output_channels: ints.
        window: an int for all axes, or an int for each.
        options: the keywords of the function, ``groups`` among them.
        bias: whether a bias is added.
        initializer: for the weight; None: the usual one. The bias starts at zero.

    Raises:
        ArgumentError: ``groups`` does not divide the channels, or the window is empty.
    """

    axes: int

    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        window: Shape,
        options: Any,
        bias: bool,
        initializer: Initializer | None,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        options = {name: plain(who, name, value) for name, value in options.items()}
        input_channels = plain(who, "input_channels", input_channels)
        output_channels = plain(who, "output_channels", output_channels)
        groups = options["groups"]
        if groups < 1 or input_channels % groups or output_channels % groups:
            raise ArgumentError(
                f"{who}: groups {groups} came, needed a divisor of {input_channels} "
                f"channels in and {output_channels} out"
            )
        self.input_channels, self.output_channels = input_channels, output_channels
        self.window = self._for_each_axis("window", window)
        self.options = options
        self.weight = self.parameter.get_variable(
            "weight", self._weight_shape(groups), initializer or self._initial
        )
        self.bias = (
            self.parameter.get_variable("bias", output_channels, init.zeros)
            if bias
            else None
        )

    def forward(self, x: ArrayLike) -> Variable:
        try:
            return self._called(x)
        except (ShapeError, DtypeError) as error:
            what = str(error).partition(": ")[2]  # without the operation's own name
            raise type(error)(f"{self}: {what}") from None

    def __repr__(self) -> str:
        changed = {k: v for k, v in self.options.items() if v != USUAL[k]}
        window = self.window if self.axes > 1 else self.window[0]
        listed = [self.input_channels, self.output_channels, window]
        listed += [f"{name}={value}" for name, value in changed.items()]
        text = f"{type(self).__name__}({', '.join(map(str, listed))})"
        name = self.__dict__.get("_name")
        return text + (f' "{name}"' if name else "")

    def _called(self, x: ArrayLike) -> Variable:
        raise NotImplementedError

    def _weight_shape(self, groups):
        return [self.output_channels, self.input_channels // groups, *self.window]

    def _initial(self, shape):
        return init.lecun_normal(shape)

    def _for_each_axis(self, name, value):
        """Return an int or several as a tuple with one for each axis."""
        who = type(self).__name__
        values = as_shape(who, value)
        values = values * self.axes if len(values) == 1 else values
        if len(values) != self.axes or min(values) < 1:
            raise ArgumentError(
                f"{who}: {name} {value} came, needed an int over 0 for each of the "
                f"{self.axes} axes, or one for all"
            )
        return values


class _Conv(Convolution):
    def __init__(
        self,
        input_channels: int,
        output_channels: int,
        window: Shape,
        stride: Shape = 1,
        padding: Shape = 0,
        dilation: Shape = 1,
        groups: int = 1,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        options = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }
        super().__init__(
            input_channels, output_channels, window, options, bias, initializer
        )


class Conv2d(_Conv):
    """Slide windows over images and take the product with what they see.

    Args:
        input_channels: channels that come in, an int.
        output_channels: channels that go out, an int.
        window: rows and columns of the window, an int or a pair of ints.
        stride, padding, dilation, groups: as in ``xdl.conv2d``.
        bias: whether a bias is added; default True.
        initializer: for the weight; default ``init.lecun_normal``. The bias starts at
            zero.

    Attributes:
        weight: a Variable (output_channels, input_channels / groups, rows, columns).
        bias: a Variable (output_channels,), or None.

    Raises:
        ArgumentError: ``groups`` does not divide the channels, or the window is empty.

    Raises (when it is called):
        ShapeError: the images have other channels, or are smaller than the window.
        ArgumentError: a stride or dilation below 1, or a padding below 0.
        DtypeError: the input holds integers.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.Conv2d(1, 2, 3, padding=1)
        >>> layer([[[[1.0, 2.0, 3.0]]]]).shape
        (1, 2, 1, 3)
    """

    axes = 2

    def _called(self, x: ArrayLike) -> Variable:
        return conv2d(x, self.weight, self.bias, **self.options)


class Conv1d(_Conv):
    """Slide windows over sequences and take the product with what they see.

    Arguments and errors are those of ``Conv2d``, with ints for the window and its
    stride, padding and dilation.

    Attributes:
        weight: a Variable (output_channels, input_channels / groups, width).
        bias: a Variable (output_channels,), or None.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.Conv1d(1, 2, 3, padding=1)
        >>> layer([[[1.0, 2.0, 3.0, 4.0]]]).shape
        (1, 2, 4)
    """

    axes = 1

    def _called(self, x: ArrayLike) -> Variable:
        return conv1d(x, self.weight, self.bias, **self.options)


class Conv3d(_Conv):
    """Slide windows over volumes and take the product with what they see.

    Arguments and errors are those of ``Conv2d``, with three ints where it takes a pair.

    Attributes:
        weight: a Variable (output_channels, input_channels / groups, depth, rows,
            columns).
        bias: a Variable (output_channels,), or None.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.Conv3d(1, 2, (1, 1, 3), padding=(0, 0, 1))
        >>> layer([[[[[1.0, 2.0, 3.0]]]]]).shape
        (1, 2, 1, 1, 3)
    """

    axes = 3

    def _called(self, x: ArrayLike) -> Variable:
        return conv3d(x, self.weight, self.bias, **self.options)

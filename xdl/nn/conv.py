"""The layers of convolution and pooling."""

from xdl.core.module import Module
from xdl.errors import ArgumentError, DtypeError, ShapeError
from xdl.nn import init
from xdl.ops import avg_pool2d, conv2d, max_pool2d
from xdl.ops.windows import as_pair


class Conv2d(Module):
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

    def __init__(
        self,
        input_channels,
        output_channels,
        window,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        initializer=None,
    ):
        super().__init__()
        if groups < 1 or input_channels % groups or output_channels % groups:
            raise ArgumentError(
                f"Conv2d: groups {groups} came, needed a divisor of {input_channels} "
                f"channels in and {output_channels} out"
            )
        self.options = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
        }
        window = as_pair("Conv2d", "window", window, 1)
        shape = [output_channels, input_channels // groups, *window]
        self.weight = self.parameter.get_variable(
            "weight", shape, initializer or init.lecun_normal
        )
        self.bias = (
            self.parameter.get_variable("bias", output_channels, init.zeros)
            if bias
            else None
        )

    def forward(self, x):
        try:
            return conv2d(x, self.weight, self.bias, **self.options)
        except (ShapeError, DtypeError) as error:
            raise type(error)(f"{self}: {error}") from None

    def __repr__(self):
        out, channels, *window = self.weight.shape
        usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        changed = {k: v for k, v in self.options.items() if v != usual[k]}
        listed = [channels * self.options["groups"], out, tuple(window)]
        listed += [f"{name}={value}" for name, value in changed.items()]
        name = self.__dict__.get("_name")
        return f"Conv2d({', '.join(map(str, listed))})" + (f' "{name}"' if name else "")


class _Pool2d(Module):
    def __init__(self, window, stride=None, padding=0):
        super().__init__()
        self.window, self.stride, self.padding = window, stride, padding

    def __repr__(self):
        listed = [str(self.window)]
        listed += [f"stride={self.stride}"] if self.stride is not None else []
        listed += [f"padding={self.padding}"] if self.padding else []
        return f"{type(self).__name__}({', '.join(listed)})"


class MaxPool2d(_Pool2d):
    """Take the largest element of each window.

    Args:
        window, stride, padding: as in ``xdl.max_pool2d``.

    Example:
        >>> import xdl
        >>> xdl.nn.MaxPool2d((1, 2))([[[[1.0, 2.0, 3.0, 0.0]]]])
        Variable([[[[2., 3.]]]], dtype=float32)
    """

    def forward(self, x):
        return max_pool2d(x, self.window, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """Take the mean of each window.

    Args:
        window, stride, padding: as in ``xdl.avg_pool2d``.

    Example:
        >>> import xdl
        >>> xdl.nn.AvgPool2d((1, 2))([[[[1.0, 2.0, 3.0, 0.0]]]])
        Variable([[[[1.5, 1.5]]]], dtype=float32)
    """

    def forward(self, x):
        return avg_pool2d(x, self.window, self.stride, self.padding)

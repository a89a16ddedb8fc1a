"""A deep convolutional network whose layers learn differences: ResNet."""

from __future__ import annotations

from collections.abc import Sequence

from xdl.core.module import Model, Module
from xdl.core.variable import Variable
from xdl.nn import BatchNorm2d, Conv2d, Linear, Sequential, SoftmaxLoss, init
from xdl.ops import mean, relu
from xdl.typing import ArrayLike


def _convolution(channels, width, window, stride=1):
    """Return a convolution without bias: the normalization after it has one."""
    return Conv2d(
        channels,
        width,
        window,
        stride,
        padding=window // 2,
        bias=False,
        initializer=init.kaiming_normal,
    )


class ResidualBlock(Module):
    """Add what two convolutions make of x to x: relu(x + f(x)).

    Where the shape changes, x goes through a convolution of 1 x 1 first.

    Args:
        channels, width: channels that come in and go out, ints.
        stride: of the first convolution; default 1.

    Example:
        >>> import numpy as np
        >>> from xdl.models.resnet import ResidualBlock
        >>> block = ResidualBlock(4, 8, stride=2)
        >>> block(np.zeros((1, 4, 6, 6), "f4")).shape
        (1, 8, 3, 3)
    """

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.convolutions = [
            _convolution(channels, width, 3, stride),
            _convolution(width, width, 3),
        ]
        self.norms = [BatchNorm2d(width), BatchNorm2d(width)]
        self.shortcut = Sequential()  # gives x as it is
        if stride != 1 or channels != width:
            self.shortcut = Sequential(
                _convolution(channels, width, 1, stride), BatchNorm2d(width)
            )

    def forward(self, x: ArrayLike) -> Variable:
        y = relu(self.norms[0](self.convolutions[0](x)))
        y = self.norms[1](self.convolutions[1](y))
        return relu(self.shortcut(x) + y)


class ResNet(Model):
    """Classify images with blocks that add to what they are given.

    The form for images of some 32 x 32: a stem of 3 x 3 without pooling, then stages of
    blocks; each stage but the first halves the image and doubles the channels. By
    default 18 layers, 11.2 million weights.

    Args:
        channels: of an image, an int; default 3.
        classes: an int; default 10.
        width: channels of the first stage, an int; default 64.
        blocks: how many blocks each stage has; default (2, 2, 2, 2).

    Attributes:
        stem, norm: the first Conv2d and its BatchNorm2d.
        blocks: the ResidualBlocks.
        head: the Linear layer behind the mean over each channel.
        output: the scores (n, classes) of the last ``forward``.

    Example:
        >>> import numpy as np
        >>> import xdl
        >>> model = xdl.models.ResNet(width=4, blocks=(1, 1))
        >>> model.forward(np.zeros((2, 3, 8, 8), "f4")).shape
        (2, 10)

    References: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition",
    2015 (table 1 without the first pooling, shortcuts of kind B); the initial weights
    are those of He et al., "Delving Deep into Rectifiers", 2015.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 10,
        width: int = 64,
        blocks: Sequence[int] = (2, 2, 2, 2),
    ) -> None:
        super().__init__()
        self.stem, self.norm = _convolution(channels, width, 3), BatchNorm2d(width)
        self.blocks = []
        came = width
        for stage, count in enumerate(blocks):
            goes = width * 2**stage
            for i in range(count):
                stride = 2 if stage and i == 0 else 1
                self.blocks.append(ResidualBlock(came, goes, stride))
                came = goes
        self.head = Linear(came, classes)
        self.loss_ops = SoftmaxLoss()

    def forward(self, x: ArrayLike) -> Variable:
        """Return the scores (n, classes) of images (n, channels, height, width)."""
        x = relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        self.output = self.head(mean(x, axis=(2, 3)))
        return self.output

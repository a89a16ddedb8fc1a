"""A first convolutional network: LeNet."""

from __future__ import annotations

from collections.abc import Sequence

from xdl.core.module import Model
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.nn import Conv2d, Linear, SoftmaxLoss, init
from xdl.ops import flatten, max_pool2d, relu
from xdl.typing import ArrayLike


class LeNet(Model):
    """Classify small images: two convolutions with pooling, three affine layers.

    The form in use today: ReLU in place of the tanh of 1998, the maximum in place of a
    trained mean, every channel seen by all of the next, and softmax in place of the
    distances to drawn digits.

    Args:
        channels: of an image, an int; default 1.
        classes: an int; default 10.
        size: rows and columns of an image, an int; default 28.
        window: rows and columns of the convolutions, an odd int; default 5. For images
            of 8 x 8 take 3.
        widths: channels after each convolution and features after each affine layer
            but the last: four ints; default (6, 16, 120, 84).

    Attributes:
        convolutions: the two Conv2d layers.
        layers: the three Linear layers.
        output: the scores (n, classes) of the last ``forward``.

    Raises:
        ArgumentError: the images are too small for the window, or that is even.

    Example:
        >>> import numpy as np
        >>> import xdl
        >>> model = xdl.models.LeNet()
        >>> model.forward(np.zeros((2, 1, 28, 28), "f4")).shape
        (2, 10)
        >>> model.parameter.size
        61706

    Reference: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to
    Document Recognition", 1998 (LeNet-5).
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 10,
        size: int = 28,
        window: int = 5,
        widths: Sequence[int] = (6, 16, 120, 84),
    ) -> None:
        super().__init__()
        left = (size // 2 - window + 1) // 2
        if left < 1 or window % 2 == 0:
            raise ArgumentError(
                f"LeNet: window {window} came for images of {size} x {size}, needed an "
                f"odd one of at most {size // 2 - 1}"
            )
        first, second, *hidden = widths
        start = init.kaiming_normal
        self.convolutions = [
            # Padded, as the 28 x 28 digits are in 1998: the image keeps its size.
            Conv2d(channels, first, window, padding=window // 2, initializer=start),
            Conv2d(first, second, window, initializer=start),
        ]
        sizes = [second * left * left, *hidden, classes]
        self.layers = [
            Linear(rows, columns, initializer=start)
            for rows, columns in zip(sizes, sizes[1:], strict=False)
        ]
        self.loss_ops = SoftmaxLoss()

    def forward(self, x: ArrayLike) -> Variable:
        """Return the scores (n, classes) of images (n, channels, size, size)."""
        for layer in self.convolutions:
            x = max_pool2d(relu(layer(x)), 2)
        x = flatten(x, 1)
        for hidden in self.layers[:-1]:
            x = relu(hidden(x))
        self.output = self.layers[-1](x)
        return self.output

"""The layers of pooling."""

from __future__ import annotations

from xdl.core.module import Module
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.ops import (
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from xdl.typing import ArrayLike, Shape


class Pooling(Module):
    """What the layers of pooling share: a window, and how it moves."""

    def __init__(
        self,
        window: Shape,
        stride: Shape | None = None,
        padding: Shape = 0,
    ) -> None:
        super().__init__()
        who = type(self).__name__
        self.window = plain(who, "window", window)
        self.stride = plain(who, "stride", stride)
        self.padding = plain(who, "padding", padding)

    def __repr__(self) -> str:
        listed = [str(self.window)]
        listed += [f"stride={self.stride}"] if self.stride is not None else []
        listed += [f"padding={self.padding}"] if self.padding else []
        return f"{type(self).__name__}({', '.join(listed)})"


class MaxPool1d(Pooling):
    """Take the largest element of each window.

    Args:
        window, stride, padding: as in ``xdl.max_pool1d``.

    Example:
        >>> import xdl
        >>> xdl.nn.MaxPool1d(2)([[[1.0, 2.0, 3.0, 0.0]]])
        Variable([[[2., 3.]]], dtype=float32)
    """

    def forward(self, x: ArrayLike) -> Variable:
        return max_pool1d(x, self.window, self.stride, self.padding)


class MaxPool2d(Pooling):
    """Take the largest element of each window.

    Args:
        window, stride, padding: as in ``xdl.max_pool2d``.

    Example:
        >>> import xdl
        >>> xdl.nn.MaxPool2d((1, 2))([[[[1.0, 2.0, 3.0, 0.0]]]])
        Variable([[[[2., 3.]]]], dtype=float32)
    """

    def forward(self, x: ArrayLike) -> Variable:
        return max_pool2d(x, self.window, self.stride, self.padding)


class AvgPool1d(Pooling):
    """Take the mean of each window.

    Args:
        window, stride, padding: as in ``xdl.avg_pool1d``.

    Example:
        >>> import xdl
        >>> xdl.nn.AvgPool1d(2)([[[1.0, 2.0, 3.0, 0.0]]])
        Variable([[[1.5, 1.5]]], dtype=float32)
    """

    def forward(self, x: ArrayLike) -> Variable:
        return avg_pool1d(x, self.window, self.stride, self.padding)


class AvgPool2d(Pooling):
    """Take the mean of each window.

    Args:
        window, stride, padding: as in ``xdl.avg_pool2d``.

    Example:
        >>> import xdl
        >>> xdl.nn.AvgPool2d((1, 2))([[[[1.0, 2.0, 3.0, 0.0]]]])
        Variable([[[[1.5, 1.5]]]], dtype=float32)
    """

    def forward(self, x: ArrayLike) -> Variable:
        return avg_pool2d(x, self.window, self.stride, self.padding)


class AdaptiveAvgPool2d(Module):
    """Take means over as many windows as asked for, of nearly equal sizes.

    Args:
        size: as in ``xdl.adaptive_avg_pool2d``.

    Example:
        >>> import xdl
        >>> xdl.nn.AdaptiveAvgPool2d((1, 2))([[[[1.0, 2.0, 3.0, 0.0]]]])
        Variable([[[[1.5, 1.5]]]], dtype=float32)
    """

    def __init__(self, size: Shape) -> None:
        super().__init__()
        self.size = plain("AdaptiveAvgPool2d", "size", size)

    def forward(self, x: ArrayLike) -> Variable:
        return adaptive_avg_pool2d(x, self.size)

    def __repr__(self) -> str:
        return f"AdaptiveAvgPool2d({self.size})"

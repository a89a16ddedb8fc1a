"""Pooling of sequences: images that are one row high."""

from xdl.arguments import explained
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape
from xdl.ops.layout.composed import as_operand
from xdl.ops.layout.unit_axes import expand_dims, squeeze
from xdl.ops.pooling.avg_pool import avg_pool2d
from xdl.ops.pooling.max_pool import max_pool2d


@explained
def max_pool1d(x, window, stride=None, padding=0):
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
    return _pooled("max_pool1d", max_pool2d, x, window, stride, padding)


@explained
def avg_pool1d(x, window, stride=None, padding=0):
    """Take the mean of each window; what is padded counts as zeros.

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
        >>> xdl.avg_pool1d([[[1.0, 2.0, 3.0, 0.0]]], 2)
        Variable([[[1.5, 1.5]]], dtype=float32)
    """
    return _pooled("avg_pool1d", avg_pool2d, x, window, stride, padding)


def _pooled(who, pool, x, window, stride, padding):
    x = as_operand(x)
    if x.ndim != 3:
        raise ShapeError(
            f"{who}: x {tuple(x.shape)} came, needed (n, channels, length)"
        )
    stride = window if stride is None else stride
    options = {"window": window, "stride": stride, "padding": padding}
    lone = {name: as_shape(who, value) for name, value in options.items()}
    for name, value in lone.items():
        if len(value) != 1:
            raise ArgumentError(f"{who}: {name} {value} came, needed an int")
    y = pool(
        expand_dims(x, -2),
        (1, *lone["window"]),
        (1, *lone["stride"]),
        (0, *lone["padding"]),
    )
    return squeeze(y, -2)

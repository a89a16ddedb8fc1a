"""Windows that slide over images: what convolution and pooling share."""

import math

from xdl import backend
from xdl.backend.convolution import few
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape

_NEEDED = {
    1: "an int",
    2: "an int or a pair of ints, each",
    3: "an int or three ints, each",
}
KINDS = {1: "sequences", 2: "images", 3: "volumes"}


def per_axis(who, name, value, least, axes):
    """Return an int, or one for each of so many axes, as a tuple of one for each.

    Raises:
        ArgumentError: it is something else, or less than ``least``.
    """
    found = as_shape(who, value)
    found = found * axes if len(found) == 1 else found
    if len(found) != axes or min(found) < least:
        raise ArgumentError(
            f"{who}: {name} {value} came, needed {_NEEDED[axes]} at least {least}"
        )
    return found


def places(who, size, window, stride, padding, dilation):
    """Return at how many places the window stands along each axis of a size.

    Raises:
        ShapeError: the window does not fit.
    """
    found = []
    for n, w, s, p, d in zip(size, window, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (w - 1) - 1
        if room < 0 or w < 1:
            raise ShapeError(
                f"{who}: a window {tuple(window)} does not fit into "
                f"{KINDS[len(size)]} {tuple(size)} with that padding and dilation"
            )
        found.append(room // s + 1)
    return tuple(found)


def as_images(xp, *sequences):
    """Return sequences (n, channels, length) as images that are one row high."""
    return [x if x is None else xp.expand_dims(x, axis=-2) for x in sequences]


def as_sequences(xp, *images):
    """Return images that are one row high as sequences (n, channels, length)."""
    return [x if x is None else xp.squeeze(x, axis=-2) for x in images]


def padded(xp, x, padding, value=0.0):
    """Return images with ``value`` around them; many channels lie side by side."""
    n, channels, *size = x.shape
    height, width = (m + 2 * p for m, p in zip(size, padding, strict=True))
    index = inner(padding, size)
    if few(channels):
        if not any(padding):
            return x
        y = xp.new_zeros(x, (n, channels, height, width))
        y = y + value if value else y
        y[index] = x
        return y
    if not any(padding):
        return images(xp, channels_last(xp, x), size)
    y = xp.new_zeros(x, (n, height, width, channels))
    y = y + value if value else y
    y[:, *index[1:], :] = xp.permute_dims(x, (0, 2, 3, 1))
    return xp.permute_dims(y, (0, 3, 1, 2))


def lowest(dtype):
    """Return a number that no other of a dtype is below."""
    name = backend.dtype_name(dtype)
    if name in backend.FLOATING:
        return -math.inf
    return -(1 << int(name[3:]) - 1) if name.startswith("int") else 0


def channels_last(xp, x):
    """Return images as (n, height * width, channels) with the channels side by side."""
    n, channels, height, width = x.shape
    return xp.reshape(images_last(xp, x), (n, height * width, channels))


def images_last(xp, x):
    """Return images as (n, height, width, channels) with the channels side by side."""
    n, channels, height, width = x.shape
    x = xp.reshape(xp.permute_dims(x, (0, 2, 3, 1)), (n * height * width * channels,))
    return xp.reshape(x, (n, height, width, channels))


def images(xp, x, size):
    """Return (n, height * width, channels) as images (n, channels, height, width)."""
    n, _, channels = x.shape
    return xp.permute_dims(xp.reshape(x, (n, *size, channels)), (0, 3, 1, 2))


def inner(padding, size):
    """Return the index of images of a size within what was put around them."""
    return (
        ...,
        slice(padding[0], padding[0] + size[0]),
        slice(padding[1], padding[1] + size[1]),
    )


def shifts(window, count, stride, dilation=(1, 1)):
    """Return, for each position in the window, the index of its elements in images.

    Args:
        window: its (rows, columns).
        count: at how many (rows, columns) of places it stands.
        stride, dilation: pairs.
    """
    by_axis = [
        [slice(i * d, i * d + (n - 1) * s + 1, s) for i in range(w)]
        for w, n, s, d in zip(window, count, stride, dilation, strict=True)
    ]
    return [(..., rows, columns) for rows in by_axis[0] for columns in by_axis[1]]


def first_inside(xp, y, window, stride, padding):
    """Return the number of the first element of each window that is not padding."""
    rows, columns = (
        xp.maximum(p - s * xp.new_arange(y, n), 0)
        for p, s, n in zip(padding, stride, y.shape[2:], strict=True)
    )
    return rows[:, None] * window[1] + columns


def applied(op, xp, *inputs):
    """Return an operation of the inputs of a gradient: arrays, or Variables."""
    if any(isinstance(x, Variable) for x in inputs):
        return op(*inputs)
    result = op.compute(xp, *inputs)
    return result[0] if op.residuals else result

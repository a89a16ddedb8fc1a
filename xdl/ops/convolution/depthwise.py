"""Convolution of each channel by itself: sums of shifted images, without matrices."""

import math

from xdl.ops.convolution.rows import blocks, moved
from xdl.ops.convolution.windows import images_last, padded, shifts


def is_depthwise(weight_shape, groups):
    """Tell whether each channel makes one of its own."""
    return groups > 1 and tuple(weight_shape[:2]) == (groups, 1)


def convolved(xp, op, x, weight, count):
    """Return the convolution (n, *count, channels) without its bias."""
    n, channels = x.shape[:2]
    x, taps = images_last(xp, padded(xp, x, op.padding)), _taps(xp, weight, count)
    y = xp.new_zeros(x, (n, *count, channels))
    for some, part, index in _blocks(xp, op, n, channels, weight.shape[2:], count):
        total = None
        for k, (i, j) in enumerate(index):
            seen = x[some, i, j, :] * taps[k, ...]
            total = seen if total is None else total + seen
        y[some, part, :, :] = total
    return y


def by_input(xp, op, g, weight, size):
    """Return the gradient by padded images (n, *size, channels), from such a ``g``."""
    n, *count, channels = g.shape
    taps = _taps(xp, weight, count)
    gx = xp.new_zeros(g, (n, *size, channels))
    for some, part, index in _blocks(xp, op, n, channels, weight.shape[2:], count):
        given = g[some, part, :, :]
        for k, (i, j) in enumerate(index):
            gx[some, i, j, :] += given * taps[k, ...]
    return gx


def by_weight(xp, op, x, g, weight_shape):
    """Return the gradient by the weight, in its shape."""
    n, channels, *count = g.shape
    x, g = images_last(xp, padded(xp, x, op.padding)), images_last(xp, g)
    total = xp.new_zeros(g, (math.prod(weight_shape[2:]), channels))
    for some, part, index in _blocks(xp, op, n, channels, weight_shape[2:], count):
        given = g[some, part, :, :]
        sums = []
        for i, j in index:
            seen = xp.reshape(x[some, i, j, :] * given, (-1, channels))
            sums.append(xp.matmul(xp.new_ones(seen, (1, seen.shape[0])), seen))
        total += xp.concat(sums, axis=0)
    return xp.reshape(xp.matrix_transpose(total), weight_shape)


def _taps(xp, weight, count):
    """Return the weights (taps, columns, channels): products of short rows are slow."""
    channels, taps = weight.shape[0], math.prod(weight.shape[2:])
    rows = xp.matrix_transpose(xp.reshape(weight, (channels, taps)))
    rows = xp.reshape(rows, (taps, 1, channels))
    return xp.new_zeros(weight, (taps, count[1], channels)) + rows


def _blocks(xp, op, n, channels, window, count):
    """Yield images, rows of places, and for each tap the rows and columns it sees."""
    index = shifts(window, count, op.stride, op.dilation)
    for some, part in blocks(n, count[0], channels * count[1], xp.BLOCK // 4):
        yield some, part, [(moved(i, part), j) for _, i, j in index]

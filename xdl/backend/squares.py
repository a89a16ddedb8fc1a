"""Roots of sums of squares that neither overflow nor underflow on the way.

The square of 1e20 is infinite in float32, and that of 1e-23 is 0, where the root of the
sum is not. So elements that are all very large or very small are scaled, by a power of
two, which changes no digit. For all others the scale is 1, and the result that of the
plain formula to the bit.
"""

import math

# For float64 and for others: magnitudes from 1 / USUAL to USUAL are taken as they are,
# larger ones are multiplied by DOWN, smaller ones by UP. With any number of elements
# that fits into memory, the sum of squares then is a normal number.
USUAL = {True: 2.0**400, False: 2.0**40}
DOWN = {True: 2.0**-700, False: 2.0**-80}
UP = {True: 2.0**700, False: 2.0**90}


def scaled_root(xp, x, axis, keepdims, divisor):
    """Return the root of the sum of squares over ``divisor``, on any namespace."""
    if x.dtype not in (xp.float32, xp.float64):
        y = scaled_root(xp, xp.astype(x, xp.float32), axis, keepdims, divisor)
        return xp.astype(y, x.dtype)
    if 0 in x.shape:
        return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims) / divisor)
    is_double = x.dtype == xp.float64
    largest = xp.max(xp.abs(x), axis=axis, keepdims=True)
    scale = xp.where(
        largest > USUAL[is_double], DOWN[is_double], xp.new_ones(x, largest.shape)
    )
    scale = xp.where(largest < 1 / USUAL[is_double], UP[is_double], scale)
    squares = x * scale
    squares = squares * squares
    total = xp.sum(squares, axis=axis, keepdims=keepdims)
    scale = scale if keepdims else xp.reshape(scale, total.shape)
    return xp.sqrt(total / divisor if divisor != 1 else total) / scale


def plain_range(x, total):
    """Return the least and largest sums of squares for which no scale is needed.

    Args:
        x: the array whose squares are summed.
        total: the sums.
    """
    usual = USUAL[x.dtype.itemsize == 8]
    count = x.size // max(total.size, 1)
    return count / usual**2, usual**2


def halves(size):
    """Return a power of four, at least ``size``, and its root."""
    half = math.ceil(size.bit_length() / 2)
    return 4.0**half, 2.0**half

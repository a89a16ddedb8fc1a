"""Roots of sums of squares that neither overflow nor underflow on the way.

The square of 1e20 is infinite in float32, and that of 1e-23 is 0, where the root of the
sum is not. So numbers that are very large or very small are scaled, by a power of two,
which changes no digit. For all others the scale is 1 and the result that of the plain
formula to the bit, which is why the plain one is enough where it is seen to be usual.
"""

from xdl.backend import dtype_name
from xdl.recording import current

# For float64 and for others: magnitudes from 1 / USUAL to USUAL are taken as they are,
# larger ones are multiplied by DOWN, smaller ones by UP. With any number of elements
# that fits into memory, the sum of squares then is a normal number.
USUAL = {True: 2.0**400, False: 2.0**40}
DOWN = {True: 2.0**-700, False: 2.0**-80}
UP = {True: 2.0**700, False: 2.0**90}
SAFE = 2.0**20  # roots up to this and down to its reciprocal: the scale is 1


def root_of_squares(xp, x, axis=None, keepdims=False, divisor=1):
    """Return the root of the sum of squares over ``divisor``."""
    with xp.quiet():
        y = _root(xp, x, axis, keepdims, divisor)
        if is_usual(xp, y) or 0 in x.shape:
            return y
    scale = scale_for(xp, xp.max(xp.abs(x), axis=axis, keepdims=True))
    y = _root(xp, x * scale, axis, keepdims, divisor)
    return y / (scale if keepdims else xp.reshape(scale, y.shape))


def is_usual(xp, roots):
    """Tell whether no scale is needed; False in a recording, which is for all sizes."""
    return current() is None and xp.is_within(roots + 1 / roots, SAFE)


def scale_for(xp, largest):
    """Return the powers of two by which to multiply, given the largest magnitudes."""
    is_double = dtype_name(largest.dtype) == "float64"
    ones, usual = xp.new_ones(largest, largest.shape), USUAL[is_double]
    scale = xp.where(largest > usual, DOWN[is_double], ones)
    return xp.where(largest < 1 / usual, UP[is_double], scale)


def hypot(xp, x1, x2):
    """Return the root of the sum of two squares; ``x2`` may be a number >= 0."""
    x1, x2 = xp.abs(x1), xp.abs(x2) if hasattr(x2, "dtype") else x2
    longer = xp.maximum(x1, x2)
    ratio = xp.minimum(x1, x2) / xp.where(longer == 0, 1.0, longer)
    return longer * xp.sqrt(1 + ratio * ratio)


def _root(xp, x, axis, keepdims, divisor):
    total = xp.sum(x * x, axis=axis, keepdims=keepdims)
    return xp.sqrt(total if divisor == 1 else total / divisor)

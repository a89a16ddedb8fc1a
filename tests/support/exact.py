"""Errors in ulp against mpmath: exact results as arrays, and numbers to try."""

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath")

_PRECISION = 160  # bits
_FAR = 2000  # no result beyond differs from that of infinity, in any dtype


class Exact:
    """The exact results of a function of arrays.

    Args:
        function: of mpmath's numbers. It raises a ZeroDivisionError or ValueError for
            what is not to be compared, such as a pole.
        *arguments: arrays of finite numbers, of one axis and dtype.

    Attributes:
        rounded: the exact results in the dtype of the arguments, or next to them.
    """

    def __init__(self, function, *arguments):
        self.dtype = np.dtype(arguments[0].dtype)
        with mpmath.workprec(_PRECISION):
            columns = [map(mpmath.mpf, x.tolist()) for x in arguments]
            parts = [_parts(function, row) for row in zip(*columns, strict=True)]
        self._high, self._low, exponents = np.array(parts, np.float64).T
        self._exponents = exponents.astype(np.int64)
        self._is_known = np.isfinite(self._low)
        limit = int(np.finfo(self.dtype).maxexp) + 1
        with np.errstate(all="ignore"):
            y = np.ldexp(self._high, np.minimum(self._exponents, limit))
            self.rounded = y.astype(self.dtype)

    def errors(self, actual, largest=0):
        """Return the errors of an array in ulp of the exact results.

        They are infinite where one result is infinite or NaN and the other is not, and
        where a number has another sign.

        Args:
            actual: the array.
            largest: the largest terms of the results, where terms cancel: their ulp
                count if they are larger.
        """
        info, high, e = np.finfo(self.dtype), self._high, self._exponents
        digits, least = int(info.nmant), int(info.minexp) - int(info.nmant)
        of_terms = np.frexp(np.abs(np.asarray(largest, np.float64)))[1]
        with np.errstate(all="ignore"):
            scaled = np.ldexp(actual.astype(np.float64), -e)
            ulp = np.maximum(np.maximum(e, of_terms) - 1 - digits, least)
            errors = np.ldexp(np.abs(scaled - high - self._low), e - ulp)
        is_other = np.isinf(self.rounded) != np.isinf(actual)
        is_other |= np.isnan(high) != np.isnan(actual)
        turned = np.signbit(actual) != np.signbit(high)
        is_other |= turned & ((errors > 4) | np.isinf(actual))
        is_left = ~self._is_known | ~np.isfinite(self.rounded)
        return np.where(is_other & self._is_known, np.inf, np.where(is_left, 0, errors))


def _parts(function, row):
    """Return m and e of an exact result m * 2**e, m as the sum of two numbers."""
    try:
        y = function(*row)
    except (ZeroDivisionError, ValueError):
        return 0, np.nan, 0
    if isinstance(y, mpmath.mpc):
        y = y.real if y.imag == 0 else mpmath.nan
    if not mpmath.isfinite(y):
        return float(y), 0, 0
    m, e = mpmath.frexp(y)
    return float(m), float(m - float(m)), max(min(e, 1 << 20), -(1 << 20))


def within_reach(function):
    """Return a function of mpmath's that is not asked for what no computer can hold."""
    return lambda x: function(max(min(x, mpmath.mpf(_FAR)), mpmath.mpf(-_FAR)))


def of_every_exponent(rng, dtype, count):
    """Return finite numbers of both signs, ``count`` of them with each exponent.

    One of these is the smallest, and one the largest, if there are more.
    """
    info = np.finfo(dtype)
    integer = np.dtype(f"u{info.bits // 8}").type
    exponents = np.arange(2**info.iexp - 1, dtype=integer)[:, None]
    digits = rng.integers(0, 2**info.nmant, (exponents.size, count), dtype=integer)
    digits[:, 1:3] = np.array([0, 2**info.nmant - 1], integer)[: count - 1]
    x = (exponents << integer(info.nmant) | digits).view(dtype).ravel()
    return np.concatenate([x, -x])


def around_limits(dtype, count=4):
    """Return the numbers next to where exponentials overflow and underflow."""
    info, found = np.finfo(dtype), []
    for limit in (info.max, info.tiny, info.smallest_subnormal / np.longdouble(2)):
        for log in (np.log, np.log2):
            x = log(np.longdouble(limit)).astype(dtype)
            found += [x + i * np.spacing(x) for i in range(-count, count + 1)]
    x = np.array(found, dtype)
    return np.concatenate([x, -x])

"""The extras in pure Array API: any standard namespace becomes one that xdl runs on.

``Portable(array_api_strict)`` has every name of the namespace it wraps and, beside
them, the extras that the standard lacks. They are slow and exact: the reference that
the fast ones of ``numpy`` and ``cupy`` are tested against.
"""

import contextlib
import math

import numpy as np

from xdl.backend import random, rounding
from xdl.backend.convolution import counted
from xdl.backend.erf import erf_by_polynomials
from xdl.backend.indices import refuse_index


class Portable:
    """An Array API namespace together with xdl's extras."""

    BLOCK, fused, tensor_cores = 1 << 18, None, None

    def __init__(self, xp):
        self._xp = xp

    def __getattr__(self, name):
        return getattr(self._xp, name)

    def copy(self, x):
        return self._xp.asarray(x, copy=True)

    def power(self, x1, x2):
        return self._xp.pow(x1, x2)

    def quiet(self):
        return contextlib.nullcontext()

    def astype(self, x, dtype):
        dtype = getattr(self._xp, dtype) if isinstance(dtype, str) else dtype
        return self._xp.astype(x, dtype, copy=False)

    def new_zeros(self, like, shape):
        return self._xp.zeros(shape, dtype=like.dtype, device=like.device)

    def new_ones(self, like, shape):
        return self._xp.ones(shape, dtype=like.dtype, device=like.device)

    def new_arange(self, like, stop):
        return self._xp.arange(stop, device=like.device)

    def sum(self, x, axis=None, keepdims=False):
        xp = self._xp
        if x.dtype != xp.float32:
            return xp.sum(x, axis=axis, keepdims=keepdims)
        y = xp.sum(x, axis=axis, keepdims=keepdims, dtype=xp.float64)
        return xp.astype(y, xp.float32)

    def reserve(self, nbytes):
        """Do nothing: the standard knows of no memory."""

    def random_bits(self, like, shape, width, key, number):
        bits = random.bits(math.prod(shape), width, key, number).reshape(shape)
        return self._xp.asarray(bits, device=like.device)

    def owns(self, x):
        return False

    def zero_unless(self, mask, x):
        return self._xp.where(mask, x, 0.0)

    def has_non_finite(self, x):
        return not bool(self._xp.all(self._xp.isfinite(x)))

    def is_within(self, x, limit):
        return bool(self._xp.all(self._xp.abs(x) <= limit))

    def read_only(self, x):
        return x

    def getitem(self, x, index):
        """Return ``x[index]``; one index array among slices is a ``take``."""
        place = _lone_array(index)
        if place is None:
            return x[_with_ellipsis(index)]
        before, (array, *after) = index[:place], index[place:]
        x = x[_with_ellipsis((*before, slice(None), *after))]
        axis = -1 - len(after) if Ellipsis in before else place
        return self._xp.take(x, array, axis=axis)

    def scatter_add(self, x, index, values):
        """Add by position: of the values, the sum of those for each position."""
        xp = self._xp
        size = x.size
        positions = xp.arange(size, device=x.device)
        targets = self.getitem(xp.reshape(positions, x.shape), index)
        values = xp.asarray(values, dtype=x.dtype, device=x.device)
        values = xp.reshape(xp.broadcast_to(values, targets.shape), (-1, 1))
        is_target = xp.equal(xp.reshape(targets, (-1, 1)), positions)
        # Chosen, not multiplied by 0 and 1: a NaN stays where it is added.
        added = xp.sum(xp.where(is_target, values, 0), axis=0, dtype=x.dtype)
        return x + xp.reshape(added, x.shape)

    def convolution(self, x, taps, bias, options):
        """Add up what each tap gives at all places."""
        xp, groups = self._xp, options[3]
        (n, *size, _), (*window, share, out) = x.shape, taps.shape
        count = counted(size, window, *options[:3])
        x, y = (
            self._padded(x, options[1]),
            xp.zeros((n, *count, out), dtype=x.dtype, device=x.device),
        )
        for i, j, at in _taps_at(window, count, options):
            for group in range(groups):
                seen = x[(*at, _part(group, share))]
                into = (..., _part(group, out // groups))
                y[into] = y[into] + seen @ taps[(i, j, *into)]
        return y if bias is None else y + bias

    def convolution_by_input(self, g, taps, size, options):
        """Add what each tap gives back to where it saw it."""
        xp, groups, padding = self._xp, options[3], options[1]
        *window, share, out = taps.shape
        gx = xp.zeros(
            (g.shape[0], *size, share * groups), dtype=g.dtype, device=g.device
        )
        gx = self._padded(gx, padding)
        for i, j, at in _taps_at(window, g.shape[1:3], options):
            for group in range(groups):
                given = (..., _part(group, out // groups))
                into = (*at, _part(group, share))
                gx[into] = gx[into] + g[given] @ taps[(i, j, *given)].mT
        rows, columns = (slice(p, p + m) for p, m in zip(padding, size, strict=True))
        return gx[:, rows, columns, :]

    def convolution_by_weight(self, x, g, window, options):
        """Multiply what each tap sees with what comes back."""
        xp, groups, count = self._xp, options[3], g.shape[1:3]
        share, out = x.shape[3] // groups, g.shape[3]
        x, total = (
            self._padded(x, options[1]),
            xp.zeros((*window, share, out), dtype=x.dtype, device=x.device),
        )
        for i, j, at in _taps_at(window, count, options):
            for group in range(groups):
                given = (..., _part(group, out // groups))
                seen = xp.reshape(x[(*at, _part(group, share))], (-1, share))
                total[(i, j, *given)] = seen.mT @ xp.reshape(
                    g[given], (-1, out // groups)
                )
        return total

    def _padded(self, x, padding):
        n, *size, channels = x.shape
        rows, columns = (m + 2 * p for m, p in zip(size, padding, strict=True))
        y = self._xp.zeros((n, rows, columns, channels), dtype=x.dtype, device=x.device)
        inner = [slice(p, p + m) for m, p in zip(size, padding, strict=True)]
        y[(slice(None), *inner, slice(None))] = x
        return y

    def scatter_set(self, x, index, values):
        """Set by position: of the values for each position, the last one."""
        xp = self._xp
        positions = xp.arange(x.size, device=x.device)
        targets = self.getitem(xp.reshape(positions, x.shape), index)
        if not targets.size:
            return self.copy(x)
        values = xp.asarray(values, dtype=x.dtype, device=x.device)
        values = xp.reshape(xp.broadcast_to(values, targets.shape), (-1,))
        is_set = xp.equal(xp.reshape(targets, (-1, 1)), positions)
        numbers = xp.reshape(xp.arange(1, targets.size + 1, device=x.device), (-1, 1))
        last = xp.max(xp.where(is_set, numbers, 0), axis=0)
        chosen = xp.take(values, xp.where(last > 0, last - 1, 0), axis=0)
        y = xp.where(last > 0, chosen, xp.reshape(x, (-1,)))
        return xp.reshape(y, x.shape)

    def erf(self, x):
        is_double = x.dtype == self._xp.float64
        flat = self._xp.reshape(x, (-1,))
        return self._xp.reshape(erf_by_polynomials(self._xp, flat, is_double), x.shape)

    def round_to_tfloat32(self, x):
        return self._rounded(x, rounding.round_to_tfloat32)

    def round_to_bfloat16(self, x):
        return self._rounded(x, rounding.round_to_bfloat16)

    def round_to_float16(self, x):
        return self._rounded(x, rounding.round_to_float16)

    def _rounded(self, x, by_bits):
        """Round on the host: the standard has no way to the bits of a number."""
        rounded = by_bits(np.from_dlpack(x))
        return self._xp.asarray(rounded, device=x.device)

    def check_indices(self, indices, size, who, error):
        xp = self._xp
        if indices.size and bool(xp.any((indices < 0) | (indices >= size))):
            refuse_index(indices_to_host(indices), size, who, error)


def indices_to_host(indices):
    """Return an index array of any library as a NumPy array."""
    import numpy as np

    cpu = indices.to_device(type(indices.device)("CPU_DEVICE"))
    return np.asarray(cpu)


def _with_ellipsis(index):
    """Spell out that the axes which an index does not mention are taken whole."""
    index = index if isinstance(index, tuple) else (index,)
    if any(part is Ellipsis or hasattr(part, "dtype") for part in index):
        return index
    return (*index, ...)


def _lone_array(index):
    """Return where the one index array of an index is that has slices beside it."""
    if not isinstance(index, tuple):
        return None
    arrays = [i for i, part in enumerate(index) if hasattr(part, "dtype")]
    if len(arrays) != 1 or any(isinstance(part, int) for part in index):
        return None
    array = index[arrays[0]]
    is_mask = str(array.dtype).endswith("bool")
    return arrays[0] if array.ndim == 1 and not is_mask else None


def _taps_at(window, count, options):
    """Yield each tap, (row, column), and where in padded images it sees the places."""
    stride, _, dilation, _ = options
    for i in range(window[0]):
        for j in range(window[1]):
            starts = i * dilation[0], j * dilation[1]
            axes = zip(starts, count, stride, strict=True)
            yield (
                i,
                j,
                (slice(None), *[slice(a, a + (m - 1) * s + 1, s) for a, m, s in axes]),
            )


def _part(group, share):
    return slice(group * share, (group + 1) * share)

"""Kernels of the NumPy executor: what the namespace has, written into given memory."""

import math

import numpy as np

from xdl.backend import random
from xdl.backend.random import bits

_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def zero_unless(mask, x, out):
    """Write ``x`` where ``mask`` holds and 0 elsewhere."""
    bits = _BITS.get(x.itemsize)
    if bits is None:
        np.copyto(out, 0)
        np.copyto(out, x, where=mask)
        return
    whole = out.view(bits)
    np.copyto(whole, mask)
    np.negative(whole, whole)  # -1 is all bits
    np.bitwise_and(whole, x.view(bits), whole)


def random_bits(shape, width, key, number):
    """Return the integers of ``random.bits`` in a shape."""
    return random.bits(math.prod(shape), width, key, number).reshape(shape)


def arena(nbytes):
    """Return ``buffer(offset, shape, dtype, axes)``, which cuts arrays from one piece.

    Args:
        nbytes: the size of the piece; it starts at a cache line.
    """
    whole = np.empty(nbytes + 64, np.uint8)
    start = -whole.ctypes.data % 64

    def buffer(offset, shape, dtype, axes=None):
        axes = range(len(shape)) if axes is None else axes
        lengths = [shape[axis] for axis in axes]
        size = math.prod(lengths) * np.dtype(dtype).itemsize
        first = start + offset
        dense = whole[first : first + size].view(dtype).reshape(lengths)
        return dense.transpose(np.argsort(axes))

    return buffer


# The plain forms, which a saved program brings along.


def checked_array(name, x, shape, dtype):
    """Return an argument as an array; refuse another than the step is for.

    A length that is a text is any.
    """
    x = np.asarray(x)
    pairs = zip(x.shape, shape, strict=False)
    if x.ndim != len(shape) or any(a != b for a, b in pairs if type(b) is not str):
        needed = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
        raise ValueError(f"step: {name} has shape {x.shape}, needed {needed}")
    if x.dtype.newbyteorder("=") != dtype:
        needed = np.dtype(dtype).name
        raise TypeError(f"step: {name} has dtype {x.dtype}, needed {needed}; cast it")
    return x


def checked_length(name, n, some, least):
    """Return a length that is free; refuse it if it is none of some, and too small."""
    is_one = any(first <= n <= last for first, last in some)
    if not is_one and (least is None or n < least):
        needed = [f"{a} to {b}" if a < b else str(a) for a, b in some]
        needed += [] if least is None else [f"{least} or more"]
        raise ValueError(f"step: {name} has n = {n}, needed {' or '.join(needed)}")
    return n


def check_part(name, n, part, count):
    """Refuse a length for which a part of an array is longer or shorter than it was."""
    if len(part) != count:
        raise ValueError(
            f"step: {name} has n = {n}, and a part of an array would have {len(part)} "
            f"rows, needed {count}: the step was recorded for other n"
        )


def checked_number(name, x):
    """Return an argument as a float; refuse what is no number."""
    if type(x) is bool or not isinstance(x, int | float | np.integer | np.floating):
        raise TypeError(f"step: {name} is {type(x).__name__}, needed a float")
    return float(x)


def plain_random_bits(shape, width, key, number):
    """Return random integers in a shape."""
    return bits(math.prod(shape), width, key, number).reshape(shape)


def zero_where_not(mask, x):
    """Return ``x`` where ``mask`` holds and 0 elsewhere."""
    return np.where(mask, x, np.zeros((), x.dtype))


def set_at(x, index, new):
    """Return a copy of ``x`` with ``x[index] = new``."""
    y = x.copy()
    y[index] = new
    return y


def check_indices(indices, size):
    """Refuse indices outside [0, size)."""
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        raise IndexError(f"an index is outside [0, {size})")


def refuse_non_finite(x, limit=np.inf):
    """Refuse NaN, infinities and what is larger than the limit."""
    if not np.isfinite(x).all() or not (np.abs(x) <= limit).all():
        raise FloatingPointError("a gradient holds NaN or infinity, or is too large")

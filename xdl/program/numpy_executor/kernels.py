"""Kernels of the NumPy executor: what the namespace has, written into given memory."""

import math

import numpy as np

from xdl.backend import random

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

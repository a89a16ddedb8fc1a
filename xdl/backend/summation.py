"""Sums as accurate along every axis as NumPy's along the last one.

``np.add.reduce`` adds pairwise along the axis that is contiguous in memory; along any
other it adds row after row, and float32 has lost three digits after a million of them.
Here no more than ``CHAIN`` rows are added one after another: long axes are summed by
parts, and narrow rows several at a time, side by side, which is also many times as fast
(benchmarks/overhead.py). A saved program brings this file along: it needs NumPy alone.
"""

import functools
import math
from typing import Any

import numpy as np

CHAIN = 512  # rows that may be added one after another
LONG = 4096  # numbers of a dot product that BLAS may add up as it likes
_BLOCK = 1024  # numbers of its parts, otherwise
_PART = 32  # rows of a part
_WIDE = 1024  # elements of the rows that are made of narrow ones
_add: Any = np.add.reduce  # NumPy's stubs know ``keepdims`` by name alone


def long_sum(x, axis=None, dtype=None, out=None, keepdims=False):
    """Return the sum over axes; the arguments are those of ``np.add.reduce``.

    Args:
        x: an array.
        axis: None (all axes), an int or a tuple of ints.
        dtype: None.
        out: an array to write into, or None.
        keepdims: keep reduced axes with length 1.
    """
    if _is_pairwise(x, axis) or x.dtype.kind != "f" or not is_long(x.shape, axis):
        return _add(x, axis, dtype, out, keepdims)
    axes = range(x.ndim) if axis is None else axis
    axes = (axes,) if isinstance(axes, int) else axes
    add = _adder(x.shape, x.strides, tuple([a % x.ndim for a in axes]), keepdims)
    if out is None:
        return add(x)
    out[...] = add(x)
    return out


def is_long_dot(x1_shape, x2_shape):
    """Tell whether ``long_matmul`` is for arrays of these shapes.

    BLAS adds up a product of matrices by blocks, but one with a vector row after row.
    """
    if not x1_shape or x1_shape[-1] <= LONG:
        return False
    is_vector = len(x1_shape) == 1 or len(x2_shape) == 1
    return is_vector or x1_shape[-2] == 1 or x2_shape[-1] == 1


def long_matmul(x1, x2):
    """Return the matrix product of long vectors, or with one: by parts of them."""
    a = x1 if x1.ndim > 1 else x1[None]
    b = x2 if x2.ndim > 1 else x2[:, None]
    inner = a.shape[-1]
    count = inner // _BLOCK if b.shape[-2] == inner else 0
    if not count or x1.dtype.kind != "f":
        return np.matmul(x1, x2)
    whole = count * _BLOCK
    a_parts = a[..., :whole].reshape(*a.shape[:-1], count, _BLOCK).swapaxes(-3, -2)
    b_parts = b[..., :whole, :].reshape(*b.shape[:-2], count, _BLOCK, b.shape[-1])
    y = long_sum(np.matmul(a_parts, b_parts), -3)
    if whole < inner:
        y = y + np.matmul(a[..., whole:], b[..., whole:, :])
    if x2.ndim == 1:
        y = y[..., 0]
    return y if x1.ndim > 1 else np.squeeze(y, -1 if x2.ndim == 1 else -2)


def long_vecdot(x1, x2):
    """Return the dot products of long vectors, the last axes: by parts of them."""
    if x1.dtype.kind != "f" or x1.shape[-1] != x2.shape[-1]:
        return np.vecdot(x1, x2)
    return long_matmul(x1[..., None, :], x2[..., None])[..., 0, 0]


def is_long(shape, axis):
    """Tell whether a sum over axes of a shape may need more than NumPy's."""
    axes = range(len(shape)) if axis is None else axis
    axes = (axes,) if isinstance(axes, int) else axes
    return math.prod([shape[a] for a in axes]) > CHAIN


def _is_pairwise(x, axis):
    """Tell whether NumPy adds pairwise as it is."""
    is_last = axis is None or axis == -1 or axis == x.ndim - 1
    return is_last and x.flags.c_contiguous


@functools.lru_cache(1024)
def _adder(shape, strides, axes, keepdims):
    """Return the function that sums arrays of a shape and strides over axes."""
    order = sorted(range(len(shape)), key=lambda a: -abs(strides[a]))  # as they lie
    lengths: list[Any] = []
    marks: list[Any] = []
    step = None
    for a in order:  # neighbours in memory become one axis
        if marks and marks[-1] == (a in axes) and step == shape[a] * strides[a]:
            lengths[-1] *= shape[a]
        else:
            lengths.append(shape[a])
            marks.append(a in axes)
        step = strides[a]
    add = _steps(tuple(lengths), tuple(marks))
    kept = [a for a in order if a not in axes]
    found = [shape[a] for a in kept]
    if keepdims:
        kept, found = kept + sorted(axes), found + [1] * len(axes)
    back = sorted(range(len(kept)), key=kept.__getitem__)

    def sum_of(x):
        y = add(x.transpose(order).reshape(lengths))
        return y.reshape(found).transpose(back) if kept else y

    return sum_of


def _steps(shape, marks):
    """Return the function that sums over the marked axes.

    The last axis is the one that lies closest in memory; NumPy adds it pairwise.
    """
    axes = tuple([i for i, mark in enumerate(marks) if mark])
    outer = [i for i in axes if i < len(shape) - 1]
    if math.prod([shape[i] for i in outer]) <= CHAIN or not math.prod(shape):
        return lambda x: np.add.reduce(x, axes)
    axis = max(outer, key=shape.__getitem__)
    alone = tuple([i == axis for i in range(len(shape))])
    if len(outer) > 1:  # one after another, the longest first
        first = _steps(shape, alone)
        second = _steps(
            shape[:axis] + shape[axis + 1 :], marks[:axis] + marks[axis + 1 :]
        )
        return lambda x: second(first(x))
    many = _WIDE // shape[-1]
    if axes == (len(shape) - 2,) and many > 1:
        return _side_by_side(shape, axis, min(many, math.isqrt(shape[axis])))
    return _by_parts(shape, marks, axis)


def _side_by_side(shape, axis, part):
    """Sum over the last axis but one: that many rows are added as one wide row."""
    *before, rows, width = shape
    count = rows // part
    first = _steps((*before, count, part * width), (*[False] * axis, True, False))
    second = _steps((*before, part, width), (*[False] * axis, True, False))

    def add(x):
        wide = x[..., : count * part, :].reshape(*before, count, part * width)
        y = second(first(wide).reshape(*before, part, width))
        return y + np.add.reduce(x[..., count * part :, :], -2) if rows % part else y

    return add


def _by_parts(shape, marks, axis):
    """Sum over an axis, and those marked after it: first parts, then their sums."""
    before, rows, inner = shape[:axis], shape[axis], shape[axis + 1 :]
    count = rows // _PART
    split = (*before, count, _PART, *inner)
    axes = tuple([i for i, mark in enumerate(marks) if mark])
    first = _steps(split, (*marks[:axis], False, *marks[axis:]))
    left = tuple(
        [n for n, mark in zip(inner, marks[axis + 1 :], strict=True) if not mark]
    )
    second = _steps(
        (*before, count, *left), (*marks[:axis], True, *[False] * len(left))
    )
    at = (slice(None),) * axis

    def add(x):
        y = second(first(x[(*at, slice(count * _PART))].reshape(split)))
        rest = x[(*at, slice(count * _PART, None))]
        return y + np.add.reduce(rest, axes) if rows % _PART else y

    return add

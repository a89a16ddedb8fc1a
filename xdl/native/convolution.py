"""Convolutions of images in native code, without a copy of what windows see.

An image is copied with its padding, a few rows at a time, into memory that stays in a
cache; the products read it there through tables (``gathered_blocks``). They are made
for float32 and float64 where the processor has AVX2 or AVX-512.

A convolution is cut into parts of images for the threads of ``thread_pool``, its
gradient by the taps into parts of the taps: each number is summed in the same order,
however many threads there are.
"""

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock

from xdl.backend.convolution import counted
from xdl.native.cache import linked, load
from xdl.native.convolution_parts import LENGTH, PLACES
from xdl.native.gathered_blocks import GATHERED, signature
from xdl.native.thread_pool import PART, shared, workers

_IN_CACHE = 1 << 15  # elements of padded images that are copied at a time
_MOST = 1 << 19  # more of them for one row of places are left to NumPy
_PLACES = 1024  # that are terms of a product, about
_LEAST = 2**19  # multiplications: fewer, some 10 us, are not worth a part
_LINE = 16  # elements: memory of parts begins where lines of a cache do
_BLOCK = """
from xdl.native.gathered_blocks import GATHERED, gathered_block, signature

one_block = gathered_block(*GATHERED["{dtype}"])


@callback(signature("{dtype}"))
def block(height, columns, a, rows, terms, count, b, c, to, start, adds):
    one_block(height, columns, a, rows, terms, count, b, c, to, start, adds)
"""
_PART = """
from xdl.native.thread_pool import PART
from xdl.native.convolution import blocks
from xdl.native.convolution_parts import part

one = part("{dtype}", blocks("{dtype}"))


@callback(PART)
def part(index, task):
    one(index, task)
"""
_CONVOLVED = """
from xdl.native.convolution_parts import posting
from xdl.native.convolution import sharing

post = posting("{dtype}", sharing("{dtype}"))


@native(nogil=True)
def convolved(x, y, start, out, task, rows, terms, to, space):
    post(x, y, start, out, task, rows, terms, to, space)
"""


@global_compiler_lock
@functools.cache
def blocks(dtype):
    """Return the blocks of a dtype, for compiled code to call."""
    block = load(_BLOCK.format(dtype=dtype)).block
    return linked(f"xdl_gathered_{dtype}", block.address, signature(dtype), block)


@global_compiler_lock
@functools.cache
def sharing(dtype):
    """Return what shares a task with the pool, once parts of it can be called."""
    part = load(_PART.format(dtype=dtype)).part
    linked(f"xdl_convolution_part_{dtype}", part.address, PART, part)
    return shared()


@functools.cache
def _function(dtype):
    """Return the native function that does a task."""
    blocks(dtype)
    function = load(_CONVOLVED.format(dtype=dtype)).convolved
    number = getattr(types, dtype)
    read = types.Array(number, 1, "C", readonly=True)
    numbers, table = types.Array(number, 1, "C"), types.Array(types.int64, 1, "C")
    function.compile((read, read, read, numbers, *[table] * 4, numbers))
    return function


class _Axis(NamedTuple):
    """Places of a window along an axis.

    Attributes:
        size: of what is read.
        places: how many there are.
        step: from one to the next.
        first: where the first window begins; below 0 in the padding.
        taps: the numbers of the window's taps.
        offsets: where each lies behind the beginning.
        start, stride: where the first place is in the result, and the next.
    """

    size: int
    places: int
    step: int
    first: int
    taps: Any
    offsets: Any
    start: int = 0
    stride: int = 1


def _axis(size, window, stride, padding, dilation):
    (count,) = counted((size,), (window,), (stride,), (padding,), (dilation,))
    taps = range(window)
    return _Axis(size, count, stride, -padding, taps, [k * dilation for k in taps])


def _axes_back(size, count, window, stride, padding, dilation):
    """Return the _Axis of each class of elements that see the same taps.

    Element i of the images is read at place q by tap k where i = q s + k d - p: of
    those with i = r + s j the taps for which s divides r + p - k d.
    """
    for r in range(min(stride, size)):
        taps = [k for k in range(window) if (r + padding - k * dilation) % stride == 0]
        places = [(r + padding - k * dilation) // stride for k in taps]
        first = min(places, default=0)
        offsets = [q - first for q in places]
        many = len(range(r, size, stride))
        yield _Axis(count, many, 1, first, taps, offsets, r, stride)


def _space(size, dtype):
    """Return memory that begins where a line of a cache does."""
    whole = np.empty(size + _LINE * 4, dtype)
    return whole[-whole.ctypes.data % 64 // whole.itemsize :][:size]


class _Task:
    """One pass over images: the list of its integers, its tables, its memory.

    Args:
        kind: ``"images"`` or ``"taps"``.
        dtype: of all numbers.
        axes: the two _Axis.
        shapes: (n, channels) of what is read; (rows, columns, outs) of the result of
            each image, ``outs`` those of all groups.
        groups: the number of groups.
    """

    def __init__(self, kind, dtype, axes, shapes, groups):
        (n, channels), (rows, columns, outs) = shapes
        down, across = axes
        self.kind, self.axes, self.dtype = kind, axes, dtype
        wide = (across.places - 1) * across.step + max(across.offsets, default=0) + 1
        some = self._some(wide * channels)
        deep = (some - 1) * down.step + max(down.offsets, default=0) + 1
        share = channels // groups
        line = wide * channels
        self._rows = _summed(
            np.arange(some) * down.step * line,
            np.arange(across.places) * across.step * channels,
        )
        self._terms = _summed(
            np.array(down.offsets, np.int64) * line,
            np.array(across.offsets, np.int64) * channels,
            np.arange(share),
        )
        terms, is_taps = self._terms.size, kind == "taps"
        if is_taps:
            self._to = np.arange(terms) * outs
        else:
            self._to = _summed(
                np.arange(some) * down.stride * columns * outs,
                np.arange(across.places) * across.stride * outs,
            )
        read = [n, down.size, across.size, channels, down.first, across.first]
        units = [down.step, down.places, across.places, some, deep, wide]
        row = down.stride * columns * outs
        base = (down.start * columns + across.start) * outs
        made = [terms, groups, share, outs // groups, rows * columns * outs, row, base]
        self._given = dict(zip(PLACES, [*read, *units, *made], strict=False))
        self._made(n, deep * line, terms * outs)

    def _some(self, line):
        """Return how many rows of places are a unit: of a length that stays in cache.

        Raises:
            TooLargeError: what is seen from one row of places is too much.
        """
        down, across = self.axes
        reach = max(down.offsets, default=0) + 1
        if reach * line > _MOST:
            raise TooLargeError
        some = max(1, (_IN_CACHE // max(line, 1) - reach) // down.step + 1)
        if self.kind == "taps":
            some = min(some, max(1, _PLACES // across.places))
        units = -(-down.places // min(some, down.places))
        return -(-down.places // units)

    def _made(self, n, size, work):
        """Share the task out, and make the memory of its parts.

        Args:
            n: the number of images.
            size: of the padded images of a unit.
            work: the multiplications for a place.
        """
        given, registers = self._given, GATHERED[self.dtype][1]
        count, lanes = workers(), registers.lanes
        widest, is_taps = registers.vectors * lanes, self.kind == "taps"
        work *= n * given["rows"] * given["columns"]
        units = n * -(-given["rows"] // given["some"])
        many, most = units, 4 * count
        if is_taps:
            many, most = -(-given["terms"] // registers.rows), 2 * count
        parts = max(min(many, most, work // _LEAST), 1) if count > 1 else 1
        packed = self._rows.size * widest if is_taps else 0
        slot = -(-size // _LINE) * _LINE + packed
        given |= {"parts": parts, "slot": slot, "packed": packed, "is_taps": is_taps}
        outs = -(-given["outs"] // lanes) * lanes * given["groups"]
        panels = 0 if is_taps else given["terms"] * outs
        self._memory = _space(parts * slot + panels, self.dtype)
        self._list = np.zeros(LENGTH, np.int64)
        for name, number in given.items():
            self._list[PLACES[name]] = number
        self._function = _function(self.dtype)

    def run(self, x, y, start, out):
        """Compute it for flat arrays."""
        tables = self._rows, self._terms, self._to
        self._function(x, y, start, out, self._list, *tables, self._memory)


class TooLargeError(Exception):
    """Images are too large for the memory of a part."""


def _summed(*tables):
    """Return the sums of one number of each table, the last changing fastest."""
    total = np.zeros(1, np.int64)
    for table in tables:
        total = (total[:, None] + table).reshape(-1)
    return total


class Convolution:
    """A convolution, or its gradient by either operand, of arrays of known shapes.

    Args:
        name: of the instruction.
        shapes: of its two operands and of its result.
        options: stride, padding, dilation and groups.
        dtype: of all the arrays.

    Raises:
        TooLargeError: images are too large for the memory of a part.
    """

    def __init__(self, name, shapes, options, dtype):
        x, y, out = shapes
        *options, self._groups = options
        is_taps = name == "convolution_by_weight"
        self._turns = name == "convolution_by_input"
        window = out[:2] if is_taps else y[:2]
        self._zeros = np.zeros(out[3], dtype)
        if self._turns:
            sizes = zip(out[1:3], x[1:3], window, *options, strict=True)
            by_axis = [list(_axes_back(*given)) for given in sizes]
        else:
            sizes = zip(x[1:3], window, *options, strict=True)
            by_axis = [[_axis(*given)] for given in sizes]
        kind, made = ("taps", (1, 1)) if is_taps else ("images", out[1:3])
        self._tasks = [
            _Task(kind, dtype, axes, (x[::3], (*made, out[3])), self._groups)
            for axes in itertools.product(*by_axis)
        ]

    def __call__(self, x, y, *rest):
        """Compute it; return whether it could.

        It cannot if an array does not lie densely, and a gradient by the images not if
        a tap is infinite or NaN, which would meet zeros of the padding.

        Args:
            x, y: the operands.
            rest: the bias of a convolution, or None; the array for the result.
        """
        *bias, out = rest
        start = bias[0] if bias and bias[0] is not None else self._zeros
        arrays = x, y, start, out
        if not all(array.flags.c_contiguous for array in arrays):
            return False
        x, start, out = (array.reshape(-1) for array in (x, start, out))
        if not self._turns:
            self._tasks[0].run(x, y.reshape(-1), start, out)
            return True
        if not np.isfinite(y).all():
            return False
        for task in self._tasks:
            task.run(x, self._turned(y, task.axes), start, out)
        return True

    def _turned(self, taps, axes):
        """Return the taps that a class of elements sees, flat, by the channels made."""
        rows, columns = (list(axis.taps) for axis in axes)
        seen = taps[rows][:, columns]
        *shape, outs = seen.shape
        seen = seen.reshape(*shape, self._groups, outs // self._groups)
        seen = seen.transpose(0, 1, 4, 3, 2)
        return seen.reshape(-1)


def convolution(name, arguments, result):
    """Return the Convolution of an instruction; None if NumPy is to compute it.

    Args:
        name: of the instruction.
        arguments: its arguments; Values, or arrays.
        result: its result, likewise.
    """
    x, y, extra, options = arguments
    dtype = str(result.dtype)
    is_biased = name == "convolution" and extra is not None
    read = (x, y, extra) if is_biased else (x, y)
    if dtype not in GATHERED or GATHERED[dtype][1] is None or not result.size:
        return None
    if not x.size or any(str(array.dtype) != dtype for array in read):
        return None
    try:
        return Convolution(name, (x.shape, y.shape, result.shape), options, dtype)
    except TooLargeError:
        return None

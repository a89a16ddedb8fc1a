"""Convolutions on a GPU as products that read what windows see where it lies.

Element (place, term) of the left matrix is what a window at a place sees under one tap
in one channel: it is found in the images when a block needs it, and never stored. The
right matrix lies in memory as it is. Of the three products the gradient by the taps has
the left matrix turned; its terms, the places, are shared by several blocks, whose parts
are added in a fixed order.

Reference: S. Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning" (2014),
section 3; V. Volkov, J. Demmel, "Benchmarking GPUs to Tune Dense Linear Algebra"
(2008), for products in blocks of registers.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

from xdl.backend.convolution import counted

_REAL = {"float32": "float", "float64": "double"}
_DEPTH = 16  # terms of a block's step
_BLOCKS = 264  # two for each multiprocessor of a large GPU
_LEAST = 128  # terms that are worth a part
_FACTS = (
    *("height", "width", "channels"),  # of the images that are read
    *("rows", "columns", "places"),  # where windows stand: in an image, in all
    *("window", "share", "terms"),  # a window's columns, channels of a group, terms
    *("down", "across", "below", "beside", "above", "left"),
    *("every_row", "every_column"),  # of so many rows, columns one is there
    *("high", "wide", "depth", "of_part", "groups", "total", "skips"),
)
_KERNEL = r"""
struct Facts { int FIELDS; };
struct Place { int first, y, x; };
struct Term { int y, x, channel; };

static __device__ Place place_of(const Facts& f, int place, int group) {
  int column = place % f.columns, image = place / f.columns, row = image % f.rows;
  image /= f.rows;
  int first = image * f.height * f.width * f.channels + group * f.share;
  return {place < f.places ? first : -1, row * f.down - f.above,
          column * f.across - f.left};
}

static __device__ Term term_of(const Facts& f, int term) {
  int tap = term / f.share, channel = term % f.share;
  return {tap / f.window * f.below, tap % f.window * f.beside, channel};
}

// Where in the images that is, or -1 if it is in their padding.
static __device__ int seen(const Facts& f, const Place& place, const Term& term) {
  int y = place.y + term.y, x = place.x + term.x;
  if (place.first < 0 || y < 0 || x < 0) return -1;
  if (f.every_row > 1 || f.every_column > 1) {
    if (y % f.every_row || x % f.every_column) return -1;
    y /= f.every_row;
    x /= f.every_column;
  }
  if (y >= f.height || x >= f.width) return -1;
  return place.first + (y * f.width + x) * f.channels + term.channel;
}

extern "C" __global__ void __launch_bounds__(THREADS)
xdl_convolution(const REAL* images, const REAL* right, const REAL* bias,
                const Facts f, REAL* out) {
  constexpr int LEFTS = HIGH * DEPTH / THREADS, RIGHTS = WIDE * DEPTH / THREADS;
  // 16 bytes are read at once.
  alignas(16) __shared__ REAL lefts[DEPTH][HIGH + 4], rights[DEPTH][WIDE];
  __shared__ int has_nan;  // or an infinity, in a right matrix
  int thread = threadIdx.x, part = blockIdx.z / f.groups;
  int group = blockIdx.z % f.groups, columns = group * f.wide + blockIdx.y * WIDE;
  int rows = blockIdx.x * HIGH, from = part * f.of_part;
  int until = from + f.of_part < f.depth ? from + f.of_part : f.depth;
  if (!thread) has_nan = 0;
#if BY_WEIGHT  // a thread reads of one term, at some places one behind another
  int at = thread % HIGH, depth = thread / HIGH * LEFTS;
  Term mine = term_of(f, rows + at);
#else  // a thread reads of some places, each time of one term
  int at = thread / DEPTH, depth = thread % DEPTH;
  Place mine[LEFTS];
  for (int i = 0; i < LEFTS; ++i)
    mine[i] = place_of(f, rows + at + i * (THREADS / DEPTH), group);
#endif
  REAL left[LEFTS], other[RIGHTS], sums[TALL][4] = {};
  int column = thread % WIDE, line = thread / WIDE;
  auto fetch = [&](int start) {
#if BY_WEIGHT
    Place place = place_of(f, start + depth, group);
    int row = (start + depth) / f.columns % f.rows;
    int x = (start + depth) % f.columns;
#pragma unroll
    for (int i = 0; i < LEFTS; ++i) {
      int found = start + depth + i < until && rows + at < f.high
                      ? seen(f, place, mine) : -1;
      left[i] = found < 0 ? 0 : images[found];
      place.x += f.across;
      if (++x < f.columns) continue;
      x = 0;
      place.x = -f.left;
      place.y += f.down;
      if (++row < f.rows) continue;
      row = 0;
      place.y = -f.above;
      place.first += f.height * f.width * f.channels;
    }
#else
    Term term = term_of(f, start + depth);
#pragma unroll
    for (int i = 0; i < LEFTS; ++i) {
      int found = start + depth < until ? seen(f, mine[i], term) : -1;
      left[i] = found < 0 ? 0 : images[found];
    }
#endif
#pragma unroll
    for (int i = 0; i < RIGHTS; ++i) {
      int k = start + line + i * (THREADS / WIDE);
      bool is_there = k < until && blockIdx.y * WIDE + column < f.wide;
      other[i] = is_there ? right[k * f.total + columns + column] : 0;
    }
  };
  fetch(from);
  int down = thread / (WIDE / 4) * TALL, along = thread % (WIDE / 4) * 4;
  for (int start = from; start < until; start += DEPTH) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < LEFTS; ++i)
#if BY_WEIGHT
      lefts[depth + i][at] = left[i];
#else
      lefts[depth][at + i * (THREADS / DEPTH)] = left[i];
#endif
#pragma unroll
    for (int i = 0; i < RIGHTS; ++i) {
      rights[line + i * (THREADS / WIDE)][column] = other[i];
      if (other[i] - other[i] != 0) has_nan = 1;
    }
    __syncthreads();
    if (start + DEPTH < until) fetch(start + DEPTH);
    if (f.skips && has_nan) {  // 0 times it would be NaN
      for (int k = 0; k < DEPTH; ++k)
        for (int i = 0; i < TALL; ++i) {
          Place place = place_of(f, rows + down + i, group);
          if (start + k >= until || seen(f, place, term_of(f, start + k)) < 0) continue;
          for (int j = 0; j < 4; ++j)
            sums[i][j] += lefts[k][down + i] * rights[k][along + j];
        }
      continue;
    }
#pragma unroll 4
    for (int k = 0; k < DEPTH; ++k)
#pragma unroll
      for (int i = 0; i < TALL; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sums[i][j] += lefts[k][down + i] * rights[k][along + j];
  }
#pragma unroll
  for (int i = 0; i < TALL; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      int row = rows + down + i;
      if (row >= f.high || blockIdx.y * WIDE + along + j >= f.wide) continue;
      REAL sum = bias ? sums[i][j] + bias[columns + along + j] : sums[i][j];
      out[((long long)part * f.high + row) * f.total + columns + along + j] = sum;
    }
}
""".replace("FIELDS", ", ".join(_FACTS))


class Convolutions:
    """Convolutions of images whose channels are last, of float32 and float64.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy):
        self._cupy, self._kernels = cupy, {}

    def takes(self, a, b):
        """Tell whether two operands are what the kernels are made for."""
        if a.dtype != b.dtype or a.dtype.name not in _REAL:
            return False
        return 0 < min(a.size, b.size) and max(a.size, b.size) < 2**29

    def convolution(self, x, taps, bias, options, out=None):
        """Return what ``xdl.backend.convolution.convolution`` does."""
        stride, padding, dilation, groups = options
        window, size = taps.shape[:2], x.shape[1:3]
        count = counted(size, window, stride, padding, dilation)
        seen = stride, dilation, padding, (1, 1)
        left = _Seen(x.shape, count, window, seen, groups)
        shape = (len(x), *count, taps.shape[3])
        return self._product(x, left, taps, bias, shape, out)

    def convolution_by_input(self, g, taps, size, options, out=None):
        """Return what ``xdl.backend.convolution.convolution_by_input`` does."""
        stride, padding, dilation, groups = options
        *window, share, outs = taps.shape
        # Where a window stood that sees an image's row with one of its taps.
        ways = (1, 1), tuple(-d for d in dilation), tuple(-p for p in padding), stride
        left = _Seen(g.shape, size, window, ways, groups)
        taps = taps.reshape(*window, share, groups, outs // groups)
        turned = taps.transpose(0, 1, 4, 3, 2)
        shape = (len(g), *size, groups * share)
        return self._product(g, left, turned, None, shape, out, skips=True)

    def convolution_by_weight(self, x, g, window, options, out=None):
        """Return what ``xdl.backend.convolution.convolution_by_weight`` does."""
        stride, padding, dilation, groups = options
        seen = stride, dilation, padding, (1, 1)
        left = _Seen(x.shape, g.shape[1:3], window, seen, groups)
        shape = (*window, x.shape[3] // groups, g.shape[3])
        return self._product(x, left, g, None, shape, out, by_weight=True)

    def _product(
        self, images, left, right, bias, shape, out, by_weight=False, skips=False
    ):
        """Launch a product; ``by_weight``: of the left matrix turned.

        Args:
            images, left: the images, and what is seen of them.
            right: the right matrix, in any shape.
            bias: what is added to each row, or None.
            shape: of the result.
            out: an array for it, or None.
            skips: whether what no tap sees is left out, rather than 0.
        """
        total, groups = shape[3], left.groups
        high, depth = reversed(left.sides) if by_weight else left.sides
        wide = total // groups
        tile = _tile(high, wide, groups)
        blocks = -(-high // tile[0]), -(-wide // tile[1])
        of_part, parts = depth, 1
        if by_weight:
            of_part = _of_part(depth, math.prod(blocks) * groups)
            parts = -(-depth // of_part)
        facts = *left.facts(), high, wide, depth, of_part, groups, total, int(skips)
        is_direct = parts == 1 and out is not None and out.flags.c_contiguous
        made = out
        if not is_direct:
            made = self._cupy.empty((parts, *shape), images.dtype)
        images, right = map(self._cupy.ascontiguousarray, (images, right))
        if bias is not None:
            bias = self._cupy.ascontiguousarray(bias, images.dtype)
        told = np.array(facts, _RECORD)
        given = images, right, np.uint64(0) if bias is None else bias, told, made
        kernel = self._kernel(images.dtype.name, by_weight, tile)
        kernel((*blocks, groups * parts), (_threads(tile),), given)
        if is_direct:
            return out
        if parts > 1:
            return made.sum(0, out=out)
        if out is None:
            return made[0]
        out[...] = made[0]
        return out

    def _kernel(self, dtype, by_weight, tile):
        key = dtype, by_weight, tile
        if key not in self._kernels:
            self._kernels[key] = self._cupy.RawKernel(text(*key), "xdl_convolution")
        return self._kernels[key]


_RECORD = np.dtype([(name, np.int32) for name in _FACTS])


class _Seen(NamedTuple):
    """What windows see of images: a matrix that is never stored.

    Attributes:
        shape: of the images.
        counts: at how many places of each there is a window, (rows, columns).
        window: (rows, columns) of the taps.
        ways: pairs: from one place to the next, from one tap to the next, how far the
            first one is outside, and of how many rows and columns one is there.
        groups: the groups of channels.
    """

    shape: tuple[int, ...]
    counts: tuple[int, ...]
    window: tuple[int, ...]
    ways: tuple[tuple[int, ...], ...]
    groups: int

    @property
    def sides(self):
        """The lengths of the matrix: of places, and of terms."""
        share = self.shape[3] // self.groups
        return self.shape[0] * math.prod(self.counts), math.prod(self.window) * share

    def facts(self):
        """Return what a kernel is told of it."""
        places, terms = self.sides
        share = self.shape[3] // self.groups
        window = self.window[1], share, terms
        ways = itertools.chain(*self.ways)
        return (*self.shape[1:], *self.counts, places, *window, *ways)


def text(dtype, by_weight, tile):
    """Return the CUDA C++ for a dtype, a product and a tile."""
    high, wide, tall = tile
    words = {"REAL": _REAL[dtype], "BY_WEIGHT": int(by_weight), "DEPTH": _DEPTH}
    words |= {"HIGH": high, "WIDE": wide, "TALL": tall, "THREADS": _threads(tile)}
    lines = [f"#define {word} {meant}\n" for word, meant in words.items()]
    return "".join(lines) + _KERNEL


def _tile(high, wide, groups):
    """Return rows and columns of a block, and the rows of a thread's sums."""
    columns = 32 if wide <= 32 else 64
    for rows in (128, 64):
        if -(-high // rows) * -(-wide // columns) * groups >= _BLOCKS:
            return rows, columns, 8 if columns == 64 else 4
    return 32, columns, 4


def _of_part(depth, blocks):
    """Return how many of the terms one block adds."""
    parts = max(1, min(2 * _BLOCKS // blocks, depth // _LEAST))
    return -(-depth // (parts * _DEPTH)) * _DEPTH


def _threads(tile):
    high, wide, tall = tile
    return high // tall * (wide // 4)

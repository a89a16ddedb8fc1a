"""Checks: all that a step asks of its numbers, in one launch behind everything else.

Kernels read an index that is out of range as the nearest that is not, so that a step
may go on to its end; here is found out that it must not change anything.
"""

import numpy as np

from xdl.backend.cuda.sources import TYPES
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, owner_of

INDEX, FINITE = 1, 2  # kinds: what a failed check sets

_CHECK = r"""
struct Part { const void* x; long long count, low, high; int type, unused; };

template <class T>
__device__ bool is_other(const T* x, Part part) {
  bool found = false;
  for (long long i = threadIdx.x; i < part.count; i += blockDim.x)
    found |= !(x[i] - x[i] == (T)0);  // of infinities and NaN it is NaN
  return found;
}
template <class T>
__device__ bool is_outside(const T* x, Part part) {
  bool found = false;
  for (long long i = threadIdx.x; i < part.count; i += blockDim.x)
    found |= (long long)x[i] < part.low || (long long)x[i] >= part.high;
  return found;
}
extern "C" __global__ void xdl_check(const Part* parts, int* refused) {
  Part part = parts[blockIdx.x];
  bool found = false;
  switch (part.type) {
    case 0: found = is_other((const float*)part.x, part); break;
    case 1: found = is_other((const double*)part.x, part); break;
    CASES
  }
  if (found) atomicMax(refused, part.type < 2 ? FINITE : INDEX);
}
"""
_PART = np.dtype(
    [
        *[("x", np.uint64), ("count", np.int64), ("low", np.int64)],
        *[("high", np.int64), ("type", np.int32), ("unused", np.int32)],
    ]
)
_FLOATS = ("float32", "float64")
# What is too large for a signed number of 64 bits is below 0.
_INTEGERS = {**TYPES, "uint64": "long long", "bool": "bool"}
_CODES = {name: i for i, name in enumerate((*_FLOATS, *_INTEGERS))}
_CHUNK = 1 << 12  # numbers that a block asks
_THREADS = 256


def asked(instructions):
    """Return the checks of instructions, with those of the indices that they read.

    Args:
        instructions: those of a program, in order.
    """
    found: dict[tuple[Value, int, int], Instruction] = {}
    for one in instructions:
        if one.row.kind == Kind.CHECK_INDICES:
            indices, size = one.arguments
            found[indices, 0, size] = one
    for one in instructions:
        for indices, size in _indices(one):
            key = indices, -size, size
            if (indices, 0, size) not in found and not _is_right(*key):
                found.setdefault(key, _check(indices, size, one.place))
    finite = [one for one in instructions if one.row.kind == Kind.CHECK_FINITE]
    return [*found.values(), *finite]


def _check(indices, size, place):
    """Return the instruction that asks whether indices are in ``[-size, size)``."""
    return Instruction("check_indices", (indices, size, -size), {}, place)


def _is_right(indices, low, high):
    """Tell whether constant indices are in a range."""
    if owner_of(indices).origin != "constant" or indices.origin != "constant":
        return False
    data = indices.data
    return not data.size or bool(data.min() >= low and data.max() < high)


def _indices(one):
    """Yield the integer arrays that an instruction reads as indices, and of what."""
    if one.name in ("take", "take_along_axis"):
        x, indices, *axis = one.arguments
        (axis,) = axis or (one.options["axis"],)
        yield indices, x.shape[axis]
    elif one.row.kind in (Kind.PART, Kind.CHANGE) or one.name == "scatter_set":
        yield from _parts(*one.arguments[:2])


def _parts(x, index):
    parts = index if isinstance(index, tuple | list) else (index,)
    rest = len(x.shape) - sum(map(_axes_of, parts))  # what an Ellipsis stands for
    axis = 0
    for part in parts:
        is_array = isinstance(part, Value) and not part.is_number
        if is_array and part.dtype.kind in "iu" and axis < len(x.shape):
            yield part, x.shape[axis]
        axis += rest if part is Ellipsis else _axes_of(part)


def _axes_of(part):
    """Return how many axes a part of an index points into."""
    if part is None or part is Ellipsis or part is True or part is False:
        return 0
    is_mask = isinstance(part, Value) and not part.is_number and part.dtype.kind == "b"
    return len(part.shape) if is_mask else 1


class Checks:
    """Asks all checks in one launch; called, it launches that.

    Args:
        cupy: the module.
        memory: the Arrays.
        checks: Instructions.
        refused: the array of one int32 that becomes the kind of what failed.
    """

    def __init__(self, cupy, memory, checks, refused):
        self._cupy, self._refused = cupy, refused
        self._before, parts, others = [], [], []
        for one in checks:
            array = memory.array(one.arguments[0])
            if array.dtype.name in _CODES:
                parts += self._parts(one, array)
            else:
                others.append(array)
        self._others, self._count = others, len(parts)
        if parts:
            table = np.array(parts, _PART).view(np.int64)
            self._table = cupy.asarray(table)
            self._kernel = cupy.RawKernel(_text(), "xdl_check")

    def _parts(self, one, array):
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            dense = self._cupy.empty(array.shape, array.dtype)
            self._before.append((dense, array))
            array = dense
        _, *limits = one.arguments
        high, low = 0, 0
        if one.row.kind == Kind.CHECK_INDICES:
            high, low = (*limits, 0)[:2]
        code = _CODES[array.dtype.name]
        return [
            (
                array.data.ptr + first * array.itemsize,
                min(_CHUNK, array.size - first),
                *(low, high, code, 0),
            )
            for first in range(0, array.size, _CHUNK)
        ]

    def __call__(self):
        """Launch it."""
        for dense, array in self._before:
            dense[...] = array
        for array in self._others:  # of 16 bits
            is_other = ~self._cupy.isfinite(array).all()
            self._cupy.maximum(self._refused, is_other * FINITE, out=self._refused)
        if self._count:
            given = self._table, self._refused
            self._kernel((self._count,), (_THREADS,), given)


def _text():
    cases = [
        f"case {_CODES[name]}: found = is_outside((const {kind}*)part.x, part); break;"
        for name, kind in _INTEGERS.items()
    ]
    text = _CHECK.replace("CASES", "\n    ".join(cases))
    return text.replace("FINITE", str(FINITE)).replace("INDEX", str(INDEX))

"""Optimizers on a GPU: one launch for all weights, in the place of some for each.

What is done with an element stands in ``xdl.backend.cuda.optim_bodies``. The pointers
to the arrays come in the arguments of the launch, as many as fit into the 4 KB that
every GPU takes. No weight changes, and no count, where the flag of a failed check is
set (``xdl.backend.checks``).
"""

from typing import Any

import numpy as np

from xdl.backend import checks
from xdl.backend.cuda.optim_bodies import BODIES, ROOM

MOST = 62  # weights a launch
CHUNK, THREADS = 4096, 256
_POINTERS = ("weight", "grad", "state0", "state1", "state2", "step")
_ENTRY = np.dtype(
    [(name, np.uint64) for name in _POINTERS]
    + [("size", np.int64), ("first", np.uint32), ("unused", np.uint32)]
)
_TABLE = np.dtype(
    [("flag", np.uint64), ("count", np.int64), ("number", np.float64, 8)]
    + [("entry", _ENTRY, MOST)]
)

_HEAD = r"""
#include <cuda_fp16.h>
#include <cuda_bf16.h>
struct Entry {
  STORED* weight; const STORED* grad; REAL* state0; REAL* state1; REAL* state2;
  double* step; long long size; unsigned first; unsigned unused;
};
struct Table {
  unsigned long long* flag; long long count; double number[8]; Entry entry[62];
};
static __device__ REAL wide(float x) { return x; }
static __device__ REAL wide(double x) { return x; }
static __device__ REAL wide(__half x) { return __half2float(x); }
static __device__ REAL wide(__nv_bfloat16 x) { return __bfloat162float(x); }
static __device__ void put(float* at, REAL x) { *at = x; }
static __device__ void put(double* at, REAL x) { *at = x; }
static __device__ void put(__half* at, REAL x) { *at = __float2half(x); }
static __device__ void put(__nv_bfloat16* at, REAL x) { *at = __float2bfloat16(x); }
static __device__ int entry_of(const Table& table, unsigned block) {
  int low = 0, high = table.count;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (table.entry[middle].first <= block) low = middle; else high = middle;
  }
  return low;
}
"""
_FINITE = r"""
extern "C" __global__ void xdl_finite(const Table table, unsigned long long code) {
  int k = entry_of(table, blockIdx.x);
  long long i = (long long)(blockIdx.x - table.entry[k].first) * CHUNK;
  long long end = min(i + CHUNK, table.entry[k].size);
  bool fails = false;
  for (i += threadIdx.x; i < end; i += THREADS)
    fails |= !isfinite(wide(table.entry[k].grad[i]));
  if (fails) atomicMax(table.flag, code - k);
}
"""
_COUNT = r"""
extern "C" __global__ void xdl_count(const Table table) {
  int k = threadIdx.x;
  if (!*table.flag && k < table.count) {
    *table.entry[k].step += 1;
    COUNTED
  }
}
"""
_CHANGE = r"""
extern "C" __global__ void xdl_change(const Table table) {
  if (*table.flag) return;
  int k = entry_of(table, blockIdx.x);
  const double* number = table.number;
  STATES
  PREPARED
  long long i = (long long)(blockIdx.x - table.entry[k].first) * CHUNK;
  long long end = min(i + CHUNK, table.entry[k].size);
  for (i += threadIdx.x; i < end; i += THREADS) {
    REAL w = wide(table.entry[k].weight[i]), g = wide(table.entry[k].grad[i]);
    BODY
    put(table.entry[k].weight + i, w);
  }
}
"""

_STORED = {
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
    "float32": "float",
    "float64": "double",
}
_STATES = "\n  ".join(f"REAL* state{i} = table.entry[k].state{i};" for i in range(3))


class Together:
    """What is done with many weights at once.

    Args:
        cupy: the module.
        asked: the CudaChecks.
    """

    def __init__(self, cupy, asked):
        self._cupy, self._asked, self._kernels = cupy, asked, {}

    def know(self, may_wait):
        """Wait for the answers unless they may wait; raise the first error."""
        if may_wait:
            self._asked.settle()
        else:
            self._asked.know()

    def ask_finite(self, grads, refuse):
        """Ask whether gradients are finite.

        Args:
            grads: arrays.
            refuse: called with the place of the first that is not, and when it was.
        """
        code = checks.of_context().ask(refuse)
        for dtype, some in _by_dtype(enumerate(grads), lambda one: one[1].dtype):
            kernel = self._kernel("finite", dtype)
            # The code of a gradient is that of the check less its place.
            for start in range(0, len(some), MOST):
                part = some[start : start + MOST]
                self._ask_part(kernel, part, code)

    def _ask_part(self, kernel, part, code):
        """Ask of gradients whose places follow each other, in one launch a run."""
        begin = 0
        for end in range(1, len(part) + 1):
            if end < len(part) and part[end][0] == part[end - 1][0] + 1:
                continue
            arrays = [self._cupy.ascontiguousarray(g) for _, g in part[begin:end]]
            rows = [(0, g.data.ptr, 0, 0, 0, 0, g.size) for g in arrays]
            table, blocks = self._table(rows)
            if blocks:
                first = np.uint64(code - part[begin][0])
                kernel((blocks,), (THREADS,), (table, first))
            begin = end

    def change(self, body, numbers, limits, ready):
        """Change weights.

        Args:
            body: a name in ``BODIES``.
            numbers: what it calls ``number``, at most 7.
            limits: from a dtype's name to the greatest magnitude of a gradient: the
                last number; 0: none.
            ready: tuples (weight, gradient, step or None, other state).
        """
        for dtype, some in _by_dtype(ready, lambda one: one[0].dtype):
            filled = [*numbers, *[0.0] * (7 - len(numbers)), limits.get(dtype.name, 0)]
            for start in range(0, len(some), MOST):
                self._change_part(body, dtype, filled, some[start : start + MOST])

    def _change_part(self, body, dtype, numbers, part):
        as_dense, rows, lent = self._cupy.ascontiguousarray, [], []
        for value, grad, step, state in part:
            arrays = [value, *state]
            dense = [as_dense(array) for array in arrays]
            lent.append((arrays, dense, grad := as_dense(grad)))
            weight, *kept = [array.data.ptr for array in dense]
            kept += [0] * (3 - len(kept))
            at = 0 if step is None else step.data.ptr
            rows.append((weight, grad.data.ptr, *kept, at, value.size))
        table, blocks = self._table(rows, numbers)
        if blocks:
            self._kernel("change", dtype, body)((blocks,), (THREADS,), (table,))
        if part[0][2] is not None:
            self._kernel("count", dtype, body)((1,), (MOST,), (table,))
        for arrays, dense, _ in lent:
            for array, changed in zip(arrays, dense, strict=True):
                if changed is not array:
                    array[...] = changed

    def _table(self, rows, numbers=()):
        """Return the table of rows, and the number of blocks that they need."""
        table, entries, first = np.zeros((), _TABLE), [], 0
        for row in rows:
            entries.append((*row, first, 0))
            first += -(-row[-1] // CHUNK)
        table["flag"] = self._asked.flag().data.ptr
        table["count"] = len(rows)
        table["number"][: len(numbers)] = numbers
        table["entry"][: len(rows)] = entries
        return table, first

    def _kernel(self, name, dtype, body=None):
        key = name, dtype, body
        if key not in self._kernels:
            text = _text(name, dtype.name, body)
            self._kernels[key] = self._cupy.RawKernel(text, f"xdl_{name}")
        return self._kernels[key]


def _text(name, dtype, body):
    """Return the source of a kernel."""
    text = {"finite": _FINITE, "count": _COUNT, "change": _CHANGE}[name]
    prepared, each, counted = (*BODIES.get(body, ("", "")), "")[:3]
    words = {
        "PREPARED": prepared,
        "BODY": each,
        "COUNTED": counted,
        "STATES": _STATES,
        "CHUNK": str(CHUNK),
        "THREADS": str(THREADS),
        **ROOM,
    }
    for word, meant in words.items():
        text = text.replace(word, meant)
    real = "double" if dtype == "float64" else "float"
    return (_HEAD + text).replace("STORED", _STORED[dtype]).replace("REAL", real)


def _by_dtype(items, dtype_of):
    """Return pairs of a dtype and the items of it."""
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(dtype_of(item), []).append(item)
    return found.items()

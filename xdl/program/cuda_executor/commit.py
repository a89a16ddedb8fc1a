"""Commit: the one launch that changes the state, unless a check has failed."""

import numpy as np

from xdl.tracing.values import owner_of

_COMMIT = r"""
struct Part { char* to; const char* from; long long bytes; };
extern "C" __global__ void xdl_commit(const Part* parts, const int* refused) {
  if (*refused) return;
  Part part = parts[blockIdx.x];
  long long wide = 0;
  if (((size_t)part.to | (size_t)part.from) % 16 == 0) {
    wide = part.bytes / 16;
    for (long long i = threadIdx.x; i < wide; i += blockDim.x)
      ((int4*)part.to)[i] = ((const int4*)part.from)[i];
  }
  for (long long i = wide * 16 + threadIdx.x; i < part.bytes; i += blockDim.x)
    part.to[i] = part.from[i];
}
"""
_PART = np.dtype([("to", np.uint64), ("from", np.uint64), ("bytes", np.int64)])
_CHUNK = 1 << 16  # bytes that a block copies
_THREADS = 256


class Commit:
    """Copies the new state over the old one; called, it launches that.

    Args:
        cupy: the module.
        program: the Program.
        memory: the Arrays.
        refused: the array that says whether a check has failed.
    """

    def __init__(self, cupy, program, memory, refused):
        self._cupy, self._refused = cupy, refused
        self._before = []
        parts = []
        for update in program.updates:
            if update.in_place:
                parts += self._parts(update, memory)
        self._table = None
        if parts:
            self._table = cupy.asarray(np.array(parts, _PART).view(np.int64))
            self._count = len(parts)
            self._kernel = cupy.RawKernel(_COMMIT, "xdl_commit")

    def _parts(self, update, memory):
        """Return what is copied for one array of the state."""
        to, new = memory._states[update.slot], memory.array(update.value)
        is_moved = owner_of(update.value).origin in ("state", "input", "constant")
        if is_moved or new.strides != to.strides or not _is_dense(to):
            dense = self._cupy.empty_like(to)
            self._before.append((dense, new))
            new = dense
        pairs = range(0, to.nbytes, _CHUNK)
        return [
            (to.data.ptr + i, new.data.ptr + i, min(_CHUNK, to.nbytes - i))
            for i in pairs
        ]

    def __call__(self):
        """Launch it."""
        for dense, new in self._before:
            dense[...] = new
        if self._table is not None:
            given = self._table, self._refused
            self._kernel((self._count,), (_THREADS,), given)


def _is_dense(x):
    return x.flags.c_contiguous or x.flags.f_contiguous

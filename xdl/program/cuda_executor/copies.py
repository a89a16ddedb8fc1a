"""Copies: many arrays to other places in one launch, at both ends of a step.

At its beginning the arguments are copied to where the kernels read them; at its end the
new state over the old one, and the results into arrays that are made for each call.
Where the arguments and results lie, the table of the step says.

The state changes unless a check of this step has failed, which is told to the flag that
the host asks (``backend.cuda.checks``), or the flag is set by a step before.
"""

import numpy as np

_COPY = r"""
typedef unsigned long long word;
struct Part {
  word to, from;
  long long bytes;
  int to_word, from_word, guarded, unused;
};

extern "C" __global__ void xdl_copy(const Part* parts, const word* table, int* refused,
                                    int begins) {
  bool is_first = blockIdx.x + threadIdx.x == 0;
  Part part = parts[blockIdx.x];
  if (begins) {
    if (is_first) *refused = 0;
  } else {
    word code = table[3], *flag = (word*)table[4];
    int failed = *refused;
    if (failed && flag && is_first) atomicMax(flag, code - (word)(failed - 1));
    if (part.guarded && (failed || flag && *flag)) return;
  }
  char* to = (char*)(part.to + (part.to_word < 0 ? 0 : table[part.to_word]));
  const char* from =
      (const char*)(part.from + (part.from_word < 0 ? 0 : table[part.from_word]));
  if (to == from) return;
  long long wide = 0;
  if (((word)to | (word)from) % 16 == 0) {
    wide = part.bytes / 16;
    for (long long i = threadIdx.x; i < wide; i += blockDim.x)
      ((int4*)to)[i] = ((const int4*)from)[i];
  }
  for (long long i = wide * 16 + threadIdx.x; i < part.bytes; i += blockDim.x)
    to[i] = from[i];
}
"""
_PART = np.dtype(
    [
        *[("to", np.uint64), ("from", np.uint64), ("bytes", np.int64)],
        *[(n, np.int32) for n in ("to_word", "from_word", "guarded", "unused")],
    ]
)
_CHUNK = 1 << 15  # bytes that a block copies
_THREADS = 256


class Copies:
    """Copies arrays; called, it launches that.

    Args:
        cupy: the module.
        refused: the array of one int32 that says which kind of check has failed.
        begins: whether a step begins with it: it lets no check have failed.
    """

    def __init__(self, cupy, refused, begins):
        self._cupy, self._refused, self._begins = cupy, refused, begins
        self._parts, self._before, self._alive = [], [], []

    def add(self, to, source, guarded=False):
        """Have one more array copied.

        Args:
            to, source: an array, or the number of the word of the table that says where
                one lies whose numbers lie one after the other.
            guarded: whether it is left where a check has failed.
        """
        if isinstance(to, int):
            if not source.flags.c_contiguous:
                empty = self._cupy.empty(source.shape, source.dtype)
                source = self._dense(source, empty)
        elif not isinstance(source, int) and source.strides != to.strides:
            source = self._dense(source, self._cupy.empty_like(to))
        nbytes = source.nbytes if isinstance(to, int) else to.nbytes
        (to_first, to_word), (first, word) = _end(to), _end(source)
        self._parts += [
            (to_first + i, first + i, min(_CHUNK, nbytes - i))
            + (to_word, word, int(guarded), 0)
            for i in range(0, nbytes, _CHUNK)
        ]
        self._alive += [to, source]

    def copied_before(self, source):
        """Have an array copied first, for it may be changed; return the copy."""
        return self._dense(source, self._cupy.empty_like(source))

    def _dense(self, source, to):
        self._before.append((to, source))
        return to

    def make(self, table):
        """Send the list of what is copied.

        Args:
            table: the array that says where arguments and results lie.
        """
        parts = self._parts or [(0, 0, 0, -1, -1, 1, 0)]
        self._list = self._cupy.asarray(np.array(parts, _PART).view(np.int64))
        self._count, self._table = len(parts), table
        self._kernel = self._cupy.RawKernel(_COPY, "xdl_copy")

    def __call__(self):
        """Launch it."""
        for to, source in self._before:
            to[...] = source
        given = self._list, self._table, self._refused, np.int32(self._begins)
        self._kernel((self._count,), (_THREADS,), given)


def _end(x):
    """Return where an array lies, and which word of the table says it: -1 if none."""
    return (0, x) if isinstance(x, int) else (x.data.ptr, -1)

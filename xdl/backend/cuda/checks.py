"""Checks on a GPU: what they ask in one launch, and how the answer is read."""

import contextlib
from collections.abc import Callable
from contextvars import ContextVar

import numpy as np

from xdl.backend import checks

_IN_RANGE = r"""
extern "C" __global__ void in_range(const INDEX* indices, long long count,
                                    long long low, long long high,
                                    unsigned long long* flag,
                                    unsigned long long code) {
  long long stride = (long long)gridDim.x * blockDim.x;
  long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  for (; i < count; i += stride)
    if (OUTSIDE) atomicMax(flag, code);
}
"""
_SIGNED = "(long long)indices[i] < low || (long long)indices[i] >= high"
_UNSIGNED = "high <= 0 || (unsigned long long)indices[i] >= (unsigned long long)high"
_TYPES = {
    "bool": "bool",
    **{f"int{n}": t for n, t in ((8, "signed char"), (16, "short"), (32, "int"))},
    "int64": "long long",
    **{f"uint{n}": t for n, t in ((8, "unsigned char"), (16, "unsigned short"))},
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
}
THREADS, BLOCKS = 256, 1024
_TO_HOST = 2  # cudaMemcpyDeviceToHost


asks: ContextVar[Callable[..., None] | None] = ContextVar("xdl_asks", default=None)


@contextlib.contextmanager
def asking(ask):
    """Return a context in which another function is asked whether indices are in range.

    Args:
        ask: called as ``CudaChecks.ask_range`` is.
    """
    token = asks.set(ask)
    try:
        yield
    finally:
        asks.reset(token)


class CudaChecks:
    """Asks and reads the checks of each context.

    Args:
        cupy: the module.
        cupyx: the module beside it.
    """

    def __init__(self, cupy, cupyx):
        self._cupy, self._cupyx, self._runtime = cupy, cupyx, cupy.cuda.runtime
        self._kernels = {}

    def flag(self):
        """Return the flag of this context."""
        now = checks.of_context()
        if now.flag is None:
            now.flag = self._cupy.zeros(1, "uint64")
            # To pinned memory, a GPU copies without a wait.
            now.read = self._cupyx.empty_pinned(1, "uint64")
            now.read_at = now.read.ctypes.data
        return now.flag

    def ask_range(self, indices, low, high, refuse):
        """Ask whether all of an integer array are in ``[low, high)``."""
        indices = self._cupy.ascontiguousarray(indices)
        code = checks.of_context().ask(refuse)
        blocks = min(BLOCKS, -(-indices.size // THREADS))
        kernel = self._in_range(indices.dtype.name)
        given = indices, indices.size, low, high, self.flag(), _unsigned(code)
        kernel((blocks,), (THREADS,), given)
        self.settle()

    def settle(self):
        """Wait for the answers, unless they may wait; raise the first error."""
        now = checks.waiting()
        if now and not checks.deferred():
            now.hear(self._awaited(now))
        elif now and len(now.asked) >= checks.MOST:
            now.sift(self._awaited(now))

    def know(self):
        """Wait for the answers; raise the first error."""
        with checks.at_once():
            self.settle()

    def read(self, array):
        """Return an array on the host, once it is known that no check failed."""
        if not array.size:  # nothing would be waited for
            self.know()
            return array.get()
        now = checks.waiting()
        is_here = array.data.device_id == self._runtime.getDevice()
        if not (is_here and array.flags.c_contiguous):
            self.know()
            return array.get()
        # CuPy's ``get`` takes twice as long for a single number.
        host = np.empty(array.shape, array.dtype)
        if now is None:
            self._fetch((host.ctypes.data, array, host.nbytes))
            return host
        flag = self.flag()
        self._fetch((now.read_at, flag, 8), (host.ctypes.data, array, host.nbytes))
        now.hear(int(now.read[0]))
        return host

    def _awaited(self, now):
        """Return the flag as it is once all has been done that was asked for."""
        flag = self.flag()
        self._fetch((now.read_at, flag, 8))
        return int(now.read[0])

    def _fetch(self, *copies):
        """Copy to the host, and wait once: (address there, array, bytes) each."""
        runtime, stream = self._runtime, self._cupy.cuda.get_current_stream().ptr
        for to, array, nbytes in copies:
            runtime.memcpyAsync(to, array.data.ptr, nbytes, _TO_HOST, stream)
        runtime.streamSynchronize(stream)

    def _in_range(self, name):
        if name not in self._kernels:
            outside = _UNSIGNED if name.startswith(("u", "b")) else _SIGNED
            text = _IN_RANGE.replace("INDEX", _TYPES[name]).replace("OUTSIDE", outside)
            self._kernels[name] = self._cupy.RawKernel(text, "in_range")
        return self._kernels[name]


def _unsigned(code):
    return np.uint64(code)

"""Where NumPy's own BLAS keeps its matrix products, for compiled code to call.

``np.matmul`` costs about a microsecond beside the work on small matrices; a call of the
library under it from compiled code costs a tenth of that. It is the same library with
the same threads: no second one is loaded, SciPy is not needed.
"""

import ctypes
import functools
import os
import pathlib

import numpy as np

# NumPy's wheels, other builds with 64-bit integers, and Apple's Accelerate. Arguments
# are passed as 64-bit integers, which the last also reads if its own are shorter, for
# the ones we pass are small; it is tried out before it is used.
_NAMES = (
    "scipy_cblas_{}gemm64_",
    "cblas_{}gemm64_",
    "cblas_{}gemm$NEWLAPACK$ILP64",
    "cblas_{}gemm",
)
_COUNTING = (
    "scipy_openblas_get_num_threads64_",
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
)
_NUMBERS = {"float32": ("s", ctypes.c_float), "float64": ("d", ctypes.c_double)}
ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112


@functools.cache
def matrix_product(dtype):
    """Return the address of BLAS's gemm for a dtype, or None if it is not to be found.

    Args:
        dtype: "float32" or "float64".

    Returns:
        The address of ``gemm(order, a is transposed, b is transposed, m, n, k, alpha,
        a, columns of a, b, columns of b, beta, c, columns of c)``, whose first three
        arguments are 32-bit integers and whose sizes are 64-bit integers.
    """
    letter, number = _NUMBERS[dtype]
    for library in _libraries():
        for name in _NAMES:
            function = getattr(library, name.format(letter), None)
            if function is not None and _multiplies(function, number, dtype):
                return ctypes.cast(function, ctypes.c_void_p).value
    return None


@functools.cache
def threads():
    """Return on how many threads NumPy's BLAS runs.

    Where that is not to be found out: what OMP_NUM_THREADS says, else all processors.
    """
    for library in _libraries():
        for name in _COUNTING:
            function = getattr(library, name, None)
            if function is not None:
                return function()
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdigit() else os.cpu_count() or 1


def _libraries():
    """Yield what may hold NumPy's BLAS: its own module, which links to it, and wheels'.

    A name is looked up in what a library links to as well, but not on Windows.
    """
    package = pathlib.Path(np.__file__).parent
    core = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    bundled = sorted((package.parent / "numpy.libs").glob("*openblas*"))
    for path in [getattr(core, "__file__", None), *bundled]:
        if path is not None:
            try:
                yield ctypes.CDLL(str(path))
            except OSError:
                continue


def _multiplies(function, number, dtype):
    """Return whether a function is the product that its name says."""
    flag, size, pointer = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
    sizes = [size, size, size]
    function.argtypes = [flag, flag, flag, *sizes, number, pointer, size, pointer, size]
    function.argtypes += [number, pointer, size]
    function.restype = None
    a, b, c = (np.arange(n, dtype=dtype) for n in (6, 12, 8))
    expected = 2 * (a.reshape(3, 2).T @ b.reshape(3, 4)) + 3 * c.reshape(2, 4)
    a_, b_, c_ = (x.ctypes.data for x in (a, b, c))
    function(ROW_MAJOR, TRANSPOSED, AS_IS, 2, 4, 3, 2, a_, 2, b_, 4, 3, c_, 4)
    return bool((expected.ravel() == c).all())

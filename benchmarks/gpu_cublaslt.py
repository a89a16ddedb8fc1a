"""One product by cuBLASLt, called in two ways: nvmath's bindings, and ctypes.

CuPy refuses its own matmul while a graph is captured; these two call the library
without CuPy. Arrays are C-contiguous and float32. cuBLASLt counts columns first, so
``c = a @ b`` is asked for as its transpose, ``c.T = b.T @ a.T``, without any copy.
"""

import ctypes

import numpy as np

FLOAT32 = 0  # CUDA_R_32F
COMPUTE_32F = 68  # CUBLAS_COMPUTE_32F
LIBRARIES = ("libcublasLt.so.13", "libcublasLt.so.12")


def layouts(a, b):
    """Return (rows, columns, leading dimension) of b, a and c, columns first."""
    (n, k), m = a.shape, b.shape[1]
    return (m, k, m), (k, n, k), (m, n, m)


class _Numbers:
    """The factors 1 and 0, in host memory that lives as long as the product."""

    def __init__(self):
        self.one, self.zero = np.ones(1, np.float32), np.zeros(1, np.float32)


def by_nvmath(a, b, c, workspace):
    """Return ``product(stream)``, which writes ``a @ b`` into ``c``."""
    from nvmath.bindings import cublasLt

    handle = cublasLt.create()
    operation = cublasLt.matmul_desc_create(COMPUTE_32F, FLOAT32)
    first, second, result = (
        cublasLt.matrix_layout_create(FLOAT32, *layout) for layout in layouts(a, b)
    )
    numbers = _Numbers()

    def product(stream):
        cublasLt.matmul(
            handle,
            operation,
            numbers.one.ctypes.data,
            b.data.ptr,
            first,
            a.data.ptr,
            second,
            numbers.zero.ctypes.data,
            c.data.ptr,
            result,
            c.data.ptr,
            result,
            0,  # the algorithm is cuBLASLt's own choice
            workspace.data.ptr,
            workspace.nbytes,
            stream,
        )

    return product


def library():
    """Load cuBLASLt: where CuPy finds it, else by its name.

    Raises:
        OSError: it is not there.
    """
    try:
        from cuda import pathfinder

        return ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cublasLt").abs_path)
    except (ImportError, RuntimeError, OSError) as error:
        found = [error]
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            found.append(error)
    raise OSError(f"cuBLASLt: {'; '.join(str(e).splitlines()[0] for e in found)}")


def _prepared(lt):
    """Declare the arguments of the functions that are called."""
    pointer, size, integer = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    lt.cublasLtCreate.argtypes = [pointer]
    lt.cublasLtMatmulDescCreate.argtypes = [pointer, integer, integer]
    lt.cublasLtMatrixLayoutCreate.argtypes = [
        *(pointer, integer, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int64)
    ]
    lt.cublasLtMatmul.argtypes = [*[pointer] * 14, size, pointer]
    return lt


def _checked(name, status):
    if status:
        raise RuntimeError(f"{name}: cuBLAS status {status}")


def _made(lt, name, *arguments):
    """Call a function that creates something; return its address."""
    address = ctypes.c_void_p()
    _checked(name, getattr(lt, name)(ctypes.byref(address), *arguments))
    return address


def by_ctypes(a, b, c, workspace):
    """Return ``product(stream)``, which writes ``a @ b`` into ``c``."""
    lt = _prepared(library())
    handle = _made(lt, "cublasLtCreate")
    operation = _made(lt, "cublasLtMatmulDescCreate", COMPUTE_32F, FLOAT32)
    first, second, result = (
        _made(lt, "cublasLtMatrixLayoutCreate", FLOAT32, *layout)
        for layout in layouts(a, b)
    )
    numbers = _Numbers()

    def product(stream):
        status = lt.cublasLtMatmul(
            handle,
            operation,
            numbers.one.ctypes.data,
            b.data.ptr,
            first,
            a.data.ptr,
            second,
            numbers.zero.ctypes.data,
            c.data.ptr,
            result,
            c.data.ptr,
            result,
            None,  # the algorithm is cuBLASLt's own choice
            workspace.data.ptr,
            workspace.nbytes,
            stream,
        )
        _checked("cublasLtMatmul", status)

    return product


BINDINGS = {"nvmath's bindings": by_nvmath, "ctypes": by_ctypes}

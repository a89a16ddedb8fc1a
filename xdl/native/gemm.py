"""Matrix products in native code, by blocks that stay in registers.

NumPy's BLAS copies its operands into an order of its own before it multiplies, which
pays for large matrices alone: below about a thousand rows and columns these loops, that
read them as they lie, are faster (``benchmarks/native.py``). They need
the 32 wide registers of AVX-512; elsewhere, products are BLAS's.

The loops are compiled once and linked by a name, as BLAS is. Products of some size are
shared by the threads of ``thread_pool``.
"""

import functools

from numba.core import types
from numba.core.compiler_lock import global_compiler_lock

from xdl.native.blas_library import matrix_product
from xdl.native.cache import linked, load
from xdl.native.gemm_panels import REGISTERS, signature
from xdl.native.thread_pool import PART, shared

_MOST = 2**29  # multiplications: from here on BLAS is as fast
_LONG = 2**22  # multiplications: from here on other threads of Python may run meanwhile
_PRODUCT = """
from xdl.native import blas
from xdl.native import gemm_panels as panels
from xdl.native.gemm_panels import signature

multiply = {multiply}


@callback(signature("{dtype}"))
def product(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds):
    multiply(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds)
"""
_PART = """
from xdl.native.thread_pool import PART
from xdl.native.gemm_batched import part
from xdl.native.gemm import multiplying

one = part("{dtype}", multiplying("{dtype}"))


@callback(PART)
def part(index, task):
    one(index, task)
"""
_STACKS = """
from xdl.native.pointers import address, first
from xdl.native.gemm_batched import posting
from xdl.native.gemm import sharing

post = posting("{dtype}", sharing("{dtype}"))


@native(nogil={is_long})
def product(a, b, c):
    sizes = c.shape[-2], c.shape[-1], a.shape[-1]
    return post(({stacks}), {summed}, sizes, {reads})
"""


def is_known(dtype):
    """Tell whether there are blocks for a dtype on this processor."""
    return dtype in REGISTERS and REGISTERS[dtype][1] is not None


@global_compiler_lock
@functools.cache
def multiplying(dtype):
    """Return ``multiply``, by blocks or BLAS, for compiled code to call.

    It is what ``gemm_panels.multiplication`` makes.
    """
    product = load(_PRODUCT.format(dtype=dtype, multiply=_fastest(dtype))).product
    name = f"xdl_product_{dtype}"
    return linked(name, product.address, signature(dtype), product)


def _fastest(dtype):
    """Return the text of the function that multiplies on this processor."""
    if is_known(dtype):
        return f'panels.multiplication("{dtype}")'
    if matrix_product(dtype) is not None:
        return f'blas.multiplication("{dtype}")'
    return "blas.multiply_by_loops"


@global_compiler_lock
@functools.cache
def sharing(dtype):
    """Return what shares a task with the pool, once parts of products can be called."""
    part = load(_PART.format(dtype=dtype)).part
    linked(f"xdl_part_{dtype}", part.address, PART, part)
    return shared()


def product(a, b, c, is_summed=False):
    """Return ``product(a, b, c)``, which computes ``c = a @ b`` for stacks of matrices.

    Args:
        a, b, c: Values, or arrays; those of the function have their shapes and dtypes.
        is_summed: whether c, a matrix, is the sum of the products of two stacks.

    Returns:
        The compiled function, or None: BLAS is as good. It returns whether it could
        write c; it can if the rows or the columns of its matrices are contiguous.
    """
    dtype, size = str(c.dtype), c.size * a.shape[-1]
    is_alike = str(a.dtype) == dtype == str(b.dtype)
    are_matrices = len(a.shape) > 1 < len(b.shape) and len(c.shape) <= 4
    if not (is_known(dtype) and is_alike and are_matrices):
        return None
    if c.shape[-2] * c.shape[-1] * a.shape[-1] > _MOST:
        return None
    size *= a.shape[0] if is_summed else 1
    sharing(dtype)
    names = ("a", "b", "c")
    read = [_strides(n, v, c) for n, v in zip(names, (a, b, c), strict=True)]
    lengths = [f"c.shape[{i}]" for i in range(len(c.shape) - 2)]
    stacks = ", ".join(["1", "1", *lengths][-2:])
    text = _STACKS.format(
        dtype=dtype,
        stacks=stacks,
        summed="a.shape[0]" if is_summed else "1",
        reads=", ".join(read),
        is_long=size >= _LONG,
    )
    number = getattr(types, dtype)
    given = [types.Array(number, len(v.shape), "A", readonly=True) for v in (a, b)]
    function = load(text).product
    function.compile((*given, types.Array(number, len(c.shape), "A")))
    return function


def _strides(name, value, c):
    """Return the text of the address of an array, and of its strides in numbers."""
    axes, item = len(value.shape), c.dtype.itemsize
    strides = [
        "0" if n == 1 and i < axes - 2 else f"{name}.strides[{i}] // {item}"
        for i, n in enumerate(value.shape)
    ]
    strides = ["0", "0", *strides][-4:]
    return f"(address(first({name})), {', '.join(strides)})"

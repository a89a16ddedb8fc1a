"""Matrix products in native code, by blocks that stay in registers.

NumPy's BLAS copies its operands into an order of its own before it multiplies, which
pays for large matrices alone: below about a thousand rows and columns these loops, that
read them as they lie, are faster (``benchmarks/native.py``). They are written for
x86-64 from AVX2 on; elsewhere, products are BLAS's.

The loops are compiled once and linked by a name, as BLAS is.
"""

import functools

import llvmlite.binding
from numba.core import types

from xdl.program.native.cache import load
from xdl.program.native.strips import REGISTERS, signature

_MOST = 2**29  # multiplications: from here on BLAS is as fast
_CALLBACK = """
from xdl.program.native.strips import multiplication, signature

multiply = multiplication("{dtype}")


@callback(signature("{dtype}"))
def product({given}):
    multiply({given})
"""
_GIVEN = "m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row"
# If its columns are contiguous instead of its rows, a product is turned over.
_TEXT = """
from xdl.program.native.bits import first
from xdl.program.native.product import linked

multiply = linked("{dtype}")


@native(inner=True)
def one(a, b, c):
    a_row, a_column = a.strides[0] // {item}, a.strides[1] // {item}
    b_row, b_column = b.strides[0] // {item}, b.strides[1] // {item}
    c_row, c_column = c.strides[0] // {item}, c.strides[1] // {item}
    (m, n), k = c.shape, a.shape[1]
    of_a, of_b, of_c = first(a), first(b), first(c)
    if c_column == 1 or n <= 1:
        multiply(m, n, k, of_a, a_row, a_column, of_b, b_row, b_column, of_c, c_row)
    elif c_row == 1 or m <= 1:
        multiply(n, m, k, of_b, b_column, b_row, of_a, a_column, a_row, of_c, c_column)
    else:
        return False
    return True


@native
def product(a, b, c):
{loops}
    return True
"""


def is_known(dtype):
    """Tell whether there are loops for a dtype on this processor."""
    return dtype in REGISTERS and REGISTERS[dtype][1] is not None


@functools.cache
def _callback(dtype):
    return load(_CALLBACK.format(dtype=dtype, given=_GIVEN)).product


@functools.cache
def linked(dtype):
    """Return the function of ``strips.multiplication`` for compiled code to call."""
    name = f"xdl_product_{dtype}"
    llvmlite.binding.add_symbol(name, _callback(dtype).address)
    return types.ExternalFunction(name, signature(dtype))


def product(a, b, c):
    """Return ``product(a, b, c)``, which computes ``c = a @ b`` for stacks of matrices.

    Args:
        a, b, c: Values, or arrays; those of the function have their shapes and dtypes.

    Returns:
        The compiled function, or None: BLAS is as good. It returns whether it could
        write c; it can if the rows or the columns of its matrices are contiguous.
    """
    dtype = str(c.dtype)
    is_alike = str(a.dtype) == dtype == str(b.dtype)
    are_matrices = len(a.shape) > 1 < len(b.shape)
    if not (is_known(dtype) and is_alike and are_matrices):
        return None
    if c.shape[-2] * c.shape[-1] * a.shape[-1] > _MOST:
        return None
    linked(dtype)
    number, item = getattr(types, dtype), c.dtype.itemsize
    given = [types.Array(number, len(v.shape), "A", readonly=True) for v in (a, b)]
    loops = _loops(a.shape, b.shape, c.shape)
    function = load(_TEXT.format(dtype=dtype, item=item, loops=loops)).product
    function.compile((*given, types.Array(number, len(c.shape), "A")))
    return function


def _loops(*shapes):
    """Return the text of the loops over the matrices of stacks."""
    *_, c = shapes
    names = [f"i{axis}" for axis in range(len(c) - 2)]
    lines = []
    for axis, name in enumerate(names):
        indent = "    " * (axis + 1)
        lines.append(f"{indent}for {name} in range(c.shape[{axis}]):")
    matrices = []
    for array, shape in zip("abc", shapes, strict=True):
        own = names[len(c) - len(shape) :]
        at = ["0" if n == 1 else i for n, i in zip(shape, own, strict=False)]
        matrices.append(f"{array}[{', '.join(at)}]" if at else array)
    indent = "    " * (len(names) + 1)
    lines.append(f"{indent}if not one({', '.join(matrices)}):")
    lines.append(f"{indent}    return False")
    return "\n".join(lines)

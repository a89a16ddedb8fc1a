"""Matrix products by the BLAS that NumPy itself has, in raw memory.

They do what those of ``gemm_panels`` do, on processors for which there are no blocks.
What is tiny, what BLAS cannot read, and all where there is no BLAS that we know, is
left to plain loops.
"""

from numba.core import types

from xdl.native.blas_library import AS_IS, ROW_MAJOR, TRANSPOSED, matrix_product
from xdl.native.cache import linked
from xdl.native.intrinsics import compiled

_TINY = 256  # multiplications: below, loops are as fast (benchmarks/native.py)


@compiled
def _layout(rows, columns, row, column):
    """Return how BLAS is to read a matrix: a flag, and the step between its lines.

    The stride of an axis of one element says nothing. A step of 0: it cannot read it.
    """
    if column == 1 or columns <= 1:
        if rows <= 1:
            return AS_IS, max(columns, 1)
        if row >= columns:
            return AS_IS, row
    if (row == 1 or rows <= 1) and column >= rows:
        return TRANSPOSED, column
    return AS_IS, 0


@compiled
def multiply_by_loops(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds):
    """Do what ``gemm_panels.multiplication``'s function does, number by number."""
    for i in range(m):
        for j in range(n):
            total = c[i * c_row + j] if adds else 0.0
            for p in range(k):
                total += a[i * a_row + p * a_column] * b[p * b_row + j * b_column]
            c[i * c_row + j] = total


def multiplication(dtype):
    """Make ``multiply``, as ``gemm_panels.multiplication`` does; BLAS must be there."""
    number = getattr(types, dtype)
    gemm = _gemm(number, matrix_product(dtype))

    @compiled
    def multiply(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds):
        a_flag, a_step = _layout(m, k, a_row, a_column)
        b_flag, b_step = _layout(k, n, b_row, b_column)
        is_readable = a_step > 0 and b_step > 0 and c_row >= n
        if not is_readable or m * n * k <= _TINY:
            of_a, of_b = (a, a_row, a_column), (b, b_row, b_column)
            multiply_by_loops(m, n, k, *of_a, *of_b, c, c_row, adds)
        else:
            how = ROW_MAJOR, a_flag, b_flag, m, n, k
            gemm(*how, number(1), a, a_step, b, b_step, number(adds), c, c_row)

    return multiply


def _gemm(number, address):
    """Return BLAS's gemm of rows: a and b may be transposed, c may not."""
    flag, size, matrix = types.int32, types.int64, types.CPointer(number)
    layouts = (flag, flag, flag, size, size, size)
    numbers = (number, matrix, size, matrix, size, number, matrix, size)
    return linked(f"xdl_gemm_{number.name}", address, types.void(*layouts, *numbers))

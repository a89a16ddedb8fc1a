"""Matrix products inside Numba's loops, by the BLAS that NumPy itself has.

``GEMM["float32"](alpha, a, b, beta, c)`` computes ``c = alpha * a @ b + beta * c`` for
arrays of two axes inside compiled code, so that an update ``W -= lr * x.T @ g`` is one
call. A dtype whose product was not found is not in ``GEMM``: products are then left to
NumPy, between compiled functions.

The function is linked by a name that is registered here, not by its address: so
compiled code can be kept on disk. Code that is read from there must find the name
registered, which importing this module does.
"""

import llvmlite.binding
from numba.core import types
from numba.extending import intrinsic

from xdl.backend.blas import AS_IS, ROW_MAJOR, TRANSPOSED, matrix_product
from xdl.program.native.bits import compiled


@intrinsic
def _pointer(typing, array):
    """Return the pointer to an array's first element."""

    def codegen(context, builder, signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), codegen


def _layout_of(number):
    item = number.bitwidth // 8  # a constant: dividing by it is a shift

    @compiled
    def layout(x):
        """Return how BLAS is to read a matrix: a flag, and the step between its lines.

        The stride of an axis of one element, or of an empty matrix, says nothing.
        """
        rows, columns = x.shape
        by_row, by_column = x.strides[0] // item, x.strides[1] // item
        if rows * columns == 0 or (rows == 1 and by_column == 1):
            return AS_IS, max(columns, 1)
        if by_row >= columns and (by_column == 1 or columns == 1):
            return AS_IS, by_row
        if by_column >= rows and (by_row == 1 or rows == 1):
            return TRANSPOSED, by_column
        raise ValueError("gemm: neither rows nor columns of a matrix are contiguous")

    return layout


def _gemm(number, address):
    name = f"xdl_gemm_{number.name}"
    llvmlite.binding.add_symbol(name, address)
    flag, size, pointer = types.int32, types.int64, types.CPointer(number)
    sizes = (size, size, size)
    matrix = (pointer, size)
    arguments = (flag, flag, flag, *sizes, number, *matrix, *matrix, number, *matrix)
    layout = _layout_of(number)
    external = types.ExternalFunction(name, types.void(*arguments))

    @compiled
    def gemm(alpha, a, b, beta, c):
        a_flag, a_step = layout(a)
        b_flag, b_step = layout(b)
        c_flag, c_step = layout(c)
        if c_flag != AS_IS:
            raise ValueError("gemm: the rows of the result must be contiguous")
        external(
            ROW_MAJOR,
            a_flag,
            b_flag,
            a.shape[0],
            b.shape[1],
            a.shape[1],
            alpha,
            _pointer(a),
            a_step,
            _pointer(b),
            b_step,
            beta,
            _pointer(c),
            c_step,
        )

    return gemm


_FOUND = {t: matrix_product(t.name) for t in (types.float32, types.float64)}
GEMM = {t.name: _gemm(t, address) for t, address in _FOUND.items() if address}

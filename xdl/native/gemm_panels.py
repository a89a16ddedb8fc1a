"""Matrix products of raw memory: panels of b, which stay in cache, times rows of a.

A panel that many rows read, or whose rows are not contiguous, is packed before. Each is
made of the blocks of ``gemm_blocks``, one after the other.
"""

from numba.core import types

from xdl.native.gemm_blocks import Registers, block, turned
from xdl.native.intrinsics import DOUBLE, SINGLE, compiled
from xdl.native.pointers import at, scratch

_DEEP, _HIGH = 320, 256  # terms and rows at a time, so that they stay in cache
_OFTEN = 64  # rows: from here on a panel is read so often that it is copied before


@compiled
def _part(length, most):
    """Return the length of parts, as equal as can be, none longer than ``most``."""
    parts = max((length + most - 1) // most, 1)
    return max((length + parts - 1) // parts, 1)


def _packing(form, registers):
    """Make what copies columns of b so that its rows are contiguous."""
    lanes, turn = registers.lanes, turned(form, registers)

    @compiled
    def pack(b, b_row, b_column, terms, columns, to):
        deep = terms // lanes * lanes if b_row == 1 else 0
        wide = columns // lanes * lanes if deep else 0
        for j in range(0, wide, lanes):
            for p in range(0, deep, lanes):
                to_p = at(to, p * columns + j)
                turn(at(b, j * b_column + p), b_column, to_p, columns)
        for p in range(terms):
            for j in range(wide if p < deep else 0, columns):
                to[p * columns + j] = b[p * b_row + j * b_column]

    return pack


def _panels(form, registers):
    """Make ``c (+)= a @ b`` for so many terms and rows that they stay in cache."""
    lanes, vectors, rows = registers.lanes, registers.vectors, registers.rows
    one_block, pack = block(form, registers), _packing(form, registers)
    packed = scratch(form.number, _DEEP * vectors * lanes)

    @compiled
    def in_cache(m, n, terms, a, a_row, a_column, b, b_row, b_column, c, c_row, adds):
        space = packed()
        j = 0
        while j < n:
            panels = (n - j + vectors * lanes - 1) // (vectors * lanes)
            left = (n - j + lanes - 1) // lanes
            columns = min((left + panels - 1) // panels * lanes, n - j)
            panel, step = at(b, j * b_column), b_row
            if b_column != 1 or m >= _OFTEN:
                pack(panel, b_row, b_column, terms, columns, space)
                panel, step = space, columns
            i = 0
            while i < m:
                height = rows
                while height > m - i:
                    height = 4 if height > 4 else height // 2
                of_a, of_c = at(a, i * a_row), at(c, i * c_row + j)
                lines = (a_row, a_column, panel, step, of_c, c_row)
                one_block(height, columns, of_a, *lines, terms, adds)
                i += height
            j += columns

    return in_cache


def multiplication(dtype):
    """Make the product of two matrices in memory.

    ``multiply(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds)``
    computes ``c = a @ b``, or ``c += a @ b``, for an (m, k) and a (k, n) matrix of any
    strides, counted in numbers. The rows of ``c`` are contiguous.
    """
    form, registers = REGISTERS[dtype]
    in_cache, rows = _panels(form, registers), registers.rows

    @compiled
    def multiply(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds):
        deep, high = _part(k, _DEEP), _part(m, _HIGH)
        high = (high + rows - 1) // rows * rows
        for p in range(0, max(k, 1), deep):
            joins = adds or p > 0
            for i in range(0, m, high):
                sizes = min(high, m - i), n, min(deep, k - p)
                of_a = at(a, i * a_row + p * a_column), a_row, a_column
                of_b = at(b, p * b_row), b_row, b_column
                of_c = at(c, i * c_row), c_row
                in_cache(*sizes, *of_a, *of_b, *of_c, joins)

    return multiply


def signature(dtype):
    """Return the types of ``multiplication``'s function."""
    matrix = (types.CPointer(getattr(types, dtype)), types.int64)
    two = (*matrix, types.int64)
    sizes = (types.int64,) * 3
    return types.void(*sizes, *two, *two, *matrix, types.boolean)


_FORMS = {str(form.number): form for form in (SINGLE, DOUBLE)}
REGISTERS = {dtype: (form, Registers.of(form)) for dtype, form in _FORMS.items()}

"""Products of stacks of matrices, cut into parts for the thread pool.

A part is some rows and columns of one product. Each number of a result is made in the
same order, however it is cut.
"""

from numba.core import types

from xdl.native.gemm_panels import REGISTERS
from xdl.native.intrinsics import compiled
from xdl.native.pointers import address, at, integers, pointer, scratch, symbol
from xdl.native.thread_pool import WORKERS, board, look

_LEAST = 2**19  # multiplications: fewer, some 10 us, are not worth a part
# What the list of a task holds: sizes, and the memory and strides of three matrices.
_A, _B, _C, _SUMMED, _LENGTH = 8, 13, 18, 23, 24


def part(dtype, multiply):
    """Make the function of one part of a task, whose list is at an address."""
    real = pointer(getattr(types, dtype))

    @compiled
    def part(index, task):
        t = integers(task)
        m, n, k, high, wide = t[0], t[1], t[2], t[3], t[4]
        down, across, stack = t[5], t[6], t[7]
        j = index % across * wide
        i = index // across % down * high
        inner = index // (across * down) % stack  # 0, where the stack is summed
        outer = index // (across * down * stack)
        a = at(real(t[_A]), outer * t[_A + 1] + inner * t[_A + 2] + i * t[_A + 3])
        b = at(real(t[_B]), outer * t[_B + 1] + inner * t[_B + 2] + j * t[_B + 4])
        c = at(real(t[_C]), outer * t[_C + 1] + inner * t[_C + 2] + i * t[_C + 3] + j)
        sizes = min(high, m - i), min(wide, n - j), k
        for summed in range(t[_SUMMED]):
            of_a = at(a, summed * t[_A + 2]), t[_A + 3], t[_A + 4]
            of_b = at(b, summed * t[_B + 2]), t[_B + 3], t[_B + 4]
            multiply(*sizes, *of_a, *of_b, c, t[_C + 3], summed > 0)

    return part


def posting(dtype, share):
    """Make what computes the products of stacks, whose strides are given in numbers.

    ``post(stacks, summed, sizes, of_a, of_b, of_c)``, with two lengths of the stacks,
    how many products of the inner one are added up, the rows, columns and terms of a
    product, and of each operand its address and four strides; it returns whether it
    could write c: its rows or its columns must be contiguous.
    """
    registers = REGISTERS[dtype][1]
    lanes, rows = registers.lanes, registers.rows
    part, new = symbol(f"xdl_part_{dtype}"), scratch(types.int64, _LENGTH)

    @compiled
    def post(stacks, summed, sizes, of_a, of_b, of_c):
        m, n, k = sizes
        if of_c[4] != 1 and n > 1:
            if of_c[3] != 1 and m > 1:
                return False
            of_x, of_y = of_a, of_b  # the columns of c are its rows: swap all
            of_a = of_y[0], of_y[1], of_y[2], of_y[4], of_y[3]
            of_b = of_x[0], of_x[1], of_x[2], of_x[4], of_x[3]
            of_c = of_c[0], of_c[1], of_c[2], of_c[4], of_c[3]
            m, n = n, m
        count = stacks[0] * stacks[1]
        workers = look(board(), WORKERS)
        work = m * n * k * summed
        pieces = min((2 * workers + count - 1) // max(count, 1), work // _LEAST)
        pieces = max(pieces, 1) if workers > 1 else 1
        high, wide = m, n
        if n >= m:
            wide = ((n + pieces - 1) // pieces + lanes - 1) // lanes * lanes
        else:
            high = ((m + pieces - 1) // pieces + rows - 1) // rows * rows
        down, across = (m + high - 1) // max(high, 1), (n + wide - 1) // max(wide, 1)
        task = new()
        given = m, n, k, high, wide, down, across, stacks[1]
        for i in range(8):
            task[i] = given[i]
        for i in range(5):
            task[_A + i], task[_B + i], task[_C + i] = of_a[i], of_b[i], of_c[i]
        task[_SUMMED] = summed
        share(part(), address(task), count * down * across)
        return True

    return post

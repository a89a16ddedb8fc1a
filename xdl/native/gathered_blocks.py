"""Blocks of matrix products whose left matrix is gathered, in LLVM's terms.

``c[i] = start + sum of a[rows[i] + terms[t]] * b[t]`` over t: a table says where the
rows of the left matrix begin and another one where their terms follow. What a window
sees of an image is such a matrix, and so is its transpose; neither is ever copied.

Reference: M. Dukhan, "The Indirect Convolution Algorithm" (2019), sections 2 and 3, for
tables in the place of copies.
"""

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from xdl.native.gemm_blocks import Block, Registers, by_case, vector_at
from xdl.native.intrinsics import DOUBLE, SINGLE

_INDEX = ir.IntType(64)


def _registers(form):
    """Return what fits into the registers of this processor, or None."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return Registers(form, 512, 8, 3)
    if features.get("avx2") and features.get("fma"):
        return Registers(form, 256, 6, 2)
    return None


class _Gathered(Block):
    """Writes one block of the result; ``b`` is packed as wide as the block."""

    def gather(self, a, rows, terms, count, b, c, to, start, adds):
        """Write the sum of some rows of the gathered matrix times ``b``."""
        builder, height, width = self.builder, self.height, self.width
        of_a, of_c = self._places(a, rows), self._places(c, to)
        cells = [(i, j) for i in range(height) for j in range(width)]
        sums = {cell: cgutils.alloca_once_value(builder, self.zero) for cell in cells}
        step = _INDEX(width * self.registers.lanes)
        with cgutils.for_range(builder, count) as loop:
            line = builder.gep(b, [builder.mul(step, loop.index)])
            places = [vector_at(builder, self.registers, line, j) for j in range(width)]
            vectors = [builder.load(place, align=self._item) for place in places]
            along = builder.load(builder.gep(terms, [loop.index]))
            for i in range(height):
                number = builder.load(builder.gep(of_a[i], [along]))
                one = self._spread(self.registers.vector, number)
                for j in range(width):
                    self._add(sums[i, j], one, vectors[j])
        for i, j in cells:
            line = builder.select(adds, of_c[i], start)
            total = builder.fadd(self._load(line, j), builder.load(sums[i, j]))
            self._store(total, of_c[i], j)

    def _places(self, first, table):
        """Return the pointers to what a table says lies behind another pointer."""
        builder = self.builder
        offsets = [builder.gep(table, [_INDEX(i)]) for i in range(self.height)]
        return [builder.gep(first, [builder.load(offset)]) for offset in offsets]


def gathered_block(form, registers):
    """Make the product of some gathered rows and packed columns.

    ``block(height, columns, a, rows, terms, count, b, c, to, start, adds)``: of tables
    of ``rows`` and of where they go ``to`` in ``c``, ``height`` entries are read, of
    ``terms`` ``count``; rows of ``b`` are as long as the vectors that hold the columns.
    Without ``adds`` the rows of ``c`` begin with that of ``start``.
    """

    def codegen(context, builder, signature, arguments):
        height, columns, *given = arguments
        given[-1] = builder.trunc(given[-1], ir.IntType(1))

        def write(*shape):
            _Gathered(builder, form, registers, *shape).gather(*given)

        by_case(builder, registers, height, columns, write)
        return context.get_dummy_value()

    @intrinsic
    def block(typing, height, columns, a, rows, terms, count, b, c, to, start, adds):
        return signature(str(form.number)), codegen

    return block


def signature(dtype):
    """Return the types of ``gathered_block``'s function."""
    number, index = types.CPointer(getattr(types, dtype)), types.int64
    table = types.CPointer(index)
    tables = table, table, index
    return types.void(
        index, index, number, *tables, number, number, table, number, types.boolean
    )


_FORMS = {str(form.number): form for form in (SINGLE, DOUBLE)}
GATHERED = {dtype: (form, _registers(form)) for dtype, form in _FORMS.items()}

"""The innermost blocks of matrix products, written in LLVM's terms.

A block of the result is kept in registers while rows of ``b``, which are contiguous,
are multiplied with single numbers of ``a``, which are read as they lie. A loop of
Numba's would not keep the block in registers.

Reference: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix
Multiplication" (2008), section 5, for blocks in registers.
"""

import itertools

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_INDEX = ir.IntType(64)


class Registers:
    """What fits into the registers of a processor.

    Args:
        form: the Format of the numbers.
        bits: the width of a vector.
        rows: rows of a block.
        vectors: vectors of a row of a block.

    Attributes:
        lanes: numbers in one vector.
        heights: the numbers of rows for which there are blocks, the greatest first.

    Raises:
        ValueError: a block, a row of ``b`` and a number of ``a`` have no room in them.
    """

    def __init__(self, form, bits, rows, vectors):
        needed, count = rows * vectors + vectors + 1, 32 if bits == 512 else 16
        if needed > count:
            raise ValueError(
                f"a block of {rows} rows of {vectors} vectors needs {needed} registers "
                f"of {bits} bits; there are {count}"
            )
        self.lanes = bits // form.integer.width
        self.rows, self.vectors = rows, vectors
        self.heights = (rows, *[h for h in (4, 2, 1) if h < rows])
        self.vector = ir.VectorType(form.floating, self.lanes)

    @classmethod
    def of(cls, form):
        """Return those of this processor; None if blocks do not pay on it."""
        has_wide = llvmlite.binding.get_host_cpu_features().get("avx512f")
        return cls(form, 512, 8, 3) if has_wide else None


def vector_at(builder, registers, pointer, vector=0):
    """Return the pointer to the vector that begins some vectors behind a number."""
    first = builder.bitcast(pointer, registers.vector.as_pointer())
    return builder.gep(first, [_INDEX(vector)])


class Block:
    """Writes one block of the result.

    Args:
        height: its rows.
        width: the vectors of each of them.
        last: how many numbers of the last vector there are, a value of LLVM's.
    """

    def __init__(self, builder, form, registers, height, width, last):
        self.builder, self.form, self.registers = builder, form, registers
        self.height, self.width = height, width
        self._item = form.integer.width // 8
        self._is_there = self._first(last)
        self.zero = ir.Constant(registers.vector, [0.0] * registers.lanes)

    def _first(self, count):
        """Return the mask of the first numbers of a vector."""
        lanes, kind = self.registers.lanes, ir.IntType(32)
        vector = ir.VectorType(kind, lanes)
        numbered = ir.Constant(vector, list(range(lanes)))
        count = self.builder.trunc(count, kind)
        return self.builder.icmp_unsigned("<", numbered, self._spread(vector, count))

    def _spread(self, vector, number):
        """Return a vector of one number."""
        empty = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(empty, number, ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
        return self.builder.shuffle_vector(one, empty, everywhere)

    def _masked(self, name, result, given):
        vector, kind = self.registers.vector, self.form.integer.width
        name = f"llvm.masked.{name}.v{vector.count}f{kind}.p0"
        kinds = [value.type for value in given]
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(result, kinds), name
        )
        return self.builder.call(function, given)

    def _load(self, line, vector):
        place = vector_at(self.builder, self.registers, line, vector)
        if vector < self.width - 1:
            return self.builder.load(place, align=self._item)
        align = ir.IntType(32)(self._item)
        given = [place, align, self._is_there, self.zero]
        return self._masked("load", self.registers.vector, given)

    def _store(self, value, line, vector):
        place = vector_at(self.builder, self.registers, line, vector)
        if vector < self.width - 1:
            self.builder.store(value, place, align=self._item)
            return
        align = ir.IntType(32)(self._item)
        self._masked("store", ir.VoidType(), [value, place, align, self._is_there])

    def _lines(self, start, step):
        """Return the pointers to the rows of a matrix."""
        builder, steps = self.builder, range(self.height)
        return [builder.gep(start, [builder.mul(step, _INDEX(i))]) for i in steps]

    def write(self, a, a_row, a_term, b, b_row, c, c_row, terms, adds):
        """Write the product of some rows of a and some columns of b."""
        builder, height, width = self.builder, self.height, self.width
        of_a, of_c = self._lines(a, a_row), self._lines(c, c_row)
        cells = [(i, j) for i in range(height) for j in range(width)]
        sums = {cell: cgutils.alloca_once_value(builder, self.zero) for cell in cells}
        for i, j in cells:
            self._fetch(vector_at(builder, self.registers, of_c[i], j))
        with cgutils.for_range(builder, terms) as loop:
            line = builder.gep(b, [builder.mul(b_row, loop.index)])
            vectors = [self._load(line, j) for j in range(width)]
            along = builder.mul(a_term, loop.index)
            for i in range(height):
                number = builder.load(builder.gep(of_a[i], [along]))
                one = self._spread(self.registers.vector, number)
                for j in range(width):
                    self._add(sums[i, j], one, vectors[j])
        for i, j in cells:
            before = builder.select(adds, self._load(of_c[i], j), self.zero)
            self._store(builder.fadd(before, builder.load(sums[i, j])), of_c[i], j)

    def _fetch(self, place):
        """Have a line of memory that will be written in cache soon."""
        place = self.builder.bitcast(place, ir.IntType(8).as_pointer())
        given = [place, *[ir.IntType(32)(n) for n in (1, 3, 1)]]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
        module = self.builder.module
        fetch = cgutils.get_or_insert_function(module, kind, "llvm.prefetch.p0")
        self.builder.call(fetch, given)

    def _add(self, total, x, y):
        builder, joined = self.builder, ("contract",)
        term = builder.fmul(x, y, flags=joined)
        builder.store(builder.fadd(builder.load(total), term, flags=joined), total)


def by_case(builder, registers, height, columns, write):
    """Write a block of each height and width; one is run.

    Args:
        height, columns: of the block that is run, values of LLVM's.
        write: writes the lines of one: of (height, width, numbers of the last vector).
    """
    lanes, widths = registers.lanes, range(1, registers.vectors + 1)
    before = builder.sub(columns, _INDEX(1))
    width = builder.udiv(before, _INDEX(lanes))
    last = builder.add(builder.urem(before, _INDEX(lanes)), _INDEX(1))
    code = builder.add(builder.mul(height, _INDEX(registers.vectors)), width)
    end = builder.append_basic_block("end")
    switch = builder.switch(code, end)
    for h, w in itertools.product(registers.heights, widths):
        case = builder.append_basic_block(f"block_{h}_{w}")
        switch.add_case(_INDEX(h * registers.vectors + w - 1), case)
        builder.position_at_end(case)
        write(h, w, last)
        builder.branch(end)
    builder.position_at_end(end)


def block(form, registers):
    """Make ``c = a @ b``, or ``c += a @ b``, for a block of the result.

    ``block(height, columns, a, a_row, a_term, b, b_row, c, c_row, terms, adds)``: the
    strides are counted in numbers; those of ``b`` and ``c`` within a row are 1.
    """
    number, index = types.CPointer(form.number), types.int64
    matrices = (number, index, index, number, index, number, index)

    def codegen(context, builder, signature, arguments):
        height, columns, *given = arguments
        given[-1] = builder.trunc(given[-1], ir.IntType(1))

        def write(*shape):
            Block(builder, form, registers, *shape).write(*given)

        by_case(builder, registers, height, columns, write)
        return context.get_dummy_value()

    @intrinsic
    def block(typing, h, w, a, a_row, a_term, b, b_row, c, c_row, terms, adds):
        given = (index, index, *matrices, index, types.boolean)
        return types.void(*given), codegen

    return block


def turned(form, registers):
    """Make a copy of a square of ``lanes`` rows that is turned over its diagonal.

    ``turned(x, x_row, y, y_row)``. Laying the halves of the rows into one another, as
    often as a row can be halved, turns them.
    """
    lanes, item = registers.lanes, form.integer.width // 8
    number, index = types.CPointer(form.number), types.int64
    half = lanes // 2
    orders = [
        [first + i // 2 + i % 2 * lanes for i in range(lanes)] for first in (0, half)
    ]
    kind = ir.VectorType(ir.IntType(32), lanes)
    masks = [ir.Constant(kind, order) for order in orders]

    def codegen(context, builder, signature, arguments):
        x, x_row, y, y_row = arguments

        def place(start, step, i):
            first = builder.gep(start, [builder.mul(step, _INDEX(i))])
            return vector_at(builder, registers, first)

        rows = [builder.load(place(x, x_row, i), align=item) for i in range(lanes)]
        for _ in range(lanes.bit_length() - 1):
            rows = [
                builder.shuffle_vector(rows[i], rows[i + half], mask)
                for i in range(half)
                for mask in masks
            ]
        for i in range(lanes):
            builder.store(rows[i], place(y, y_row, i), align=item)
        return context.get_dummy_value()

    @intrinsic
    def turned(typing, x, x_row, y, y_row):
        return types.void(number, index, number, index), codegen

    return turned

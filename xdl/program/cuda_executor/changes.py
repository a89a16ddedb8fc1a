"""Changes: the kernels that put numbers into a copy of an array, or add them to it."""

import math

from xdl.program.cuda_executor.flat import copied
from xdl.program.cuda_executor.indices import Indexed
from xdl.program.cuda_executor.kernel import NoKernelError, Writer, operand
from xdl.program.cuda_executor.memory import Memory, is_over, result_layout
from xdl.program.cuda_executor.words import TYPES
from xdl.program.fusion.groups import SINGLE
from xdl.tracing.values import Value

_BLOCK = 128
_EACH = 4  # columns of a thread that adds up rows


def change(one, taken):
    """Return the Kernels that put numbers into a copy, or add them to it."""
    x, index, new = one.arguments[:3]
    result = one.result
    if str(result.dtype) not in TYPES or result.axes is None:
        raise NoKernelError(one.name)
    kernels = [] if is_over(taken, result, x) else copied(x, result)
    memory = Memory()
    indexed = Indexed(result_layout(result), index, memory)
    size = math.prod(indexed.shape)
    if not size:
        return kernels
    put = _Put(one, indexed, new, memory, taken)
    is_plain = not indexed.may_repeat or one.options.get("distinct", False)
    if is_plain:
        return [*kernels, put.each(size, "+=" if one.row.adds else "=")]
    if not one.row.adds:
        raise NoKernelError("the last of those at one place, which threads do not know")
    if indexed.rows is not None and result.dtype.kind == "f":
        return [*kernels, added_rows(put)]
    return [*kernels, put.each(size, None)]


class _Put:
    """Writes kernels that put numbers where an index says.

    Args:
        one: the Instruction.
        indexed: an Indexed of its result.
        new: what is put there: a Value or a number.
        memory: a Memory.
        taken: from output to the argument whose memory it is written over.
    """

    def __init__(self, one, indexed, new, memory, taken):
        self.one, self.indexed, self.new, self.memory = one, indexed, new, memory
        self.dtype = str(one.result.dtype)
        self.writer = Writer(taken, [one.result.size])

    def number(self, order, index):
        """Return the text of a number that is put."""
        new = self.new
        if not isinstance(new, Value) or new.is_number:
            return operand(new, self.dtype, lambda v: self.writer.single(v, 0))
        place = self.memory.place(new, self.indexed.shape, order)
        if place is None:
            raise NoKernelError("view")
        if place == SINGLE:
            start = self.memory.start(new)
            return operand(new, self.dtype, lambda v: self.writer.single(v, start))
        return operand(new, self.dtype, lambda v: self.writer.read(v, place, index))

    def each(self, size, sign):
        """Return a Kernel in which a thread puts one number; it adds if no sign."""
        writer, order = self.writer, range(len(self.indexed.shape))
        at = self.indexed.text(writer, order, "i")
        text, to = self.number(order, "i"), writer.output(self.one.result)
        first = f"blockIdx.x * ({writer.unsigned}){_BLOCK} + threadIdx.x"
        lines = [f"const {writer.unsigned} i = {first};", f"if (i >= {size}u) return;"]
        if sign is not None:
            lines.append(f"{to}[{at}] {sign} {text};")
        elif self.dtype in ("float32", "float64", "int32"):
            lines.append(f"atomicAdd(&{to}[{at}], {text});")
        elif self.dtype == "int64":
            wide = "unsigned long long"
            lines.append(f"atomicAdd(({wide}*)&{to}[{at}], ({wide}){text});")
        else:
            raise NoKernelError(self.dtype)
        return writer.kernel(lines, -(-size // _BLOCK), _BLOCK)


def added_rows(put):
    """Return a Kernel that adds rows in their order, in the same one always.

    The block of the first row of an index finds all others of the same and adds them;
    the other blocks have nothing to do.

    Args:
        put: a _Put of an index that names rows.
    """
    writer, indexed, result = put.writer, put.indexed, put.one.result
    rows = indexed.rows
    if result.axes != tuple(range(len(result.shape))) or rows.size == 1:
        raise NoKernelError("rows")
    columns = math.prod(result.shape[1:])
    block = max(32, min(256, 1 << (columns - 1).bit_length()))
    each = min(_EACH, -(-columns // block))
    parts = -(-columns // (block * each))
    text = put.number(range(len(indexed.shape)), f"(m * {columns}u + c)")
    to = f"{writer.output(result)}[mine * {columns}u + c]"

    def every(line):
        place = f"const unsigned c = part + q * {block}u + threadIdx.x;"
        loop = f"for (int q = 0; q < {each}; q++) {{ {place}"
        return ["#pragma unroll", f"{loop} if (c < {columns}u) {line} }}"]

    begin = [
        f"__shared__ unsigned found[{block // 32}];",
        f"const unsigned n = blockIdx.x / {parts}u;",
        f"const unsigned part = blockIdx.x % {parts}u * {block * each}u;",
        f"const {writer.unsigned} mine = {_row(put, 'n')};",
        f"{TYPES[put.dtype]} x[{each}];",
        *every(f"x[q] = {to};"),
    ]
    lines = [*begin, *_search(put, block, every(f"x[q] += {text};"))]
    return writer.kernel([*lines, *every(f"{to} = x[q];")], rows.size * parts, block)


def _search(put, block, add):
    """Return the lines that go through the rows of one index, from the first on."""
    count = put.indexed.rows.size
    return [
        f"for (unsigned first = 0; first < {count}u; first += {block}u) {{",
        "const unsigned t = first + threadIdx.x;",
        f"const bool is_same = t < {count}u && {_row(put, 't')} == mine;",
        "const unsigned bits = __ballot_sync(0xffffffffu, is_same);",
        "if (threadIdx.x % 32 == 0) found[threadIdx.x / 32] = bits;",
        "__syncthreads();",
        f"for (unsigned w = 0; w < {block // 32}u; w++) {{",
        "for (unsigned left = found[w]; left; left &= left - 1) {",
        "const unsigned m = first + w * 32u + __ffs(left) - 1;",
        "if (m < n) return;",
        *add,
        "} }",
        "__syncthreads();",
        "}",
    ]


def _row(put, name):
    """Return the text of which row an index names."""
    value, writer = put.indexed.rows, put.writer
    place = put.memory.place(value, value.shape, range(len(value.shape)))
    if place is None:
        raise NoKernelError("rows")
    given = operand(value, "int64", lambda v: writer.read(v, place, name))
    return f"({writer.unsigned})inside_({given}, {put.one.result.shape[0]})"


CHANGES = dict.fromkeys(("set_at", "scatter_set", "scatter_add"), change)

"""Rows: kernels in which the threads of a row add up, or compare, its numbers.

What depends on no sum or maximum of the row is computed in a first loop over its
columns, what depends on one in a second, and so on. What a later loop needs again waits
in registers, as far as there are enough; else it is read, or computed, once more.
"""

from xdl.program.cuda_executor.flat import single_start
from xdl.program.cuda_executor.kernel import NoKernelError, Writer, operand
from xdl.program.cuda_executor.memory import Memory
from xdl.program.cuda_executor.words import (
    TYPES,
    expression,
    position,
    split,
    start_of,
)
from xdl.program.fusion.groups import COLUMN, SINGLE
from xdl.program.fusion.thread_formulas import formula_of_thread
from xdl.tracing.values import Value, owner_of

WARP = 32
MOST_EACH = 16  # columns of a thread that are kept in registers, of float32
_EACH = 4  # columns of a thread, if there are few
_MOST_THREADS, _SMALL = 512, 128
_REGISTERS = 48  # for what waits
JOINS = {"sum": "Plus_", "prod": "Times_", "max": "Maximum_", "min": "Minimum_"}
JOINS |= {"all": "And_", "any": "Or_"}


class Shape:
    """How threads share rows.

    Attributes:
        threads: of a row: a power of two.
        rows: of a block.
        each: the columns of a thread.
        block: the threads of a block.
        room: how many Values may wait in registers.

    Args:
        columns: of a row.
        words: how many registers a number takes: two if any has 64 bits.
    """

    def __init__(self, columns, words=1):
        self.threads = 1 << max(columns - 1, 0).bit_length()
        if self.threads > WARP:
            self.threads = max(WARP, min(_MOST_THREADS, self.threads // _EACH))
        self.rows = max(1, _SMALL // self.threads) if self.threads <= WARP else 1
        self.each = -(-columns // self.threads)
        self.block = self.threads * self.rows
        self.room = _REGISTERS // (words * self.each)
        if words * self.each > MOST_EACH:
            self.room = 0

    def begin(self, rows, unsigned):
        """Return the lines that find a thread's row, and its place there.

        All threads of a warp go on: they show one another what they have. Those that
        have no row take the last one, and write nothing.
        """
        return of_block(self.threads, self.rows, rows, unsigned, "row")


def of_block(threads, rows, count, unsigned, name):
    """Return the lines that find the row of a thread, its place there, if it writes.

    Args:
        threads: of a row.
        rows: of a block.
        count: how many rows there are.
        unsigned: the type of the row's number.
        name: of it.
    """
    if rows == 1:
        return [
            f"const {unsigned} {name} = blockIdx.x;",
            "const unsigned lane = threadIdx.x;",
            "const bool writes = lane == 0;",
        ]
    begin = [
        f"{unsigned} {name} = blockIdx.x * ({unsigned}){rows}"
        f" + threadIdx.x / {threads}u;",
        f"const unsigned lane = threadIdx.x % {threads}u;",
    ]
    if count % rows == 0:
        return [*begin, "const bool is_row = true, writes = lane == 0;"]
    return [
        *begin,
        f"const bool is_row = {name} < {count}u, writes = is_row && lane == 0;",
        f"if (!is_row) {name} = {count - 1}u;",
    ]


class Loops:
    """In which loop over the columns what is computed, and what waits in between.

    Attributes:
        level: from each Value of a group to how many loops must be over before.
        targets: for each loop the Values that it is for.
        waits: those that a loop leaves for later ones, by that loop.

    Args:
        group: a NativeGroup.
        taken: from output to the argument whose memory it is written over.
        room: how many Values may wait.
    """

    def __init__(self, group, taken, room):
        self.group = group
        self.level: dict = {}
        for one in group.inner:
            before = [self.level.get(v, 0) for v in group.operands_of(one)]
            self.level[one.result] = max(before, default=0) + is_sum(one)
        self.makers = {one.result: one for one in group.inner}
        self.wide = {v for v in group.places if not self._is_narrow(v)}
        self.stores = self._stored(taken)
        sums = [self.level[one.result] for one in group.inner if is_sum(one)]
        self.count = 1 + max([*self.stores.values(), *[at - 1 for at in sums]])
        self.targets = [self._targets(loop) for loop in range(self.count)]
        self.waits = self._waiting(room)

    def _is_narrow(self, value):
        return self.group.kinds[value] in (COLUMN, SINGLE)

    def _stored(self, taken):
        """Return from each wide output to the loop that stores it.

        What is written over what is read is written in the last one.
        """
        last = max(self.level.values())
        wide = [value for value in self.group.outputs if value in self.wide]
        return {v: last if v in taken else self.level[v] for v in wide}

    def _targets(self, loop):
        read = [
            self.group.base[one.arguments[0]]
            for one in self.group.inner
            if is_sum(one) and self.level[one.result] == loop + 1
        ]
        return [*read, *[v for v, at in self.stores.items() if at == loop]]

    def _needed(self, loop, there):
        """Return the wide Values that a loop needs, but for what those are made of."""
        found: dict[Value, None] = {}
        left = list(self.targets[loop])
        while left:
            value = left.pop()
            if value in found or value not in self.wide:
                continue
            found[value] = None
            if value not in there and value in self.makers:
                left += self.group.operands_of(self.makers[value])
        return found

    def _waiting(self, room):
        """Return the Values that wait in registers."""
        kept = self._often({*self.wide})
        if len(kept) <= room:
            return kept
        first = sorted(kept, key=self._worth)[:room]
        return self._often(set(first))

    def _often(self, may):
        """Return what more than one loop needs, of what may wait."""
        there: set = set()
        counts: dict = {}
        for loop in range(self.count):
            needed = self._needed(loop, there)
            for value in needed:
                counts[value] = counts.get(value, 0) + 1
            there |= may.intersection(needed)
        return {value for value, count in counts.items() if count > 1} & may

    def _worth(self, value):
        """Return what comes first if not all can wait: what is slow to make."""
        one = self.makers.get(value)
        if one is None:
            return 2
        return 0 if one.row.is_slow else 1


def is_sum(one):
    """Tell whether an instruction joins the numbers of rows."""
    return one.row.joins is not None


def _words(group):
    """Return how many registers a number of a group takes."""
    values = [value for value in group.places if group.kinds.get(value) != SINGLE]
    sizes = [value.dtype.itemsize for value in values]
    return 2 if max(sizes, default=4) > 4 else 1


class Rows:
    """The kernel of a group with reductions along its rows.

    Args:
        group: a NativeGroup.
        taken: from output to the argument whose memory it is written over.
    """

    def __init__(self, group, taken):
        self.group = group
        self.shape = Shape(group.columns, _words(group))
        self.writer = Writer(taken, [group.size])
        self.loops = Loops(group, taken, self.shape.room)
        self.memory, self.rows_of = Memory(), {}
        self.names = {one.result: f"v{i}" for i, one in enumerate(group.inner)}
        self.text_of: dict = {}  # of what belongs to the row
        self.waiting: dict = {}
        self.head: list[str] = []

    def kernel(self):
        """Return the Kernel."""
        body = self._scalars(0)
        for loop in range(self.loops.count):
            body += self._loop(loop)
            body += self._scalars(loop + 1)
        group, shape = self.group, self.shape
        begin = shape.begin(group.rows, self.writer.unsigned)
        grid = -(-group.rows // shape.rows)
        return self.writer.kernel([*begin, *self.head, *body], grid, shape.block)

    def _scalars(self, level):
        """Return the lines of the numbers of a row that are known by a loop."""
        lines: list[str] = []
        for one in self.group.inner:
            value = one.result
            if value in self.loops.wide or self.loops.level[value] != level:
                continue
            if not is_sum(one):
                lines.append(self._line(one, self._narrow))
                self.text_of[value] = self.names[value]
            if value in self.group.outputs:
                to = self.writer.output(value)
                lines.append(f"if (writes) {to}[row] = {self.names[value]};")
        return lines

    def _line(self, one, text_of):
        formula = formula_of_thread(one)
        if formula is None:
            raise NoKernelError(one.name)
        pairs = zip(one.arguments, formula.dtypes, strict=False)
        texts = [
            operand(a, dtype, lambda v: text_of(self.group.base[v]))
            for a, dtype in pairs
        ]
        kind = TYPES[str(one.result.dtype)]
        return f"const {kind} {self.names[one.result]} = {expression(formula, texts)};"

    def _narrow(self, value):
        """Return the text of what is one number a row, and have it loaded."""
        if value in self.text_of:
            return self.text_of[value]
        if self.group.kinds[value] == SINGLE:
            text = self.writer.single(value, single_start(self.memory, value))
        else:
            offset, (*found, last) = self.group.places[value]
            columns = self.group.columns
            place = offset, (*found, (last[0] // columns, 0))
            text = f"c{len(self.head)}"
            kind = TYPES[str(value.dtype)]
            read = self.writer.read(value, place, "row")
            self.head.append(f"const {kind} {text} = {read};")
        self.text_of[value] = text
        return text

    def _loop(self, loop):
        """Return the lines of a loop over the columns, and of the sums after it."""
        if not self.loops.targets[loop]:
            return []
        lines: list[str] = []
        known = dict.fromkeys(self.waiting)
        inside = _Inside(self, lines, known)
        sums = [
            one
            for one in self.group.inner
            if is_sum(one) and self.loops.level[one.result] == loop + 1
        ]
        begin, end = [], []
        for i, one in enumerate(sums):
            name, kind = f"t{loop}_{i}", TYPES[str(one.result.dtype)]
            join, dtype = JOINS[one.name], str(one.result.dtype)
            text = operand(
                one.arguments[0], dtype, lambda v: inside.text(self.group.base[v])
            )
            begin.append(f"{kind} {name} = {start_of(one)};")
            lines.append(f"{name} = {join}()({name}, {text});")
            made = f"joined_<{self.shape.threads}>({name}, {join}())"
            end.append(f"const {kind} {self.names[one.result]} = {made};")
            self.text_of[one.result] = self.names[one.result]
        for value, at in self.loops.stores.items():
            if at == loop:
                inside.stored(value)
        begin += inside.begin
        lines += inside.end
        return [*begin, *self._around(lines), *end]

    def _around(self, lines):
        """Return a loop around the lines of one column."""
        shape, columns = self.shape, self.group.columns
        if not shape.room:
            step = f"j += {shape.threads}u"
            return [f"for (unsigned j = lane; j < {columns}u; {step}) {{", *lines, "}"]
        if shape.each == 1:
            begin = ["{ constexpr int k = 0; const unsigned j = lane;"]
        else:
            begin = ["#pragma unroll", f"for (int k = 0; k < {shape.each}; k++) {{"]
            begin += [f"const unsigned j = lane + k * {shape.threads}u;"]
        if columns == shape.each * shape.threads:
            return [*begin, *lines, "}"]
        return [*begin, f"if (j < {columns}u) {{", *lines, "} }"]

    def place(self, value):
        """Return the text of where a number of an array lies, in its row's loop."""
        columns, integer = self.group.columns, self.writer.integer
        offset, found = self.group.places[value]
        if found == ((self.group.size, 1),):
            return self._at(f"row * {columns}u + {offset}", "j", (value, "w"))
        parts = split(found, columns)
        if parts is None:
            index = f"(row * {columns}u + j)"
            return position(found, offset, index, integer)
        outer, inner = parts
        row = position(outer, offset, "row", integer)
        return self._at(row, position(inner, 0, "j", integer), row)

    def _at(self, row, column, key):
        """Return the text of a place; what hangs on the row is found before."""
        if isinstance(key, tuple):
            key = row
        name = self.rows_of.get(key)
        if name is None:
            name = self.rows_of[key] = f"r{len(self.rows_of)}"
            self.head.append(f"const {self.writer.integer} {name} = {row};")
        return name if column == "0" else f"{name} + {column}"


class _Inside:
    """The lines inside a loop over the columns; each Value is made when it is asked.

    Attributes:
        begin: lines before the loop.
        end: lines at the end of a turn.
    """

    def __init__(self, rows, lines, known):
        self.rows, self.lines = rows, lines
        self.begin: list[str] = []
        self.end: list[str] = []
        self.there = {value: f"{rows.waiting[value]}[k]" for value in known}

    def text(self, value):
        """Return the text of a Value."""
        rows = self.rows
        if value not in rows.loops.wide:
            return rows._narrow(value)
        if value not in self.there:
            self.there[value] = self._made(value)
            if value in rows.loops.waits:
                self._wait(value)
        return self.there[value]

    def _made(self, value):
        rows = self.rows
        one = rows.loops.makers.get(value)
        if one is not None:
            self.lines.append(rows._line(one, self.text))
            return rows.names[value]
        name = f"x{len(self.lines)}"
        kind = TYPES[str(value.dtype)]
        at = f"{rows.writer.pointer(value)}[{rows.place(value)}]"
        self.lines.append(f"const {kind} {name} = {at};")
        return name

    def _wait(self, value):
        rows = self.rows
        name = rows.waiting[value] = f"k{len(rows.waiting)}"
        self.begin.append(f"{TYPES[str(value.dtype)]} {name}[{rows.shape.each}];")
        self.lines.append(f"{name}[k] = {self.there[value]};")

    def stored(self, value):
        """Have a Value stored at the end of a turn."""
        rows = self.rows
        to, text = rows.writer.output(value), self.text(value)
        row = rows._at(f"row * {rows.group.columns}u + 0", "j", (value, "w"))
        is_row = "if (is_row) " if rows.shape.rows > 1 else ""
        self.end.append(f"{is_row}{to}[{row}] = {text};")


def row_group(group, taken):
    """Return the Kernels of a group with reductions along its rows."""
    if any(owner_of(v).size >= 2**31 for v in group.arguments):
        raise NoKernelError("wide")
    return [Rows(group, taken).kernel()]

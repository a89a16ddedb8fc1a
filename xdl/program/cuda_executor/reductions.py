"""Reductions: the kernels of sums, maxima and their like that are in no group.

The numbers of each result are its terms. Terms that follow one another in memory are
joined by the threads of a row, else each thread goes through those of a column. Many
terms of few results are cut into parts: a second kernel joins what those came to.
"""

from xdl.program.cuda_executor.kernel import NoKernelError, Writer, operand
from xdl.program.cuda_executor.memory import Memory
from xdl.program.cuda_executor.rows import JOINS, WARP, of_block
from xdl.program.cuda_executor.words import (
    TYPES,
    position,
    product_of,
    start_of,
)
from xdl.program.fusion.strides import merged

_BLOCKS = 264  # two for each multiprocessor of a large GPU
_MOST = 1024  # terms that a thread of a row, or one of a column, has in turn
_SMALL = 128  # threads of a block of several rows
_LANES = 4  # threads that share a column


class Terms:
    """What a reduction joins.

    Attributes:
        value: the array.
        offset: where in its owner's memory it starts.
        outer: the map of the results, as they lie in memory.
        inner: the map of the terms of one.
        results: how many results there are.
        count: how many terms each has.
    """

    def __init__(self, one, axis, keeps):
        self.value, result = one.arguments[0], one.result
        layout = Memory().layout(self.value)
        if layout is None or result.axes is None:
            raise NoKernelError("view")
        ndim, axes = len(layout.shape), _axes_of(axis, len(layout.shape))
        kept = [a for a in range(ndim) if keeps or a not in axes]
        outer = [kept[a] for a in result.axes if kept[a] not in axes]
        inner = sorted(axes, key=lambda a: -abs(layout.strides[a]))
        pairs = [*zip(layout.shape, layout.strides, strict=True)]
        self.offset = layout.offset
        self.outer = merged([pairs[a] for a in outer])
        self.inner = merged([pairs[a] for a in inner])
        self.results, self.count = product_of(self.outer), product_of(self.inner)

    @property
    def is_column(self):
        """Whether results, rather than terms, follow one another in memory."""
        stride = self.inner[-1][1] if self.inner else 0
        outer = self.outer[-1][1] if self.outer else 0
        return outer == 1 and stride != 1 and self.results >= _LANES


def _axes_of(axis, ndim):
    if axis is None:
        return set(range(ndim))
    return {a % ndim for a in (axis if isinstance(axis, tuple | list) else [axis])}


class Reduction:
    """Writes the kernels of a reduction."""

    def __init__(self, one):
        self.one, self.terms = one, Terms(one, one.axis, one.keepdims)
        self.dtype = str(one.result.dtype)
        if self.dtype not in TYPES:
            raise NoKernelError(self.dtype)
        self.kind, self.join = TYPES[self.dtype], JOINS[one.name]
        self.start = start_of(one)

    def kernels(self):
        """Return the Kernels."""
        terms = self.terms
        first = self._column if terms.is_column else self._row
        parts = self._parts()
        if parts == 1:
            return [first(1, 0)]
        scratch = parts * terms.results * self.one.result.dtype.itemsize
        return [first(parts, scratch), self._last(parts, scratch)]

    def _parts(self):
        """Return into how many parts the terms of a result are cut."""
        terms = self.terms
        width = WARP if terms.is_column else 1
        blocks = -(-terms.results // width)
        each = _LANES * 16 if terms.is_column else _MOST * 4
        return max(1, min(_BLOCKS // blocks, terms.count // each))

    def _term(self, writer, at):
        """Return the text of a term."""
        value, terms = self.terms.value, self.terms
        place = position(terms.inner, 0, at, writer.integer)
        return operand(
            value, self.dtype, lambda v: f"{writer.pointer(v)}[first + {place}]"
        )

    def _first(self, writer, index):
        terms = self.terms
        first = position(terms.outer, terms.offset, index, writer.integer)
        return f"const {writer.integer} first = {first};"

    def _loop(self, writer, begin, step, end):
        """Return the lines that join every step-th term."""
        return [
            f"{self.kind} x = {self.start};",
            f"for (unsigned k = {begin}; k < {end}; k += {step}u)",
            f"  x = {self.join}()(x, {self._term(writer, 'k')});",
        ]

    def _row(self, parts, scratch):
        """Return a kernel in which the threads of a row join a part of the terms."""
        terms, writer = self.terms, self._writer()
        each = -(-terms.count // parts)
        threads = row_threads(each)
        rows = rows_of(threads)
        count = terms.results * parts
        number = of_block(threads, rows, count, writer.unsigned, "n")
        index, begin, end = _part(writer, terms, parts, each)
        lines = [*number, *index]
        lines += [self._first(writer, "o")]
        lines += self._loop(writer, f"{begin} + lane", threads, end)
        lines.append(f"x = joined_<{threads}>(x, {self.join}());")
        lines.append(f"if (writes) {self._target(writer, parts)} = x;")
        grid = -(-count // rows)
        return writer.kernel(lines, grid, threads * rows, scratch)

    def _column(self, parts, scratch):
        """Return a kernel in which a few threads go through each column."""
        terms, writer = self.terms, self._writer()
        each = -(-terms.count // parts)
        columns = -(-terms.results // WARP)
        lines = [
            f"const unsigned lane = threadIdx.x / {WARP}u;",
            f"const unsigned p = blockIdx.x / {columns}u;",
            f"const {writer.unsigned} o = blockIdx.x % {columns}u * {WARP}u"
            f" + threadIdx.x % {WARP}u;",
            f"__shared__ {self.kind} shown[{_LANES}][{WARP}];",
            f"{self.kind} x = {self.start};",
            f"if (o < {terms.results}u) {{",
            self._first(writer, "o"),
            f"const unsigned last = {_end(parts, each, terms.count)};",
            f"for (unsigned k = p * {each}u + lane; k < last; k += {_LANES}u)",
            f"  x = {self.join}()(x, {self._term(writer, 'k')});",
            "}",
            f"shown[lane][threadIdx.x % {WARP}u] = x;",
            "__syncthreads();",
            f"if (lane || o >= {terms.results}u) return;",
            f"for (unsigned k = 1; k < {_LANES}; k++)",
            f"  x = {self.join}()(x, shown[k][threadIdx.x]);",
            f"{self._target(writer, parts)} = x;",
        ]
        return writer.kernel(lines, columns * parts, WARP * _LANES, scratch)

    def _last(self, parts, scratch):
        """Return a kernel that joins the parts of each result."""
        terms, writer = self.terms, self._writer()
        threads = min(1024, 1 << (parts - 1).bit_length()) if terms.results < 64 else 1
        rows = rows_of(threads)
        to = writer.output(self.one.result)
        at = f"k * {terms.results}u + n"
        lines = [
            *of_block(threads, rows, terms.results, writer.unsigned, "n"),
            f"{self.kind} x = {self.start};",
            f"for (unsigned k = lane; k < {parts}u; k += {threads}u)",
            f"  x = {self.join}()(x, ((const {self.kind}*)scratch)[{at}]);",
            f"x = joined_<{threads}>(x, {self.join}());",
            f"if (writes) {to}[n] = x;",
        ]
        grid = -(-terms.results // rows)
        return writer.kernel(lines, grid, threads * rows, scratch)

    def _target(self, writer, parts):
        """Return where the result of a part is written."""
        if parts == 1:
            return f"{writer.output(self.one.result)}[o]"
        return f"(({self.kind}*)scratch)[p * {self.terms.results}u + o]"

    def _writer(self):
        terms = self.terms
        return Writer({}, [terms.results * terms.count])


def row_threads(count):
    """Return how many threads join so many terms: a power of two."""
    threads = 1 << max(count - 1, 0).bit_length()
    return threads if threads <= WARP else max(WARP, min(1024, threads // 4))


def rows_of(threads):
    """Return how many rows a block has; of more than a warp it is one."""
    return _SMALL // threads if threads <= WARP else 1


def _part(writer, terms, parts, each):
    """Return lines that find the result and the part; where that begins and ends."""
    if parts == 1:
        return [f"const {writer.unsigned} o = n;"], "0u", f"{terms.count}u"
    lines = [
        f"const {writer.unsigned} o = n / {parts}u;",
        f"const unsigned p = n % {parts}u;",
        f"const unsigned last = {_end(parts, each, terms.count)};",
    ]
    return lines, f"p * {each}u", "last"


def _end(parts, each, count):
    if parts == 1:
        return f"{count}u"
    return f"(p + 1) * {each}u < {count}u ? (p + 1) * {each}u : {count}u"


def reduction(one, taken):
    """Return the Kernels of a reduction."""
    return Reduction(one).kernels()


def extreme(one, taken):
    """Return the Kernel that finds where the greatest, or the least, term is.

    Of equal ones it is the first; NaN is both.
    """
    x = one.arguments[0]
    given = dict(zip(("axis", "keepdims"), one.arguments[1:], strict=False))
    given |= one.options
    terms = Terms(one, given.get("axis"), given.get("keepdims", False))
    if str(x.dtype) not in TYPES or one.result.dtype != "int64" or not terms.count:
        raise NoKernelError(one.name)
    writer = Writer({}, [terms.results * terms.count])
    kind, sign = TYPES[str(x.dtype)], ">" if one.name == "argmax" else "<"
    first = position(terms.outer, terms.offset, "n", writer.integer)
    at = position(terms.inner, 0, "k", writer.integer)
    lines = [
        *of_block(WARP, 4, terms.results, writer.unsigned, "n"),
        f"const {writer.integer} first = {first};",
        f"{kind} best = ({kind})0; unsigned where = 0xffffffffu;",
        f"for (unsigned k = lane; k < {terms.count}u; k += {WARP}u) {{",
        f"const {kind} x = {writer.pointer(x)}[first + {at}];",
        f"if (where == 0xffffffffu || (best == best && (x != x || x {sign} best)))",
        "{ best = x; where = k; } }",
        f"for (int d = {WARP // 2}; d; d >>= 1) {{",
        f"const {kind} x = other_(best, d);",
        "const unsigned k = other_(where, d);",
        "if (k == 0xffffffffu) continue;",
        "const bool is_same = x == best || (x != x && best != best);",
        f"const bool is_more = best == best && (x != x || x {sign} best);",
        "if (where == 0xffffffffu || is_more || (is_same && k < where))",
        "{ best = x; where = k; } }",
        f"if (writes) {writer.output(one.result)}[n] = where;",
    ]
    return [writer.kernel(lines, -(-terms.results // 4), 4 * WARP)]


REDUCTIONS = dict.fromkeys(JOINS, reduction)
REDUCTIONS |= dict.fromkeys(("argmax", "argmin"), extreme)

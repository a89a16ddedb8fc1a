"""Flat: kernels of which each thread makes its own numbers, one or four."""

from xdl.program.cuda_executor.kernel import NoKernelError, Writer, operand
from xdl.program.cuda_executor.memory import Memory
from xdl.program.cuda_executor.words import TYPES, expression
from xdl.program.fusion.groups import SINGLE
from xdl.program.fusion.thread_formulas import formula_of_thread
from xdl.tracing.values import Instruction

FOUR = 4
MANY = 1 << 16  # numbers: with fewer there are not enough threads for four each
_BLOCK = 128  # threads; as of other kernels, so that one launch can be of many


class Flat:
    """The kernel of instructions on numbers of arrays of one size.

    Args:
        size: how many numbers each makes.
        inner: the Instructions.
        base: from each Value that they name to the one that is read for it.
        places: from these to (offset, map), or to SINGLE.
        outputs: what is written.
        taken: from output to the argument whose memory it is written over.
    """

    def __init__(self, size, inner, base, places, outputs, taken):
        self.size, self.inner, self.outputs = size, inner, outputs
        self.base, self.places = base, places
        self.writer = Writer(taken, [size])
        self.memory = Memory()
        self.loads, self.lines = [], []
        self.text_of = {}
        vectors = size >= MANY and size % FOUR == 0
        self.step = FOUR if vectors else 1

    def kernel(self):
        """Return the Kernel."""
        for i, one in enumerate(self.inner):
            self._compute(one, f"v{i}")
        stores = [self._store(value) for value in self.outputs]
        body = self._four(stores) if self.step > 1 else self._one(stores)
        block = _BLOCK
        unsigned = self.writer.unsigned
        first = f"{unsigned} i = (blockIdx.x * ({unsigned}){block} + threadIdx.x)"
        first = f"const {first} * {self.step}u;" if self.step > 1 else f"const {first};"
        lines = [first, f"if (i >= {self.size}u) return;", *body]
        grid = -(-self.size // (block * self.step))
        return self.writer.kernel(lines, grid, block)

    def _one(self, stores):
        return [*self.loads, *self.lines, *[store for store, _, _ in stores]]

    def _four(self, stores):
        """Return the lines of four numbers: loads, a loop of all else, stores."""
        begin = [f"{kind} {name}[{FOUR}];" for _, kind, name in stores]
        inside = [f"{name}[k] = {text};" for text, _, name in stores]
        lines = [*self.loads, *begin, "#pragma unroll"]
        lines += [f"for (int k = 0; k < {FOUR}; k++) {{", *self.lines, *inside, "}"]
        ends = zip(self.outputs, stores, strict=True)
        pointers = [(self.writer.output(value), name) for value, (_, _, name) in ends]
        return lines + [f"store_({to} + i, {name});" for to, name in pointers]

    def _store(self, value):
        """Return the line of a store; of four: the text, the type and a name."""
        to, text = self.writer.output(value), self.text_of[value]
        kind = TYPES[str(value.dtype)]
        if self.step > 1:
            return text, kind, f"w{to}"
        return f"{to}[i] = {text};", kind, None

    def _compute(self, one, name):
        formula = formula_of_thread(one)
        if formula is None:
            raise NoKernelError(one.name)
        pairs = zip(one.arguments, formula.dtypes, strict=False)
        texts = [operand(argument, dtype, self._text) for argument, dtype in pairs]
        kind = TYPES[str(one.result.dtype)]
        text = expression(formula, texts)
        self.lines.append(f"const {kind} {name} = {text};")
        self.text_of[one.result] = name

    def _text(self, argument):
        """Return the text of a Value, and have it loaded."""
        value = self.base[argument]
        if value not in self.text_of:
            self.text_of[value] = self._loaded(value)
        return self.text_of[value]

    def _loaded(self, value):
        place = self.places[value]
        if place == SINGLE:
            return self.writer.single(value, single_start(self.memory, value))
        kind, name = TYPES[str(value.dtype)], f"x{len(self.loads)}"
        if self.step == 1:
            text = self.writer.read(value, place, "i")
            self.loads.append(f"const {kind} {name} = {text};")
            return name
        how = _how(place)
        if how is None:
            text = self.writer.read(value, place, "(i + k)")
            self.lines.append(f"const {kind} {name} = {text};")
            self.loads.append("")
            return name
        text = self.writer.read(value, place, "i")
        if how == "one":
            self.loads.append(f"const {kind} {name} = {text};")
            return name
        self.loads.append(f"{kind} {name}[{FOUR}]; load_(&{text}, {name});")
        return f"{name}[k]"


def single_start(memory, value):
    """Return where a number lies in its owner's memory."""
    start = memory.start(value)
    if start is None:
        raise NoKernelError("view")
    return start


def _how(place):
    """Return how four numbers lie that follow one another: "four", "one" or None."""
    offset, found = place
    length, stride = found[-1]
    if length % FOUR:
        return None
    if stride == 0:
        return "one"
    steps = [offset, *[step for _, step in found[:-1]]]
    return "four" if stride == 1 and not any(step % FOUR for step in steps) else None


def flat_group(group, taken):
    """Return the Kernels of a group without reductions."""
    size = group.size
    flat = Flat(size, group.inner, group.base, group.places, group.outputs, taken)
    return [flat.kernel()]


def flat_instruction(one, taken):
    """Return the Kernels of an elementwise instruction or a copy."""
    result = one.result
    if result.is_number or result.axes is None or formula_of_thread(one) is None:
        raise NoKernelError(one.name)
    memory, places = Memory(), {}
    for value in one.operands():
        is_reshape = one.row.name == "reshape"
        shape = value.shape if is_reshape else result.shape
        order = range(len(shape)) if is_reshape else result.axes
        if is_reshape and result.axes != tuple(range(len(result.shape))):
            raise NoKernelError("reshape")
        places[value] = memory.place(value, shape, order)
        if places[value] is None:
            raise NoKernelError("view")
    base = {value: value for value in places}
    return [Flat(result.size, [one], base, places, (result,), taken).kernel()]


def copied(x, result):
    """Return the Kernels that copy an array into a result of its shape."""
    copy = Instruction("copy", (x,), {})
    copy.result = result
    return flat_instruction(copy, {})

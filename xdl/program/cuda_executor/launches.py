"""Launches: what one instruction asks of a GPU, each time that a step is done."""

import functools
import math

import numpy as np

from xdl.backend import convolution as by_products
from xdl.backend.cuda import sources
from xdl.backend.cuda.products import OwnProducts, as_matrices
from xdl.program.cuda_executor.arrays import is_plain_view
from xdl.program.cuda_executor.text import HEAD, kernels_of
from xdl.program.interpreter import compute, replaced_options
from xdl.program.memory.plan import joins_rows
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, owner_of, values_in

_MOVES = {Kind.RESHAPE, Kind.AXES, Kind.TRANSPOSE, Kind.BROADCAST, Kind.PART, Kind.COPY}
_OPTIONS = ("-std=c++17", "--fmad=true")


class Launches:
    """Makes functions without arguments of instructions; their arrays never move.

    Args:
        xp: the namespace of CuPy.
        memory: the Arrays.
        table: the Table.
        products: a function from what operands were rounded to to the Products.
        plan: the Plan.
    """

    def __init__(self, xp, memory, table, products, plan):
        self._xp, self._cupy, self._plan = xp, xp.cupy, plan
        self._kernels, self._module, self._scratch = {}, None, None
        self._memory, self._table, self._products = memory, table, products
        self._ours = OwnProducts(self._cupy, products(None))

    def of(self, instruction):
        """Return the function that launches an instruction; None: there is nothing."""
        if instruction.result is not None and instruction.result.is_number:
            return None
        if is_plain_view(instruction):
            return None  # the array is there already
        if self._is_there(instruction):
            return None
        kernels = kernels_of(instruction, self._taken(instruction))
        if kernels is not None:
            return self._generated(kernels)
        if instruction.row.kind == Kind.GROUP:
            return each([self.of(one) for one in instruction.inner])
        made = _BY_KIND.get(instruction.row.kind, Launches._by_namespace)
        return made(self, instruction)

    def _is_there(self, one):
        """Tell whether all pieces of a whole were made where they lie in it."""
        if not joins_rows(one):
            return False
        offset = 0
        for piece in one.arguments[0]:
            if not self._plan.is_placed(piece, one.result, offset):
                return False
            offset += piece.nbytes
        return True

    def _taken(self, instruction):
        """Return from what is written to the operand in whose memory that is."""
        buffers, taken = self._plan.buffers, {}
        outputs = getattr(instruction, "outputs", (instruction.result,))
        for value in outputs:
            for operand in instruction.operands():
                buffer = buffers.get(owner_of(operand))
                if buffer is not None and buffer is buffers.get(value):
                    taken[value] = operand
        return taken

    def _generated(self, kernels):
        """Return what launches generated kernels, once ``compile`` has made them."""
        launches = []
        for kernel in kernels:
            self._kernels[kernel.name] = kernel
            given = []
            for value in kernel.arguments:
                if value.is_number:
                    given.append(self._table.array(value))
                    continue
                array, source = self._memory.lying(value)
                given.append(array)
                if source is not None:
                    launches.append((None, array, source))
            launches.append((kernel, given, None))

        def launch():
            for kernel, given, source in launches:
                if kernel is None:
                    given[...] = source
                    continue
                scratch = [self._scratch] if kernel.scratch else []
                function = self._module.get_function(kernel.name)
                function((kernel.grid,), (kernel.block,), (*given, *scratch))

        return launch

    def compile(self):
        """Compile the generated kernels as one module."""
        kernels = self._kernels.values()
        if not kernels:
            return
        text = HEAD + "".join([kernel.source for kernel in kernels])
        self._module = _module(self._cupy, text)
        most = max(kernel.scratch for kernel in kernels)
        self._scratch = self._cupy.empty(most, "uint8")

    def _by_namespace(self, one):
        """Return what calls the namespace, and copies what it made."""
        xp, out = self._xp, self._memory.array(one.result)
        dtype = next((v.dtype for v in values_in(one.arguments) if v.dtype), out.dtype)

        def launch():
            arguments = self._memory.real(one.arguments, dtype)
            options = replaced_options(one.options, lambda v: self._memory.real(v))
            out[...] = compute(one, xp, arguments, options, None)

        return launch

    def _product(self, one):
        a, b = self._memory.real(one.arguments)
        out = self._memory.array(one.result)
        products = self._products(rounded_to(one.arguments))
        if not products.takes(a, b, out) or min(a.ndim, b.ndim) < 1:
            return self._by_namespace(one)
        if not (a.size and b.size and out.size):
            return lambda: out.fill(0)
        a, b, out = as_matrices(a, b, out)
        return products.planned(a, b, out)

    def _convolution(self, one):
        arguments = self._memory.real(one.arguments)
        out, kernels = self._memory.array(one.result), self._xp._convolutions
        if kernels.takes(*arguments[:2]):
            return functools.partial(getattr(kernels, one.name), *arguments, out=out)
        function = getattr(by_products, one.name)

        def launch():
            out[...] = function(*arguments, None, self._ours, self._xp.BLOCK)

        return launch

    def _joined(self, one):
        """Return what copies each piece to where it lies in a stack or a row."""
        pieces, *_ = self._memory.real(one.arguments)
        out, axis = self._memory.array(one.result), one.axis
        axis %= out.ndim
        before, first, places = (slice(None),) * axis, 0, []
        for i, piece in enumerate(pieces):
            if one.row.kind == Kind.STACK:
                places.append(out[(*before, i)])
                continue
            end = first + piece.shape[axis]
            places.append(out[(*before, slice(first, end))])
            first = end

        def launch():
            for place, piece in zip(places, pieces, strict=True):
                place[...] = piece

        return launch

    def _change(self, one):
        out, xp, adds = self._memory.array(one.result), self._xp, one.row.adds
        x, index, new = self._memory.real(one.arguments, out.dtype)
        change = xp.scatter_add if adds else xp.scatter_set

        def launch():
            out[...] = change(x, index, new)

        return launch

    def _random(self, one):
        _, shape, width, number = one.arguments
        out = self._memory.array(one.result)
        text = sources.text(f"bits{width}", {})
        for before, after in _FROM_TABLE.items():
            text = text.replace(before, after)
        kernel = self._cupy.RawKernel(text, f"xdl_bits{width}")
        threads = -(-math.prod(shape) // (256 // width))
        blocks = (-(-threads // 128),)
        given = out.size, self._table.draw, np.uint64(number), out

        def launch():
            if out.size:
                kernel(blocks, (128,), given)

        return launch


_FROM_TABLE = {
    "size, word key0, word key1, word number": "size, const word* name, word offset",
    "philox(count, key0, key1, number, drawn)": (
        "philox(count, name[0], name[1], name[2] + offset, drawn)"
    ),
}
_BY_KIND = {
    Kind.PRODUCT: Launches._product,
    Kind.CONVOLUTION: Launches._convolution,
    Kind.STACK: Launches._joined,
    Kind.CONCAT: Launches._joined,
    Kind.CHANGE: Launches._change,
    Kind.RANDOM: Launches._random,
}


@functools.lru_cache(maxsize=64)
def _module(cupy, text):
    """Return the module of a text: a step that is bound anew has that of before."""
    return cupy.RawModule(code=text, options=_OPTIONS)


def each(launches):
    """Return what calls functions in order; None are left out."""
    launches = [launch for launch in launches if launch is not None]

    def launch():
        for one in launches:
            one()

    return launch


def rounded_to(operands):
    """Return what all operands of a product were rounded to; None: not all were."""
    names = {_rounded_to(operand) for operand in operands}
    return names.pop() if len(names) == 1 else None


def _rounded_to(value):
    one = value.origin
    while isinstance(one, Instruction) and one.row.kind in _MOVES:
        one = one.arguments[0].origin
    return one.row.rounds_to if isinstance(one, Instruction) else None


def reads_numbers(instruction):
    """Return the numbers that an instruction on arrays reads."""
    if instruction.result is not None and instruction.result.is_number:
        return []
    operands = instruction.operands()
    return [v for v in operands if isinstance(v, Value) and v.is_number]

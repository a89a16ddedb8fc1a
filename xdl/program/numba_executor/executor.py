"""The Numba executor: chains of instructions as native loops, the rest by NumPy."""

import time

import numpy as np

from xdl.backend import numpy as host
from xdl.backend.scatter import add_at
from xdl.native.cache import load
from xdl.native.convolution import convolution
from xdl.native.gemm import product
from xdl.program.fusion.gathering import gathered
from xdl.program.fusion.groups import REPEATED, WHOLE
from xdl.program.fusion.strides import lies_plain
from xdl.program.memory.plan import Plan
from xdl.program.numba_executor.loops import NativeText
from xdl.program.numba_executor.lowering import lowered, parted
from xdl.program.numba_executor.summing import summed
from xdl.program.numpy_executor.executor import NumpyExecutor
from xdl.program.numpy_executor.source import Source
from xdl.tracing.values import Value, owner_of

# Rows are added up in NumPy's order. What is out of range is left to NumPy to say.
_ADDED_ROWS = """
@native
def add_rows(out, index, rows):
    for i in range(index.size):
        if index[i] < 0 or index[i] >= out.shape[0]:
            return False
    for i in range(index.size):
        to = index[i]
        for j in range(out.shape[1]):
            out[to, j] += rows[i, j]
    return True
"""


def is_worth(group):
    """Tell whether a group runs faster as a native loop than array by array."""
    return len(group.inner) > 1 or group.inner[0].row.is_slow


class NativeSource(Source):
    """The text of a program whose groups are calls of native functions.

    Attributes:
        functions: from name to (text, signature) of the function.
    """

    def __init__(self, program, plan):
        self.functions = {}
        super().__init__(program, plan)

    def _write_group(self, group):
        taken = self._taken(group)
        self._place_outputs(group)
        native = NativeText(group, taken)
        name = self._function(native)
        given = [self._given(group, value, native.is_flat) for value in native.arrays]
        given += [self._number(value) for value in native.singles]
        given += map(repr, native.constants)
        given += map(str, native.integers)
        given += self._scratch(group, native.scratch)
        self.body.append(f"{name}({', '.join(given)})")

    def _write_change(self, instruction, out):
        x, index, new = instruction.arguments
        if not instruction.row.adds or not _names_rows(x, index, new):
            super()._write_change(instruction, out)
            return
        if self._memory(owner_of(x)) is not self._memory(instruction.result):
            self._write_start(out, x)
        self.names["add_rows"] = load(_ADDED_ROWS).add_rows
        add = self.object(add_at)
        given = out, self._index(index), self.text(new)
        self.body.append(f"add_rows({', '.join(given)}) or {add}({', '.join(given)})")

    def _write_product(self, instruction, out):
        x, y = instruction.arguments
        is_summed = instruction.row.adds
        multiply = product(x, y, instruction.result, is_summed)
        if multiply is None:
            super()._write_product(instruction, out)
            return
        given = f"({', '.join([*self._texts(instruction), out])})"
        native = self.object(multiply)
        otherwise = self.object(_summed_product if is_summed else np.matmul)
        self.body.append(f"{native}{given} or {otherwise}{given}")

    def _write_convolution(self, instruction, out):
        native = convolution(
            instruction.name, instruction.arguments, instruction.result
        )
        if native is None:
            super()._write_convolution(instruction, out)
            return
        texts = self._texts(instruction)
        given = texts[:3] if instruction.name == "convolution" else texts[:2]
        self.body.append(f"if not {self.object(native)}({', '.join([*given, out])}):")
        function = self.object(getattr(host, instruction.name))
        self.body.append(f"    {function}({', '.join([*texts, out])})")

    def _function(self, native):
        """Return the name of the function with a text; equal ones are one."""
        signature = native.signature()
        for name, known in self.functions.items():
            if known == (native.text, signature):
                return name
        name = f"group{len(self.functions)}"
        self.functions[name] = (native.text, signature)
        return name

    def _taken(self, group):
        """Return from output to the argument in whose memory it is written."""
        plan, taken = self.plan, {}
        owners = {owner_of(v): v for v in group.arguments if group.kinds[v] == WHOLE}
        for value in group.outputs:
            slot = plan.over_state.get(value)
            if slot is not None:
                owner = plan._states[slot]
                if owner in owners:
                    taken[value] = owners[owner]
                continue
            buffer = plan.buffers[value]
            for owner, argument in owners.items():
                if plan.buffers.get(owner) is buffer:
                    taken[value] = argument
        return taken

    def _given(self, group, value, is_flat):
        """Return the text of an array as it lies in memory, in rows if need be."""
        owner = owner_of(value)
        is_rows = group.kinds[value] in (WHOLE, REPEATED) and not is_flat
        shape = (-1, group.columns) if is_rows else (-1,)
        name = self.name(owner)
        is_plain = lies_plain(owner)
        is_wide = not is_rows or owner.shape[-1] == group.columns
        if is_plain and is_wide and len(owner.shape) == len(shape):
            return name
        turned = name if is_plain else f"{name}.transpose({owner.axes})"
        if self._is_bound(owner):
            return self._as_rows(name, turned, shape)
        return f"{turned}.reshape({shape})"

    def _as_rows(self, name, turned, shape):
        view = f"{name}_{'rows' if len(shape) > 1 else 'lying'}"
        if len(shape) > 1:
            view += str(shape[1])
        return self._once(f"{turned}.reshape({shape}, copy=False)", view)

    def _number(self, value):
        name = self.name(value)
        return name if value.is_number else f"{name}.item()"

    def _scratch(self, group, dtypes):
        names = []
        for i, dtype in enumerate(dtypes):
            name = f"row{i}_{dtype}_{group.columns}"
            if name not in self._called:  # no two rows are one
                self._called.add(name)
                empty = self.object(np.empty)
                self.planned.append(f"{name} = {empty}({group.columns}, {dtype!r})")
            names.append(name)
        return names


def _summed_product(a, b, out):
    """Write the sum of the products of two stacks of matrices."""
    np.add.reduce(np.matmul(a, b), 0, None, out)


def _names_rows(x, index, new):
    """Tell whether rows of a matrix are named by a list of integers."""
    index = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    if not isinstance(index, Value) or not isinstance(new, Value):
        return False
    is_list = len(index.shape) == 1 and index.dtype.kind == "i" and index.size > 0
    is_matrix = len(x.shape) == 2 and new.shape == (index.size, x.shape[1])
    is_plain = lies_plain(x) and lies_plain(new) and lies_plain(index)
    return is_list and is_matrix and is_plain and x.dtype == new.dtype


class NumbaExecutor(NumpyExecutor):
    """Runs a program with NumPy and, for groups of instructions, native loops.

    Attributes:
        seconds: what it took to compile the loops, or to read them from the cache.
    """

    name = "numba"
    is_exact = False

    def _write(self, program):
        begin = time.perf_counter()
        lowered(program)
        summed(program)
        parted(program)
        gathered(program, is_worth)
        source = NativeSource(program, Plan(program))
        for name, (text, signature) in source.functions.items():
            function = load(text).group
            function.compile(signature)
            source.names[name] = function
        self.seconds = time.perf_counter() - begin
        return source

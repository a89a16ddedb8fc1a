"""From a group to the text of a native function.

Rows are gone through one after the other. What depends on no sum or maximum of the row
is computed in a first loop over its columns, what depends on one in a second, and so
on; what one loop needs of an earlier one waits in a scratch row, which stays in the
cache. A group of whole arrays alone is one loop over their elements.

The text names neither arrays nor sizes, so that equal groups have equal texts, for
batches of any length; numbers other than 0 and 1 are given, too, for a mean's is one.
"""

import re

import numba
import numpy as np

from xdl.native.mathematics import FUNCTIONS
from xdl.program.fusion.formulas import formula_of
from xdl.program.fusion.groups import COLUMN, REPEATED, SINGLE, WHOLE
from xdl.program.fusion.strides import breaks, stride_at
from xdl.program.numba_executor.accumulation import Accumulation, indented
from xdl.program.numba_executor.phases import Phases
from xdl.tracing.values import Value

_CONSTANTS = {
    "ZERO": "{0}(0)",
    "ONE": "{0}(1)",
    "INFINITY": '{0}("inf")',
    "LOWEST": '{0}("-inf")',
    "DTYPE": "{0}",
}
_OF_NUMPY = ("floor", "ceil", "rint")
_NAMES = re.compile(r"\b(" + "|".join([*_CONSTANTS, *FUNCTIONS["float32"]]) + r")\b")


class NativeText:
    """The text of the function that runs a group.

    Args:
        group: a NativeGroup, finished.
        taken: from output to the argument whose memory it is written over.

    Attributes:
        arrays: the Values whose arrays are given, in order, and their kinds.
        singles: the Values that are given as numbers, after the arrays.
        constants: the numbers that are given after these.
        integers: those that are given after these.
        scratch: the dtypes of the scratch rows that are given last.
        text: of the module that holds the function ``group``.
    """

    def __init__(self, group, taken):
        self.group, self.taken = group, taken
        self.phases = Phases(group, taken)
        self.is_flat = set(group.kinds.values()) <= {WHOLE, SINGLE}
        self.names, self.header, self.scratch = {}, {}, []
        self.constants, self.integers, self.kept = [], [], {}
        self.accumulation = Accumulation(self)
        steps = [breaks(group.row_map(v)) for v in group.places if self._has_rows(v)]
        self.steps = sorted(set().union(*steps), reverse=True)
        self._step_names = [self._given(step) for step in self.steps]
        self._name_given()
        self._name_made()
        body = self._flat() if self.is_flat else self._rows()
        self.text = self._module(body)

    def _has_rows(self, value):
        return not isinstance(self.group.places[value], str)

    def _name_given(self):
        group, kinds = self.group, self.group.kinds
        outputs = [v for v in group.outputs if v not in self.taken]
        given = [v for v in group.arguments if not self._is_literal(v)]
        self.arrays = [v for v in given if kinds[v] != SINGLE] + outputs
        self.singles = [v for v in given if kinds[v] == SINGLE]
        self.place_of = {v: f"a{i}" for i, v in enumerate(self.arrays)}
        self.place_of |= {v: self.place_of[x] for v, x in self.taken.items()}
        self.names |= {v: f"s{i}" for i, v in enumerate(self.singles)}

    @staticmethod
    def _is_literal(value):
        return value.origin == "constant" and value.size == 1

    def _name_made(self):
        for i, one in enumerate(self.group.inner):
            self.names[one.result] = f"v{i}"

    def _operand(self, argument, dtype):
        """Return the text of an argument, in the dtype named."""
        if not isinstance(argument, Value):
            return self._constant(argument, dtype)
        value = self.group.base[argument]
        if self._is_literal(value):
            return self._constant(value.data.item(), dtype)
        name = self.names[value]
        if value in self.singles:  # Python's numbers, wider than float32
            return self._single(name, dtype)
        if str(value.dtype) == dtype:
            return name
        return f"({name} != 0)" if dtype == "bool" else f"{self.dtype(dtype)}({name})"

    def _single(self, name, dtype):
        self.dtype(dtype)
        return f"({name} != 0)" if dtype == "bool" else f"{dtype}({name})"

    def dtype(self, dtype):
        """Return the name of a dtype, and have it known."""
        self.header[dtype] = f"from numpy import {dtype}"
        return dtype

    def _constant(self, number, dtype):
        if dtype == "bool":
            return repr(bool(number))
        text = f"{self.dtype(dtype)}({number!r})"
        if number != number or number in (float("inf"), float("-inf")):
            text = f'{dtype}("{number!r}")'
        elif number not in (0, 1, -1):
            self.constants.append(number)  # one of equal ones may move with the batch
            return f"{dtype}(k{len(self.constants) - 1})"
        name = f"K{re.sub('[^0-9a-z]', '_', repr(number))}_{dtype}"
        self.header[name] = f"{name} = {text}"
        return name

    def _given(self, integer):
        """Return the name of an integer that is given."""
        self.integers.append(integer)
        return f"d{len(self.integers) - 1}"

    def named(self, text, dtype):
        """Return a text with its names made those of the dtype."""

        def name_of(match):
            word = match.group()
            if word == "DTYPE":
                return self.dtype(dtype)
            name = f"{word}_{dtype}"
            if word in _CONSTANTS:
                made = _CONSTANTS[word].format(self.dtype(dtype))
            else:
                made = f'FUNCTIONS["{dtype}"]["{word}"]'
            self.header[name] = f"{name} = {made}"
            return name

        for function in _OF_NUMPY:
            if text.startswith(function):
                self.header[function] = f"from numpy import {function}"
        if text.startswith("sqrt"):
            self.header["sqrt"] = "from math import sqrt"
        return _NAMES.sub(name_of, text)

    def _line(self, one):
        """Return the line that computes an elementwise instruction."""
        formula = formula_of(one)
        pairs = zip(one.arguments, formula.dtypes, strict=False)
        operands = [self._operand(argument, dtype) for argument, dtype in pairs]
        text = self.named(formula.text.format(*operands), formula.computed)
        out = str(one.result.dtype)
        is_integer = one.result.dtype.kind in "iu"
        if is_integer and formula.computed == out:
            text = f"{self.dtype(out)}({text})"
        return f"{self.names[one.result]} = {text}"

    def signature(self):
        """Return the types of the arguments, for Numba to compile it at once."""
        types = []
        for value in self.arrays:
            is_rows = self.group.kinds[value] in (WHOLE, REPEATED) and not self.is_flat
            types.append(array_type(str(value.dtype), 2 if is_rows else 1))
        types += [number_type(value) for value in self.singles]
        types += [_type_of(number) for number in self.constants]
        types += [numba.int64] * len(self.integers)
        types += [array_type(dtype, 1) for dtype in self.scratch]
        return tuple(types)

    def _flat(self):
        arrays = [self.place_of[v] for v in self.arrays]
        lines = [f"for j in range({arrays[0]}.size):"]
        return lines + indented(self._loop(0, "j"))

    def _rows(self):
        """Return the lines of a function over rows."""
        sums = self.accumulation
        lines = [self._sizes(), *sums.begin()]
        row = [*self._row(), *sums.end_of_row()]
        return [*lines, *self._nested(row), *sums.end()]

    def _sizes(self):
        whole = [v for v in self.arrays if self.group.kinds[v] == WHOLE]
        if whole:
            return f"rows, columns = {self.place_of[whole[0]]}.shape"
        sizes = self._given(self.group.rows), self._given(self.group.columns)
        return f"rows, columns = {', '.join(sizes)}"

    def _nested(self, lines):
        """Return loops over the rows around the lines of one row.

        There is more than one loop if an operand does not go through its memory in
        equal strides.
        """
        counts = ["rows", *self._step_names]
        if not self.steps:
            return ["for r in range(rows):", *indented(lines)]
        parts = [f"r{i} * {step}" for i, step in enumerate(self._step_names)]
        row = " + ".join([*parts, f"r{len(self.steps)}"])
        lines = [f"r = {row}", *lines]
        for i in reversed(range(len(counts))):
            count = counts[i]
            if i < len(self.steps):
                count = f"{count} // {self._step_names[i]}"
            lines = [f"for r{i} in range({count}):", *indented(lines)]
        return lines

    def _row(self):
        """Return the lines that run one row: columns' numbers, and loops between."""
        group, lines = self.group, []
        for value in group.arguments:
            if group.kinds[value] == COLUMN:
                place = self.place_of[value]
                self.names[value] = f"c{place}"
                lines.append(f"c{place} = {place}[{self._row_of(value)}]")
            if group.kinds[value] == REPEATED:
                lines.append(f"r{self.place_of[value]} = {self._row_of(value)}")
        for phase in range(self.phases.count):
            lines += self._scalars(phase)
            loop = self._loop(phase, "r, j")
            if loop:
                lines += self.accumulation.around(phase, loop)
        lines += self._scalars(self.phases.count)
        return lines

    def _row_of(self, value):
        """Return the text of which row of its owner's, or number, an operand has."""
        offset, parts = self.group.places[value][0], []
        rows = self.group.row_map(value)
        if self.group.kinds[value] == REPEATED:
            offset //= self.group.columns
        if rows == ((self.group.rows, 1),):
            parts.append("r")
        elif not self.steps:
            parts += self._stride("r", stride_at(rows, 1))
        else:
            for i, step in enumerate([*self.steps, 1]):
                parts += self._stride(f"r{i}", stride_at(rows, step))
        if offset:
            parts.append(self._given(offset))
        return " + ".join(parts) or "0"

    def _stride(self, index, stride):
        """Return by how much an index moves a place, in a list; it is empty for 0."""
        if stride in (0, 1):
            return [index] * stride
        return [f"{index} * {self._given(stride)}"]

    def _scalars(self, phase):
        """Return the lines of the columns' instructions before a loop."""
        lines, group = [], self.group
        for one in group.inner:
            value = one.result
            if group.kinds[value] != COLUMN or self.phases.of[value] != phase:
                continue
            if one.row.joins is None:
                lines.append(self._line(one))
            if value in group.outputs:
                lines.append(f"{self.place_of[value]}[r] = {self.names[value]}")
        return lines

    def _loop(self, phase, index):
        """Return the lines of a loop over the columns."""
        self.index, self.loaded = index, {}
        self.before, self.after = [], []
        lines, group = [], self.group
        outer = dict(self.names)
        for one in group.inner:
            value = one.result
            if not self.phases.is_wide(one) or self.phases.loop(one) != phase:
                continue
            for operand in group.operands_of(one):
                lines += self._loaded(operand, phase)
            lines += self._computed(one)
            self.loaded[value] = True
            self._keep(value, phase)
        for value, store in self.phases.stores.items():
            if group.kinds[value] == WHOLE and store == phase:
                lines += self._loaded(value, phase)
                self.after.append(
                    f"{self.place_of[value]}[{index}] = {self.names[value]}"
                )
        self.names = outer
        return lines + self.after

    def _computed(self, one):
        if one.row.joins is None:
            return [self._line(one)]
        x = self._operand(one.arguments[0], str(one.result.dtype))
        return [self.accumulation.joined(one, x)]

    def _keep(self, value, phase):
        """Keep a Value for later loops, unless its own array does."""
        if self.group.kinds[value] != WHOLE:
            return
        later = [
            self.phases.loop(one)
            for one in self.group.inner
            if value in self.group.operands_of(one) and self.phases.is_wide(one)
        ]
        store = self.phases.stores.get(value)
        if max([phase, store or 0, *later]) == phase or store == phase:
            return
        self.kept[value] = name = self.scratch_row(str(value.dtype))
        self.after.append(f"{name}[j] = {self.names[value]}")

    def scratch_row(self, dtype):
        """Return the name of a new scratch row."""
        self.scratch.append(dtype)
        return f"w{len(self.scratch) - 1}"

    def _loaded(self, value, phase):
        """Return the lines that read what a loop needs and has not read yet."""
        kind = self.group.kinds[value]
        if kind not in (WHOLE, REPEATED) or value in self.loaded:
            return []
        self.loaded[value] = True
        if value in self.kept:
            return [f"{self.names[value]} = {self.kept[value]}[j]"]
        place, index = self.place_of[value], self.index
        if kind == REPEATED:
            index = f"r{place}, j"
        if value not in self.phases.of:
            self.names[value] = f"x{place}"
        return [f"{self.names[value]} = {place}[{index}]"]

    def _module(self, body):
        given = [f"a{i}" for i in range(len(self.arrays))]
        given += [f"s{i}" for i in range(len(self.singles))]
        given += [f"k{i}" for i in range(len(self.constants))]
        given += [f"d{i}" for i in range(len(self.integers))]
        given += [f"w{i}" for i in range(len(self.scratch))]
        lines = ["from xdl.native.mathematics import FUNCTIONS"]
        lines += self.header.values()
        lines += ["", "@native", f"def group({', '.join(given)}):"]
        return "\n".join([*lines, *indented(body), ""])


def array_type(dtype, ndim):
    """Return Numba's type of a dense array."""
    return numba.types.Array(numba.from_dtype(np.dtype(dtype)), ndim, "C")


def _type_of(number):
    return numba.float64 if isinstance(number, float) else numba.int64


def number_type(value):
    """Return Numba's type of a Python number that stands for a Value."""
    kind = "f" if value.is_number else value.dtype.kind
    return {"f": numba.float64, "b": numba.boolean}.get(kind, numba.int64)

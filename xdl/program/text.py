"""A program as plain NumPy, to read and to run without xdl: one line an instruction."""

import inspect
import keyword
import pathlib
import re
from typing import Any

import numpy as np

from xdl import backend
from xdl.backend import erf, random, scatter, summation
from xdl.backend import numpy as host
from xdl.backend.recording import Value
from xdl.errors import ArgumentError
from xdl.program import kernels
from xdl.program.plan import REDUCTIONS, ufunc_of

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "matmul": "@",
    "greater": ">",
    "greater_equal": ">=",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
    "pow": "**",
    "bitwise_and": "&",
    "bitwise_or": "|",
}
_FORMS = {
    "negative": "-{0}",
    "reshape": "{0}.reshape({1})",
    "permute_dims": "{0}.transpose({1})",
    "matrix_transpose": "{0}.mT",
    "getitem": "{0}[{1}]",
    "astype": "{0}.astype({1})",
    "copy": "{0}.copy()",
    "matmul_sum": "np.matmul({0}, {1}).sum(axis=0)",
    "where": "np.where({0}, {1}, {2})",
    "take": "{0}.take({1}, axis={2})",
    "concat": "np.concatenate({0}, axis={1})",
    "stack": "np.stack({0}, axis={1})",
    "expand_dims": "np.expand_dims({0}, {1})",
    "squeeze": "{0}.squeeze({1})",
    "broadcast_to": "np.broadcast_to({0}, {1})",
    "cumulative_sum": "{0}.cumsum(axis={1})",
    "cumulative_prod": "{0}.cumprod(axis={1})",
    "take_along_axis": "np.take_along_axis({0}, {1}, axis={2})",
    "argmax": "{0}.argmax({1})",
    "argmin": "{0}.argmin({1})",
}
# What NumPy has no name for, and what that needs: it is written out in a saved file.
_WRITTEN_OUT: dict[str, tuple[Any, ...]] = {
    "zero_unless": (kernels.zero_where_not,),
    "scatter_add": (
        "_CHUNK = 1 << 20\n",
        scatter._add_flat,
        scatter._add_rows,
        scatter.add_at,
        scatter.scatter_add,
    ),
    "scatter_set": (scatter._in_order, scatter.scatter_set),
    "sliding_windows": (host.sliding_windows,),
    "long_sum": (summation,),
    "erf": (erf, "TILE = 32768\n", host.erf),
    "random_bits": ("_WORD = 2**64\n", random.bits, kernels.plain_random_bits),
    "set_at": (kernels.set_at,),
    "check_indices": (kernels.check_indices,),
    "refuse_non_finite": (kernels.refuse_non_finite,),
}


class Text:
    """The lines of a program.

    Attributes:
        lines: (code, comment) for each instruction.
        needs: the names of the instructions that NumPy has no function for.
        constants: from name to array.
        states, numbers: from name to slot or number that is read or written.
    """

    def __init__(self, program):
        self.program = program
        self.lines, self.needs = [], []
        self.constants, self.states, self.numbers = {}, {}, {}
        self._name_of, self._taken = {}, set(dir(np)) & {"np"}
        self.inputs = [
            self._named(value, program.input_names[i])
            for i, value in enumerate(program.given)
            if value is not None
        ]
        for instruction in program.instructions:
            for one in getattr(instruction, "inner", (instruction,)):
                self._write(one)

    def name(self, value):
        """Return the name of a Value; it is made at its first mention."""
        if value in self._name_of:
            return self._name_of[value]
        if value.origin == "number":
            name = self._named(value, self.program.number_names[value.data])
            self.numbers[name] = value.data
        elif value.origin == "state":
            name = self._named(value, self.program.slot_names[value.data])
            self.states[name] = value.data
        elif value.origin == "constant":
            name = self._named(value, f"constant{len(self.constants)}")
            self.constants[name] = value.data
        else:
            name = self._named(value, f"t{len(self._name_of)}")
        return name

    def _named(self, value, label):
        name = re.sub(r"\W+", "_", label).strip("_") or "x"
        name = f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self._name_of[value] = name
        return name

    def index(self, nested):
        """Return the text of an index as it stands in brackets."""
        if isinstance(nested, slice):
            parts = [nested.start, nested.stop, nested.step]
            shown = ["" if part is None else self.text(part) for part in parts]
            return ":".join(shown if parts[2] is not None else shown[:2])
        if isinstance(nested, tuple) and nested:
            return ", ".join(map(self.index, nested)) + (
                "," if len(nested) == 1 else ""
            )
        return self.text(nested)

    def text(self, nested):
        """Return the text of an argument."""
        if isinstance(nested, Value):
            return self.name(nested)
        if isinstance(nested, slice):
            parts = (nested.start, nested.stop, nested.step)
            return f"slice({', '.join(map(self.text, parts))})"
        if isinstance(nested, tuple | list):
            inner = ", ".join(map(self.text, nested))
            return f"({inner},)" if len(nested) == 1 else f"({inner})"
        if nested is Ellipsis:
            return "..."
        if isinstance(nested, type | np.dtype):
            return f"np.{np.dtype(nested).name}"
        if isinstance(nested, float) and not np.isfinite(nested):
            return f"float({str(nested)!r})"
        return repr(nested)

    def _write(self, instruction):
        code = self._expression(instruction)
        result = instruction.result
        comment = instruction.place
        if result is not None:
            code = f"{self.name(result)} = {code}"
            shape = "" if result.is_number else f"{result.shape} {result.dtype}"
            comment = f"{shape}  {comment}".strip()
        self.lines.append((code, comment))

    def _expression(self, instruction):
        name = instruction.name
        given = [self.text(a) for a in instruction.arguments]
        options = {k: self.text(v) for k, v in instruction.options.items()}
        if name in _WRITTEN_OUT:
            self.needs.append(name)
            given = (
                [*given[1:3], "key", f"draw + {given[3]}"]
                if "random" in name
                else given
            )
            return f"{_WRITTEN_OUT[name][-1].__name__}({', '.join(given)})"
        if name == "getitem":
            return f"{given[0]}[{self.index(instruction.arguments[1])}]"
        if name == "matmul" and _is_long_dot(instruction):
            self.needs.append("long_sum")
            return f"long_matmul({', '.join(given)})"
        if name in _SYMBOLS:
            return f"{given[0]} {_SYMBOLS[name]} {given[1]}"
        if name in REDUCTIONS:
            rest = [f"axis={a}" for a in given[1:2]]
            rest += [f"keepdims={a}" for a in given[2:3]]
            rest += [
                f"{k}={v}" for k, v in options.items() if v not in ("None", "False")
            ]
            if name == "sum" and _adds_rows(instruction):
                self.needs.append("long_sum")
                return f"long_sum({', '.join([given[0], *rest])})"
            return f"{given[0]}.{name}({', '.join(rest)})"
        if name in _FORMS:
            return _FORMS[name].format(*given, *options.values(), "0")
        ufunc = ufunc_of(name)
        function = ufunc.__name__ if ufunc is not None else name
        rest = [f"{k}={v}" for k, v in options.items()]
        return f"np.{function}({', '.join([*given, *rest])})"

    def results(self):
        """Return the text of what the step returns."""

        def shown(output):
            return (
                repr(output.value)
                if output.kind == "constant"
                else self.name(output.value)
            )

        return _nested_text(self.program.outputs, shown)

    def __str__(self):
        """The program as a function, to read."""
        updates = self.assignments("{}")
        results = self.results()
        lines = [f"    {code}{_aside(code, comment)}" for code, comment in self.lines]
        lines += [f"    {line}" for line in updates]
        names = [*self.inputs, *self.numbers, *self.states]
        return "\n".join(
            [f"def step({', '.join(names)}):", *lines, f"    return {results}"]
        )

    def assignments(self, form):
        """Return the lines that change the state; ``form`` says how one is named."""
        lines = []
        for update in self.program.updates:
            label = self.program.slot_names[update.slot]
            found = [n for n, slot in self.states.items() if slot == update.slot]
            name = found[0] if found else re.sub(r"\W+", "_", label)
            new = "None" if update.value is None else self.name(update.value)
            at = "[...]" if update.in_place and found else ""
            lines.append(f"{form.format(name)}{at} = {new}")
        return lines

    def written_out(self):
        """Return the source of the functions that the program needs beside NumPy's."""
        parts = [
            part for name in dict.fromkeys(self.needs) for part in _WRITTEN_OUT[name]
        ]
        return [
            part if isinstance(part, str) else inspect.getsource(part)
            for part in dict.fromkeys(parts)
        ]


def save(program, path):
    """Write a program as a Python file and an .npz file; see ``Program.save``."""
    path, text = pathlib.Path(path), Text(program)
    if path.suffix != ".py":
        raise ArgumentError(f"save: {path.name} came, needed a name that ends in .py")
    arrays = {}
    for name, slot in text.states.items():
        array = program.state.slots[slot].get()
        arrays[name] = backend.to_numpy(array)
    numbers = program.state.read_numbers()
    numbers = {name: numbers[i] for name, i in text.numbers.items()}
    np.savez(path.with_suffix(".npz"), **arrays, **text.constants)
    path.write_text("\n".join(_file(text, numbers)) + "\n")


def _file(text, numbers):
    """Return the lines of a saved program."""
    signature = ", ".join(text.inputs)
    if text.program.draws:
        signature += ", key, draw"
    loaded = [*text.states, *text.constants]
    return [
        '"""A step that was recorded by xdl; it runs with NumPy alone."""',
        "",
        "import math",
        "import pathlib",
        "",
        "import numpy as np",
        "",
        "state = dict(np.load(pathlib.Path(__file__).with_suffix('.npz')))",
        f"numbers = {numbers!r}",
        "",
        *text.written_out(),
        "",
        f"def step({signature}):",
        *[f"    {name} = state[{name!r}]" for name in loaded],
        *[f"    {name} = numbers[{name!r}]" for name in text.numbers],
        *[f"    {code}{_aside(code, comment)}" for code, comment in text.lines],
        *[f"    {line}" for line in text.assignments("state['{}']")],
        f"    return {text.results()}",
    ]


def _adds_rows(instruction):
    """Tell whether a sum has many rows along another axis than the last."""
    x, *rest = instruction.arguments
    axis = rest[0] if rest else instruction.options.get("axis")
    is_last = axis is None or axis == -1 or axis == len(x.shape) - 1
    return not is_last and summation.is_long(x.shape, axis)


def _is_long_dot(instruction):
    return summation.is_long_dot(*[value.shape for value in instruction.arguments])


def _aside(code, comment):
    return f"{' ' * max(2, 48 - len(code))}# {comment}" if comment else ""


def _nested_text(nested, shown):
    if isinstance(nested, tuple):
        inner = ", ".join(_nested_text(item, shown) for item in nested)
        return f"({inner},)" if len(nested) == 1 else f"({inner})"
    if isinstance(nested, list):
        return f"[{', '.join(_nested_text(item, shown) for item in nested)}]"
    if isinstance(nested, dict):
        pairs = [f"{k!r}: {_nested_text(v, shown)}" for k, v in nested.items()]
        return f"{{{', '.join(pairs)}}}"
    return shown(nested)

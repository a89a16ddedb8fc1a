"""A program as plain NumPy, to read and to run without xdl: one line an instruction."""

import inspect
import keyword
import re
from typing import Any

import numpy as np

from xdl import backend
from xdl.backend import summation
from xdl.program.saved.literal import comment, literal
from xdl.program.saved.sizes import moves, text_of
from xdl.program.saved.written_out import WRITTEN_OUT
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, is_given

# What the lines of a program call, and the keys that ``np.savez`` cannot take.
_RESERVED = {"np", "float", "complex", "slice", "file", "allow_pickle"}
_RESERVED |= {
    "saved_with",
    "state",
    "numbers",
    "constants",
    "checked_array",
    "checked_length",
    "check_part",
    "checked_number",
}


def _function(name, part):
    """Return the name of a function; ``part`` is it, or the module that holds it."""
    return getattr(part, name, part).__name__


_RESERVED |= {_function(name, parts[-1]) for name, parts in WRITTEN_OUT.items()}
_LONGEST = 60  # characters of a name
_LONG = 1 << 20  # rows: what is done for so many may be needed for what moves


class Text:
    """The lines of a program.

    Names are made here, of ASCII letters: what users call things is their beginning at
    most. Other text of theirs is in literals and comments.

    Attributes:
        inputs: the names of the arguments, by Value.
        lines: one for each instruction, with a comment.
        changes: the lines that copy what the state's changes would write into, and
            those that change it.
        result: the text of what is returned.
        needs: the names of the instructions that NumPy has no function for.
        constants: from name to array.
        states: from name to Value, of the arrays of the state that are read.
        numbers: from name to which hyperparameter it is.
        made: from name to the text of a constant that moves with a length.
        length: the name of that length; None: nothing moves.
        foreign: what has no literal, in words.

    Args:
        program: a Program.
        form: how an array of the state is named where it changes.
        made: of a program with Sizes in it, from constant Value to Made.
    """

    def __init__(self, program, form="{}", made=None):
        self.program, self._form, self._made = program, form, made or {}
        # For some lengths a reshape is a view, and what is returned must be none.
        self._views = () if made is None else (Kind.RESHAPE,)
        self.lines, self.needs, self.foreign = [], [], []
        self.constants, self.states, self.numbers = {}, {}, {}
        self.made = {}
        self._name_of, self._slot_names = {}, {}
        self._taken = dict.fromkeys(_RESERVED | set(keyword.kwlist), 1)
        if program.draws:
            self._taken |= {"key": 1, "draw": 1}
        self.inputs = {
            value: self._named(value, program.input_names[i])
            for i, value in enumerate(program.given)
            if value is not None
        }
        self.length = None if made is None else self._free("n")
        for instruction in program.instructions:
            for one in getattr(instruction, "inner", (instruction,)):
                self._write(one)
        self._copies: list[Any] = []
        self.result = self._nested(program.outputs)
        changes = self._changes()
        self.changes = [*self._copies, *changes]

    def name(self, value):
        """Return the name of a Value; it is made at its first mention."""
        if value in self._name_of:
            return self._name_of[value]
        if value.origin == "number":
            name = self._named(value, self.program.number_names[value.data])
            self.numbers[name] = value.data
        elif value.origin == "state":
            name = self._name_of[value] = self._slot_name(value.data)
            self.states[name] = value
        elif is_given(value):
            count = len(self.constants) + len(self.made)
            name = self._named(value, f"constant{count}")
            if value in self._made:
                self.made[name] = self._made[value].text(self.length)
            else:
                self.constants[name] = value.data
        else:  # a view that an executor has taken into a group
            self._write(value.origin)
            name = self._name_of[value]
        return name

    def _named(self, value, label):
        self._name_of[value] = name = self._free(label)
        return name

    def _slot_name(self, slot):
        if slot not in self._slot_names:
            self._slot_names[slot] = self._free(self.program.slot_names[slot])
        return self._slot_names[slot]

    def _free(self, label):
        """Return an identifier that is not in use, made of what is ASCII in a label."""
        name = re.sub(r"[^0-9A-Za-z_]+", "_", label)[:_LONGEST].strip("_") or "x"
        name = f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name
        free = name
        while free in self._taken:
            self._taken[name] += 1
            free = f"{name}_{self._taken[name]}"
        self._taken[free] = 1
        return free

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
        return self._literal(nested, "computes with")

    def _literal(self, value, what):
        """Return the text of a value; of one that has none, its type's name."""
        try:
            return text_of(value, self.length)
        except TypeError as error:
            self.foreign.append(f"it {what} {comment(error)}")
            return literal(f"<{type(value).__qualname__}>")

    def _write(self, instruction):
        code = self._expression(instruction)
        result = instruction.result
        place = comment(instruction.place)
        if result is not None:
            name = self._named(result, f"t{len(self._name_of)}")
            code = f"{name} = {code}"
            shape = (
                "" if result.is_number else f"{self.text(result.shape)} {result.dtype}"
            )
            place = f"{shape}  {place}".strip()
        self.lines.append(code + _aside(code, place))

    def _expression(self, instruction):
        row = instruction.row
        given = [self.text(a) for a in instruction.arguments]
        options = {k: self.text(v) for k, v in instruction.options.items()}
        if row.name in WRITTEN_OUT:
            return self._call(row, given)
        if row.kind == Kind.PART:
            return f"{given[0]}[{self.index(instruction.arguments[1])}]"
        if row.kind == Kind.REDUCTION:
            return self._reduction(instruction, given, options)
        if row.kind == Kind.PRODUCT and not row.adds and _is_long_dot(instruction):
            self.needs.append("long_sum")
            return f"long_matmul({', '.join(given)})"
        if row.symbol is not None:
            pairs = zip(given, instruction.arguments, strict=True)
            given = [
                f"({text})" if moves(x) and " " in text else text for text, x in pairs
            ]
            return f"{given[0]} {row.symbol} {given[1]}"
        if row.listed is not None and options.get("keepdims") != "True":
            return row.listed.format(*given, *options.values(), "0")
        rest = [f"{k}={v}" for k, v in options.items()]
        return f"np.{row.ufunc or row.name}({', '.join([*given, *rest])})"

    def _call(self, row, given):
        """Return the call of a function that is written out."""
        self.needs.append(row.name)
        if row.kind == Kind.RANDOM:
            given = [*given[1:3], "key", f"draw + {given[3]}"]
        function = _function(row.name, WRITTEN_OUT[row.name][-1])
        return f"{function}({', '.join(given)})"

    def _reduction(self, instruction, given, options):
        rest = [f"axis={a}" for a in given[1:2]]
        rest += [f"keepdims={a}" for a in given[2:3]]
        rest += [f"{k}={v}" for k, v in options.items() if v not in ("None", "False")]
        if instruction.row.adds and _adds_rows(instruction):
            self.needs.append("long_sum")
            return f"long_sum({', '.join([given[0], *rest])})"
        return f"{given[0]}.{instruction.name}({', '.join(rest)})"

    def _nested(self, nested):
        """Return the text of what the step returns."""
        if isinstance(nested, tuple):
            inner = ", ".join(map(self._nested, nested))
            return f"({inner},)" if len(nested) == 1 else f"({inner})"
        if isinstance(nested, list):
            return f"[{', '.join(map(self._nested, nested))}]"
        if isinstance(nested, dict):
            pairs = [
                f"{self._literal(key, 'returns')}: {self._nested(item)}"
                for key, item in nested.items()
            ]
            return f"{{{', '.join(pairs)}}}"
        return self._result(nested)

    def _result(self, output):
        if output.kind != "constant":
            return self._kept(output.value)
        array = getattr(output.value, "_value", output.value)
        if isinstance(array, np.generic) or backend.namespace(array) is None:
            return self._literal(output.value, "returns")
        array = backend.to_numpy(array)
        return self._kept(Value(array, "constant", array))

    def _kept(self, value):
        """Return the name of a Value that nothing writes into later."""
        owner = value
        while isinstance(owner.origin, Instruction) and self._is_view(owner.origin):
            owner = owner.origin.arguments[0]
        name = self.name(value)
        if value.is_number or isinstance(owner.origin, Instruction):
            return name
        kept = self._free("r")
        self._copies.append(f"{kept} = {name}.copy()")
        return kept

    def _is_view(self, instruction):
        return instruction.is_view or instruction.row.kind in self._views

    def __str__(self):
        """The program as a function, to read."""
        lines = [f"    {line}" for line in (*self.lines, *self.changes)]
        names = [*self.inputs.values(), *self.numbers, *self.states]
        return "\n".join(
            [f"def step({', '.join(names)}):", *lines, f"    return {self.result}"]
        )

    def _changes(self):
        """Return the lines that change the state."""
        lines = []
        for update in self.program.updates:
            name = self._slot_name(update.slot)
            new = "None" if update.value is None else self._kept(update.value)
            at = "[...]" if update.in_place and name in self.states else ""
            lines.append(f"{self._form.format(name)}{at} = {new}")
        return lines

    def written_out(self):
        """Return the source of the functions that the program needs beside NumPy's."""
        parts = [
            part for name in dict.fromkeys(self.needs) for part in WRITTEN_OUT[name]
        ]
        return [
            part if isinstance(part, str) else inspect.getsource(part)
            for part in dict.fromkeys(parts)
        ]


def _adds_rows(instruction):
    """Tell whether a sum has, or may have, many rows along an axis before the last."""
    x, axis = instruction.arguments[0], instruction.axis
    is_last = axis is None or axis == -1 or axis == len(x.shape) - 1
    shape = tuple([_LONG if moves(length) else length for length in x.shape])
    return not is_last and summation.is_long(shape, axis)


def _is_long_dot(instruction):
    shapes = [value.shape for value in instruction.arguments]
    inner = shapes[0][-1]
    if shapes[0] and moves(inner):
        shapes[0] = (*shapes[0][:-1], _LONG)
    return summation.is_long_dot(*shapes)


def _aside(code, place):
    return f"{' ' * max(2, 48 - len(code))}# {place}" if place else ""

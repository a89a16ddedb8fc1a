"""Grouping: chains of elementwise instructions that one loop over rows can run.

A group works on arrays of one shape, seen as rows of their last axis. Its operands are
whole arrays of that shape, blocks of whole rows that repeat (a bias, a mask), columns
with one number a row (the result of a reduction along the rows) and single numbers.
Run row by row, or a few rows at a time, what lies between never leaves the cache.
"""

import math
from typing import Any

from xdl.program.memory.planning import ufunc_of
from xdl.tracing.values import Instruction, Value, values_in

WHOLE, REPEATED, COLUMN, SINGLE = "whole", "repeated", "column", "single"
_ROW_REDUCTIONS = frozenset({"sum", "max", "min"})
_OTHERS = frozenset({"where", "astype", "zero_unless"})


class Group(Instruction):
    """Several instructions that are run together; it stands for them in a program.

    Attributes:
        shape: of the arrays that it works on.
        inner: its instructions, in order.
        kinds: from each Value that it reads or makes to how that lies to ``shape``.
        outputs: the Values that are read outside.
    """

    __slots__ = ("inner", "kinds", "outputs", "shape")

    def __init__(self, shape, first):
        super().__init__("group", (), {})
        self.shape, self.inner, self.kinds, self.outputs = shape, [], {}, ()
        self.add(first)

    def add(self, instruction):
        """Take in one more instruction."""
        self.inner.append(instruction)
        for value in (*instruction.operands(), instruction.result):
            self.kinds[value] = kind_of(value, self.shape)

    @property
    def rows(self):
        """How many rows there are."""
        return math.prod(self.shape[:-1])

    def made(self):
        """Return all Values that it makes."""
        return [one.result for one in self.inner]

    def close(self, uses):
        """Find what it reads and what is read of it outside.

        Args:
            uses: how often each Value is read in the whole program.
        """
        made = set(self.made())
        inside: dict[Any, Any] = {}
        read: dict[Any, Any] = {}
        for one in self.inner:
            for value in one.operands():
                inside[value] = inside.get(value, 0) + 1
                if value not in made:
                    read[value] = None
        self.arguments = tuple(read)
        self.outputs = tuple(
            [v for v in self.made() if uses.get(v, 0) > inside.get(v, 0)]
        )
        self.place = "; ".join(
            dict.fromkeys(one.place for one in self.inner if one.place)
        )


def kind_of(value, shape):
    """Return how a Value lies to arrays of ``shape``; None: not so that rows help."""
    if not isinstance(value, Value) or value.size == 1:
        return SINGLE
    plain = value.axes == tuple(range(len(value.shape)))
    if not plain:
        return None
    if value.shape == shape:
        return WHOLE
    if value.shape == (*shape[:-1], 1):
        return COLUMN
    lengths = value.shape
    while lengths and lengths[0] == 1:
        lengths = lengths[1:]
    is_tail = lengths == shape[len(shape) - len(lengths) :]
    return REPEATED if lengths and is_tail else None


def grouped(program, is_worth):
    """Gather what can be run row by row; the order of all else stays.

    Args:
        program: a Program; it is changed in place.
        is_worth: a function of a Group: whether it shall stay one.
    """
    gathering = _Gathering(program.uses(), is_worth)
    for instruction in program.instructions:
        gathering.take(instruction)
    for group in list(gathering.open):
        gathering.close(group)
    program.instructions = gathering.written


class _Gathering:
    """The groups that are open while a program is gone through.

    Attributes:
        open: a dict of them, from the oldest on.
        written: the instructions that are done with.
    """

    def __init__(self, uses, is_worth):
        self.open, self.written = {}, []
        self._uses, self._is_worth, self._home_of = uses, is_worth, {}

    def take(self, instruction):
        """Put an instruction into a group, or write it."""
        makers = self._makers(instruction)
        shape = group_shape(instruction)
        home = None if shape is None else self._home(instruction, shape, makers)
        for group in makers:
            if group is not home:
                self.close(group)
        if shape is None:
            self.written.append(instruction)
            return
        if home is None:
            home = Group(shape, instruction)
            self.open[home] = None
        else:
            home.add(instruction)
        self._home_of[instruction.result] = home

    def close(self, group):
        """Write a group that takes in nothing more."""
        del self.open[group]
        for value in group.made():
            del self._home_of[value]
        group.close(self._uses)
        self.written.extend([group] if self._is_worth(group) else group.inner)

    def _makers(self, instruction):
        """Return the open groups that make what an instruction reads, oldest first."""
        homes = self._home_of
        found = {homes[v] for v in instruction.operands() if v in homes}
        return [g for g in self.open if g in found] if len(found) > 1 else list(found)

    def _home(self, instruction, shape, makers):
        """Return the open group that an instruction joins, or None: it starts one."""
        for group in makers:
            if group.shape == shape:
                return group
        operands = [v for v in instruction.operands() if v.size > 1]
        for group in reversed(self.open):
            if group.shape == shape and any(v in group.kinds for v in operands):
                return group
        return None


def group_shape(instruction):
    """Return the shape that an instruction works on row by row, or None."""
    name, result = instruction.name, instruction.result
    if result is None or result.is_number or instruction.is_view:
        return None
    if name in _ROW_REDUCTIONS:
        return _reduced_shape(instruction)
    if name not in _OTHERS and ufunc_of(name) is None:
        return None
    shape = result.shape
    if len(shape) < 1 or result.size < 2 or result.dtype.kind not in "fbiu":
        return None
    if shape[-1] == 1:  # a column: of which rows, its operands tell
        shape = _shape_of_rows(instruction)
    kinds = (
        [kind_of(v, shape) for v in (*instruction.operands(), result)] if shape else []
    )
    return shape if kinds and None not in kinds else None


def _shape_of_rows(instruction):
    """Return the shape of the rows that a column was reduced from, or None."""
    for value in instruction.operands():
        origin = value.origin
        while isinstance(origin, Instruction):
            if (origin.result.shape or ())[-1:] != (1,):
                break
            if origin.name in _ROW_REDUCTIONS:
                return _reduced_shape(origin)
            before = values_in(origin.arguments)
            if not before:
                break
            origin = before[0].origin
    return None


def _reduced_shape(instruction):
    x, *rest = instruction.arguments
    options = instruction.options
    axis = rest[0] if rest else options.get("axis")
    keepdims = rest[1] if len(rest) > 1 else options.get("keepdims", False)
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    is_last = isinstance(axis, int) and axis in (-1, len(x.shape) - 1)
    if not (is_last and keepdims) or kind_of(x, x.shape) is not WHOLE:
        return None
    return x.shape if x.shape[-1] > 1 and len(x.shape) > 1 else None

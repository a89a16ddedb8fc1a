"""Rows: groups that NumPy runs a few rows at a time.

A group works on arrays of one shape, seen as rows of their last axis. Its operands are
whole arrays of that shape, blocks of whole rows that repeat (a bias, a mask), columns
with one number a row (the result of a reduction along the rows) and single numbers.
"""

import math

from xdl.program.fusion.groups import (
    COLUMN,
    REPEATED,
    SINGLE,
    WHOLE,
    Group,
    Grouper,
)
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, values_in

_IN_TILES = {Kind.CHOICE, Kind.CONVERSION, Kind.MASK}  # beside NumPy's ufuncs


class Rows(Group):
    """A group on rows of one length."""

    __slots__ = ()

    @property
    def rows(self):
        """How many rows there are."""
        return math.prod(self.shape[:-1])

    def add(self, instruction):
        """Take in one more instruction."""
        self.inner.append(instruction)
        for value in (*instruction.operands(), instruction.result):
            self.kinds[value] = kind_of(value, self.shape)


def grouped(program, is_worth):
    """Gather what can be run row by row; the program is changed in place.

    Args:
        program: a Program.
        is_worth: as of Grouper.
    """
    grouper = _ByRows(program.uses(), is_worth)
    program.instructions = grouper.run(program.instructions)


class _ByRows(Grouper):
    """What works on the same rows, and meets in one of them, goes together."""

    def home(self, instruction, makers):
        shape = shape_of(instruction)
        if shape is None:
            return None, None
        for group in makers:
            if group.shape == shape:
                return group, shape
        operands = [v for v in instruction.operands() if v.size > 1]
        for group in reversed(self.open):
            if group.shape == shape and any(v in group.kinds for v in operands):
                return group, shape
        return None, shape

    def joined(self, group, number, instruction, how):
        group = Rows(how) if group is None else group
        group.add(instruction)
        return group


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


def shape_of(instruction):
    """Return the shape that an instruction works on row by row, or None."""
    row, result = instruction.row, instruction.result
    if result is None or result.is_number or instruction.is_view:
        return None
    if row.joins is not None:
        return _reduced_shape(instruction)
    if not row.is_ufunc and row.kind not in _IN_TILES:
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
            if origin.row.joins is not None:
                return _reduced_shape(origin)
            before = values_in(origin.arguments)
            if not before:
                break
            origin = before[0].origin
    return None


def _reduced_shape(instruction):
    x, axis = instruction.arguments[0], instruction.axis
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    is_last = isinstance(axis, int) and axis in (-1, len(x.shape) - 1)
    if not (is_last and instruction.keepdims) or kind_of(x, x.shape) is not WHOLE:
        return None
    return x.shape if x.shape[-1] > 1 and len(x.shape) > 1 else None

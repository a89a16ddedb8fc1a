"""Grouping: chains of elementwise instructions that one loop over rows can run.

A group works on arrays of one shape, seen as rows of their last axis. Its operands are
whole arrays of that shape, blocks of whole rows that repeat (a bias, a mask), columns
with one number a row (the result of a reduction along the rows) and single numbers.
Run row by row, or a few rows at a time, what lies between never leaves the cache.
"""

import math

from xdl.backend.recording import Instruction, Value, values_in
from xdl.program.plan import ufunc_of

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
        made, inside = set(self.made()), {}
        read = {}
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
    uses = program.uses()
    written, open_groups = [], []

    def close(group):
        open_groups.remove(group)
        group.close(uses)
        written.extend([group] if is_worth(group) else group.inner)

    for instruction in program.instructions:
        needed = _groups_of(instruction, open_groups)
        shape = group_shape(instruction)
        home = None if shape is None else _home(instruction, shape, needed, open_groups)
        for group in needed:
            if group is not home:
                close(group)
        if shape is None:
            written.append(instruction)
        elif home is None:
            open_groups.append(Group(shape, instruction))
        else:
            home.add(instruction)
    while open_groups:
        close(open_groups[0])
    program.instructions = written


def _groups_of(instruction, open_groups):
    operands = set(instruction.operands())
    return [g for g in open_groups if operands.intersection(g.kinds) & set(g.made())]


def _home(instruction, shape, needed, open_groups):
    """Return the open group that an instruction joins, or None: it starts one."""
    for group in needed:
        if group.shape == shape:
            return group
    operands = [v for v in instruction.operands() if v.size > 1]
    for group in reversed(open_groups):
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
            before = next(values_in(origin.arguments), None)
            if before is None:
                break
            origin = before.origin
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

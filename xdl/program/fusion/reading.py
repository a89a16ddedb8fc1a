"""Reading: how the instructions of a group lie to the memory that they work on."""

import math
from typing import Any

from xdl.program.fusion.formulas import is_known
from xdl.program.fusion.groups import COLUMN, SINGLE
from xdl.program.fusion.strides import (
    Maps,
    are_nested,
    breaks,
    by_rows,
    covers,
    lifted,
    width,
)
from xdl.program.fusion.thread_formulas import formula_of_thread
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value, owner_of

TOTAL, EVERY = "total", "every"  # sums over the rows, and over all; read outside only
NARROW = 8  # columns: shorter rows are not worth a loop


class Joined:
    """How an instruction would lie in a group.

    Attributes:
        size, columns, is_fixed: as those of a group.
        entries: from each Value of it to (base, place).
    """

    def __init__(self, size, columns, entries, is_fixed=False):
        self.size, self.columns, self.entries = size, columns, entries
        self.is_fixed = is_fixed


class Reader:
    """Tells how instructions read and write memory.

    Attributes:
        narrow: shorter rows are not worth a loop.
    """

    narrow = NARROW

    def __init__(self):
        self._maps, self._known = Maps(), {}

    def is_known(self, instruction):
        """Tell whether an instruction can be part of a group."""
        return is_known(instruction)

    def is_nest(self, places, columns):
        """Tell whether loops in one another go through the rows of all operands."""
        found = [place[1] for place in places.values() if not isinstance(place, str)]
        steps = [breaks(by_rows(mapped, columns)[0]) for mapped in found]
        return are_nested(set().union(*steps))

    def common(self, one, other):
        """Return the columns that two can both have; 0: there are none."""
        columns = math.gcd(one.columns, other.columns)
        is_short = columns < self.narrow and not (one.is_fixed or other.is_fixed)
        for side in (one, other):
            if side.is_fixed and columns != side.columns:
                return 0
        return 0 if is_short else columns

    def width(self, base, offset, mapped):
        """Return how long rows may be for an operand; 0: it does not mind."""
        return width(mapped, offset, owner_of(base).size)

    def _place(self, value, shape, order):
        """Return (base, offset, map) of an operand, or None."""
        found = self._maps.of(value, shape, order)
        if found is None:
            return None
        owner, offset, mapped = found
        if not mapped:
            return None
        if offset == 0 and covers(mapped, owner.size):
            return owner, offset, mapped
        return self._known.setdefault((owner, offset, mapped), value), offset, mapped

    def elementwise(self, instruction):
        """Return a Joined of an elementwise instruction, or None."""
        result = instruction.result
        if result.size < 2 or result.axes is None:
            return None
        size = result.size
        entries: dict[Any, Any] = {}
        columns = size
        for value in instruction.operands():
            if value.size == 1:
                entries[value] = (value, SINGLE)
                continue
            found = self._place(value, result.shape, result.axes)
            if found is None:
                return None
            base, offset, mapped = found
            columns = math.gcd(columns, self.width(base, offset, mapped))
            entries[value] = (base, (offset, mapped))
        entries[result] = (result, (0, ((size, 1),)))
        return Joined(size, columns, entries) if columns >= self.narrow else None

    def as_column(self, instruction, group):
        """Return a Joined of an instruction on numbers of a group's rows, or None."""
        result = instruction.result
        if not group.is_fixed or result.size != group.rows or result.axes is None:
            return None
        entries: dict[Any, Any] = {}
        is_linked = False
        for value in instruction.operands():
            if value.size == 1:
                entries[value] = (value, SINGLE)
                continue
            found = self._place(value, result.shape, result.axes)
            if found is None:
                return None
            base, offset, mapped = found
            place = offset, lifted(mapped, group.columns)
            is_linked |= group.places.get(base) == place
            entries[value] = (base, place)
        entries[result] = (result, (0, ((group.rows, 1), (group.columns, 0))))
        return Joined(group.size, group.columns, entries, True) if is_linked else None

    def reduction(self, instruction):
        """Return a Joined of a reduction, or None."""
        x, result = instruction.arguments[0], instruction.result
        if not isinstance(x, Value) or x.dtype.kind != "f" or x.dtype != result.dtype:
            return None
        order = range(len(x.shape)) if x.axes is None else x.axes
        found = self._place(x, x.shape, order) if x.size > 1 else None
        if found is None:
            return None
        kind, columns = _reduced(instruction, [a for a in order if x.shape[a] != 1])
        base, offset, mapped = found
        most = self.width(base, offset, mapped)
        if kind is None or columns < 2 or most % columns:
            return None
        rows = x.size // columns
        place = (0, ((rows, 1), (columns, 0))) if kind == COLUMN else kind
        entries = {x: (base, (offset, mapped)), result: (result, place)}
        if kind == EVERY:
            return Joined(x.size, most, entries)
        return Joined(x.size, columns, entries, True) if rows > 1 else None


class ThreadReader(Reader):
    """Tells it for threads: each finds its numbers wherever they lie.

    Sums that many rows share are left out: threads do not meet. What is one number is
    a group of its own, with others such, or belongs to the one row of a group.

    Attributes:
        most: of as many numbers all can be one row.
    """

    narrow = 1
    most = 4096  # numbers that the threads of one block add up

    def is_known(self, instruction):
        """Tell it; threads compute anything of which there is a formula."""
        if instruction.row.joins is not None:
            return is_known(instruction)
        return formula_of_thread(instruction) is not None

    def is_nest(self, places, columns):
        """Say yes: a thread works out where it is."""
        return True

    def width(self, base, offset, mapped):
        """Return how often one number is read, in rows of which it is the only one."""
        length, stride = mapped[-1]
        return 0 if stride else length

    def elementwise(self, instruction):
        """Return a Joined of an elementwise instruction, or None."""
        values = [*instruction.operands(), instruction.result]
        if instruction.result.size == 1 and all(v.size == 1 for v in values):
            return Joined(1, 1, {value: (value, SINGLE) for value in values})
        if instruction.row.kind == Kind.RESHAPE:
            return self._reshaped(*values)
        joined = super().elementwise(instruction)
        if joined is not None:
            self._repeat_numbers(joined, joined.size)
        return joined

    def as_column(self, instruction, group):
        """Return a Joined of an instruction on numbers of a group's rows, or None."""
        joined = super().as_column(instruction, group)
        if joined is not None or instruction.result.size != 1 or group.rows != 1:
            return joined
        values = [*instruction.operands(), instruction.result]
        if not group.is_fixed or any(value.size != 1 for value in values):
            return None
        entries = {value: (value, SINGLE) for value in values}
        joined = Joined(group.size, group.columns, entries, True)
        self._repeat_numbers(joined, group.size)
        places = [place for place in entries.values() if place[1] != SINGLE]
        is_linked = any(group.places.get(base) == place for base, place in places)
        return joined if is_linked else None

    def _repeat_numbers(self, joined, size):
        """Let arrays of one number be such of which each thread reads the same.

        So they are what a sum along the only row of a group is to the group.
        """
        for value, (_, place) in joined.entries.items():
            if place == SINGLE and not value.is_number and owner_of(value) is value:
                joined.entries[value] = value, (0, ((size, 0),))

    def _reshaped(self, x, result):
        """Return a Joined of a copy in the order of the axes, or None."""
        order = range(len(x.shape))
        if result.axes != tuple(range(len(result.shape))):
            return None
        found = self._place(x, x.shape, order)
        if found is None:
            return None
        base, offset, mapped = found
        columns = math.gcd(x.size, self.width(base, offset, mapped))
        entries = {x: (base, (offset, mapped))}
        entries[result] = (result, (0, ((x.size, 1),)))
        return Joined(x.size, columns, entries)

    def reduction(self, instruction):
        """Return a Joined of a reduction along rows, or None."""
        if instruction.result.size == 1:
            return self._whole(instruction)
        joined = super().reduction(instruction)
        if joined is None or isinstance(joined.entries[instruction.result][1], str):
            return None
        return joined

    def _whole(self, instruction):
        """Return a Joined of a reduction of all numbers, which are few, or None."""
        x, result = instruction.arguments[0], instruction.result
        if not isinstance(x, Value) or x.dtype.kind != "f" or x.dtype != result.dtype:
            return None
        order = range(len(x.shape)) if x.axes is None else x.axes
        is_few = 1 < x.size <= self.most
        found = self._place(x, x.shape, order) if is_few else None
        if found is None or self.width(*found) % x.size:
            return None
        base, offset, mapped = found
        entries = {x: (base, (offset, mapped))}
        entries[result] = (result, (0, ((x.size, 0),)))
        return Joined(x.size, x.size, entries, True)


def _reduced(instruction, order):
    """Return (kind, columns) of a reduction, or (None, 0).

    Args:
        instruction: the reduction.
        order: the axes of its operand that are longer than 1, as they lie in memory.
    """
    x, axis, keeps = instruction.arguments[0], instruction.axis, instruction.keepdims
    result, ndim, adds = instruction.result, len(x.shape), instruction.row.adds
    axes = range(ndim) if axis is None else axis
    axes = {
        a % ndim for a in (axes if isinstance(axes, range | tuple | list) else [axes])
    }
    left = [a for a in order if a not in axes]
    if not left:
        return (EVERY if adds else None), x.size
    kept = [a for a in range(ndim) if keeps or a not in axes]
    lying = [kept[a] for a in result.axes or () if result.shape[a] != 1]
    if lying != left:
        return None, 0
    if order[: len(left)] == left:
        return COLUMN, math.prod(x.shape[a] for a in order[len(left) :])
    if order[-len(left) :] == left and adds:
        return TOTAL, math.prod(x.shape[a] for a in left)
    return None, 0

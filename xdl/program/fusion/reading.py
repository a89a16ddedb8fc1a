"""Reading: how the instructions of a group lie to the memory that they work on."""

import math
from typing import Any

from xdl.program.fusion.groups import COLUMN, SINGLE
from xdl.program.fusion.strides import Maps, covers, lifted, width
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
    """Tells how instructions read and write memory."""

    def __init__(self):
        self._maps, self._known = Maps(), {}

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
            columns = math.gcd(columns, width(mapped, offset, owner_of(base).size))
            entries[value] = (base, (offset, mapped))
        entries[result] = (result, (0, ((size, 1),)))
        return Joined(size, columns, entries) if columns >= NARROW else None

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
        most = width(mapped, offset, owner_of(base).size)
        if kind is None or columns < 2 or most % columns:
            return None
        rows = x.size // columns
        place = (0, ((rows, 1), (columns, 0))) if kind == COLUMN else kind
        entries = {x: (base, (offset, mapped)), result: (result, place)}
        if kind == EVERY:
            return Joined(x.size, most, entries)
        return Joined(x.size, columns, entries, True) if rows > 1 else None


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

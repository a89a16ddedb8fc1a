"""Adding to parts: ``y[i] += part`` becomes one instruction."""

from typing import Any

from xdl.program.passes.coverage import is_part, is_set, is_sum
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value


def added(program, xp):
    """Write ``y[i] += part`` as one instruction where it was recorded as three.

    These are: take the part of y, add, and put the sum there.
    """
    uses, written = program.uses(), []
    for instruction in program.instructions:
        part = _part_added(instruction, uses)
        if part is not None:
            instruction.name = "scatter_add"
            instruction.arguments = (*instruction.arguments[:2], part)
        written.append(instruction)
    program.instructions = written


def _part_added(instruction, uses):
    """Return what a ``set_at`` adds to what was there; None if it does not."""
    if not is_set(instruction) or not is_part(instruction):
        return None
    y, index, total = instruction.arguments
    origin: Any = getattr(total, "origin", None)
    if not is_sum(origin):
        return None
    if uses.get(total) != 1 or total.dtype != y.dtype:
        return None
    before, part = origin.arguments
    taken = getattr(before, "origin", None)
    if not isinstance(taken, Instruction) or taken.row.kind != Kind.PART:
        return None
    is_there = taken.arguments[0] is y and taken.arguments[1] == index
    is_known = isinstance(part, Value) and part.shape == total.shape
    is_alone = uses.get(before) == 1 and before is not part
    return part if is_there and is_known and is_alone else None

"""Joining parts: arrays of zeros with one part each, added, become one array."""

from typing import Any

import numpy as np

from xdl.program.passes.coverage import is_part, is_sum
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, is_fill


def joined(program, xp):
    """Put parts into one array of zeros that were put into one each, and added.

    The gradient of ``(x[0], x[1])`` is such a sum. Zero may change its sign.
    """
    uses = program.uses()
    parts: dict[Any, Any] = {}
    written: list[Any] = []
    for instruction in program.instructions:
        found = _own_parts(instruction) or _sum_of_parts(instruction, parts, uses)
        if found is not None:
            parts[instruction.result] = found
    for instruction in program.instructions:
        found = parts.get(instruction.result, ())
        written += _chain(instruction, found) if len(found) > 1 else [instruction]
    program.instructions = written


def _own_parts(instruction):
    """Return [(zeros, index, part)] of a part that is put into zeros, or None."""
    if instruction.row.kind != Kind.CHANGE or not is_part(instruction):
        return None
    zeros, index, part = instruction.arguments
    numbers = zeros.data.flat[0] if is_fill(zeros) else zeros.data
    is_empty = zeros.origin == "constant" and not numbers.any()
    is_same = isinstance(part, Value) and part.dtype == zeros.dtype
    return [(zeros, index, part)] if is_empty and is_same else None


def _sum_of_parts(instruction, parts, uses):
    """Return the parts of a sum of two arrays of them; None if they overlap."""
    if not is_sum(instruction):
        return None
    both = instruction.arguments
    if both[0] is both[1] or any(uses.get(v) != 1 or v not in parts for v in both):
        return None
    found, counts = parts[both[0]] + parts[both[1]], np.zeros(both[0].shape, np.int8)
    for _, index, _ in found:
        counts[index] += 1
    return found if both[0].shape == both[1].shape and (counts < 2).all() else None


def _chain(instruction, parts):
    """Return the ``set_at`` that put parts together; the last has the sum's result."""
    new, value = [], parts[0][0]
    for i, (_, index, part) in enumerate(parts):
        one = Instruction("set_at", (value, index, part), {}, instruction.place)
        is_last = i == len(parts) - 1
        value = instruction.result if is_last else Value.like(instruction.result, one)
        one.result, value.origin = value, one
        new.append(one)
    return new

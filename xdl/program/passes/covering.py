"""Covering: arrays that parts are put into, and added to.

A convolution's slices, and the gradients of the parts of an array, are put together in
chains of ``set_at`` that begin with zeros. If the parts cover all of the array, nothing
need be there before.
"""

from typing import Any

import numpy as np

from xdl.tracing.values import Instruction, Value, is_fill, values_in

_PUTTING = frozenset({"set_at", "scatter_add"})


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
    if instruction.name != "set_at" or not _is_part(instruction):
        return None
    y, index, total = instruction.arguments
    origin = getattr(total, "origin", None)
    if not isinstance(origin, Instruction) or origin.name != "add":
        return None
    if uses.get(total) != 1 or total.dtype != y.dtype:
        return None
    before, part = origin.arguments
    taken = getattr(before, "origin", None)
    if not isinstance(taken, Instruction) or taken.name != "getitem":
        return None
    is_there = taken.arguments[0] is y and taken.arguments[1] == index
    is_known = isinstance(part, Value) and part.shape == total.shape
    is_alone = uses.get(before) == 1 and before is not part
    return part if is_there and is_known and is_alone else None


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
    if instruction.name not in _PUTTING or not _is_part(instruction):
        return None
    zeros, index, part = instruction.arguments
    numbers = zeros.data.flat[0] if is_fill(zeros) else zeros.data
    is_empty = zeros.origin == "constant" and not numbers.any()
    is_same = isinstance(part, Value) and part.dtype == zeros.dtype
    return [(zeros, index, part)] if is_empty and is_same else None


def _sum_of_parts(instruction, parts, uses):
    """Return the parts of a sum of two arrays of them; None if they overlap."""
    if instruction.name != "add":
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


def covered(program):
    """Return the results of the ``set_at`` whose first argument need not be copied.

    Args:
        program: a Program.
    """
    uses, written = program.uses(), set()
    chained = [one for one in program.instructions if one.name == "set_at"]
    sets = {one: None for one in chained if _is_part(one)}
    following = {one.arguments[0]: one for one in sets}
    for first in sets:
        if first.arguments[0].origin in sets:
            continue
        missing = np.ones(first.result.shape, bool)
        one = first
        while one is not None:
            missing[one.arguments[1]] = False
            is_last = uses.get(one.result) != 1
            one = None if is_last else following.get(one.result)
        if not missing.any():
            written.add(first.result)
    return written


def _is_part(one):
    """Tell whether the part that an instruction changes is always the same."""
    return not values_in(one.arguments[1])

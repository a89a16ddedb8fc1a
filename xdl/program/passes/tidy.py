"""Tidying: what changes nothing is left out."""

from typing import Any

from xdl.program.passes.rewriting import renamed
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, axes_of


def tidied(program, xp):
    """Leave out what changes nothing: copies, and reshapes to the same shape.

    Values are never written into once they are made, so a copy is the thing itself,
    unless it lies otherwise in memory: products are faster on dense arrays.
    """
    names: dict[Any, Any] = {}
    kept: list[Any] = []
    for instruction in program.instructions:
        same = _same_as(instruction, names)
        if same is None:
            kept.append(instruction)
        else:
            names[instruction.result] = same
    program.instructions = kept
    renamed(program, names)


def _same_as(instruction, names):
    """Return the Value that the result equals, or None."""
    row, result = instruction.row, instruction.result
    first = instruction.arguments[0] if instruction.arguments else None
    if not isinstance(first, Value) or result is None or result.is_number:
        return None
    while first in names:
        first = names[first]
    is_alike = first.shape == result.shape and first.dtype == result.dtype
    if row.kind == Kind.COPY:
        return first if is_alike and first.axes == result.axes is not None else None
    if row.keeps and is_alike and first.axes == result.axes:
        return first
    if row.one and is_alike:
        return first if _is_one(instruction.arguments[1]) else None
    if row.kind == Kind.TRANSPOSE:
        return _twice_transposed(instruction, first)
    return None


def _is_one(argument):
    if isinstance(argument, Value):
        is_number = argument.origin == "constant" and argument.size == 1
        return is_number and bool(argument.data == 1)
    return argument == 1


def _twice_transposed(instruction, first):
    before = first.origin
    if not isinstance(before, Instruction) or before.row.kind != Kind.TRANSPOSE:
        return None
    ndim = len(first.shape)
    inner = axes_of(before, ndim)
    is_undone = [inner[a] for a in axes_of(instruction, ndim)] == list(range(ndim))
    return before.arguments[0] if is_undone else None

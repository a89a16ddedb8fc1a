"""Constant folding: what follows from constants alone is computed once, now."""

from typing import Any

from xdl.program.interpreter import compute, replaced_options
from xdl.program.passes.rewriting import renamed
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value, dense, replaced

_LIKE = {Kind.FILL, Kind.COUNT}  # of the first argument only the dtype is asked


def folded(program, xp):
    """Compute now what follows from constants alone."""
    names: dict[Any, Any] = {}
    kept: list[Any] = []
    fills: dict[Any, Any] = {}
    for instruction in program.instructions:
        row = instruction.row
        is_left = instruction in program.moving and not row.is_fill
        if is_left or not _is_constant(instruction, names):
            kept.append(instruction)
            continue
        fill = _fill(instruction)
        if fill in fills:
            names[instruction.result] = fills[fill]
            continue
        arguments = replaced(instruction.arguments, lambda v: _data(v, names))
        options = replaced_options(instruction.options, lambda v: _data(v, names))
        if row.kind in _LIKE:
            arguments = (_Like(instruction.arguments[0]), *arguments[1:])
        real = compute(instruction, xp, arguments, options, None)
        names[instruction.result] = fills[fill] = _constant(instruction, real, xp)
    program.instructions = kept
    renamed(program, names)


def _constant(instruction, real, xp):
    """Return the Value of a constant; one number where all of it is that number."""
    value = Value(real, "constant", real)
    is_plain = value.axes in (None, tuple(range(real.ndim)))
    if instruction.is_view and is_plain:
        value.data = xp.copy(real)  # what it is a part of is not kept for it
    if instruction.row.kind == Kind.FILL and real.size > 1:
        first = xp.copy(xp.reshape(real, (-1,))[0, ...])
        value.data = xp.broadcast_to(first, real.shape)
    return value


def _fill(instruction):
    """Return what two equal fills have in common; of others, what no other has."""
    if instruction.row.kind not in _LIKE:
        return instruction
    like, *rest = instruction.arguments
    return instruction.name, like.dtype, tuple(rest)


class _Like:
    """Stands for an array of which only the dtype is asked."""

    def __init__(self, value):
        self.dtype = value.dtype


def _data(value, names):
    value = names.get(value, value)
    return dense(value) if value.origin == "constant" else value


def _is_constant(instruction, names):
    row = instruction.row
    if row.is_check or row.kind == Kind.RANDOM:
        return False
    operands = instruction.operands()
    if row.kind in _LIKE:
        operands = operands[1:]
    for value in operands:
        if value.origin != "constant" and value not in names:
            return False
    return True

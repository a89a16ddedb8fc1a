"""Elementwise instructions read what was repeated as it was before."""

import numpy as np

from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value

_KINDS = {
    Kind.ELEMENTWISE,
    Kind.COMPARISON,
}  # a power by a lone number rounds otherwise


def unrepeated(program, xp):
    """Leave the repeating to the instructions that read repeated numbers.

    The gradient of a sum is one number for all its terms: it need not be written out.
    """
    for instruction in program.instructions:
        if instruction.row.is_ufunc and instruction.row.kind in _KINDS:
            instruction.arguments = _read(instruction)


def _read(instruction):
    """Return the arguments, those as they were before that may be."""
    found = list(instruction.arguments)
    for i, argument in enumerate(found):
        origin = argument.origin if isinstance(argument, Value) else None
        if isinstance(origin, Instruction) and origin.row.kind == Kind.BROADCAST:
            found[i] = origin.arguments[0]
            if _shape(found) != instruction.result.shape:
                found[i] = argument
    return tuple(found)


def _shape(arguments):
    shapes = [a.shape for a in arguments if isinstance(a, Value) and not a.is_number]
    return np.broadcast_shapes(*shapes)

"""Rounded once: what is rounded as it is and turned around is rounded as it is alone.

A product reads an array, and one of its gradients reads it turned around; both read it
rounded to fewer digits. It is then the rounded array that is turned around, a view.
"""

from xdl.program.passes.rewriting import renamed
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value


def rounded_once(program, xp):
    """Turn what was rounded around, instead of rounding what was turned around."""
    names, written = {}, []
    for instruction in program.instructions:
        if not _rounds_what_is_turned(instruction):
            written.append(instruction)
            continue
        turn = instruction.arguments[0].origin
        x, *axes = turn.arguments
        rounded = _made(instruction, instruction.name, (x,), x)
        turned = _made(turn, turn.name, (rounded.result, *axes), instruction.result)
        turned.is_view = True
        written += [rounded, turned]
        names[instruction.result] = turned.result
    program.instructions = written
    renamed(program, names)


def _rounds_what_is_turned(instruction):
    if instruction.row.rounds_to is None:
        return False
    turned, result = instruction.arguments[0], instruction.result
    is_turned = isinstance(turned.origin, Instruction) and turned.origin.is_view
    is_turned = is_turned and turned.origin.row.kind == Kind.TRANSPOSE
    return is_turned and result.axes is not None and result.axes == turned.axes


def _made(like, name, arguments, result):
    one = Instruction(name, arguments, {}, like.place)
    one.result = Value.like(result, one)
    return one

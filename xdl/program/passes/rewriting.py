"""Rewriting: one Value, or instruction, in the place of another."""

from xdl.program.interpreter import replaced_options
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, replaced


def renamed(program, names):
    """Let all that follows read ``names[value]`` where it read ``value``."""

    def now(value):
        while value in names:
            value = names[value]
        return value

    for instruction in program.instructions:
        if not names.keys().isdisjoint(instruction.operands()):
            instruction.arguments = replaced(instruction.arguments, now)
            instruction.options = replaced_options(instruction.options, now)
    for output in (*program.returned(), *program.kept()):
        if isinstance(output.value, Value):
            output.value = now(output.value)
    program.updates = [
        update._replace(value=now(update.value)) for update in program.updates
    ]


def made(written, instruction, name, arguments, like, shape=None):
    """Append an instruction in the place of another one; return its new Value."""
    new = Instruction(name, arguments, {}, instruction.place)
    new.is_view = new.row.kind == Kind.RESHAPE
    new.result = Value.like(like, new, shape)
    written.append(new)
    return new.result

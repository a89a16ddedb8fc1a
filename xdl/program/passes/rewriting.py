"""Renaming: one Value in the place of another."""

from xdl.tracing.values import Value, replaced


def renamed(program, names):
    """Let all that follows read ``names[value]`` where it read ``value``."""

    def now(value):
        while value in names:
            value = names[value]
        return value

    for instruction in program.instructions:
        if not names.keys().isdisjoint(instruction.operands()):
            instruction.arguments = replaced(instruction.arguments, now)
            options = instruction.options
            instruction.options = {k: replaced(v, now) for k, v in options.items()}
    for output in (*program.returned(), *program.kept()):
        if isinstance(output.value, Value):
            output.value = now(output.value)
    program.updates = [
        update._replace(value=now(update.value)) for update in program.updates
    ]

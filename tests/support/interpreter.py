"""The plainest executor: call the namespace for each instruction, in order."""

from xdl.backend.checks import at_once
from xdl.program.interpreter import compute, replaced_options
from xdl.tracing.values import dense, is_given, replaced


def run(program, xp, given):
    """Run a program; ``given`` holds its inputs, state and numbers by Value, and ends
    up with every Value."""
    draw = given["draw"]

    def real(value):
        return dense(value) if is_given(value) else given[value]

    with at_once():
        for instruction in program.instructions:
            arguments = replaced(instruction.arguments, real)
            options = replaced_options(instruction.options, real)
            made = compute(instruction, xp, arguments, options, draw)
            given[instruction.result] = made
    return given

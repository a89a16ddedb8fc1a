"""The plainest executor: call the namespace for each instruction, in order."""

import operator

from xdl.backend import NAMESPACES
from xdl.backend.recording import replaced
from xdl.errors import NonFiniteError

_PYTHON = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "pow": operator.pow,
    "negative": operator.neg,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "bitwise_not": operator.invert,
}


class Refused(Exception):
    """A check of the program failed; run eagerly, the step says what it is."""


def run(program, xp, given):
    """Run a program; ``given`` holds its inputs, state and numbers by Value, and ends
    up with every Value."""
    draw = given["draw"]

    def real(value):
        return value.data if value.origin == "constant" else given[value]

    for instruction in program.instructions:
        arguments = replaced(instruction.arguments, real)
        options = replaced_options(instruction.options, real)
        given[instruction.result] = compute(
            instruction, xp, arguments, options, draw
        )
    return given


def replaced_options(options, change):
    return {key: replaced(option, change) for key, option in options.items()}


def compute(instruction, xp, arguments, options, draw):
    """Return what one instruction makes of real arrays."""
    name = instruction.name
    if name == "set_at":
        x, index, new = arguments
        y = xp.copy(x)
        y[index] = new
        return y
    if name == "scatter_add":
        return xp.scatter_add(*arguments)
    if name == "random_bits":
        like, shape, width, number = arguments
        key, first = draw
        return xp.random_bits(like, shape, width, key, first + number)
    if name == "check_indices":
        xp.check_indices(*arguments, "compile", Refused)
        return None
    if name == "refuse_non_finite":
        if xp.has_non_finite(*arguments):
            raise Refused
        return None
    function = getattr(xp, name, None)
    if function is None or (instruction.result is not None and instruction.result.is_number):
        function = _PYTHON[name]
    if not instruction.is_quiet:
        return function(*arguments, **options)
    with xp.quiet():
        return function(*arguments, **options)

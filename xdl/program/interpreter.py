"""The plainest executor: call the namespace for each instruction, in order."""

import operator
from typing import Any

from xdl.backend.checks import at_once
from xdl.tracing.values import Value, dense, is_given, replaced

_PYTHON: dict[str, Any] = {
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


def number_of(value, numbers):
    """Return a Python number of a program: a hyperparameter, or made of them.

    Args:
        value: its Value, or a number.
        numbers: the hyperparameters as they are now.
    """
    if not isinstance(value, Value):
        return value
    if value.origin == "number":
        return numbers[value.data]
    parts = [number_of(part, numbers) for part in value.origin.arguments]
    return _PYTHON[value.origin.name](*parts)


def made_numbers(instructions, numbers):
    """Return what instructions of numbers alone make of them, by Value.

    Args:
        instructions: Instructions, in order.
        numbers: as of ``number_of``.
    """
    made: dict[Any, Any] = {}
    for one in instructions:
        given = [made[x] if x in made else number_of(x, numbers) for x in one.arguments]
        made[one.result] = _PYTHON[one.name](*given)
    return made


class Refused(Exception):  # noqa: N818 (it says what happened, and is caught)
    """A check of the program failed; run eagerly, the step says what it is."""


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


def replaced_options(options, change):
    """Return options with ``change(value)`` in the place of each Value."""
    return {key: replaced(option, change) for key, option in options.items()}


def compute(instruction, xp, arguments, options, draw):
    """Return what one instruction makes of real arrays; None for a check.

    Raises:
        Refused: the check failed.
    """
    name, result = instruction.name, instruction.result
    special = _SPECIAL.get(name)
    if special is not None:
        return special(xp, draw, *arguments)
    function = getattr(xp, name, None)
    if function is None or result.is_number:
        function = _PYTHON[name]
    with xp.quiet():
        return function(*arguments, **options)


def _set_at(xp, draw, x, index, new):
    y = xp.copy(x)
    y[index] = new
    return y


def _random_bits(xp, draw, like, shape, width, number):
    key, first = draw
    return xp.random_bits(like, shape, width, key, first + number)


def _check_indices(xp, draw, indices, size):
    xp.check_indices(indices, size, "compile", Refused)


def _refuse_non_finite(xp, draw, x, limit=None):
    if xp.has_non_finite(x) or not (limit is None or xp.is_within(x, limit)):
        raise Refused


_SPECIAL: dict[str, Any] = {
    "set_at": _set_at,
    "random_bits": _random_bits,
    "check_indices": _check_indices,
    "refuse_non_finite": _refuse_non_finite,
    "scatter_add": lambda xp, draw, *given: xp.scatter_add(*given),
}

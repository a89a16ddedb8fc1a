"""One instruction on real arrays: the function of the namespace is called."""

from typing import Any

from xdl.program.errors import Refused
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value, replaced


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
    return value.origin.row.operator(*parts)


def made_numbers(instructions, numbers):
    """Return what instructions of numbers alone make of them, by Value.

    Args:
        instructions: Instructions, in order.
        numbers: as of ``number_of``.
    """
    made: dict[Any, Any] = {}
    for one in instructions:
        given = [made[x] if x in made else number_of(x, numbers) for x in one.arguments]
        made[one.result] = one.row.operator(*given)
    return made


def replaced_options(options, change):
    """Return options with ``change(value)`` in the place of each Value."""
    return {key: replaced(option, change) for key, option in options.items()}


def compute(instruction, xp, arguments, options, draw):
    """Return what one instruction makes of real arrays; None for a check.

    Raises:
        Refused: the check failed.
    """
    row = instruction.row
    special = _SPECIAL.get(row.kind)
    if special is not None:
        return special(xp, draw, row, *arguments)
    function = getattr(xp, row.name, None)
    if function is None or instruction.result.is_number:
        function = row.operator
    with xp.quiet():
        return function(*arguments, **options)


def _change(xp, draw, row, x, index, new):
    if row.adds:
        return xp.scatter_add(x, index, new)
    y = xp.copy(x)
    y[index] = new
    return y


def _random_bits(xp, draw, row, like, shape, width, number):
    key, first = draw
    return xp.random_bits(like, shape, width, key, first + number)


def _check_indices(xp, draw, row, indices, size):
    xp.check_indices(indices, size, "compile", Refused)


def _refuse_non_finite(xp, draw, row, x, limit=None):
    if xp.has_non_finite(x) or not (limit is None or xp.is_within(x, limit)):
        raise Refused


_SPECIAL: dict[str, Any] = {
    Kind.CHANGE: _change,
    Kind.RANDOM: _random_bits,
    Kind.CHECK_INDICES: _check_indices,
    Kind.CHECK_FINITE: _refuse_non_finite,
}

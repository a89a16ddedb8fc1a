"""Digest: a number by which two recordings of the same step are known."""

from typing import Any

from xdl.program.pytree import leaves
from xdl.tracing.values import Value

_PLAIN = frozenset({int, str, bool, type(None)})
_SHOWN = frozenset({float, complex, bytes})
_LOOKED_AT = 1024  # elements of a constant


def digest(program):
    """Return a number that recordings of the same step, in one process, have in common.

    Args:
        program: a Program as it was recorded.
    """
    numbers: dict[Any, Any] = {}
    found = 0
    for one in program.instructions:
        given = _hashable(one.arguments, numbers)
        if one.options:
            given = given, _hashable(tuple(one.options.items()), numbers)
        made = None if one.result is None else _made(one.result, numbers)
        found = hash((found, one.name, given, made))
    ends = [_hashable(output.value, numbers) for output in leaves(program.outputs)]
    ends += [(u.slot, _hashable(u.value, numbers)) for u in program.updates]
    return hash((found, program.draws, *ends))


def _made(value, numbers):
    numbers[value] = len(numbers)
    return value.shape, value.dtype


def _hashable(nested, numbers):
    kind = type(nested)
    if kind is Value:
        known = numbers.get(nested)
        return _outside(nested, numbers) if known is None else known
    if kind is tuple or kind is list:
        return tuple([_hashable(item, numbers) for item in nested])
    if kind in _PLAIN:
        return nested
    if kind is slice:
        return _hashable((nested.start, nested.stop, nested.step), numbers)
    return kind, repr(nested) if kind in _SHOWN else None


def _outside(value, numbers):
    numbers[value] = len(numbers)
    data = value.data
    if value.origin == "constant":
        data = data.dtype, data.flat[:_LOOKED_AT].tobytes()
    elif value.origin == "outer":
        data = id(data)
    return value.origin, value.shape, data

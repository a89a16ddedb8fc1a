"""Common subexpressions: what is asked for twice is computed once, if memory allows.

What a forward computes and its backward asks for again, such as the rows of what the
windows of a convolution see, is kept between the two only where something else needs
as much memory at another time: the most that is held becomes no more.
"""

from typing import Any

import numpy as np

from xdl.program.memory.liveness import last_reads
from xdl.program.passes.rewriting import renamed
from xdl.tracing.values import Value

_FREE = 1 << 20  # bytes: as much may be held in any case


def shared(program, xp):
    """Compute what is asked for twice once, if it can be kept until then."""
    names: dict[Any, Any] = {}
    kept: list[Any] = []
    known: dict[Any, Any] = {}
    memory = _Memory(program)
    for i, instruction in enumerate(program.instructions):
        key = _key(instruction, names)
        alike = known.setdefault(hash(key), [])  # the keys themselves would take much
        before = next((one for one in alike if _key(one, names) == key), None)
        if before is None or not memory.keeps(before, instruction, i):
            alike[:] = [one for one in alike if one is not before] + [instruction]
            kept.append(instruction)
        elif instruction.result is not None:
            names[instruction.result] = before.result
    program.instructions = kept
    renamed(program, names)


class _Memory:
    """How much is held at each instruction of a program, and how long each Value."""

    def __init__(self, program):
        self._last, count = last_reads(program), len(program.instructions)
        made = {
            one.result: i
            for i, one in enumerate(program.instructions)
            if one.result is not None and not one.is_view
        }
        changes = np.zeros(count + 2, np.int64)
        for value, i in made.items():
            changes[i] += value.nbytes
            changes[self._last.get(value, i) + 1] -= value.nbytes
        self._held = np.cumsum(changes)
        self._most = max(self._held.max(), _FREE)

    def keeps(self, first, again, i):
        """Keep the result of an instruction until another asks for it, if it can be.

        Args:
            first: the Instruction that makes it.
            again: one that makes the same.
            i: the number of that one.
        """
        value = first.result
        if value is None or first.is_view or value.is_number:
            return True
        between = self._held[self._last.get(value, i) + 1 : i]
        if between.size and between.max() + value.nbytes > self._most:
            return False
        between += value.nbytes
        last = self._last.get(again.result, i)
        self._last[value] = max(self._last.get(value, i), last)
        return True


def _key(instruction, names):
    """Return what two instructions that compute the same have in common, hashable."""
    options = instruction.options
    by_name = tuple(sorted(options.items())) if options else ()
    given = _hashable(instruction.arguments, names), _hashable(by_name, names)
    return instruction.name, given


def _hashable(nested, names):
    kind = type(nested)
    if kind is Value:
        return names.get(nested, nested)
    if kind is int:
        return nested
    if kind is tuple or kind is list:
        return tuple([_hashable(item, names) for item in nested])
    if kind is slice:
        return slice, *_hashable((nested.start, nested.stop, nested.step), names)
    # 1, 1.0 and True are equal, and 0.0 equals -0.0, but they are not the same.
    return (kind, repr(nested)) if isinstance(nested, int | float) else nested

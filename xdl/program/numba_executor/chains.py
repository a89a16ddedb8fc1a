"""Chains: elementwise instructions of one shape that a single native loop can run.

What lies between them stays in registers. Unlike the groups of rows, a chain may read
anything that broadcasts to its shape; it holds no reductions.
"""

from typing import Any

from xdl.program.fusion.groups import REPEATED, SINGLE, WHOLE, Group
from xdl.program.numba_executor.whole_step.words import formula_in

_RESHAPES = frozenset({"reshape", "expand_dims", "squeeze"})


def chained(instructions, uses):
    """Return the instructions with elementwise ones gathered; nothing is changed.

    Args:
        instructions: those of a program.
        uses: how often each of its Values is read.
    """
    # the open ones, by their shape
    written: list[Any] = []
    chains: dict[Any, Any] = {}

    def close(chain):
        del chains[chain.shape]
        chain.close(uses)
        chain.kinds = {v: _kind(v, chain.shape) for v in chain.kinds}
        written.append(chain)

    for instruction in instructions:
        shape = _shape_of(instruction)
        operands = set(instruction.operands())
        needed = [c for c in chains.values() if not operands.isdisjoint(c.made())]
        for chain in needed:
            if chain.shape != shape:
                close(chain)
        if shape is None:
            written.append(instruction)
        elif shape in chains:
            chains[shape].add(instruction)
        else:
            chains[shape] = Group(shape, instruction)
    for chain in [*chains.values()]:
        close(chain)
    return written


def _shape_of(instruction):
    """Return the shape of an elementwise instruction, or None if it is another."""
    result = instruction.result
    if result is None or result.is_number or not result.shape or instruction.is_view:
        return None
    return None if formula_in(instruction) is None else result.shape


def _kind(value, shape):
    """Tell what may be written over: what is read just where the loop stands."""
    if value.shape is None or value.size == 1:
        return WHOLE if value.shape == shape else SINGLE
    is_plain = value.axes == tuple(range(len(value.shape)))
    is_whole = value.shape == shape and is_plain and _is_forward(value)
    return WHOLE if is_whole else REPEATED


def _is_forward(value):
    """Tell whether a Value is no view, or one of all of something in its order."""
    while not isinstance(value.origin, str) and value.origin.is_view:
        if value.origin.name not in _RESHAPES:
            return False
        value = value.origin.arguments[0]
    return True

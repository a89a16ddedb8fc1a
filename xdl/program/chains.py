"""Chains: elementwise instructions of one shape that a single native loop can run.

What lies between them stays in registers. Unlike the groups of rows, a chain may read
anything that broadcasts to its shape; it holds no reductions.
"""

from xdl.program.groups import REPEATED, SINGLE, WHOLE, Group
from xdl.program.native_words import formula_in

_RESHAPES = frozenset({"reshape", "expand_dims", "squeeze"})


def chained(instructions, uses):
    """Return the instructions with elementwise ones gathered; nothing is changed.

    Args:
        instructions: those of a program.
        uses: how often each of its Values is read.
    """
    written, open_chains = [], []

    def close(chain):
        open_chains.remove(chain)
        chain.close(uses)
        chain.kinds = {v: _kind(v, chain.shape) for v in chain.kinds}
        written.append(chain)

    for instruction in instructions:
        operands = set(instruction.operands())
        is_elementwise = _is_elementwise(instruction)
        home = None
        for chain in list(open_chains):
            if is_elementwise and chain.shape == instruction.result.shape:
                home = chain
            elif not operands.isdisjoint(chain.made()):
                close(chain)
        if not is_elementwise:
            written.append(instruction)
        elif home is None:
            open_chains.append(Group(instruction.result.shape, instruction))
        else:
            home.add(instruction)
    for chain in list(open_chains):
        close(chain)
    return written


def _is_elementwise(instruction):
    result = instruction.result
    if result is None or result.is_number or not result.shape or instruction.is_view:
        return False
    return formula_in(instruction) is not None


def _kind(value, shape):
    """Tell what may be written over: what is read just where the loop stands."""
    if value.shape is None or value.size == 1:
        return WHOLE if value.shape == shape else SINGLE
    is_plain = value.axes == tuple(range(len(value.shape)))
    return WHOLE if value.shape == shape and is_plain and _is_forward(value) else REPEATED


def _is_forward(value):
    """Tell whether a Value is a view of nothing, or of all of something in its order."""
    while not isinstance(value.origin, str) and value.origin.is_view:
        if value.origin.name not in _RESHAPES:
            return False
        value = value.origin.arguments[0]
    return True

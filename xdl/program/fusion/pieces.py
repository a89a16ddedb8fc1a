"""Pieces: an array that parts are put into, one after the other, is one group.

The gradients of the parts of an array, of the windows of a pooling, are such chains.
"""

import numpy as np

from xdl.program.fusion.gathering import real_uses
from xdl.program.fusion.groups import REPEATED, Group
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, values_in

_MOST = 1 << 24  # numbers of an array of which it is found out what no part has


class Pieces(Group):
    """Parts that are put into one array, no two into the same place.

    Attributes:
        base: what the array has in other places.
        places: (part, index) pairs.
        covers: whether there are no other places.
    """

    __slots__ = ("base", "covers", "places")

    def __init__(self, chain, covers):
        super().__init__(chain[-1].result.shape)
        self.inner, self.outputs = chain, (chain[-1].result,)
        self.base, self.covers = chain[0].arguments[0], covers
        self.places = [(one.arguments[2], one.arguments[1]) for one in chain]
        read = [part for part, _ in self.places] + [self.base] * (not covers)
        self.arguments = tuple(dict.fromkeys(read))
        self.kinds = dict.fromkeys([*read, self.base, *self.made()], REPEATED)
        self.place = chain[-1].place


def put_in_pieces(program):
    """Let chains of parts be groups; the program is changed in place.

    Args:
        program: a Program.
    """
    uses = real_uses(program)
    last: dict[Value, list[Instruction]] = {}
    for one in program.instructions:
        chain = _chain(one, uses, last)
        if chain is not None:
            last[one.result] = chain
            last.pop(one.arguments[0], None)
    groups, gone = {}, set()
    for chain in last.values():
        covers = _covered(chain)
        if covers is not None and (len(chain) > 1 or covers):
            groups[chain[-1]] = Pieces(chain, covers)
            gone.update(chain[:-1])
    program.instructions = [
        groups.get(one, one) for one in program.instructions if one not in gone
    ]


def _chain(one, uses, last):
    """Return the chain that an instruction is the last of, or None."""
    if one.row.kind != Kind.CHANGE or one.row.adds or one.name != "set_at":
        return None
    x, index, part = one.arguments
    if values_in((index,)) or not isinstance(part, Value) or part.is_number:
        return None
    before = last.get(x) if isinstance(x.origin, Instruction) else None
    if before is None or uses.get(x) != 1:
        return [one]
    return [*before, one]


def _covered(chain):
    """Return whether the parts are all of the array; None: some have the same place."""
    result = chain[-1].result
    if result.size > _MOST or result.axes is None:
        return None
    counts = np.zeros(result.shape, np.int8)
    for one in chain:
        _, index, part = one.arguments
        if counts[index].shape != part.shape or part.dtype != result.dtype:
            return None
        counts[index] += 1
    return bool(counts.all()) if counts.max() < 2 else None

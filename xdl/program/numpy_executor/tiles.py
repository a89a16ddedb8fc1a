"""Tiles: how the NumPy executor runs a group a few rows at a time, in cache."""

from typing import Any

import numpy as np

from xdl.program.fusion.groups import COLUMN, REPEATED, SINGLE, WHOLE
from xdl.tracing.instructions import Kind

# Elements. Measured on a GELU of nine calls (EPYC, 1 MiB of L2, 32 MiB of L3): whole
# arrays are as fast up to 2 million elements, tiles take 0.75 of their time from 4
# million on, and smaller tiles lose more to calls than they win.
TILE = 1 << 16
LEAST = 1 << 22


def is_worth(group):
    """Tell whether a group runs faster tile by tile than array by array."""
    size = group.rows * group.shape[-1]
    is_one_row = group.rows == 1 and _reduces(group)
    return size >= LEAST and len(group.inner) > 2 and not is_one_row


def _reduces(group):
    return any(one.row.kind == Kind.REDUCTION for one in group.inner)


class Tiling:
    """The rows of a group's tiles, and the scratch memory for what lies between.

    Attributes:
        rows, columns: of the whole; one column if the group is elementwise only.
        height: the rows of a tile.
        slots: from Value to the number of its scratch array.
        scratch: for each scratch array its dtype and columns.
    """

    def __init__(self, group):
        kinds = set(group.kinds.values())
        is_flat = kinds <= {WHOLE, SINGLE} and not _reduces(group)
        self.rows, self.columns = group.rows, group.shape[-1]
        if is_flat:
            self.rows, self.columns = self.rows * self.columns, 1
        self.height = max(1, TILE // self.columns)
        for value, kind in group.kinds.items():
            if kind == REPEATED:
                self.height = _divisor(value.size // self.columns, self.height)
        self.slots, self.scratch = {}, []
        self._assign(group)

    def _assign(self, group):
        """Give what lies between scratch arrays; they are used again when free."""
        last = {}
        for j, one in enumerate(group.inner):
            for value in one.operands():
                last[value] = j
        free: list[Any] = []
        for j, one in enumerate(group.inner):
            value = one.result
            if value not in group.outputs:
                wide = group.kinds[value] == WHOLE
                kind = (value.dtype, self.columns if wide else 1)
                found = next((s for s in free if self.scratch[s] == kind), None)
                if found is None:
                    found = len(self.scratch)
                    self.scratch.append(kind)
                else:
                    free.remove(found)
                self.slots[value] = found
            dead = {v for v in one.operands() if last[v] == j and v in self.slots}
            free += [self.slots[v] for v in dead]

    def make(self, group, arrays):
        """Return for each tile a tuple of views: of ``arrays``, then of the scratch.

        Args:
            group: the Group.
            arrays: a dict from Value to array: operands and outputs.
        """
        scratch = [
            np.empty((self.height, columns), dtype) for dtype, columns in self.scratch
        ]
        if self.columns == 1:
            scratch = [array.reshape(-1) for array in scratch]
        return [
            tuple(
                [
                    self._part(array, group.kinds[v], start)
                    for v, array in arrays.items()
                ]
                + [array[: self.rows - start] for array in scratch]
            )
            for start in range(0, self.rows, self.height)
        ]

    def _part(self, array, kind, start):
        if kind == REPEATED:
            whole = array.reshape(-1, self.columns)
            start %= len(whole)
        elif kind == COLUMN:
            whole = array.reshape(self.rows, 1)
        else:
            is_flat = self.columns == 1
            whole = array.reshape(-1) if is_flat else array.reshape(self.rows, -1)
        return whole[start : start + self.height]


def _divisor(period, height):
    """Return the largest height of tiles that fit into a period of rows."""
    if period == 1:
        return height
    return max(h for h in range(1, min(height, period) + 1) if period % h == 0)

"""Phases: in which loop over the columns a native function computes what."""

from xdl.program.fusion.groups import COLUMN, WHOLE


class Phases:
    """In which loop over the columns each Value of a group is computed.

    Attributes:
        of: from Value to phase. Of a column: the one before whose loop it is ready.
        stores: from output to the phase that writes it into its array.
        count: how many loops there are.
    """

    def __init__(self, group, taken):
        """Order a group.

        Args:
            group: a NativeGroup.
            taken: from output to the argument whose memory it is written over.
        """
        self.group, self.of = group, {}
        for one in group.inner:
            self.of[one.result] = self._earliest(one)
        self._sink()
        self.stores = {v: self._store(v, taken.get(v)) for v in group.outputs}
        loops = [self.loop(one) for one in group.inner if self.is_wide(one)]
        self.count = max([*loops, *self.stores.values()], default=0) + 1

    def is_wide(self, one):
        """Tell whether an instruction is computed for each column."""
        return self.group.kinds[one.result] != COLUMN or one.row.joins is not None

    def loop(self, one):
        """Return the loop in which an instruction is computed."""
        phase = self.of[one.result]
        return phase - (self.group.kinds[one.result] == COLUMN)

    def _earliest(self, one):
        group = self.group
        phase = max([self.of.get(v, 0) for v in group.operands_of(one)], default=0)
        is_reduced = group.kinds[one.result] == COLUMN and one.row.joins is not None
        return phase + is_reduced

    def _sink(self):
        """Compute later what only later loops need, rather than keep it for them."""
        group = self.group
        for one in reversed(group.inner):
            if group.kinds[one.result] != WHOLE:
                continue
            users = [
                self.loop(other) if self.is_wide(other) else self.of[other.result]
                for other in group.inner
                if one.result in group.operands_of(other)
            ]
            made = [v for v in group.operands_of(one) if group.kinds[v] == WHOLE]
            made = [v for v in made if v in self.of]
            if users and len(made) <= 1:
                self.of[one.result] = max(min(users), self.of[one.result])

    def _store(self, value, taken):
        """Return the phase after whose reads an output may be written."""
        if self.group.kinds[value] != WHOLE or taken is None:
            return self.of[value]
        reads = [
            self.loop(one)
            for one in self.group.inner
            if taken in self.group.operands_of(one)
        ]
        return max([self.of[value], *reads])

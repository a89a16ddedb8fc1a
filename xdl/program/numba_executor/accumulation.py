"""Accumulation: how the loops of a group add up, and find what is largest.

Each term that is added is rounded to the digits of the sum so far. So only short parts
of a sum are added up in its own dtype, and these in float64: ``TERMS`` numbers of a
row, of which each lane of the registers takes some tens, or ``ROWS`` rows.
"""

from xdl.program.fusion.groups import COLUMN
from xdl.program.fusion.reading import EVERY, TOTAL

TERMS, ROWS = 2048, 64


class Accumulation:
    """Writes the lines around those that go through the numbers of a group.

    Args:
        text: the NativeText of the group.
    """

    def __init__(self, text):
        self.text, self.group = text, text.group
        self._wide = {}  # from a sum over the rows to the scratch row of its parts

    def begin(self):
        """Return the lines before all rows."""
        lines, group = [], self.group
        for value in group.outputs:
            if group.kinds[value] != TOTAL:
                continue
            lines += self._each_column(f"{self._place(value)}[j] = {self._zero(value)}")
            self._wide[value] = wide = self.text.scratch_row("float64")
            lines += self._each_column(f"{wide}[j] = 0.0")
        every = [v for v in group.made() if group.kinds[v] == EVERY]
        return [*lines, *[f"{self.text.names[value]} = 0.0" for value in every]]

    def end_of_row(self):
        """Return the lines after each row."""
        lines = []
        for value, wide in self._wide.items():
            place = self._place(value)
            lines += [f"{wide}[j] += {place}[j]", f"{place}[j] = {self._zero(value)}"]
        if not lines:
            return []
        lines = self._each_column(*lines)
        return [f"if r % {ROWS} == {ROWS - 1}:", *indented(lines)]

    def end(self):
        """Return the lines after all rows."""
        lines, group = [], self.group
        for value, wide in self._wide.items():
            place = self._place(value)
            lines += self._each_column(f"{place}[j] = {wide}[j] + {place}[j]")
        every = [v for v in group.made() if group.kinds[v] == EVERY]
        return lines + [f"{self._place(v)}[0] = {self.text.names[v]}" for v in every]

    def joined(self, one, x):
        """Return the line that takes one more number in."""
        value = one.result
        if self.group.kinds[value] == TOTAL:
            return f"{self._place(value)}[j] += {x}"
        function = self.text.named(one.row.joins, str(value.dtype))
        part = self._part(one)
        return f"{part} = {function}({part}, {x})"

    def around(self, phase, loop):
        """Return the lines of a loop over the columns.

        Args:
            phase: the number of the loop.
            loop: the lines for one column.
        """
        found = [one for one in self.group.inner if self._is_in(one, phase)]
        sums = [one for one in found if one.row.adds]
        lines = self._starts([one for one in found if not one.row.adds])
        is_every = any(self.group.kinds[one.result] == EVERY for one in sums)
        if not sums or (self.group.columns <= TERMS and not is_every):
            lines += [*self._starts(sums), *self._each_column(*loop)]
            return lines + [self._taken(one) for one in sums]
        rows = [one.result for one in sums if self.group.kinds[one.result] == COLUMN]
        totals = {v: f"{self._name(v)}t" for v in rows}
        lines += [f"{total} = 0.0" for total in totals.values()]
        lines += [f"for b in range(0, columns, {TERMS}):"]
        lines += indented(self._starts(sums))
        lines += [f"    for j in range(b, min(b + {TERMS}, columns)):"]
        lines += indented(indented(loop))
        for one in sums:
            total = totals.get(one.result, self._name(one.result))
            lines.append(f"    {total} += {self._part(one)}")
        for value, total in totals.items():
            dtype = self.text.dtype(str(value.dtype))
            lines.append(f"{self._name(value)} = {dtype}({total})")
        return lines

    def _taken(self, one):
        """Return the line that takes what was added up in a row."""
        is_every = self.group.kinds[one.result] == EVERY
        name, sign = self._name(one.result), "+=" if is_every else "="
        return f"{name} {sign} {self._part(one)}"

    def _starts(self, reductions):
        lines = []
        for one in reductions:
            start = self.text.named(one.row.start, str(one.result.dtype))
            lines.append(f"{self._part(one)} = {start}")
        return lines

    def _is_in(self, one, phase):
        """Tell whether a loop reduces each row to a number by an instruction."""
        is_row = self.group.kinds[one.result] in (COLUMN, EVERY)
        phases = self.text.phases
        return is_row and one.row.joins is not None and phases.loop(one) == phase

    def _part(self, one):
        """Return the name of what a loop takes its numbers into."""
        return self._name(one.result) + ("p" if one.row.adds else "")

    def _name(self, value):
        return self.text.names[value]

    def _place(self, value):
        return self.text.place_of[value]

    def _zero(self, value):
        return self.text.named("ZERO", str(value.dtype))

    @staticmethod
    def _each_column(*lines):
        return ["for j in range(columns):", *indented(lines)]


def indented(lines):
    """Return lines that stand inside of another one."""
    return ["    " + line for line in lines]

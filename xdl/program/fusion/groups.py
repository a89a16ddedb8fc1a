"""Groups: instructions that one loop runs, and how they are found.

What lies between the instructions of a group never leaves the cache, or a register. One
grouper goes through a program; which instructions go together, rules say: those of the
rows that NumPy computes tile by tile (``rows``), of chains in a native step
(``chains``), and of native loops (``gathering``).
"""

from typing import Any

from xdl.tracing.values import Instruction, Value

WHOLE, REPEATED, COLUMN, SINGLE = "whole", "repeated", "column", "single"


class Group(Instruction):
    """Several instructions that are run together; it stands for them in a program.

    Attributes:
        shape: of the arrays that it works on.
        inner: its instructions, in order.
        kinds: from each Value that it reads or makes to how that lies to ``shape``.
        outputs: the Values that are read outside.
    """

    __slots__ = ("inner", "kinds", "outputs", "shape")

    def __init__(self, shape=None):
        super().__init__("group", (), {})
        self.shape, self.inner, self.kinds = shape, [], {}
        self.outputs: tuple[Value, ...] = ()

    def made(self):
        """Return all Values that it makes."""
        return [one.result for one in self.inner]

    def operands_of(self, one):
        """Return what an inner instruction reads."""
        return one.operands()

    def close(self, uses):
        """Find what it reads and what is read of it outside.

        Args:
            uses: how often each Value is read in the whole program.
        """
        made = set(self.made())
        inside: dict[Any, Any] = {}
        read: dict[Any, Any] = {}
        for one in self.inner:
            for value in self.operands_of(one):
                inside[value] = inside.get(value, 0) + 1
                if value not in made:
                    read[value] = None
        self.arguments = tuple(read)
        self.outputs = tuple(
            [v for v in self.made() if uses.get(v, 0) > inside.get(v, 0)]
        )
        places = dict.fromkeys(one.place for one in self.inner if one.place)
        self.place = "; ".join(places)


class Grouper:
    """Gathers the instructions of a program; the order of all else stays.

    A subclass has the rules: ``home`` and ``joined``, and what else it needs.

    Args:
        uses: how often each Value is read in the whole program.
        is_worth: a function of a Group: whether it shall stay one; None: all shall.

    Attributes:
        open: a dict of the groups that may take in more, from the oldest on.
        written: the instructions that are done with.
    """

    def __init__(self, uses, is_worth=None):
        self.open, self.written = {}, []
        self._uses, self._is_worth, self._home_of = uses, is_worth, {}

    def run(self, instructions):
        """Go through instructions; return those that stand for them."""
        for number, instruction in enumerate(instructions):
            self.take(number, instruction)
        for group in list(self.open):
            self.close(group)
        return self.written

    def home(self, instruction, makers):
        """Return the open group that an instruction joins, and how it lies there.

        Of the group None: it opens one. Of the other None: it is in no group.

        Args:
            instruction: an Instruction.
            makers: the open groups that make what it reads.
        """
        raise NotImplementedError

    def joined(self, group, number, instruction, how):
        """Return a group with one more instruction in it: a new one if it is None."""
        raise NotImplementedError

    def take(self, number, instruction):
        """Put an instruction into a group, or write it."""
        makers = self.makers(instruction)
        home, how = self.home(instruction, makers)
        if how is None:
            self.write(instruction)
            return
        for group in makers:
            if group is not home:
                self.part(group, home, how)
        home = self.joined(home, number, instruction, how)
        self.open[home] = None
        self._home_of[instruction.result] = home

    def write(self, instruction):
        """Write an instruction that is in no group."""
        for group in self.makers(instruction):
            self.close(group)
        self.written.append(instruction)

    def part(self, group, home, how):
        """Take leave of a group that makes what an instruction of another one reads."""
        self.close(group)

    def close(self, group):
        """Write a group that takes in nothing more."""
        del self.open[group]
        for value in group.made():
            del self._home_of[value]
        group.close(self._uses)
        if self._is_worth is None or self._is_worth(group):
            self.put(group)
        else:
            for one in group.inner:
                self.write(one)

    def put(self, group):
        """Write a group as such."""
        self.written.append(group)

    def source(self, value):
        """Return the Value whose maker makes an operand."""
        return value

    def makers(self, instruction):
        """Return the open groups that make what an instruction reads, oldest first."""
        found = self._makers(instruction)
        return [g for g in self.open if g in found] if len(found) > 1 else list(found)

    def _makers(self, instruction):
        homes = self._home_of
        sources = map(self.source, instruction.operands())
        return dict.fromkeys([homes[value] for value in sources if value in homes])

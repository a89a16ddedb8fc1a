"""Gathering: which instructions become one native loop.

A native loop can do more than NumPy on tiles. It goes through memory, whatever the
shape of the arrays, so that reshapes, transposes and slices do not part a group; it
adds up rows and columns as it goes; and what belongs to whole rows is its scalars. So a
layer norm, or the gradient of an affine layer's input with its bias's, is one group.

Views are written as late as possible: where a group reads them it reads what they are
views of, and most are then needed by nobody.
"""

import math
from typing import Any

from xdl.program.fusion.groups import COLUMN, REPEATED, SINGLE, WHOLE, Group, Grouper
from xdl.program.fusion.reading import Reader, ThreadReader
from xdl.program.fusion.strides import by_rows
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, owner_of

_MOST = 40  # instructions: longer functions compile slowly and run out of registers


class NativeGroup(Group):
    """A group that one native function runs.

    Attributes:
        size: how many numbers a whole array has.
        columns: how many of them are a row.
        is_fixed: whether a reduction says so; else rows may become shorter.
        base: from each Value that its instructions name to the one that stands for all
            that are read alike: that is what ``kinds`` and ``places`` know.
        places: from base to where it lies: (offset, map), or a kind.
    """

    __slots__ = ("base", "columns", "is_fixed", "numbers", "places", "size")

    def __init__(self, joined):
        super().__init__()
        self.size, self.columns = joined.size, joined.columns
        self.is_fixed, self.numbers = joined.is_fixed, []
        self.base, self.places = {}, {}

    @property
    def rows(self):
        """How many rows there are."""
        return self.size // self.columns

    def operands_of(self, one):
        """Return what an inner instruction reads, views looked through."""
        return [self.base[v] for v in one.operands()]

    def row_map(self, base):
        """Return the map of the rows of what is read."""
        return by_rows(self.places[base][1], self.columns)[0]

    def join(self, number, instruction, joined):
        """Take an instruction in."""
        self.inner.append(instruction)
        self.numbers.append(number)
        self.columns = math.gcd(self.columns, joined.columns)
        self.is_fixed |= joined.is_fixed
        for value, (base, place) in joined.entries.items():
            self.base[value], self.places[base] = base, place

    def merge(self, other):
        """Take over all instructions of another group."""
        both = [*zip(self.numbers, self.inner, strict=True)]
        both += zip(other.numbers, other.inner, strict=True)
        both.sort(key=lambda pair: pair[0])
        self.numbers, self.inner = map(list, zip(*both, strict=True))
        self.columns = math.gcd(self.columns, other.columns)
        self.is_fixed |= other.is_fixed
        self.base.update(other.base)
        self.places.update(other.places)

    def close(self, uses):
        """Find what it reads, what is read of it outside, and the kinds of all."""
        super().close(uses)
        self.kinds = {base: self._kind(base) for base in self.places}
        self.shape = (self.rows, self.columns)

    def _kind(self, base):
        place = self.places[base]
        if isinstance(place, str):
            return place
        offset, found = place
        is_in_order = offset == 0 and found == ((self.size, 1),)
        if is_in_order and owner_of(base).size == self.size:
            return WHOLE
        return COLUMN if by_rows(found, self.columns)[1] else REPEATED


class _InMemory(Grouper):
    """What goes through memory alike goes together."""

    source = staticmethod(owner_of)

    def __init__(self, program, is_worth, reader):
        super().__init__(real_uses(program), is_worth)
        self._lasting, self._reader = program.lasting(), reader
        self._late, self._sums = {}, set()

    def run(self, instructions):
        """Go through instructions; return those that stand for them."""
        super().run(instructions)
        for value in self._lasting:
            self._show(value)
        return self.written

    def makers(self, instruction):
        """Return the open groups that make what it reads, in the order of that."""
        return list(self._makers(instruction))

    def take(self, number, instruction):
        """Put an instruction into a group, or write it: a view as late as possible."""
        if instruction.is_view:
            self._late[instruction.result] = instruction
        else:
            super().take(number, instruction)

    def write(self, instruction):
        """Write an instruction that is in no group, and before it what it needs."""
        for group in self.makers(instruction):
            self.close(group)
        for value in instruction.operands():
            self._show(value)
        self.written.append(instruction)

    def _show(self, value):
        """Write the views that lead to a Value, if they are not there yet."""
        view = self._late.pop(value, None)
        if view is not None:
            self.write(view)

    def put(self, group):
        """Write a group as such, and before it the views of its single numbers."""
        for value in group.arguments:
            if group.kinds[value] == SINGLE:
                self._show(value)
        self.written.append(group)

    def home(self, instruction, makers):
        """Return the group that an instruction joins (None: a new one), and how."""
        is_apart = instruction.result is None or self._adds_up(instruction)
        if is_apart or not self._reader.is_known(instruction):
            return None, None
        is_reduction = instruction.row.joins is not None
        reader = self._reader
        how = reader.reduction if is_reduction else reader.elementwise
        joined = how(instruction)
        for group in makers:
            if self._fits(group, joined):
                return group, joined
            column = None if is_reduction else reader.as_column(instruction, group)
            if self._fits(group, column):
                return group, column
        if joined is None:
            return None, None
        whole = (0, ((joined.size, 1),))
        bases = [base for base, place in joined.entries.values() if place == whole]
        for group in reversed(self.open):
            if any(base in group.places for base in bases) and self._fits(
                group, joined
            ):
                return group, joined
        return None, joined

    def joined(self, group, number, instruction, how):
        group = NativeGroup(how) if group is None else group
        group.join(number, instruction, how)
        return group

    def part(self, group, home, how):
        """Let two groups that an instruction joins become one, or close the other."""
        if home is None or not self._can_merge(home, group, how):
            self.close(group)
            return
        del self.open[group]
        home.merge(group)
        for value in group.made():
            self._home_of[value] = home

    def _fits(self, group, joined):
        """Tell whether an instruction can join a group."""
        if joined is None or len(group.inner) >= _MOST or group.size != joined.size:
            return False
        made = set(group.made())
        entries = joined.entries.values()
        if not all(_agrees(group, base, place, made) for base, place in entries):
            return False
        columns = self._reader.common(group, joined)
        places = {**group.places, **dict(entries)}
        return columns > 0 and self._reader.is_nest(places, columns)

    def _can_merge(self, home, group, joined):
        count = len(home.inner) + len(group.inner)
        if home.size != group.size or count >= _MOST:
            return False
        made = set(group.made()) | set(home.made())
        pairs = [*group.places.items(), *joined.entries.values()]
        if not all(_agrees(home, base, place, made) for base, place in pairs):
            return False
        entries = joined.entries.values()
        if not all(_agrees(group, base, place, made) for base, place in entries):
            return False
        common = self._reader.common
        sizes = [common(home, group), common(home, joined), common(group, joined)]
        places = {**home.places, **dict(pairs)}
        return min(sizes) > 0 and self._reader.is_nest(places, math.gcd(*sizes))

    def _adds_up(self, instruction):
        """Tell whether an instruction adds up sums of products, as they come.

        A convolution's gradient is such, of as many terms as the batch has blocks.
        Together they would all have to be kept, by a function for that many.
        """
        row = instruction.row
        if not row.adds:
            return False
        read = [owner_of(value) for value in instruction.operands()]
        is_term = row.kind == Kind.PRODUCT
        if row.kind == Kind.REDUCTION:
            is_term = is_product(read[0].origin)
        is_sum = row.kind == Kind.ELEMENTWISE and len(read) == 2
        is_sum = is_sum and self._sums.issuperset(read)
        if is_term or is_sum:
            self._sums.add(instruction.result)
        return is_sum


def _agrees(group, base, place, made):
    """Tell whether a Value is to the group what an instruction takes it for."""
    owner = owner_of(base)
    if owner in made and base is not owner:
        return False  # part of what the group makes
    return group.places.get(base, place) == place


def is_product(origin):
    """Tell whether a Value comes from an instruction that multiplies matrices."""
    return isinstance(origin, Instruction) and origin.row.kind == Kind.PRODUCT


def real_uses(program):
    """Return how often each Value, or a view of it, is read by what is no view."""
    counts: dict[Any, Any] = {}
    read = [
        v for one in program.instructions if not one.is_view for v in one.operands()
    ]
    for value in [*read, *program.lasting()]:
        owner = owner_of(value)
        counts[owner] = counts.get(owner, 0) + 1
    return counts


def gathered(program, is_worth, for_threads=False):
    """Gather what native loops can run; the program is changed in place.

    Args:
        program: a Program.
        is_worth: as of Grouper.
        for_threads: of a GPU: then no group has sums over rows, or over all, and what
            is read may lie anyhow.
    """
    reader = ThreadReader() if for_threads else Reader()
    gathering = _InMemory(program, is_worth, reader)
    program.instructions = gathering.run(program.instructions)

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

from xdl.program.fusion.groups import COLUMN, REPEATED, SINGLE, WHOLE, Group
from xdl.program.memory.planning import PRODUCTS
from xdl.program.numba_executor.formulas import is_known
from xdl.program.numba_executor.maps import are_nested, breaks, by_rows
from xdl.program.numba_executor.reading import NARROW, Reader
from xdl.tracing.values import Instruction, owner_of

_REDUCTIONS = frozenset({"sum", "max", "min"})
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
        Instruction.__init__(self, "group", (), {})
        self.size, self.columns = joined.size, joined.columns
        self.is_fixed = joined.is_fixed
        self.inner, self.numbers, self.outputs = [], [], ()
        self.kinds, self.base, self.places = {}, {}, {}

    rows = property(lambda self: self.size // self.columns)

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

    def finish(self, uses):
        """Find what it reads, what is read of it outside, and the kinds of all."""
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
        self.kinds = {base: self._kind(base) for base in self.places}
        self.shape = (self.rows, self.columns)
        places = dict.fromkeys(one.place for one in self.inner if one.place)
        self.place = "; ".join(places)

    def _kind(self, base):
        place = self.places[base]
        if isinstance(place, str):
            return place
        offset, found = place
        is_in_order = offset == 0 and found == ((self.size, 1),)
        if is_in_order and owner_of(base).size == self.size:
            return WHOLE
        return COLUMN if by_rows(found, self.columns)[1] else REPEATED


class _Gathering:
    """The groups that are open while a program is gone through."""

    def __init__(self, program, is_worth):
        self.program, self.is_worth = program, is_worth
        self.reader = Reader()
        self.uses = _real_uses(program)
        self.written, self.open, self.late = [], [], {}
        self.home_of, self.sums = {}, set()

    def run(self):
        """Go through the program; return its new instructions."""
        for number, instruction in enumerate(self.program.instructions):
            if instruction.is_view:
                self.late[instruction.result] = instruction
            elif not self._joins(number, instruction):
                self._emit(instruction)
        for group in list(self.open):
            self._close(group)
        for value in self.program.lasting():
            self._show(value)
        return self.written

    def _emit(self, instruction):
        """Write an instruction that is in no group, and before it what it needs."""
        for group in self._makers(instruction):
            self._close(group)
        for value in instruction.operands():
            self._show(value)
        self.written.append(instruction)

    def _makers(self, instruction):
        """Return the open groups that make what an instruction reads."""
        owners = [owner_of(value) for value in instruction.operands()]
        return list(dict.fromkeys(self.home_of[o] for o in owners if o in self.home_of))

    def _show(self, value):
        """Write the views that lead to a Value, if they are not there yet."""
        view = self.late.pop(value, None)
        if view is not None:
            self._emit(view)

    def _close(self, group):
        self.open.remove(group)
        for value in group.made():
            del self.home_of[value]
        group.finish(self.uses)
        if not self.is_worth(group):
            for one in group.inner:
                self._emit(one)
            return
        for value in group.arguments:
            if group.kinds[value] == SINGLE:
                self._show(value)
        self.written.append(group)

    def _joins(self, number, instruction):
        """Let an instruction join a group, or open one; tell whether it has."""
        if instruction.result is None or self._adds_up(instruction):
            return False
        if not is_known(instruction):
            return False
        is_reduction = instruction.name in _REDUCTIONS
        how = self.reader.reduction if is_reduction else self.reader.elementwise
        needed = self._makers(instruction)
        home, joined = self._home(instruction, how(instruction), needed)
        if joined is None:
            return False
        for group in needed:
            if group is not home:
                self._close_or_merge(group, home, joined)
        if home is None:
            home = NativeGroup(joined)
            self.open.append(home)
        home.join(number, instruction, joined)
        self.home_of[instruction.result] = home
        return True

    def _close_or_merge(self, group, home, joined):
        if home is None or not _can_merge(home, group, joined):
            self._close(group)
            return
        self.open.remove(group)
        home.merge(group)
        for value in group.made():
            self.home_of[value] = home

    def _adds_up(self, instruction):
        """Tell whether an instruction adds up sums of products, as they come.

        A convolution's gradient is such, of as many terms as the batch has blocks.
        Together they would all have to be kept, by a function for that many.
        """
        read = [owner_of(value) for value in instruction.operands()]
        name = instruction.name
        is_term = name == "sum" and getattr(read[0].origin, "name", "") in PRODUCTS
        is_sum = name == "add" and len(read) == 2 and self.sums.issuperset(read)
        if is_term or is_sum or name == "matmul_sum":
            self.sums.add(instruction.result)
        return is_sum

    def _home(self, instruction, joined, needed):
        """Return the group that an instruction joins (None: a new one), and how."""
        for group in needed:
            if _fits(group, joined):
                return group, joined
            if instruction.name not in _REDUCTIONS:
                column = self.reader.as_column(instruction, group)
                if _fits(group, column):
                    return group, column
        if joined is None:
            return None, None
        whole = (0, ((joined.size, 1),))
        bases = [base for base, place in joined.entries.values() if place == whole]
        for group in reversed(self.open):
            if any(base in group.places for base in bases) and _fits(group, joined):
                return group, joined
        return None, joined


def _fits(group, joined):
    """Tell whether an instruction can join a group."""
    if joined is None or len(group.inner) >= _MOST or group.size != joined.size:
        return False
    made = set(group.made())
    entries = joined.entries.values()
    if not all(_agrees(group, base, place, made) for base, place in entries):
        return False
    columns = _common(group, joined)
    return columns > 0 and _is_nest({**group.places, **dict(entries)}, columns)


def _agrees(group, base, place, made):
    """Tell whether a Value is to the group what an instruction takes it for."""
    owner = owner_of(base)
    if owner in made and base is not owner:
        return False  # part of what the group makes
    return group.places.get(base, place) == place


def _common(one, other):
    """Return the columns that two can both have; 0: there are none."""
    columns = math.gcd(one.columns, other.columns)
    is_short = columns < NARROW and not (one.is_fixed or other.is_fixed)
    for side in (one, other):
        if side.is_fixed and columns != side.columns:
            return 0
    return 0 if is_short else columns


def _is_nest(places, columns):
    """Tell whether loops in one another go through the rows of all operands."""
    found = [place[1] for place in places.values() if not isinstance(place, str)]
    steps = [breaks(by_rows(mapped, columns)[0]) for mapped in found]
    return are_nested(set().union(*steps))


def _can_merge(home, group, joined):
    if home.size != group.size or len(home.inner) + len(group.inner) >= _MOST:
        return False
    made = set(group.made()) | set(home.made())
    pairs = [*group.places.items(), *joined.entries.values()]
    if not all(_agrees(home, base, place, made) for base, place in pairs):
        return False
    entries = joined.entries.values()
    if not all(_agrees(group, base, place, made) for base, place in entries):
        return False
    sizes = [_common(home, group), _common(home, joined), _common(group, joined)]
    columns = math.gcd(*sizes)
    places = {**home.places, **dict(pairs)}
    return min(sizes) > 0 and _is_nest(places, columns)


def _real_uses(program):
    """Return how often each Value, or a view of it, is read by what is no view."""
    counts: dict[Any, Any] = {}
    read = [
        v for one in program.instructions if not one.is_view for v in one.operands()
    ]
    for value in [*read, *program.lasting()]:
        owner = owner_of(value)
        counts[owner] = counts.get(owner, 0) + 1
    return counts


def gathered(program, is_worth):
    """Gather what native loops can run; the program is changed in place.

    Args:
        program: a Program.
        is_worth: a function of a NativeGroup: whether it shall stay one.
    """
    program.instructions = _Gathering(program, is_worth).run()

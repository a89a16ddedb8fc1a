"""Gathering: which instructions become one native loop.

A native loop can do more than NumPy on tiles. It sees arrays as rows, whatever their
shape, so that reshapes do not part a group; it adds up rows and columns as it goes; and
numbers that belong to whole rows are its scalars. So a layer norm, or the gradient of
an affine layer's input with that of its bias, is one group.

Views are written as late as possible: where a group reads them it reads what they are
views of, and most are then needed by nobody.
"""

import math

import numpy as np

from xdl.backend.recording import Instruction, Value
from xdl.program.groups import COLUMN, REPEATED, SINGLE, WHOLE, Group
from xdl.program.numba_formulas import is_known

TOTAL, EVERY = "total", "every"  # sums over the rows, and over all; read outside only
_REDUCTIONS = frozenset({"sum", "max", "min"})
_RESHAPES = frozenset({"reshape", "getitem", "permute_dims", "matrix_transpose"})
_MOST = 40  # instructions: longer functions compile slowly and run out of registers


class NativeGroup(Group):
    """A group that one native function runs.

    Attributes:
        rows, columns: the arrays that it works on have so many.
        base: from each Value that its instructions name to the one that it is a reshape
            of: that is what is read, and what ``kinds`` knows.
        spread: from a column to (divisor, period): row r has the number
            ``(r // divisor) % period``.
    """

    __slots__ = ("base", "columns", "height", "numbers", "spread")

    def __init__(self, rows, columns):
        Instruction.__init__(self, "group", (), {})
        self.shape, self.inner, self.kinds = (rows, columns), [], {}
        self.outputs = ()
        self.height, self.columns = rows, columns
        self.base, self.spread, self.numbers = {}, {}, []

    rows = property(lambda self: self.height)

    @property
    def size(self):
        """How many elements a whole array has."""
        return self.height * self.columns

    def operands_of(self, one):
        """Return what an inner instruction reads, reshapes looked through."""
        return [self.base[v] for v in one.operands()]

    def join(self, number, instruction, kinds):
        """Take an instruction in; ``kinds`` holds the kind of each Value of it."""
        self.inner.append(instruction)
        self.numbers.append(number)
        for value, (base, kind, spread) in kinds.items():
            self.base[value], self.kinds[base] = base, kind
            if kind == COLUMN:
                self.spread[base] = spread

    def merge(self, other):
        """Take over all instructions of another group of the same rows."""
        both = [*zip(self.numbers, self.inner), *zip(other.numbers, other.inner)]
        both.sort(key=lambda pair: pair[0])
        self.numbers, self.inner = map(list, zip(*both, strict=True))
        for name in ("base", "kinds", "spread"):
            getattr(self, name).update(getattr(other, name))

    def finish(self, uses):
        """Find what it reads and what is read of it outside."""
        made, inside, read = set(self.made()), {}, {}
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
        self.is_quiet = True  # native code never warns


def lies_plain(value):
    """Tell whether an array lies in memory in the order of its axes, without gaps."""
    if value.axes is None:
        return False
    axes = [axis for axis in value.axes if value.shape[axis] != 1]
    return axes == sorted(axes) and _is_forward(value)


def _is_forward(value):
    """Tell whether no view on the way has turned an axis round."""
    origin = value.origin
    while isinstance(origin, Instruction) and origin.is_view:
        if origin.name not in _RESHAPES:
            return False
        if origin.name == "getitem" and not _goes_forward(origin.arguments[1]):
            return False
        origin = origin.arguments[0].origin
    return True


def _goes_forward(index):
    parts = index if isinstance(index, tuple) else (index,)
    steps = [part.step for part in parts if isinstance(part, slice)]
    return all(step is None or step > 0 for step in steps)


def base_of(value):
    """Return the Value of which this one is but another shape: itself if of none."""
    while isinstance(value.origin, Instruction) and value.origin.is_view:
        first = value.origin.arguments[0]
        is_same = value.origin.name in _RESHAPES and first.size == value.size
        if not (is_same and lies_plain(first) and lies_plain(value)):
            break
        value = first
    return value


def owner_of(value):
    """Return the Value whose memory ``value`` shares."""
    while isinstance(value.origin, Instruction) and value.origin.is_view:
        value = value.origin.arguments[0]
    return value


def _trimmed(shape):
    shape = list(shape)
    while shape and shape[0] == 1:
        shape.pop(0)
    return tuple(shape)


def kind_in_rows(value, shape):
    """Return (kind, spread) of an operand of what has ``shape``, or None.

    Args:
        value: the operand.
        shape: of the result, which is whole.
    """
    if not isinstance(value, Value) or value.size == 1:
        return SINGLE, None
    if not lies_plain(value):
        return None
    rows = math.prod(shape[:-1])
    lengths = _trimmed(value.shape)
    if value.size == math.prod(shape):
        return WHOLE, None
    if lengths == shape[len(shape) - len(lengths) :]:
        return REPEATED, None
    if lengths[-1] != 1 or len(lengths) > len(shape):
        return None
    first = len(shape) - len(lengths)
    last = first + len(lengths)
    while lengths and lengths[-1] == 1:
        lengths, last = lengths[:-1], last - 1
    if lengths != shape[first:last]:
        return None
    return COLUMN, (math.prod(shape[last:-1]), min(math.prod(lengths), rows))


class _Joined:
    """How an instruction would lie in a group: rows, columns, and its kinds."""

    def __init__(self, rows, columns, kinds):
        self.rows, self.columns, self.kinds = rows, columns, kinds


def _in_rows(instruction):
    """Return a _Joined of an elementwise instruction as whole rows, or None."""
    result = instruction.result
    shape = _trimmed(result.shape) or (1,)
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    if result.size < 2 or not lies_plain(result):
        return None
    kinds = {}
    for value in instruction.operands():
        padded = _padded(shape, value, result)
        found = kind_in_rows(value, padded)
        if found is None or (found[0] == COLUMN and padded != shape):
            return None
        kinds[value] = (base_of(value), *found)
    kinds[result] = (result, WHOLE, None)
    return _Joined(math.prod(shape[:-1]), shape[-1], kinds)


def _padded(shape, value, result):
    """Return the shape in which an operand's lengths are to be found."""
    trailing = len(_trimmed(result.shape)) - len(shape)
    return (*shape, *[1] * trailing) if trailing and not value.is_number else shape


def _as_column(instruction, group):
    """Return a _Joined of an instruction on numbers of a group's rows, or None."""
    result = instruction.result
    if result.size != group.rows or group.rows < 2 or not lies_plain(result):
        return None
    kinds, is_linked = {}, False
    for value in instruction.operands():
        base = base_of(value)
        if value.size == 1:
            kinds[value] = (base, SINGLE, None)
            continue
        if value.size != group.rows or not lies_plain(value):
            return None
        is_linked |= group.kinds.get(base) == COLUMN
        kinds[value] = (base, COLUMN, (1, group.rows))
    kinds[result] = (result, COLUMN, (1, group.rows))
    return _Joined(group.rows, group.columns, kinds) if is_linked else None


def _reduced(instruction):
    """Return a _Joined of a reduction of whole rows, or None."""
    x, *rest = instruction.arguments
    if not isinstance(x, Value) or not x.shape or x.dtype.kind != "f":
        return None
    result, ndim = instruction.result, len(x.shape)
    axis = rest[0] if rest else instruction.options.get("axis")
    axes = range(ndim) if axis is None else axis
    axes = sorted({a % ndim for a in (axes if hasattr(axes, "__iter__") else [axes])})
    columns = x.shape[-1]
    rows = x.size // max(columns, 1)
    is_sum = instruction.name == "sum"
    if x.dtype != result.dtype or not lies_plain(x) or not lies_plain(result):
        return None
    if columns < 2 or rows < 2:
        return None
    if axes == [ndim - 1]:
        kind = COLUMN
    elif is_sum and axes == list(range(ndim - 1)):
        kind = TOTAL
    elif is_sum and axes == list(range(ndim)):
        kind = EVERY
    else:
        return None
    spread = (1, rows) if kind == COLUMN else None
    kinds = {x: (base_of(x), WHOLE, None), result: (result, kind, spread)}
    return _Joined(rows, columns, kinds)


class _Gathering:
    """The groups that are open while a program is gone through."""

    def __init__(self, program, is_worth):
        self.program, self.is_worth = program, is_worth
        self.uses = _real_uses(program)
        self.written, self.open, self.late = [], [], {}
        self.home_of = {}

    def run(self):
        for number, instruction in enumerate(self.program.instructions):
            if instruction.is_view:
                self.late[instruction.result] = instruction
                continue
            if not self._joins(number, instruction):
                self._emit(instruction)
        for group in list(self.open):
            self._close(group)
        for value in self.program.results():
            self._show(value)
        return self.written

    def _emit(self, instruction):
        """Write an instruction that is in no group, and before it what it needs."""
        for value in instruction.operands():
            group = self.home_of.get(owner_of(value))
            if group is not None:
                self._close(group)
        for value in instruction.operands():
            self._show(value)
        self.written.append(instruction)

    def _show(self, value):
        """Write the views that lead to a Value, if they are not there yet."""
        view = self.late.pop(value, None)
        if view is not None:
            for other in view.operands():
                group = self.home_of.get(owner_of(other))
                if group is not None:
                    self._close(group)
                self._show(other)
            self.written.append(view)

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
            self._show(value)
        self.written.append(group)

    def _joins(self, number, instruction):
        """Let an instruction join a group, or open one; tell whether it has."""
        if instruction.result is None or not is_known(instruction):
            return False
        is_reduction = instruction.name in _REDUCTIONS
        joined = _reduced(instruction) if is_reduction else _in_rows(instruction)
        needed = {}
        for value in instruction.operands():
            group = self.home_of.get(owner_of(value))
            if group is not None:
                needed[group] = None
        home, joined = self._home(instruction, joined, list(needed), is_reduction)
        if joined is None:
            return False
        for group in needed:
            if group is home:
                continue
            if home is not None and self._can_merge(home, group, joined):
                self._merge(home, group)
            else:
                self._close(group)
        if home is None:
            home = NativeGroup(joined.rows, joined.columns)
            self.open.append(home)
        home.join(number, instruction, joined.kinds)
        self.home_of[instruction.result] = home
        return True

    def _home(self, instruction, joined, needed, is_reduction):
        """Return the group that an instruction joins (None: a new one), and how."""
        for group in needed:
            fits = self._fits(group, joined)
            if fits:
                return group, joined
            column = None if is_reduction else _as_column(instruction, group)
            if column is not None and self._fits(group, column):
                return group, column
        if joined is None:
            return None, None
        bases = [b for b, kind, _ in joined.kinds.values() if kind == WHOLE]
        for group in reversed(self.open):
            if any(b in group.kinds for b in bases) and self._fits(group, joined):
                return group, joined
        return None, joined

    def _fits(self, group, joined):
        if joined is None or len(group.inner) >= _MOST:
            return False
        if (group.rows, group.columns) != (joined.rows, joined.columns):
            return False
        made = set(group.made())
        return all(
            self._agrees(group, base, kind, spread, made)
            for base, kind, spread in joined.kinds.values()
        )

    def _agrees(self, group, base, kind, spread, made):
        """Tell whether a Value is to the group what an instruction takes it for."""
        owner = owner_of(base)
        if owner in made and base is not owner:
            return False  # part of what the group makes
        if base not in group.kinds:
            return True
        known = group.kinds[base]
        return known == kind and group.spread.get(base) == spread

    def _can_merge(self, home, group, joined):
        if (home.rows, home.columns) != (group.rows, group.columns):
            return False
        if len(home.inner) + len(group.inner) >= _MOST:
            return False
        made = set(group.made()) | set(home.made())
        pairs = [
            (base, kind, group.spread.get(base)) for base, kind in group.kinds.items()
        ]
        return all(self._agrees(home, *pair, made) for pair in pairs) and all(
            self._agrees(group, base, kind, spread, made)
            for base, kind, spread in joined.kinds.values()
        )

    def _merge(self, home, group):
        self.open.remove(group)
        home.merge(group)
        for value in group.made():
            self.home_of[value] = home


def _real_uses(program):
    """Return how often each Value is read by what is no view, under whatever shape."""
    counts = {}
    viewed = [
        v for one in program.instructions if not one.is_view for v in one.operands()
    ]
    for value in [*viewed, *program.results()]:
        base = base_of(value)
        counts[base] = counts.get(base, 0) + 1
        owner = owner_of(value)
        if owner is not base:
            counts[owner] = counts.get(owner, 0) + 1
    return counts


def gathered(program, is_worth):
    """Gather what native loops can run; the program is changed in place.

    Args:
        program: a Program.
        is_worth: a function of a NativeGroup: whether it shall stay one.
    """
    program.instructions = _Gathering(program, is_worth).run()


def lowered(program):
    """Write products with vectors as products and sums, so that groups take them.

    ``x @ v`` is a sum along the rows, ``v @ x`` one over them; the mean and the
    variance of a layer norm are such.
    """
    written = []
    for instruction in program.instructions:
        new = _product_as_sums(instruction) if instruction.name == "matmul" else None
        written += [instruction] if new is None else new
    program.instructions = written


_LEAST = 4096  # elements: smaller products with vectors are left to BLAS


def _product_as_sums(instruction):
    a, b = instruction.arguments
    if a.dtype.kind != "f" or a.dtype != b.dtype or not instruction.result.shape:
        return None
    if not (lies_plain(a) and lies_plain(b)) or max(a.size, b.size) < _LEAST:
        return None
    new = []
    if len(b.shape) == 1 and len(a.shape) > 1:
        product = _product(new, instruction, a, b)
        _sum(new, instruction, product, -1)
        return new
    if len(a.shape) == 1 and len(b.shape) == 2:
        index = (slice(None), None)
        column = _view(new, instruction, a, (a.size, 1), "getitem", index)
        product = _product(new, instruction, b, column)
        _sum(new, instruction, product, 0)
        return new
    is_dot = a.shape[-2:-1] == (1,) == b.shape[-1:] and a.size == b.size
    if not is_dot or a.shape[:-2] != b.shape[:-2]:
        return None
    shape = (*a.shape[:-2], a.shape[-1])
    parts = [_view(new, instruction, x, shape, "reshape", shape) for x in (a, b)]
    product = _product(new, instruction, *parts)
    _sum(new, instruction, product, -1)
    return new


def _added(new, instruction, name, arguments, options, result):
    one = Instruction(name, arguments, options, instruction.place, instruction.is_quiet)
    one.result, result.origin = result, one
    new.append(one)
    return one


def _view(new, instruction, x, shape, name, how):
    result = Value.like(x, None, shape)
    _added(new, instruction, name, (x, how), {}, result).is_view = True
    return result


def _product(new, instruction, a, b):
    for x, other in ((a, b), (b, a)):
        is_constant = base_of(x).origin == "constant"
        if is_constant and other.size >= x.size and np.all(base_of(x).data == 1):
            return other
    result = Value.like(a, None)
    _added(new, instruction, "multiply", (a, b), {}, result)
    return result


def _sum(new, instruction, x, axis):
    """Write the sum that stands for a product; its result is the product's."""
    shape = x.shape[:-1] if axis == -1 else x.shape[1:]
    result = instruction.result
    if result.shape == shape:
        _added(new, instruction, "sum", (x,), {"axis": axis}, result)
        return
    narrow = Value.like(x, None, shape)
    _added(new, instruction, "sum", (x,), {"axis": axis}, narrow)
    one = _added(new, instruction, "reshape", (narrow, result.shape), {}, result)
    one.is_view = True

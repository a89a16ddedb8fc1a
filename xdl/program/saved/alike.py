"""Alike: recordings of one step for several lengths, as one program for any length."""

from typing import Any

import numpy as np

from xdl import backend
from xdl.program.saved import sizes
from xdl.program.saved.literal import comment
from xdl.program.saved.sizes import NoFormula, Scale, Size, at, moves
from xdl.tracing.instructions import Kind
from xdl.tracing.number import Comparison
from xdl.tracing.values import Value, is_given

_KINDS = {Size: int, Scale: float}
_SHOWN = 4  # things in an error


class Differs(Exception):  # noqa: N818 (it says what is so)
    """For another length the step is another one; the text says where."""


class _Walk:
    """Goes through programs side by side; the first stands for all of them."""

    _shape: Any  # what a subclass makes of lengths that may differ
    _number: Any
    _constant: Any

    def __init__(self, programs):
        self._programs = programs
        # From the Values of the first to those of each other program.
        self._other_of: list[dict[Any, Any]] = [{} for _ in programs[1:]]

    def _inputs(self):
        """Compare what is given, used or not."""
        for column in zip(*[program.given for program in self._programs], strict=True):
            self._merged(column)

    def _instructions(self, columns):
        for column in columns:
            first = column[0]
            try:
                self._instruction(column)
            except Differs as error:
                place = f" in {comment(first.place)}" if first.place else ""
                raise Differs(f"{error}{place}") from None

    def _instruction(self, column):
        first = column[0]
        # Whether a reshape is a view hangs on the length; what is returned of one is
        # copied if need be.
        kinds = {
            (one.name, one.is_view and one.row.kind != Kind.RESHAPE, *one.options)
            for one in column
        }
        if len(kinds) > 1:
            raise Differs("takes other array calls")
        arguments = self._merged([one.arguments for one in column])
        options = [tuple(one.options.values()) for one in column]
        by_name = dict(zip(first.options, self._merged(options), strict=True))
        self._results([one.result for one in column])
        first.arguments = arguments
        if by_name:
            first.options = by_name

    def _results(self, values):
        if values[0] is None:
            return
        kinds = {(one.is_number, one.dtype) for one in values}
        if len(kinds) > 1:
            raise Differs("makes arrays of other dtypes")
        if not values[0].is_number:
            self._shape(values)
        self._add(values)

    def _add(self, values):
        first, *others = values
        for other, other_of in zip(others, self._other_of, strict=True):
            other_of[first] = other

    def _merged(self, column):
        """Return one argument in the place of several."""
        first = column[0]
        kind = _KINDS.get(type(first), type(first))
        if any(type(one) is not kind for one in column[1:]):
            raise Differs("computes with other things")
        if kind is Value:
            self._value(column)
            return first
        if kind in (tuple, list):
            if len(set(map(len, column))) > 1:
                raise Differs("takes another number of things")
            return kind([self._merged(c) for c in zip(*column, strict=True)])
        if kind is slice:
            parts = [(one.start, one.stop, one.step) for one in column]
            return slice(*self._merged(parts))
        if kind in (int, float):
            return self._number(column)
        if not all(_is_one(first, one) for one in column[1:]):
            raise Differs(f"computes with {_listed(column)}")
        return first

    def _value(self, column):
        """Compare Values that are read: results, or what comes from outside."""
        first, *others = column
        if first in self._other_of[0]:
            pairs = zip(others, self._other_of, strict=True)
            if any(other_of[first] is not one for one, other_of in pairs):
                raise Differs("reads other values")
            return
        if len({_source(one) for one in column}) > 1:
            raise Differs("reads other values")
        if is_given(first):
            self._constant(column)
        elif not first.is_number:
            self._shape(column)
        self._add(column)

    def _ends(self):
        """Compare what becomes of the results."""
        programs = self._programs
        for program in programs[1:]:
            _refuse_other(programs[0], program)
        self._merged([[_asked(*g) for g in program.guards] for program in programs])
        returned = [program.returned() for program in programs]
        for column in zip(*returned, strict=True):
            column[0].value = self._merged([output.value for output in column])
        for column in zip(*[p.updates for p in programs], strict=True):
            self._merged([update.value for update in column])


class General(_Walk):
    """A program with formulas in it for what moves with a length.

    Args:
        programs: recordings of one step with several lengths. The first of them is
            changed in place: its integers become Sizes, its floats Scales.
        lengths: an int for each.

    Attributes:
        program: the first of them.
        made: from constant Value to the Made that it is for another length.

    Raises:
        Differs: they are not one step.
    """

    def __init__(self, programs, lengths):
        super().__init__(programs)
        self.program, self._lengths, self.made = programs[0], lengths, {}
        self._inputs()
        listed = [program.instructions for program in programs]
        self._instructions(zip(*listed, strict=False))
        if len(set(map(len, listed))) > 1:
            raise Differs(f"takes {_listed(list(map(len, listed)))} array calls")
        self._ends()

    def check(self, program, length):
        """Raise a Differs if the step for a length is not this one."""
        _Check(self, program, length)

    def moving(self):
        """Return the numbers of the instructions that depend on what moves."""
        found, values = set(), set(self.made)
        for i, one in enumerate(self.program.instructions):
            shape = () if one.result is None else one.result.shape or ()
            given = (one.arguments, tuple(one.options.values()), shape)
            if moves(given) or not values.isdisjoint(one.operands()):
                found.add(i)
                values.add(one.result)
        return found

    def parts(self):
        """Return the parts of axes that move, as far as they may end with these.

        A list of (length, slice, length of the part).

        Raises:
            Differs: a part follows no formula.
        """
        found = []
        for one in self.program.instructions:
            if one.row.kind == Kind.PART:
                for length, part in _sliced(*one.arguments):
                    if moves(length) and _is_cut(length, part):
                        found.append((length, part, self._count(length, part)))
        return [part for part in found if not _is_from_the_ends(*part[1:])]

    def _count(self, length, part):
        counts = [count_of(length, part, n) for n in self._lengths]
        try:
            return sizes.integer(counts, self._lengths)
        except NoFormula:
            raise Differs(f"takes parts of {_listed(counts)} rows") from None

    def _shape(self, values):
        shapes = [value.shape for value in values]
        try:
            values[0].shape = sizes.shape(shapes, self._lengths)
        except NoFormula:
            raise Differs(f"makes arrays of shapes {_listed(shapes)}") from None

    def _number(self, column):
        find = sizes.integer if type(column[0]) is int else sizes.number
        try:
            return find(column, self._lengths)
        except NoFormula:
            raise Differs(f"computes with {_listed(column)}") from None

    def _constant(self, column):
        first, arrays = column[0], [backend.to_numpy(one.data) for one in column]
        try:
            made = sizes.array(arrays, self._lengths)
        except NoFormula:
            shapes = _listed([one.shape for one in arrays])
            raise Differs(f"computes with other arrays {shapes}") from None
        if made is not None:
            self.made[first], first.shape = made, made.shape


class _Check(_Walk):
    """The comparison of one more program with a General, which stays as it is."""

    def __init__(self, general, program, length):
        super().__init__([general.program, program])
        self._length, self._made = length, general.made
        self._inputs()
        given, k = program.instructions, 0
        for one in general.program.instructions:
            if self._is_left_out(one, given[k] if k < len(given) else None):
                continue
            if k == len(given):
                raise Differs("takes fewer array calls")
            self._instructions([(one, given[k])])
            k += 1
        if k < len(given):
            raise Differs("takes more array calls")
        self._ends()

    def _instruction(self, column):
        first = column[0]
        arguments, options = first.arguments, first.options
        super()._instruction(column)
        first.arguments, first.options = arguments, options

    def _is_left_out(self, one, other):
        """Take what sums over one row for the row, where it is not summed at all."""
        if not _is_sum(one) or not one.options.get("keepdims"):
            return False
        x, axes = one.arguments[0], one.options.get("axis")
        axes = axes if isinstance(axes, tuple) else (axes,)
        if None in axes or any(at(x.shape[a], self._length) != 1 for a in axes):
            return False
        given = self._other_of[0].get(x)
        if other is not None and _is_sum(other) and other.arguments[0] is given:
            return False
        self._add((one.result, given))
        return True

    def _shape(self, values):
        expected = tuple([at(length, self._length) for length in values[0].shape])
        if expected != values[1].shape:
            raise Differs(f"makes arrays {values[1].shape} instead of {expected}")

    def _number(self, column):
        expected, found = at(column[0], self._length), column[1]
        if type(found) is int:
            is_same = expected == found
        else:
            is_same = sizes.is_near(found, expected)
        if not is_same:
            raise Differs(f"computes with {found} instead of {expected}")
        return column[0]

    def _constant(self, column):
        first, other = column
        made, array = self._made.get(first), backend.to_numpy(other.data)
        if made is None:
            is_same = sizes.is_same(backend.to_numpy(first.data), array)
        else:
            is_same = sizes.is_made(made, array, self._length)
        if not is_same:
            raise Differs("computes with other arrays")


def _is_sum(one):
    return one.row.kind == Kind.REDUCTION and one.row.adds


def count_of(length, part, n):
    """Return how many rows a part of an axis has, where both may move with a length."""
    ends = [at(end, n) for end in (part.start, part.stop, part.step)]
    return len(range(at(length, n))[slice(*ends)])


def _sliced(x, index):
    """Return (length of the axis, slice) of the slices of an index."""
    given = index if isinstance(index, tuple) else (index,)
    parts = [part for part in given if part is not None]
    for i, part in enumerate(parts):
        if part is Ellipsis:
            parts[i : i + 1] = [slice(None)] * (len(x.shape) - len(parts) + 1)
            break
    pairs = zip(x.shape, parts, strict=False)
    return [pair for pair in pairs if isinstance(pair[1], slice)]


def _is_cut(length, part):
    """Tell whether a part of an axis may be less than all of it."""
    stop = getattr(part.stop, "formula", part.stop)
    return bool(part.start) or (stop is not None and stop != length.formula)


def _is_from_the_ends(part, count):
    """Tell whether a part leaves out so many at the start and at the end."""
    start, stop = part.start or 0, part.stop
    is_plain = type(start) is int and (stop is None or type(stop) is int)
    if not is_plain or part.step not in (None, 1):
        return False
    return start >= 0 and (stop is None or stop < 0) and moves(count)


def _source(value):
    """Return which Value it is of those that come from outside."""
    if not isinstance(value.origin, str):
        return value
    return None if is_given(value) else (value.origin, value.data)


def _asked(value, question, answer):
    if isinstance(question, Comparison):
        question = (question.name, question.other, question.is_difference)
    return value, question, answer


def _refuse_other(first, other):
    nested = [repr(_kinds(program.outputs)) for program in (first, other)]
    ends = [
        (program.draws, [(u.slot, u.in_place) for u in program.updates])
        for program in (first, other)
    ]
    if nested[0] != nested[1]:
        raise Differs("returns other things")
    if ends[0] != ends[1]:
        raise Differs("changes or draws other things")


def _kinds(nested):
    """Return nested Outputs as what tells whether two are nested alike."""
    if isinstance(nested, dict):
        return [(key, _kinds(item)) for key, item in nested.items()]
    if isinstance(nested, tuple | list):
        return type(nested).__name__, [_kinds(item) for item in nested]
    return nested.kind


def _is_one(one, other):
    """Tell whether two plain things are the same."""
    if one is other:
        return True
    arrays = [backend.to_numpy(x) for x in (one, other) if type(x) in backend.ARRAYS]
    if arrays:
        return len(arrays) == 2 and sizes.is_same(*arrays)
    if isinstance(one, np.generic):
        return one.tobytes() == other.tobytes()
    try:
        return repr(one) == repr(other) and bool(one == other)
    except Exception:  # what a user's object says of itself
        return False


def _listed(things):
    shown = [comment(repr(one)) for one in things[:_SHOWN]]
    return ", ".join([*shown, *(["..."] if len(things) > _SHOWN else [])])

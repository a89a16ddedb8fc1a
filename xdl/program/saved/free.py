"""Free: a program for any size of the batch, found by recordings with several sizes.

The step is recorded again with a few small batches. What differs between the recordings
must follow a formula of the size, and so must what passes make of them. The formulas
stand for every size if the code of the step never asked for one; else for the sizes
that have been tried.
"""

import itertools
from typing import Any

from xdl.program.errors import Changed
from xdl.program.saved.alike import Differs, General, count_of
from xdl.program.saved.literal import comment
from xdl.program.saved.sizes import at

_FIRST = 4  # the smallest of the lengths that are compared: below, some are special
_COUNT = 6  # how many are compared
_IMPROVED = 4  # of how many what the passes make is compared, too
_TRIED = 128  # of a step that asks for them, so many; or up to twice the recorded one
_SECONDS = 5  # that these may take, by the estimate below
_RATES = (2e-5, 1e-9, 1e-10)  # seconds for an instruction, a byte and a FLOP
_WAYS = 6  # how many choices of axes are tried


class Free:
    """A program whose arguments may have other lengths than it was recorded with.

    Attributes:
        program: the Program, with Sizes and Scales where it moves with the length.
        made: from constant Value to the Made that it is.
        axes: from the number of an argument to its axis of this length.
        some: lengths that it takes, as pairs (first, last).
        least: it takes all from this one on, too; None: it does not.
        parts: as of ``General.parts``, which hold for the lengths that it is for.
    """

    def __init__(self, general, axes, taken, parts):
        self.program, self.made, self.axes = general.program, general.made, axes
        (self.some, self.least), self.parts = taken, parts

    def takes(self, n):
        """Tell whether it is for a length."""
        is_one = any(first <= n <= last for first, last in self.some)
        if not is_one and (self.least is None or n < self.least):
            return False
        return all(
            count_of(length, part, n) == at(count, n)
            for length, part, count in self.parts
        )


def free(program):
    """Return the Free of a program, and None; or None, and why there is none.

    Args:
        program: a Program that was recorded in full.
    """
    trial = program.trial
    ways = _ways(trial.shapes())
    if not ways:
        return None, None
    reason: Any = None
    try:
        trial.refuse_changed(program)
        again = trial.program({}, None)
        if again.digest != program.digest:
            raise Changed("the step does not do the same when it is recorded again")
        for axes in ways:
            search = _Search(trial, axes, program.statistics())
            for first in dict.fromkeys((_FIRST, max(_FIRST, search.recorded))):
                try:
                    return search.free(first), None
                except Differs as error:
                    reason = reason or error
    except Changed as error:
        reason = error
    except Exception as error:  # what the step raises, whatever it is
        reason = f"recorded again, it raises {_shown(error)}"
    return None, str(reason)


def _shown(error):
    return comment(f"{type(error).__name__}: {error}")


def _ways(shapes):
    """Return which axes of the arguments may have a length in common, the likely first.

    An axis of the batch is the first one, or, of sequences, the second.
    """
    known = {i: shape[: 2 if len(shape) > 2 else 1] for i, shape in shapes.items()}
    lengths = [shape[k] for k in (0, 1) for shape in known.values() if len(shape) > k]
    ways = []
    for length in dict.fromkeys(lengths):
        choices = [
            [(i, axis) for axis, one in enumerate(shape) if one == length]
            for i, shape in known.items()
            if length in shape
        ]
        some = itertools.islice(itertools.product(*choices), _WAYS)
        ways += [dict(way) for way in some]
    return ways[:_WAYS]


class _Search:
    """The search for the program of any length of some axes.

    Args:
        trial: the Trial of a program.
        axes: as of ``Free``.
        statistics: of the program.
    """

    def __init__(self, trial, axes, statistics):
        self._trial, self._axes, self._statistics = trial, axes, statistics
        shapes = trial.shapes()
        (self.recorded,) = {shapes[i][axis] for i, axis in axes.items()}

    def free(self, first):
        """Return the Free.

        Args:
            first: the smallest of the lengths that are compared.

        Raises:
            Differs: there is none.
        """
        lengths, made = self._lengths(first)
        programs = [made.get(n) or self._program(n) for n in lengths]
        general = General([self._program(lengths[0]), *programs[1:]], lengths)
        parts, taken = general.parts(), self._taken(general, programs, lengths[0])
        moving, some = general.moving(), programs[:_IMPROVED]
        for program in some:
            program.moving = {program.instructions[i] for i in moving}
            self._trial.improved(program)
        general = General(some, lengths[:_IMPROVED])
        found = Free(general, self._axes, taken, parts)
        if not found.takes(self.recorded):
            raise Differs(f"is another step for {self.recorded}")
        return found

    def _program(self, n):
        try:
            return self._trial.program(self._axes, n, any_length=True)
        except Exception as error:  # what the step raises, whatever it is
            said = f"with {n} instead of {self.recorded}: {_shown(error)}"
            raise Differs(said) from error

    def _lengths(self, first):
        """Return lengths, from the first on, that no other axis has by chance.

        And the programs that were recorded to find them, by length.
        """
        made = {n: self._program(n) for n in (first, first + 1)}
        known = set.intersection(*map(_lengths_in, made.values()))
        free = (n for n in itertools.count(first) if n not in known)
        return list(itertools.islice(free, _COUNT)), made

    def _taken(self, general, programs, first):
        """Return the lengths that are taken, and from which on all are, or None."""
        asked = [program.asked for program in programs]
        if any(one != asked[0] for one in asked[1:]):
            return _pairs(self._tried(general)), None
        below = [n for n in range(1, first) if n < _FIRST]
        below += self._affordable(range(first - 1, _FIRST - 1, -1))
        some = sorted([n for n in below if self._is_same(general, n)])
        while some and some[-1] == first - 1:
            first = some.pop()
        return _pairs(some), first

    def _tried(self, general):
        """Return the lengths for which the step is the same, of as many as can be."""
        lengths = range(1, max(_TRIED, 2 * self.recorded) + 1)
        tried = {self.recorded, *self._affordable(lengths)}
        return sorted([n for n in tried if self._is_same(general, n)])

    def _affordable(self, lengths):
        """Return as many of the lengths, the first ones, as can be tried in some time.

        It is estimated, so that a file does not depend on how fast a machine is.
        """
        counted = [self._statistics[name] for name in ("lines", "bytes", "flops")]
        fixed, *by_row = [a * b for a, b in zip(counted, _RATES, strict=True)]
        found, left = [], _SECONDS
        for n in lengths:
            left -= fixed + sum(by_row) * n / max(self.recorded, 1)
            if left < 0:
                break
            found.append(n)
        return found

    def _is_same(self, general, n):
        """Tell whether the step for a length is what the general program says."""
        try:
            general.check(self._program(n), n)
        except Differs:
            return False
        return True


def _lengths_in(program):
    """Return the lengths of all axes of the arrays in a program."""
    values = [v for one in program.instructions for v in (one.result, *one.operands())]
    shapes = [v.shape for v in values if v is not None and not v.is_number]
    return {length for shape in shapes for length in shape}


def _pairs(lengths):
    """Return sorted lengths as pairs: (first, last) of those that follow each other."""
    pairs: list[Any] = []
    for n in lengths:
        if pairs and pairs[-1][1] == n - 1:
            pairs[-1] = (pairs[-1][0], n)
        else:
            pairs.append((n, n))
    return pairs

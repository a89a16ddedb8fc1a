"""Doubts: where two results differ by more than their own rounding."""

import numpy as np

from xdl import backend
from xdl.program.verify.perturbed import EPS

# A result may be off by so many roundings of its own, and as far as so many of all that
# it is made of lead.
_OWN, _FAR = 2, 32
_BLOCK = 1 << 18  # elements that are compared at once
_MOST = 1 << 14  # doubts that are kept of one result
_LEAST = {"float16": 2.0**-14, "float64": 2.0**-1022}  # normal numbers
_LEAST_OF_OTHERS = 2.0**-126


class Doubts:
    """The elements of a result that differ from the expected ones, while in doubt.

    Of very many, half of those that are kept are the farthest off and half are spread
    evenly over the result.

    Args:
        what: whose result it is, in words.
        got, expected: two arrays of one shape and dtype.
    """

    def __init__(self, what, got, expected):
        self._what, self._size = what, expected.size
        got, expected = got.reshape(-1), expected.reshape(-1)
        found = [np.empty(0, int)]
        for first in range(0, got.size, _BLOCK):
            a, b = (x[first : first + _BLOCK] for x in (got, expected))
            found.append(first + np.flatnonzero(_distance(a, b) > _own(b)))
        places = _fewer(np.concatenate(found), got, expected)
        self._places, self._plain = places, None
        self._got, self._expected = got[places], expected[places]

    def __len__(self):
        return self._places.size

    def see(self, array, units):
        """Note what the program gives, and drop the doubts that this explains.

        Args:
            array: the result of a run.
            units: of the errors it was made with; 0: there were none.
        """
        now = np.asarray(array).reshape(-1)[self._places]
        if not units:
            self._plain = now
        if self._plain is None:
            return
        moved = _distance(now, self._plain) - _own(self._plain)  # rounded to numbers
        moved = np.maximum(moved, 0) * (_FAR / max(units, 1))
        moved[_is_nan(now) & ~_is_nan(self._plain)] = 0  # nothing is defined there
        limit = _own(self._expected) + moved
        left = ~(_distance(self._got, self._expected) <= limit)
        for name in ("_places", "_got", "_expected", "_plain"):
            setattr(self, name, getattr(self, name)[left])

    def __str__(self):
        """Say what differs, where it does most."""
        i = int(np.argmax(_excess(self._got, self._expected)))
        text = f"{self._got[i]} came, eager gives {self._expected[i]}"
        return f"{self._what}: {text}, and {len(self)} of {self._size} numbers like it"

    def is_of_the_program(self):
        """Tell whether the program gives other numbers than eager without any code."""
        if self._plain is None:
            return True
        far = _distance(self._plain, self._expected) > _own(self._expected)
        return bool(far.any())


def _fewer(places, got, expected):
    """Return the places of the doubts that are kept."""
    if places.size <= _MOST:
        return places
    excess = _excess(got[places], expected[places])
    farthest = places[np.argpartition(excess, -_MOST // 2)[-_MOST // 2 :]]
    return np.union1d(farthest, places[:: 2 * places.size // _MOST])


def _excess(got, expected):
    """Return how far numbers are off, in roundings of their own."""
    return _distance(got, expected) / (_own(expected) + 1e-300)


def _distance(a, b):
    """Return how far numbers are from each other; other values: 0 or infinity."""
    if not backend.is_floating(b):
        return np.where(a == b, 0.0, np.inf)
    with np.errstate(all="ignore"):
        distance = np.abs(a.astype(float) - b.astype(float))
        same = (a == b) | (_is_nan(a) & _is_nan(b))
    return np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance))


def _own(array):
    """Return how far a few roundings of numbers themselves lead."""
    if not backend.is_floating(array):
        return 0.0
    name = backend.dtype_name(array.dtype)
    least = _LEAST.get(name, _LEAST_OF_OTHERS)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(array.astype(float)), least)
    return np.where(np.isfinite(size), _OWN * EPS[name] * size, 0.0)


def _is_nan(array):
    return array != array

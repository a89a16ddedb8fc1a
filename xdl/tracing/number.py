"""Numbers of a recorded step that may be others at the next call."""

import operator

from xdl.recording import active
from xdl.tracing.instructions import TABLE, Kind

_ARITHMETIC = [row for row in TABLE.values() if row.of_numbers]
# From Python's names of the comparisons to those of the namespace.
COMPARISONS = {
    row.operator.__name__: row.name
    for row in TABLE.values()
    if row.kind == Kind.COMPARISON
}


class Comparison:
    """The question how a number compares with another one.

    Args:
        name: the method that answers it, without underscores.
        other: a float or int.
        is_difference: whether NaN has no answer: two infinities have no difference.
    """

    __slots__ = ("is_difference", "name", "other")

    def __init__(self, name, other, is_difference=False):
        self.name, self.other, self.is_difference = name, other, is_difference

    def __call__(self, number):
        if self.is_difference and number != number:
            return None
        return getattr(operator, self.name)(number, self.other)


class Number:
    """A Python number that may be another one at the next call: a learning rate.

    Arithmetic on it is written down. Where Python needs the number itself (``if``,
    comparisons, ``float``), it is given, and a guard notes that the program holds for
    this answer alone. ``isinstance`` takes it for the number.
    """

    __slots__ = ("number", "value")
    __array_ufunc__ = None

    def __init__(self, number, value):
        self.number, self.value = number, value

    @property  # type: ignore[misc]
    def __class__(self):
        return type(self.number)

    def item(self):
        """Return itself: it is a Python number already."""
        return self

    def _guarded(self, question):
        answer = question(self.number)
        active().guards.append((self.value, question, answer))
        return answer

    def __bool__(self):
        return self._guarded(bool)

    def __float__(self):
        if self.number == 0:
            self._guarded(repr)  # which tells -0.0 from 0.0
        return self._guarded(float)

    def __int__(self):
        return self._guarded(int)

    def __str__(self):
        return self._guarded(repr)

    def __format__(self, form):
        return self._guarded(lambda number: format(number, form))

    def __hash__(self):
        return self._guarded(hash)

    __repr__ = __str__


def _number_operator(name, compute):
    def call(*numbers):
        if any(type(n) not in (Number, float, int) for n in numbers):
            return NotImplemented
        real = compute(*[n.number if type(n) is Number else n for n in numbers])
        arguments = tuple([n.value if type(n) is Number else n for n in numbers])
        return Number(real, active().add(name, arguments, {}, real))

    return call


def _install():
    for row in _ARITHMETIC:
        name, call = row.operator.__name__, _number_operator(row.name, row.operator)
        setattr(Number, f"__{name}__", call)
        if row.arity == 2:
            setattr(Number, f"__r{name}__", lambda self, other, f=call: f(other, self))
    for name in COMPARISONS:
        setattr(Number, f"__{name}__", _guarded_comparison(name))


def _guarded_comparison(name):
    def method(self, other):
        if type(other) is Number:
            difference = self - other
            if difference.number == difference.number:  # two infinities have none
                return difference._guarded(Comparison(name, 0, is_difference=True))
            other = float(other)
        if type(other) not in (float, int):
            return NotImplemented
        return self._guarded(Comparison(name, other))

    return method


_install()

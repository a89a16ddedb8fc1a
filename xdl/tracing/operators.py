"""The operators of recorded arrays: each is a function of the namespace, by name."""

from xdl import backend
from xdl.tracing.instructions import TABLE, Kind

_POWERS = {2: "square", 0.5: "sqrt", 1: "positive", -1: "reciprocal"}


def _power(trace):
    """Return ``x ** exponent`` as NumPy's operator has it.

    It has other functions for some, but what has no axes is a scalar inside a kernel.
    """

    def power(x, exponent):
        is_plain = type(exponent) in (int, float) and exponent in _POWERS
        if is_plain and x.ndim and backend.is_floating(x):
            return getattr(trace, _POWERS[exponent])(x)
        return trace.pow(x, exponent)

    return power


def _in_place(trace, function):
    """Return the operator that writes into the left operand, for a function of two."""

    def method(self, other):
        made = function(self, other)
        if type(self.array) not in backend.ARRAYS:  # one of NumPy's scalars
            return made
        made = trace.astype(made, self.dtype)
        self._put(..., made.array)
        self._become(made.value, made.array)
        return self

    return method


def install(traced, trace):
    """Give the class of recorded arrays the operators of NumPy's.

    Args:
        traced: the class.
        trace: its namespace.
    """
    for row in TABLE.values():
        if row.operator is None:
            continue
        name, f = row.operator.__name__.strip("_"), getattr(trace, row.name)
        if row.arity == 1:
            setattr(traced, f"__{name}__", lambda self, f=f: f(self))
            continue
        f = _power(trace) if row.kind == Kind.POWER else f
        setattr(traced, f"__{name}__", lambda self, other, f=f: f(self, other))
        if row.kind != Kind.COMPARISON:
            setattr(traced, f"__r{name}__", lambda self, other, f=f: f(other, self))
            setattr(traced, f"__i{name}__", _in_place(trace, f))

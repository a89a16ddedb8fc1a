"""The operators of recorded arrays: each is a function of the namespace, by name."""

from xdl import backend
from xdl.tracing.number import COMPARISONS

_POWERS = {2: "square", 0.5: "sqrt", 1: "positive", -1: "reciprocal"}


def _power(trace):
    """Return ``x ** exponent`` as NumPy's operator has it.

    Arrays have short ways, but what has no axes is a scalar inside a kernel.
    """

    def power(x, exponent):
        is_plain = type(exponent) in (int, float) and exponent in _POWERS
        if is_plain and x.ndim and backend.is_floating(x):
            return getattr(trace, _POWERS[exponent])(x)
        return trace.pow(x, exponent)

    return power


_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_not"}


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
    functions = {name: getattr(trace, f) for name, f in _OPERATORS.items()}
    functions["pow"] = _power(trace)
    for name, f in functions.items():
        setattr(traced, f"__{name}__", lambda self, other, f=f: f(self, other))
        setattr(traced, f"__r{name}__", lambda self, other, f=f: f(other, self))
        setattr(traced, f"__i{name}__", _in_place(trace, f))
    for name, function in COMPARISONS.items():
        f = getattr(trace, function)
        setattr(traced, f"__{name}__", lambda self, other, f=f: f(self, other))
    for name, function in _UNARY.items():
        f = getattr(trace, function)
        setattr(traced, f"__{name}__", lambda self, f=f: f(self))

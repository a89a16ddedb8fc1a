"""Formulas: what native loops write for one number of an elementwise instruction.

Each takes the texts of its operands, converted to the dtype that NumPy computes in, and
returns the text of the result. Operands are names, so that a text may name them twice.
"""

import numpy as np

from xdl.tracing.values import Value

_FLOATS = frozenset({"float32", "float64"})
_DTYPES = _FLOATS | {"bool", "int8", "int16", "int32", "int64", "uint8"}
_HIGHEST_POWER = 5  # each product rounds: up to here, by at most 4 ulp in all

_ARITHMETIC = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "square": "{0} * {0}",
}
_OF_FLOATS = {
    "divide": "{0} / {1}",
    "reciprocal": "ONE / {0}",
    "sqrt": "sqrt({0})",
    "exp": "exp({0})",
    "expm1": "expm1({0})",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "tanh": "tanh({0})",
    "erf": "erf({0})",
    "abs": "abs({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round": "rint({0})",
    "remainder": "{0} % {1}",
    "maximum": "maximum({0}, {1})",
    "minimum": "minimum({0}, {1})",
    "sign": "{0} if {0} != {0} else DTYPE({0} > ZERO) - DTYPE({0} < ZERO)",
}
_OF_INTEGERS = {
    "maximum": "({0} if {0} > {1} else {1})",
    "minimum": "({0} if {0} < {1} else {1})",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
}
_COMPARISONS = {
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
}
_TESTS = {
    "isnan": "{0} != {0}",
    "isinf": "abs({0}) == INFINITY",
    "isfinite": "abs({0}) < INFINITY",
}
_LOGIC = {
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_xor": "{0} ^ {1}",
    "logical_not": "not {0}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "bitwise_not": "not {0}",
}
_CHOICES = {"where": "{1} if {0} else {2}", "zero_unless": "{1} if {0} else ZERO"}


class Formula:
    """How one instruction is written.

    Attributes:
        text: with the operands as ``{0}``, ``{1}``, ``{2}``.
        dtypes: what the operands are converted to, by name.
        computed: the dtype that the text is computed in, by name.
    """

    def __init__(self, text, dtypes, computed):
        self.text, self.dtypes, self.computed = text, dtypes, computed


def is_known(instruction):
    """Tell whether an instruction can be part of a native loop."""
    if instruction.name in ("sum", "max", "min"):
        return str(instruction.result.dtype) in _FLOATS
    return formula_of(instruction) is not None


def formula_of(instruction):
    """Return the Formula of an elementwise instruction, or None."""
    name, result = instruction.name, instruction.result
    options = set(instruction.options)
    if result.is_number or options or not all(map(_is_simple, _values(instruction))):
        return None
    out = str(result.dtype)
    if name == "astype":
        return _conversion(instruction, out)
    if name in _CHOICES:
        text = _CHOICES[name]
        return Formula(text, ["bool", *[out] * (len(instruction.arguments) - 1)], out)
    if name in ("pow", "power"):
        return _power(instruction, out)
    if name in _COMPARISONS or name in _TESTS:
        return _comparison(instruction)
    text = _texts(out).get(name)
    return text and Formula(text, [out] * len(instruction.arguments), out)


def _texts(dtype):
    """Return the formulas whose operands have the dtype of the result."""
    if dtype == "bool":
        return _LOGIC
    return _ARITHMETIC | (_OF_FLOATS if dtype in _FLOATS else _OF_INTEGERS)


def _values(instruction):
    return [*instruction.arguments, instruction.result]


def _is_simple(argument):
    """Tell whether an argument is a number or dtype, or an array of a known dtype."""
    if not isinstance(argument, Value):
        return isinstance(argument, bool | int | float | type | np.dtype)
    if argument.is_number:
        return True
    return str(argument.dtype) in _DTYPES and argument.dtype.isnative


def _dtype_of(argument):
    """Return the dtype of an argument, or the Python number that takes any."""
    if isinstance(argument, Value):
        return 1.0 if argument.is_number else argument.dtype
    return argument


def _comparison(instruction):
    given = [_dtype_of(a) for a in instruction.arguments]
    try:
        common = str(np.result_type(*given))
    except OverflowError:  # a Python integer that no such array can hold
        return None
    is_float = common in _FLOATS
    if instruction.name in _TESTS and not is_float:
        return None
    text = (_COMPARISONS | _TESTS)[instruction.name]
    is_mixed = common == "bool" and instruction.name not in ("equal", "not_equal")
    if common not in _DTYPES or is_mixed:
        return None
    return Formula(text, [common] * len(given), common)


def _conversion(instruction, out):
    x = instruction.arguments[0]
    if not isinstance(x, Value) or x.is_number:
        return None
    if out == "bool":
        return Formula("{0} != ZERO", [str(x.dtype)], str(x.dtype))
    if x.dtype.kind == "f" and out not in _FLOATS:
        return None  # what NaN and what is too large become is NumPy's own
    return Formula("{0}", [out], out)


def _power(instruction, out):
    """Return the Formula of a power with a small integer written as exponent."""
    base, exponent = instruction.arguments
    is_known = type(exponent) in (int, float) and 1 < exponent <= _HIGHEST_POWER
    if out not in _FLOATS or not is_known or exponent != int(exponent):
        return None
    if not isinstance(base, Value) or str(base.dtype) != out:
        return None
    return Formula(f"{{0}} ** {int(exponent)}", [out], out)

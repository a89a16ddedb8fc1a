"""Formulas: what native loops write for one number of an elementwise instruction.

Each takes the texts of its operands, converted to the dtype that NumPy computes in, and
returns the text of the result. Operands are names, so that a text may name them twice.
"""

import numpy as np

from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value

FLOATS = frozenset({"float32", "float64"})
DTYPES = FLOATS | {"bool", "int8", "int16", "int32", "int64", "uint8"}
_HIGHEST_POWER = 5  # each product rounds: up to here, by at most 4 ulp in all


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
    if instruction.row.joins is not None:
        return str(instruction.result.dtype) in FLOATS
    return formula_of(instruction) is not None


def formula_of(instruction):
    """Return the Formula of an elementwise instruction, or None."""
    row, result = instruction.row, instruction.result
    if not row.is_elementwise or result.is_number or instruction.options:
        return None
    if not all(map(_is_simple, (*instruction.arguments, result))):
        return None
    out = str(result.dtype)
    special = _BY_KIND.get(row.kind)
    if special is not None:
        return special(instruction, out)
    text = row.truths if out == "bool" else row.integers
    text = row.floats if out in FLOATS else text
    return text and Formula(text, [out] * len(instruction.arguments), out)


def formula_of_few(instruction):
    """Return the Formula of an elementwise instruction on a few numbers, or None.

    It may be slow in a loop over many.
    """
    found, row, result = formula_of(instruction), instruction.row, instruction.result
    if found is not None or result.is_number:
        return found
    dtype = str(result.dtype)
    if row.kind == Kind.CONVERSION:
        return _any_conversion(instruction.arguments[0], dtype)
    if row.few is None or dtype not in FLOATS or instruction.options:
        return None
    values = [v for v in instruction.operands() if not v.is_number]
    if not all(str(v.dtype) in DTYPES for v in values):
        return None
    return Formula(row.few, [dtype] * 2, dtype)


def _is_simple(argument):
    """Tell whether an argument is a number or dtype, or an array of a known dtype."""
    if not isinstance(argument, Value):
        return isinstance(argument, bool | int | float | type | np.dtype)
    if argument.is_number:
        return True
    return str(argument.dtype) in DTYPES and argument.dtype.isnative


def _dtype_of(argument):
    """Return the dtype of an argument, or the Python number that takes any."""
    if isinstance(argument, Value):
        return 1.0 if argument.is_number else argument.dtype
    return argument


def _choice(instruction, out):
    dtypes = ["bool", *[out] * (len(instruction.arguments) - 1)]
    return Formula(instruction.row.floats, dtypes, out)


def _comparison(instruction, out):
    row, given = instruction.row, [_dtype_of(a) for a in instruction.arguments]
    try:
        common = str(np.result_type(*given))
    except OverflowError:  # a Python integer that no such array can hold
        return None
    if row.kind == Kind.TEST and common not in FLOATS:
        return None
    is_mixed = common == "bool" and row.truths is None
    if common not in DTYPES or is_mixed:
        return None
    return Formula(row.floats, [common] * len(given), common)


def _conversion(instruction, out):
    x = instruction.arguments[0]
    if not isinstance(x, Value) or x.is_number:
        return None
    if out == "bool":
        return Formula("{0} != ZERO", [str(x.dtype)], str(x.dtype))
    if x.dtype.kind == "f" and out not in FLOATS:
        return None  # what NaN and what is too large become is NumPy's own
    return Formula("{0}", [out], out)


def _power(instruction, out):
    """Return the Formula of a power with a small integer written as exponent."""
    base, exponent = instruction.arguments
    is_known = type(exponent) in (int, float) and 1 < exponent <= _HIGHEST_POWER
    if out not in FLOATS or not is_known or exponent != int(exponent):
        return None
    if not isinstance(base, Value) or str(base.dtype) != out:
        return None
    return Formula(f"{{0}} ** {int(exponent)}", [out], out)


def _any_conversion(x, after):
    before = str(x.dtype)
    is_truncated = before.startswith("float") and not after.startswith("float")
    if is_truncated or before not in DTYPES or after not in DTYPES:
        return None  # what NaN becomes is NumPy's own
    if after == "bool":
        return Formula("{0} != ZERO", [before], before)
    return Formula("{0}", [after], after)


_BY_KIND = {
    Kind.COMPARISON: _comparison,
    Kind.TEST: _comparison,
    Kind.CHOICE: _choice,
    Kind.MASK: _choice,
    Kind.CONVERSION: _conversion,
    Kind.POWER: _power,
}

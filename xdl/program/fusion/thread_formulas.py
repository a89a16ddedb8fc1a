"""Formulas of threads: those of native loops, and what else CUDA C++ can say of one
number: conversions of floats to integers, unsigned integers, divisions that round down.
"""

import numpy as np

from xdl.program.fusion.formulas import DTYPES, FLOATS, Formula, formula_of_few
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value

THREAD_DTYPES = DTYPES | {"uint16", "uint32", "uint64"}
_COPIES = {Kind.COPY, Kind.RESHAPE, Kind.CONVERSION, Kind.BROADCAST}
_OF_ONE = {Kind.AXES, Kind.TRANSPOSE, Kind.PART}  # of what is no view: one number
_FLOATS = {"floor_divide": "floor_divide({0}, {1})"}
_INTEGERS = {
    **_FLOATS,
    "remainder": "{0} % {1}",
    "bitwise_not": "~{0}",
    "abs": "abs({0})",
    "sign": "DTYPE({0} > ZERO) - DTYPE({0} < ZERO)",
    "floor": "{0}",
    "ceil": "{0}",
    "round": "{0}",
}


def formula_of_thread(one):
    """Return the Formula of an instruction of numbers, or of a copy; None: none."""
    if one.result is None or one.result.is_number or one.is_view:
        return None
    found = formula_of_few(one) if one.row.is_elementwise else None
    if found is not None:
        return found
    out = str(one.result.dtype)
    if out not in THREAD_DTYPES or not all(map(_is_simple, one.operands())):
        return None
    is_one = one.row.kind in _OF_ONE and one.arguments[0].size == 1
    if one.row.kind in _COPIES or (is_one and len(one.operands()) == 1):
        return _copy(one, out)
    if not one.row.is_elementwise or one.options:
        return None
    if one.row.kind == Kind.COMPARISON:
        return _comparison(one)
    text = _INTEGERS.get(one.name, one.row.integers)
    text = _FLOATS.get(one.name) if out in FLOATS else text
    if text is None or out == "bool":
        return None
    return Formula(text, [out] * len(one.arguments), out)


def _is_simple(value):
    return value.is_number or str(value.dtype) in THREAD_DTYPES


def _copy(one, out):
    x = one.arguments[0]
    if not isinstance(x, Value) or x.is_number:
        return None
    if out == "bool":
        return Formula("{0} != ZERO", [str(x.dtype)], str(x.dtype))
    return Formula("{0}", [out], out)


def _comparison(one):
    given = [_dtype_of(argument) for argument in one.arguments]
    try:
        common = str(np.result_type(*given))
    except (OverflowError, TypeError):  # a Python integer that no such array can hold
        return None
    text = one.row.floats
    if common not in THREAD_DTYPES or common == "bool" or text is None:
        return None
    return Formula(text, [common] * len(given), common)


def _dtype_of(argument):
    if isinstance(argument, Value):
        return 1.0 if argument.is_number else argument.dtype
    return argument

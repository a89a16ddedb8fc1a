"""The elementwise functions of the namespace as text for Numba, one number at a time.

Each text is exact about dtypes: NumPy converts operands before it computes, and keeps
a Python number out of that.
"""

import math

import numpy as np

from xdl.backend.recording import Value
from xdl.program.places import Ineligible

_FLOATING = {
    "divide": "{0} / {1}",
    "sqrt": "math.sqrt({0})",
    "reciprocal": "{one} / {0}",
    "floor": "math_floor({0})",
    "ceil": "math_ceil({0})",
    "round": "math_rint({0})",
    "logaddexp": "math_logaddexp({0}, {1})",
    "atan2": "math.atan2({0}, {1})",
    "maximum": "maximum_{d}({0}, {1})",
    "minimum": "minimum_{d}({0}, {1})",
}
_FLOATING |= {
    name: f"{name}_{{d}}({{0}})"
    for name in ("exp", "expm1", "log", "log1p", "tanh", "erf")
}
_FLOATING |= {
    name: f"math.{name}({{0}})"
    for name in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh")
    + ("asinh", "acosh", "atanh", "log2", "log10")
}
_NUMERIC = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "copy": "{0}",
    "square": "{0} * {0}",
    "abs": "abs({0})",
    "sign": "{one} if {0} > {zero} else (-{one} if {0} < {zero} else {0})",
    "pow": None,
}
_QUESTIONS = {
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "isnan": "{0} != {0}",
    "isinf": "abs({0}) == {inf}",
    "isfinite": "abs({0}) < {inf}",
}
_BITS = {
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "not {0}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
}
_POWERS = {
    2: "{0} * {0}",
    3: "{0} * {0} * {0}",
    0.5: "math.sqrt({0})",
    1: "{0}",
    -1: "{one} / {0}",
}
ELEMENTWISE = frozenset(
    {*_FLOATING, *_NUMERIC, *_QUESTIONS, *_BITS}
    | {"where", "zero_unless", "astype", "bitwise_not"}
)
DTYPES = frozenset(
    {"bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"}
)


def dtype_within(instruction):
    """Return the dtype that an instruction computes in."""
    name, result = instruction.name, instruction.result
    if name in _QUESTIONS:
        values = [v for v in instruction.operands() if not v.is_number]
        return np.result_type(*[v.dtype for v in values])
    return result.dtype


def number(value, dtype):
    """Return the text of a Python number as a constant of a dtype."""
    if dtype == bool:
        return repr(bool(value))
    if dtype.kind == "f" and not math.isfinite(value):
        return f'{dtype}("{float(value)!r}")'
    return f"{dtype}({float(value) if dtype.kind == 'f' else int(value)!r})"


def cast(text, before, after):
    """Return a number's text converted from one dtype (None: a float) to another."""
    if before == after:
        return text
    return f"({text} != 0)" if after == bool else f"{after}({text})"


def written(instruction, read, name):
    """Return the lines that compute one element into the local ``name``.

    Args:
        instruction: an elementwise one.
        read: a function of an operand that returns the text of its element.

    Raises:
        Ineligible: there is no text for it.
    """
    kind, result = instruction.name, instruction.result
    if kind in ("where", "zero_unless"):
        return _chosen(instruction, read, name)
    dtype = dtype_within(instruction)
    if kind == "astype":
        x = instruction.arguments[0]
        return [f"{name} = {cast(read(x), x.dtype, result.dtype)}"]
    template = _template(instruction, dtype)
    lines, given = [], []
    for i, argument in enumerate(instruction.arguments[:2]):
        text = _operand(argument, dtype, read)
        if template.count(f"{{{i}}}") > 1 and not text.isidentifier():
            lines.append(f"{name}_{i} = {text}")
            text = f"{name}_{i}"
        given.append(text)
    constants = {n: number(v, dtype) for n, v in _constants(dtype)}
    text = template.format(*given, d=dtype, **constants)
    if dtype.kind in "iu" and kind not in _QUESTIONS:
        text = f"{dtype}({text})"
    return [*lines, f"{name} = {text}"]


def _constants(dtype):
    pairs = [("one", 1), ("zero", 0)]
    return [*pairs, ("inf", math.inf)] if dtype.kind == "f" else pairs


def _operand(argument, dtype, read):
    if not isinstance(argument, Value):
        return number(argument, dtype)
    return cast(read(argument), argument.dtype, dtype)


def _template(instruction, dtype):
    name = instruction.name
    if name in _QUESTIONS:
        is_float = dtype.kind == "f"
        return _QUESTIONS[name] if is_float or not name.startswith("is") else "False"
    if name in _BITS or name == "bitwise_not":
        return _of_bits(instruction, dtype)
    if name in _FLOATING and dtype.kind == "f":
        return _FLOATING[name]
    if name in ("maximum", "minimum") and dtype.kind == "i":
        return {"maximum": "max({0}, {1})", "minimum": "min({0}, {1})"}[name]
    if name == "pow" and dtype.kind == "f":
        exponent = instruction.arguments[1]
        return _POWERS.get(exponent, "{0} ** {1}") if _is_plain(exponent) else "{0} ** {1}"
    if name in _NUMERIC and dtype != bool and _NUMERIC[name]:
        return _NUMERIC[name]
    if name in ("positive", "copy"):
        return "{0}"
    raise Ineligible(f"{name} of {dtype}")


def _is_plain(exponent):
    return type(exponent) in (int, float)


def _of_bits(instruction, dtype):
    kinds = {v.dtype.kind for v in instruction.operands() if not v.is_number}
    name = instruction.name
    if kinds == {"b"}:
        return _BITS.get(name, "not {0}")
    if name.startswith("bitwise_") and "b" not in kinds:
        return _BITS.get(name, "~{0}")
    raise Ineligible(f"{name} of {dtype}")


def _chosen(instruction, read, name):
    """Write a choice; both sides are read before, or the loop would not vectorise."""
    dtype = instruction.result.dtype
    condition, x, *rest = instruction.arguments
    y = rest[0] if rest else 0
    if not isinstance(condition, Value):
        raise Ineligible("a condition that is no array")
    test = cast(read(condition), condition.dtype, np.dtype(bool))
    return [
        f"{name}_0 = {_operand(x, dtype, read)}",
        f"{name}_1 = {_operand(y, dtype, read)}",
        f"{name} = {name}_0 if {test} else {name}_1",
    ]

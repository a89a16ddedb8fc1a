"""Words of native code: numbers, conversions and functions, each of one dtype."""

import math
import re

from xdl.program.fusion.formulas import DTYPES
from xdl.tracing.instructions import TABLE, Kind

_KEPT = frozenset({"if", "else", "not", "abs"})
_MEMORIES = frozenset({"a", "c", "array_a", "array_c"})
_MEANINGS = {
    "ONE": "{0}(1)",
    "ZERO": "{0}(0)",
    "INFINITY": '{0}("inf")',
    "NAN": '{0}("nan")',
    "DTYPE": "{0}",
    "sqrt": "math.sqrt",
    "floor": "numpy.floor",
    "ceil": "numpy.ceil",
    "rint": "numpy.rint",
}
_MEANINGS |= {
    row.name: f"numpy.{row.ufunc}"
    for row in TABLE.values()
    if row.few and row.kind == Kind.ELEMENTWISE and not row.floats
}


def number_text(number, dtype):
    """Return the text of a Python number as a constant of a dtype."""
    if dtype == "bool":
        return repr(bool(number))
    if dtype.startswith("float"):
        number = float(number)
        if math.isfinite(number):
            return f"{dtype}({number!r})"
        infinity = f"INFINITY_{dtype}"
        return f"NAN_{dtype}" if number != number else "-" * (number < 0) + infinity
    return f"{dtype}({int(number)})"


def cast(text, before, after):
    """Return a number's text converted from one dtype to another."""
    if before == after:
        return text
    return f"({text} != 0)" if after == "bool" else f"{after}({text})"


def loaded(place, steps):
    """Return the text of an element as a number: bytes become True and False."""
    element = place.element(steps)
    return f"({element} != 0)" if place.array.dtype == bool else element


def worded(formula, dtype):
    """Return a formula with the words of its dtype: ``exp`` becomes ``exp_float32``."""

    def word(found):
        return found[0] if found[0] in _KEPT else f"{found[0]}_{dtype}"

    return re.sub(r"[A-Za-z]\w*", word, formula)


def header(module):
    """Return the lines that define the words which the text of a module uses."""
    used = sorted(set(re.findall(r"[A-Za-z]\w*", module)))
    dtypes = [name for name in used if name in DTYPES - {"bool"}]
    own = ("at", "start", "is_other", "meets", "elements", "piece")
    lines = ["import math", "", "import numpy"]
    lines += ["from numpy import " + ", ".join(dtypes)] if dtypes else []
    lines += ["", "from xdl.native.runtime import NAMES", ""]
    for name in used:
        word, _, dtype = name.rpartition("_")
        if word in _MEANINGS and dtype in DTYPES:
            lines.append(f"{name} = {_MEANINGS[word].format(f'numpy.{dtype}')}")
        elif word == "product":
            lines.append("from xdl.native.gemm import multiplying")
            lines.append(f'{name} = multiplying("{dtype}")')
        elif name in own or (word and dtype in DTYPES and word not in _MEMORIES):
            lines.append(f'{name} = NAMES["{name}"]')
    return lines

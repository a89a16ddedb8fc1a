"""Literals: Python values as text that means them and nothing else.

A value's own ``repr`` may be any text, so it never becomes code.
"""

import enum

import numpy as np

_LONGEST = 10_000  # bits: Python does not read longer decimal numbers


def literal(value):
    """Return a Python expression for a value, in ASCII and on one line.

    It may name ``np``, ``float``, ``complex`` and ``slice``.

    Raises:
        TypeError: it is none of the kinds that have one: None, Ellipsis, numbers, str,
            bytes, NumPy's scalars and dtypes, members of enumerations of these, and
            tuples, lists, slices and dicts of them.
    """
    if value is None or value is Ellipsis:
        return "None" if value is None else "..."
    if isinstance(value, enum.Enum):
        return literal(value.value)
    if isinstance(value, np.generic) and not isinstance(value.item(), np.generic):
        return f"{dtype_text(value.dtype)}({literal(value.item())})"
    if isinstance(value, type | np.dtype):
        return dtype_text(value)
    for kind, write in _WRITE.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"a {type(value).__name__}, which has no literal")


def dtype_text(dtype):
    """Return the text of a dtype.

    Raises:
        TypeError: it is none that NumPy has a name for.
    """
    name = np.dtype(dtype).name
    if vars(np).get(name) is not np.dtype(dtype).type:
        raise TypeError(f"{name}, which is no dtype of NumPy's own")
    return f"np.{name}"


def comment(text):
    """Return any text as one line that reads the same in every editor."""
    return repr(str(text)[:200])[1:-1]


def _int(value):
    value = int.__index__(value)
    return hex(value) if value.bit_length() > _LONGEST else repr(value)


def _float(value):
    value = float.__float__(value)
    return repr(value) if value - value == 0 else f"float({str(value)!r})"


def _complex(value):
    return f"complex({_float(value.real)}, {_float(value.imag)})"


def _slice(value):
    return f"slice({', '.join(map(literal, (value.start, value.stop, value.step)))})"


def _tuple(value):
    inner = ", ".join(map(literal, value))
    return f"({inner},)" if len(value) == 1 else f"({inner})"


def _dict(value):
    return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"


_WRITE = {
    bool: repr,
    int: _int,
    float: _float,
    complex: _complex,
    str: lambda value: ascii(str.__str__(value)),
    bytes: lambda value: repr(bytes(value)),
    slice: _slice,
    tuple: _tuple,
    list: lambda value: f"[{', '.join(map(literal, value))}]",
    dict: _dict,
}

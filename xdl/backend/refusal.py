"""What is said of values that are no array of real numbers, and what helps."""

import numpy as np

_SHOWN = 4  # columns, lengths
_STRINGS = (
    "strings came (dtype {}), needed numbers; encode them as integers: "
    "np.unique(x, return_inverse=True)"
)
_TIMES = (
    "dtype {} came, needed numbers; divide differences of times by "
    'np.timedelta64(1, "D")'
)
# From the kind of a dtype of NumPy's to what is said of it.
_OF_KINDS = {
    "S": _STRINGS,
    "T": _STRINGS,
    "U": _STRINGS,
    "c": "dtype {} came, needed real numbers; pass .real and .imag",
    "M": _TIMES,
    "m": _TIMES,
}


def reason(value, array=None):
    """Return why a value cannot be an array of real numbers, and the remedy.

    Args:
        value: what came.
        array: what NumPy makes of it; None if it makes nothing.
    """
    name = type(value).__name__
    if hasattr(value, "toarray"):
        return f"a sparse {name} came, needed a dense array; call .toarray()"
    if hasattr(value, "todense"):
        return f"a sparse {name} came, needed a dense array; call .todense()"
    if hasattr(value, "dtypes") and hasattr(value, "columns"):
        return _of_table(value)
    if array is None:
        return _of_lists(value)
    dtype, kind = array.dtype, getattr(array.dtype, "kind", "")
    if kind in ("U", "T", "O") and hasattr(value, "iloc"):
        return (
            f"a {name} of dtype {value.dtype} came, needed numbers; encode text and "
            "categories as integers (.cat.codes), and fill what is missing"
        )
    if kind in _OF_KINDS:
        return _OF_KINDS[kind].format(dtype.name)
    if kind == "O":
        return _of_objects(value, array)
    named = getattr(dtype, "name", dtype)
    return f"dtype {named} came, needed bool, an integer or a real floating dtype"


def _of_table(table):
    wrong = [
        f"{column!r} ({dtype})"
        for column, dtype in zip(table.columns, table.dtypes, strict=True)
        if getattr(dtype, "kind", "O") not in "biuf" or "[" in str(dtype)
    ]
    name = type(table).__name__
    if not wrong:
        return (
            f"a {name} came whose columns have no common dtype (dtype object); call "
            '.to_numpy("float32")'
        )
    return (
        f"a {name} came whose columns {_some(wrong)} are no plain "
        "numbers (dtype object); encode text and categories as integers (.cat.codes, "
        "pandas.get_dummies), fill what is missing, then .to_numpy(dtype)"
    )


def _of_objects(value, array):
    """Return the reason for an array of Python objects."""
    if isinstance(value, int):
        bits = value.bit_length()
        return f"an int of {bits} bits came (dtype object), needed at most 64"
    if not array.ndim:
        what = f"class {value.__name__}" if isinstance(value, type) else _called(value)
        return (
            f"{what} came (dtype object), needed numbers, nested lists of them or an "
            "array"
        )
    for place, item in np.ndenumerate(array):
        if not isinstance(item, int | float | np.number):
            where = place[0] if len(place) == 1 else place
            return (
                f"dtype object came, with {_called(item)} at position {where}; needed "
                "numbers everywhere"
            )
    return "dtype object came, needed numbers; convert it with .astype(float)"


def _called(item):
    return "None" if item is None else type(item).__name__


def _of_lists(value):
    """Return the reason for lists that are no array."""
    try:
        lengths = sorted({len(row) for row in value})
    except TypeError:
        lengths = []
    if len(lengths) > 1:
        return (
            f"lists of the lengths {_some(map(str, lengths))} came (dtype object), "
            "needed one length; pad the shorter ones"
        )
    return "lists of different depths or lengths came (dtype object), needed one shape"


def _some(words):
    words = list(words)
    more = ", ..." if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more

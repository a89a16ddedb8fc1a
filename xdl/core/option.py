"""Reading options: what a user gives beside the arrays.

An option is a plain Python value. NumPy 2 computes in float64 as soon as one of its
scalars takes part, and the gradient of a Variable that an operation keeps as an option
goes nowhere: so the first are read as the numbers that they are, the second refused.
"""

import numbers

from xdl import backend
from xdl.core.variable import Variable
from xdl.errors import ArgumentError

PLAIN = frozenset({int, float, bool, str, type(None), slice, type(...)})


def plain(who, name, value):
    """Return an option as plain Python: scalars and 0-d arrays as numbers.

    So are those in tuples and lists. Other objects are returned as they are.

    Raises:
        ArgumentError: it is a Variable.
        GraphError: it is an array of a step that is recorded.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is tuple or kind is list:
        if PLAIN.issuperset(map(type, value)):
            return value
        return kind([plain(who, name, item) for item in value])
    if isinstance(value, Variable):
        raise ArgumentError(
            f"{who}: {name} is a {value._label()} {tuple(value.shape)}, needed a plain "
            "value; pass its .item() as a constant, or, for a gradient to reach it, "
            "write the formula with operations"
        )
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        array = backend.to_numpy(backend.as_known_array(value))
        if backend.is_floating(array):
            return float(array)
        item = array.item()
        return item if type(item) in PLAIN else value
    return value


def plain_options(who, names, args, options):
    """Return the arguments of a constructor, each read by ``plain``."""
    named = dict(zip(names, args, strict=False))
    rest = args[len(named) :]
    plain_args = [plain(who, name, value) for name, value in named.items()]
    plain_args += [plain(who, "an option", value) for value in rest]
    options = {name: plain(who, name, value) for name, value in options.items()}
    return plain_args, options


def number(who, name, value, low=None, high=None, above=None):
    """Return an option that is a number, read by ``plain``.

    Args:
        who, name: of the option, for the message.
        value: what came.
        low, high: the least and the largest that it may be; None: any.
        above: what it must be greater than; None: nothing.

    Raises:
        ArgumentError: it is no number or none of these; NaN is only where any is.
    """
    kind = type(value)
    if kind is not float and kind is not int:
        value = plain(who, name, value)
        if not isinstance(value, numbers.Real):
            raise ArgumentError(f"{who}: {name} {value!r} came, needed a number")
        if type(value) not in PLAIN and type(value) not in backend.NUMBERS:
            value = float(value)
    fits = (low is None or value >= low) and (high is None or value <= high)
    if not fits or not (above is None or value > above):
        needed = "" if low is None else f" >= {low:g}"
        needed = needed if high is None else f" from {low:g} to {high:g}"
        needed = needed if above is None else f" > {above:g}"
        raise ArgumentError(f"{who}: {name} {value!r} came, needed a number{needed}")
    return value


def switch(who, value):
    """Return an option that is True or False, read by ``plain``.

    Raises:
        ArgumentError: it is neither.
    """
    value = plain(who, "a switch", value)
    if not isinstance(value, bool):
        raise ArgumentError(f"{who}: {value!r} came, needed True or False")
    return value

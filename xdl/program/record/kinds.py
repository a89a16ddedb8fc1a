"""Kinds: what a program depends on of the arguments of its step."""

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.promote import is_data
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError
from xdl.program.record.attributes import followed_attributes


def too_many(replays, most):
    """Return what is said when a step has recorded more programs than are kept."""
    last = replays[-1]
    alike = [replay.key[2] for replay in replays if replay.key[1] == last.key[1]]
    columns = zip(*alike, strict=True)
    names = [
        repr(name)
        for name, column in zip(last.program.input_names, columns, strict=True)
        if len(set(column)) > most / 2
    ]
    held = [replay.program.outside.values() for replay in replays]
    names += [
        name
        for name in held[-1]
        if len({id(values.get(name)) for values in held}) > most / 2
    ]
    what = " and ".join(names) or "state, or another answer to an `if`"
    return (
        f"compile: a step is recorded for the {most + 1}th time, for another {what}; "
        "recording is slow. Pass numbers that change as floats or arrays, and arrays "
        "of few shapes. The programs used longest ago are given up"
    )


def dense(leaf):
    """Return a leaf of the arguments whose elements lie one after the other."""
    array = array_of(leaf)
    if type(array) not in backend.ARRAYS or array.flags.c_contiguous:
        return leaf
    array = array.copy(order="C")
    if not isinstance(leaf, Variable):
        return array
    return Variable._of(array, is_data=is_data(leaf))


def kind(leaf, floats_vary):
    """Return what a program depends on of a leaf of the arguments, hashable.

    Raises:
        ArgumentError: it may change and tell nobody.
    """
    array = array_of(leaf)
    if type(array) in NAMESPACES:
        # Sums and products round otherwise where numbers lie otherwise.
        strides = None if array.flags.c_contiguous else array.strides
        return type(leaf), array.shape, array.dtype, strides
    if type(leaf) is float:
        # 0.0 equals -0.0 but is another number, and NaN does not equal itself.
        return float, None if floats_vary else repr(leaf)
    if type(leaf).__hash__ is None:
        raise ArgumentError(
            f"compile: {type(leaf).__name__} came as an argument, needed arrays, "
            "numbers and other values that never change"
        )
    return type(leaf), leaf, followed_attributes(leaf)

"""Written out: the functions that a saved program brings along beside NumPy's."""

import math
from typing import Any

import numpy as np

from xdl.backend import convolution, erf, random, rounding, scatter, summation
from xdl.backend import numpy as host
from xdl.backend.random import bits


def checked_array(name, x, shape, dtype):
    """Return an argument as an array; refuse another than the step is for.

    A length that is a text is any.
    """
    x = np.asarray(x)
    pairs = zip(x.shape, shape, strict=False)
    if x.ndim != len(shape) or any(a != b for a, b in pairs if type(b) is not str):
        needed = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
        raise ValueError(f"step: {name} has shape {x.shape}, needed {needed}")
    if x.dtype.newbyteorder("=") != dtype:
        needed = np.dtype(dtype).name
        raise TypeError(f"step: {name} has dtype {x.dtype}, needed {needed}; cast it")
    return x


def checked_length(name, n, some, least):
    """Return a length that is free; refuse it if it is none of some, and too small."""
    is_one = any(first <= n <= last for first, last in some)
    if not is_one and (least is None or n < least):
        needed = [f"{a} to {b}" if a < b else str(a) for a, b in some]
        needed += [] if least is None else [f"{least} or more"]
        raise ValueError(f"step: {name} has n = {n}, needed {' or '.join(needed)}")
    return n


def check_part(name, n, part, count):
    """Refuse a length for which a part of an array is longer or shorter than it was."""
    if len(part) != count:
        raise ValueError(
            f"step: {name} has n = {n}, and a part of an array would have {len(part)} "
            f"rows, needed {count}: the step was recorded for other n"
        )


def checked_number(name, x):
    """Return an argument as a float; refuse what is no number."""
    if type(x) is bool or not isinstance(x, int | float | np.integer | np.floating):
        raise TypeError(f"step: {name} is {type(x).__name__}, needed a float")
    return float(x)


def plain_random_bits(shape, width, key, number):
    """Return random integers in a shape."""
    return bits(math.prod(shape), width, key, number).reshape(shape)


def zero_where_not(mask, x):
    """Return ``x`` where ``mask`` holds and 0 elsewhere."""
    return np.where(mask, x, np.zeros((), x.dtype))


def set_at(x, index, new):
    """Return a copy of ``x`` with ``x[index] = new``."""
    y = x.copy()
    y[index] = new
    return y


def check_indices(indices, size):
    """Refuse indices outside [0, size)."""
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        raise IndexError(f"an index is outside [0, {size})")


def refuse_non_finite(x, limit=np.inf):
    """Refuse NaN, infinities and what is larger than the limit."""
    if not np.isfinite(x).all() or not (np.abs(x) <= limit).all():
        raise FloatingPointError("a gradient holds NaN or infinity, or is too large")


# The functions of instructions that NumPy has no name for, after what they need.
WRITTEN_OUT: dict[str, tuple[Any, ...]] = {
    "long_sum": (summation,),
    "zero_unless": (zero_where_not,),
    "scatter_add": (
        "_CHUNK = 1 << 20\n",
        scatter._add_flat,
        scatter._add_rows,
        scatter.add_at,
        scatter.scatter_add,
    ),
    "scatter_set": (scatter._in_order, scatter.scatter_set),
    "convolution": (convolution,),
    "convolution_by_input": (convolution,),
    "convolution_by_weight": (convolution,),
    "erf": (erf, "TILE = 32768\n", host.erf),
    "round_to_tfloat32": (rounding._without, rounding.round_to_tfloat32),
    "round_to_bfloat16": (rounding._without, rounding.round_to_bfloat16),
    "round_to_float16": (rounding.round_to_float16,),
    "random_bits": ("_WORD = 2**64\n", random.bits, plain_random_bits),
    "set_at": (set_at,),
    "check_indices": (check_indices,),
    "refuse_non_finite": (refuse_non_finite,),
}

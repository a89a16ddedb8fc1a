"""How many units in the last place a function is off, over all exponents.

The unit (ulp) is the distance of the correctly rounded result to the next number of its
dtype; where terms cancel, it is that of the largest term. What is right comes from
mpmath. Subnormal results count like others; so does an overflow that should be none.
"""

import functools
import math

import mpmath
import numpy as np

import xdl
from tests.support.accuracy_functions import FUNCTIONS

DTYPES = ("float16", "float32", "float64")
DIGITS = 40
_NORMAL = {"float16": (-14, 15), "float32": (-126, 127), "float64": (-1022, 1023)}
_FAR = {"float16": (-20, 12), "float32": (-110, 90), "float64": (-750, 710)}


@functools.cache
def points(dtype):
    """Return numbers of every exponent and both signs, and more where functions bend.

    Of float64's exponents every 16th, and each one near 1.
    """
    rng = np.random.default_rng(1)
    low, high = _NORMAL[dtype]
    digits = np.finfo(dtype).nmant
    step = 16 if dtype == "float64" else 1
    exponents = [*range(low - digits, high + 1, step), *range(-30, 9), *range(-30, 9)]
    drawn = np.ldexp(rng.uniform(1, 2, len(exponents)), exponents)
    near = [rng.uniform(-a, a, 50) for a in (1, 4, 20)]
    far = rng.uniform(*_FAR[dtype], 60)
    ends = [0.0, 1.0, 2.0, np.finfo(dtype).max, 1 - np.finfo(dtype).eps]
    positive = np.concatenate([drawn, ends])
    every = np.concatenate([positive, -positive, *near, far])
    return np.unique(every.astype(dtype))


def inputs(name, dtype):
    """Return the points at which a function is finite and smooth."""
    x = points(dtype)
    low, high = FUNCTIONS[name].within
    return x[(x > low) & (x < high)]


@functools.cache
def exact(name, dtype):
    """Return value, slope and the sizes of their terms, as pairs of float64 arrays.

    The sum of a pair is the number to twice the digits of float64.
    """
    function = FUNCTIONS[name]
    numbers = [mpmath.mpf(x) for x in inputs(name, dtype).astype(np.float64).tolist()]
    formulas = (function.value, function.slope, function.terms, function.slope_terms)
    with mpmath.workdps(DIGITS):
        return [f and _pair([f(x) for x in numbers]) for f in formulas]


def _pair(numbers):
    high = [_float(number) for number in numbers]
    low = [
        _float(number - one) if math.isfinite(one) else 0.0
        for number, one in zip(numbers, high, strict=True)
    ]
    return np.array(high), np.array(low)


def _float(number):
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def errors(y, pair, terms, dtype):
    """Return the error of each element of ``y`` in ulp.

    Args:
        y: what was computed, an array of the dtype.
        pair: what is right.
        terms: the size of the largest term where terms cancel, a pair too, or None.
        dtype: its name.
    """
    largest = float(np.finfo(dtype).max)
    high, low = pair
    size = np.abs(high) if terms is None else np.maximum(np.abs(high), np.abs(terms[0]))
    with np.errstate(all="ignore"):
        rounded = np.minimum(size, largest).astype(dtype)
        unit = np.spacing(rounded).astype(np.float64)
        is_over = np.isinf(high.astype(dtype))
        y = np.clip(y.astype(np.float64), -1.1 * largest, 1.1 * largest)
        off = np.abs((y - high) - low) / unit
        is_right = is_over & (np.abs(y) > largest) & (np.sign(y) == np.sign(high))
    off = np.where(is_right, 0.0, off)
    return np.where(np.isnan(off), math.inf, off)


def eager(function, x):
    """Return value and gradient of a function of Variables, computed at once."""
    variable = xdl.Variable(x)
    return _step(function, variable)(np.ones_like(x))


def compiled(executor):
    """Return what ``eager`` does, as a replayed step of an executor."""

    def evaluate(function, x):
        variable = xdl.Variable(x)
        step = xdl.compile(_step(function, variable), variable, executor=executor)
        gy = np.ones_like(x)
        for _ in range(2):  # the first call records, the second is checked
            step(gy)
        return step(gy)

    return evaluate


def _step(function, variable):
    def step(gy):
        y = function(variable)
        y.backward(gy)
        gradient = variable.grad
        variable.clear_grad()
        return y.numpy() if isinstance(gy, np.ndarray) else y, gradient

    return step


def worst(name, dtype, evaluate=eager):
    """Return the largest error of the value and of the gradient, in ulp."""
    value, slope, terms, slope_terms = exact(name, dtype)
    y, gradient = evaluate(FUNCTIONS[name].call, inputs(name, dtype))
    return (
        float(errors(y, value, terms, dtype).max()),
        float(errors(gradient, slope, slope_terms, dtype).max()),
    )

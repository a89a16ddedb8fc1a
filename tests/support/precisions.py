"""Numbers with fewer digits than float32's, by ml_dtypes and by float64 arithmetic."""

import ml_dtypes
import numpy as np

import xdl

NAMES = ("tfloat32", "bfloat16", "float16")
_NARROW = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def asked(name):
    """Return a block in which products are of numbers of a name."""
    if name == "tfloat32":
        return xdl.set_matmul_precision("high")
    return xdl.autocast(name)


def rounded(x, name):
    """Return float32 numbers as those of a name that are nearest, ties to even."""
    if name in _NARROW:
        with np.errstate(over="ignore"):
            return x.astype(_NARROW[name]).astype(np.float32)
    fractions, exponents = np.frexp(x.astype(np.float64))
    return np.ldexp(np.rint(fractions * 2**11), exponents - 11).astype(np.float32)


def nasty():
    """Return numbers of all sizes, those half-way between two of fewer digits too."""
    bits = np.random.default_rng(0).integers(0, 2**32, 60_000, "u4")
    bits[:20_000] &= 0xFFFFF000
    bits[20_000:40_000] &= 0xFFFF8000
    small = np.geomspace(1e-9, 1e-3, 5_000, dtype="f4")
    large = np.linspace(-70_000, 70_000, 5_000, dtype="f4")
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 3.4028235e38, 65519.99, 65520, 1e-45]
    return np.concatenate([bits.view("f4"), small, large, np.array(ends, "f4")])


def same_bits(x, y):
    """Tell whether two arrays hold the same bits, and NaN in the same places."""
    numbers = ~np.isnan(x)
    is_same = np.array_equal(x[numbers].view("u4"), y[numbers].view("u4"))
    return is_same and np.array_equal(numbers, ~np.isnan(y))

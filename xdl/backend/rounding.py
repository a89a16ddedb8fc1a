"""Rounding float32 to fewer digits: inputs of products of matrices in less precision.

The results stay float32. Ties go to the even one, what is too large becomes infinity,
and NaN stays. TF32 and bfloat16 have the exponents of float32 and 10 and 7 of its 23
digits, so that the others are rounded away in the integers that its bits are.

Reference: IEEE 754-2019, section 4.3.1; NVIDIA, "A100 Tensor Core GPU Architecture".
"""

import numpy as np


def round_to_tfloat32(x):
    """Return float32 numbers rounded to 10 digits behind the first."""
    return _without(x, 13)


def round_to_bfloat16(x):
    """Return float32 numbers rounded to those of bfloat16."""
    return _without(x, 16)


def round_to_float16(x):
    """Return float32 numbers rounded to those of float16."""
    with np.errstate(over="ignore"):
        return x.astype(np.float16).astype(np.float32)


def _without(x, digits):
    """Return numbers without so many binary digits; NaN keeps its bits."""
    bits = x.view(np.uint32)
    half = (1 << (digits - 1)) - 1
    rounded = (bits + (half + ((bits >> digits) & 1))) & (1 << 32) - (1 << digits)
    is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return (rounded * ~is_nan + bits * is_nan).view(np.float32)

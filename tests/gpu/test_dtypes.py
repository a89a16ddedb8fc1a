"""The dtypes of CuPy's functions: those of NumPy's, whatever loops CuPy has.

The arrays are empty, so that no kernel is compiled.
"""

import numpy as np
import pytest

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.backend import numpy as host

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"),
    *("uint64", "float16", "float32", "float64"),
)
ONE = """
    abs acos acosh asin asinh atan atanh ceil cos cosh erf exp expm1 floor isfinite
    isinf isnan log log10 log1p log2 logical_not negative positive reciprocal round
    sign sin sinh sqrt square tan tanh tril triu
"""
TWO = """
    add atan2 divide equal floor_divide greater greater_equal less less_equal
    logaddexp logical_and logical_or matmul maximum minimum multiply not_equal pow
    power remainder subtract vecdot
"""
ALONG = """
    all any argmax argmin argsort cumulative_prod cumulative_sum max min prod sort sum
"""
CALLS = {
    **{name: lambda f, x: f(x) for name in ONE.split()},
    **{name: lambda f, x: f(x, x) for name in TWO.split()},
    **{f"{name} with a number": lambda f, x: f(x, 2) for name in TWO.split()},
    **{name: lambda f, x: f(x, 1) for name in ALONG.split()},
}
del CALLS["matmul with a number"], CALLS["vecdot with a number"]


def _input(name, dtype):
    """Return an array of no elements that every call takes."""
    return np.zeros((0, 0) if name == "matmul" else (0, 2), dtype)


def _dtype(xp, name, x):
    """Return the name of the dtype that a call returns; "" where it is refused."""
    try:
        return backend.dtype_name(CALLS[name](getattr(xp, name.split()[0]), x).dtype)
    except TypeError:
        return ""


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_a_function_of_cupy_returns_the_dtype_of_numpys(name, dtype):
    x = _input(name, dtype)
    there = backend.asarray(x, backend.usable("cuda"))
    expected = _dtype(host, name, x)

    actual = _dtype(NAMESPACES[type(there)], name, there)

    assert actual == expected or not expected  # NumPy has no sign of booleans

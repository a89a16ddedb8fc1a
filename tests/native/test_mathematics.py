"""The functions of Numba's loops, against the same functions in higher precision."""

import functools
import math
import platform
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

numba = pytest.importorskip("numba")

from xdl.native.mathematics import FUNCTIONS

DTYPES = ("float32", "float64")
WIDER = {"float32": np.float64, "float64": np.longdouble}
EXACT = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    # No array library has it in more digits: Python's, which is within 1 ulp.
    "erf": lambda x: np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype),
}
# The largest error in ulp, as documented in the module.
STATED = {
    ("exp", "float32"): 1.1,
    ("exp", "float64"): 1.1,
    ("expm1", "float32"): 1.7,
    ("expm1", "float64"): 2.3,
    ("log", "float32"): 0.9,
    ("log", "float64"): 0.9,
    ("log1p", "float32"): 1.5,
    ("log1p", "float64"): 1.5,
    ("tanh", "float32"): 2.7,
    ("tanh", "float64"): 2.7,
    ("sigmoid", "float32"): 2.5,
    ("sigmoid", "float64"): 2.5,
    ("erf", "float32"): 1.4,
    ("erf", "float64"): 3.1,
}
INF, NAN = math.inf, math.nan
ENDS = [
    ("exp", 0.0, 1.0),
    ("exp", INF, INF),
    ("exp", -INF, 0.0),
    ("exp", 1e30, INF),
    ("exp", -1e30, 0.0),
    ("expm1", 0.0, 0.0),
    ("expm1", -0.0, -0.0),
    ("expm1", INF, INF),
    ("expm1", -INF, -1.0),
    ("expm1", 1e30, INF),
    ("log", 0.0, -INF),
    ("log", -0.0, -INF),
    ("log", 1.0, 0.0),
    ("log", INF, INF),
    ("log", -1.0, NAN),
    ("log", -INF, NAN),
    ("log1p", 0.0, 0.0),
    ("log1p", -0.0, -0.0),
    ("log1p", -1.0, -INF),
    ("log1p", INF, INF),
    ("log1p", -2.0, NAN),
    ("log1p", -INF, NAN),
    ("tanh", 0.0, 0.0),
    ("tanh", -0.0, -0.0),
    ("tanh", INF, 1.0),
    ("tanh", -INF, -1.0),
    ("sigmoid", 0.0, 0.5),
    ("sigmoid", INF, 1.0),
    ("sigmoid", -INF, 0.0),
    ("erf", 0.0, 0.0),
    ("erf", -0.0, -0.0),
    ("erf", INF, 1.0),
    ("erf", -INF, -1.0),
    *((name, NAN, NAN) for name in EXACT),
]

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_function = pytest.mark.parametrize("name", sorted(EXACT))
needs_wider = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= 52, reason="no type wider than float64"
)


def _jit(function):
    return numba.njit(function, error_model="numpy", fastmath={"contract"})


@functools.cache
def _elementwise(name, dtype):
    function = FUNCTIONS[dtype][name]

    @_jit
    def loop(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    return loop


@functools.cache
def _reduction(name, dtype):
    function = FUNCTIONS[dtype][name]

    @_jit
    def loop(x):
        y = x[0]
        for i in range(1, x.size):
            y = function(y, x[i])
        return y

    return loop


def _values(name, x):
    y = np.empty_like(x)
    _elementwise(name, x.dtype.name)(x, y)
    return y


def _errors(name, x):
    """Return the errors of a function in ulp of the exact result."""
    dtype = x.dtype.name
    with np.errstate(all="ignore"):
        exact = EXACT[name](x.astype(WIDER[dtype]))
        rounded = exact.astype(dtype)
        y = _values(name, x)
        same = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
        ulp = np.spacing(np.abs(rounded)).astype(exact.dtype)
        errors = np.abs(y.astype(exact.dtype) - exact) / ulp
    return np.where(same, 0, errors)


def _of_every_exponent(rng, dtype):
    """Return finite numbers of both signs: some with each exponent there is."""
    info = np.finfo(dtype)
    integer = np.uint32 if dtype == "float32" else np.uint64
    exponents = np.arange(2**info.iexp - 1, dtype=integer)[:, None]
    count = 1000 if dtype == "float32" else 100
    digits = rng.integers(0, 2**info.nmant, (exponents.size, count), dtype=integer)
    digits[:, :2] = 0, 2**info.nmant - 1
    x = (exponents << integer(info.nmant) | digits).view(dtype).ravel()
    return np.concatenate([x, -x])


def _ordinary(rng, dtype):
    """Return what networks compute with, more of it near 0, and where pieces meet."""
    seams = np.arange(-40, 41)[:, None] * 0.5 * np.log(2) + rng.normal(0, 1e-6, 50)
    roots = 2.0 ** np.arange(-20, 20)[:, None] * 0.5**0.5 + rng.normal(0, 1e-6, 50)
    spread = rng.uniform(-25, 25, 100_000), rng.normal(0, 1, 100_000)
    around = 1 + rng.normal(0, 1e-3, 10_000)
    parts = [*spread, around, -around, seams.ravel(), roots.ravel(), roots.ravel() - 1]
    return np.concatenate(parts).astype(dtype)


@needs_wider
@every_dtype
@every_function
def test_error_is_as_stated_for_every_exponent(name, dtype, rng):
    x = _of_every_exponent(rng, dtype)

    errors = _errors(name, x)

    assert STATED[name, dtype] >= errors.max(), x[errors.argmax()]


@needs_wider
@every_dtype
@every_function
def test_error_is_as_stated_for_ordinary_numbers(name, dtype, rng):
    x = _ordinary(rng, dtype)

    errors = _errors(name, x)

    assert STATED[name, dtype] >= errors.max(), x[errors.argmax()]


@every_function
@given(x=st.floats(width=32))
@settings(max_examples=200, deadline=None)
def test_error_is_as_stated_for_any_number(name, x):
    errors = _errors(name, np.array([x], np.float32))

    assert STATED[name, "float32"] >= errors[0]


@every_dtype
@pytest.mark.parametrize(("name", "x", "expected"), ENDS)
def test_ends_and_nan_are_as_stated(name, x, expected, dtype):
    (y,) = _values(name, np.array([x], dtype))

    assert math.isnan(expected) == np.isnan(y)
    assert math.isnan(expected) or np.array(expected, dtype).tobytes() == y.tobytes()


@every_dtype
@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_a_subnormal_number_is_its_own_result(name, dtype):
    x = np.finfo(dtype).smallest_subnormal * np.array([1, -1, 3, -7], dtype)

    assert x.tolist() == _values(name, x).tolist()


@every_dtype
def test_exp_overflows_and_underflows_where_its_result_does(dtype):
    info = np.finfo(dtype)
    last, first = np.log(info.max), np.log(info.smallest_subnormal)
    edges = np.array([last - 1e-3, last + 1e-2, first, first - 1], dtype)

    below_inf, inf, smallest, zero = _values("exp", edges)

    assert info.max * 0.99 < below_inf < inf
    assert np.inf == inf
    assert info.smallest_subnormal == smallest
    assert zero == 0


@every_dtype
@pytest.mark.parametrize("size", [1, 7, 64, 1000, 10_007])
def test_plus_adds_up_as_exactly_as_partial_sums(size, dtype, rng):
    x = rng.standard_normal(size).astype(dtype)
    bound = (size / 8 + 8) * np.finfo(dtype).eps * math.fsum(np.abs(x))

    total = _reduction("plus", dtype)(x)

    assert abs(total - math.fsum(x)) <= bound


@every_dtype
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_plus_passes_on_what_is_not_finite(value, dtype, rng):
    x = rng.standard_normal(300).astype(dtype)
    x[177] = value

    np.testing.assert_equal(_reduction("plus", dtype)(x), value)


@every_dtype
@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("special", [0.0, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("size", [1, 7, 300])
def test_extremes_are_numpys(size, special, name, dtype, rng):
    x = rng.standard_normal(size).astype(dtype)
    x[size // 2] = special

    np.testing.assert_equal(_reduction(name, dtype)(x), getattr(np, name).reduce(x))


@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"}, reason="reads x86 code"
)
@every_dtype
@pytest.mark.parametrize("name", [*sorted(EXACT), "plus", "maximum", "minimum"])
def test_a_loop_has_packed_instructions(name, dtype, rng):
    x = rng.random(8).astype(dtype)
    if name in EXACT:
        loop, arguments = _elementwise(name, dtype), (x, x.copy())
    else:
        loop, arguments = _reduction(name, dtype), (x,)
    loop(*arguments)
    (code,) = loop.inspect_asm().values()
    suffix = "ps" if dtype == "float32" else "pd"

    found = re.findall(rf"\bv?(?:mul|add|max|min|fn?m(?:add|sub)\d*){suffix}\b", code)

    assert found

"""Every formula of native code against mpmath, over all exponents."""

import functools

import numpy as np
import pytest

pytest.importorskip("numba")
mpmath = pytest.importorskip("mpmath")

import xdl
from tests.native.test_mathematics import STATED
from tests.support.compared import arrays_of
from tests.support.exact import (
    Exact,
    around_limits,
    of_every_exponent,
    within_reach,
)
from xdl.backend import numpy as host
from xdl.program.numba_executor import executor
from xdl.program.numpy_executor import executor as numpy_executor
from xdl.tracing.instructions import TABLE, Kind
from xdl.tracing.namespace import trace

DTYPES = ("float32", "float64")
ROUNDED = 0.501  # ulp: the nearest number, but for what the comparison itself loses
BY_LIBRARY = 4.0  # what computes it, the C library or NumPy, is not ours
OWN = None  # as stated for the function itself

# For each formula of one number: the exact function, and the largest error in ulp.
OF_ONE = {
    "negative": (lambda x: -x, ROUNDED),
    "positive": (lambda x: x, ROUNDED),
    "square": (lambda x: x * x, ROUNDED),
    "reciprocal": (lambda x: 1 / x, ROUNDED),
    "sqrt": (mpmath.sqrt, ROUNDED),
    "abs": (abs, ROUNDED),
    "floor": (mpmath.floor, ROUNDED),
    "ceil": (mpmath.ceil, ROUNDED),
    "round": (mpmath.nint, ROUNDED),
    "sign": (mpmath.sign, ROUNDED),
    "exp": (within_reach(mpmath.exp), OWN),
    "expm1": (within_reach(mpmath.expm1), OWN),
    "log": (mpmath.log, OWN),
    "log1p": (mpmath.log1p, OWN),
    "tanh": (within_reach(mpmath.tanh), OWN),
    "erf": (lambda x: mpmath.erf(max(min(x, 99), -99)), OWN),
    "sin": (mpmath.sin, BY_LIBRARY),
    "cos": (mpmath.cos, BY_LIBRARY),
    "tan": (mpmath.tan, BY_LIBRARY),
    "sinh": (within_reach(mpmath.sinh), BY_LIBRARY),
    "cosh": (within_reach(mpmath.cosh), BY_LIBRARY),
    "asin": (mpmath.asin, BY_LIBRARY),
    "acos": (mpmath.acos, BY_LIBRARY),
    "atan": (mpmath.atan, BY_LIBRARY),
    "asinh": (lambda x: mpmath.sign(x) * mpmath.asinh(abs(x)), BY_LIBRARY),
    "acosh": (mpmath.acosh, BY_LIBRARY),
    "atanh": (mpmath.atanh, BY_LIBRARY),
    "log2": (lambda x: mpmath.log(x, 2), BY_LIBRARY),
    "log10": (mpmath.log10, BY_LIBRARY),
}
OF_TWO = {
    "add": (lambda x, y: x + y, ROUNDED),
    "subtract": (lambda x, y: x - y, ROUNDED),
    "multiply": (lambda x, y: x * y, ROUNDED),
    "divide": (lambda x, y: x / y, ROUNDED),
    "remainder": (lambda x, y: _remainder(x, y), ROUNDED),
    "maximum": (max, ROUNDED),
    "minimum": (min, ROUNDED),
    "atan2": (lambda x, y: _atan2(x, y), BY_LIBRARY),
    "logaddexp": (lambda x, y: _logaddexp(x, y), BY_LIBRARY),
    "pow": (lambda x, y: _power(x, y), BY_LIBRARY),
    "power": (lambda x, y: _power(x, y), BY_LIBRARY),
}
POWERS = (0.5, -1, -0.5, 2, 3, 4, 5, 6, 7, 8, 2.5, -3, 20)
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0)


def _remainder(x, y):
    with mpmath.workprec(2200):  # the quotient has as many digits
        return x - y * mpmath.floor(x / y)


def _atan2(x, y):
    if not x:
        raise ZeroDivisionError  # it has no signed zeros
    return mpmath.atan2(x, y)


def _logaddexp(x, y):
    low, high = sorted([x, y])
    return high + mpmath.log1p(within_reach(mpmath.exp)(low - high))


def _power(x, y):
    if not x:
        raise ZeroDivisionError
    if x < 0 and y != mpmath.floor(y):
        return mpmath.nan
    size = within_reach(mpmath.exp)(y * mpmath.log(abs(x)))
    return -size if x < 0 and y % 2 else size


def test_every_formula_of_floating_numbers_has_a_bound():
    kinds = (Kind.ELEMENTWISE, Kind.POWER)
    rows = [row for row in TABLE.values() if row.kind in kinds]

    known = {row.name for row in rows if row.floats or row.few}
    known -= {row.name for row in rows if row.rounds_to}  # they are the same to the bit

    assert known == set(OF_ONE) | set(OF_TWO)


def _bound(name, table, dtype):
    stated = table[name][1] if name in table else BY_LIBRARY  # a power
    return STATED[name, dtype] if stated is OWN else stated


@functools.cache
def _numbers(dtype):
    """Return numbers of every exponent, ordinary ones, and those where results end."""
    rng = np.random.default_rng(0)
    parts = [of_every_exponent(rng, dtype, 3 if dtype == "float32" else 1)]
    parts += [rng.standard_normal(400), rng.uniform(-120, 120, 400)]
    parts += [1 + rng.normal(0, 1e-3, 100), around_limits(dtype)]
    return np.concatenate([part.astype(dtype) for part in parts])


@functools.cache
def _pairs(dtype):
    rng = np.random.default_rng(1)
    x, near = _numbers(dtype), rng.standard_normal((2, 1000)).astype(dtype)
    y = rng.permutation(x)
    return np.concatenate([x, near[0] * 9, x]), np.concatenate([y, near[1] * 9, x])


def _results(function, *arguments, runs):
    """Return what a function of arrays gives when it is replayed."""
    step = xdl.compile(
        lambda *given: function(*[variable.value for variable in given]),
        executor="numba",
        verify=False,
    )
    with np.errstate(all="ignore"):
        step(*arguments)
        actual = arrays_of(step(*arguments))
    (replay,) = step._replays.values()
    assert type(replay.executor).__name__ == runs
    return actual


@functools.cache
def _of_one(dtype, runs):
    """Return what each function and power gives, of numbers and then of SPECIAL."""

    def every(x):
        powers = [x**exponent for exponent in POWERS]
        return [*[getattr(trace, name)(x) for name in OF_ONE], *powers]

    x = np.concatenate([_numbers(dtype), np.array(SPECIAL, dtype)])
    return dict(zip([*OF_ONE, *POWERS], _results(every, x, runs=runs), strict=True))


@functools.cache
def _of_two(dtype, runs):
    def every(x, y):
        return [getattr(trace, name)(x, y) for name in OF_TWO]

    return dict(zip(OF_TWO, _results(every, *_pairs(dtype), runs=runs), strict=True))


@functools.cache
def _exact_of_one(name, dtype):
    function = OF_ONE[name][0] if name in OF_ONE else lambda x: x**name
    return Exact(function, _numbers(dtype))


@functools.cache
def _exact_of_two(name, dtype):
    return Exact(OF_TWO[name][0], *_pairs(dtype))


@pytest.fixture(params=["NumbaWhole", "NumbaExecutor"])
def runs(request, monkeypatch):
    """Let steps be run by one executor or the other; return its name."""
    if request.param == "NumbaExecutor":
        groups = "xdl.program.numba_executor.executor:NumbaExecutor"
        monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", groups)
        monkeypatch.setattr(executor, "is_worth", lambda group: True)
    return request.param


every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@every_dtype
@pytest.mark.parametrize("name", [*OF_ONE, *POWERS])
def test_a_function_is_as_exact_as_stated_at_every_exponent(name, dtype, runs):
    x = _numbers(dtype)
    actual = _of_one(dtype, runs)[name][: x.size]

    errors = _exact_of_one(name, dtype).errors(actual)

    assert _bound(name, OF_ONE, dtype) >= errors.max(), x[errors.argmax()]


@every_dtype
@pytest.mark.parametrize("name", OF_TWO)
def test_a_function_of_two_is_as_exact_as_stated_at_every_exponent(name, dtype, runs):
    x, y = _pairs(dtype)
    largest = np.maximum(np.abs(x), np.abs(y)) if name == "logaddexp" else 0

    errors = _exact_of_two(name, dtype).errors(_of_two(dtype, runs)[name], largest)

    i = errors.argmax()
    assert _bound(name, OF_TWO, dtype) >= errors.max(), (x[i], y[i])


@every_dtype
@pytest.mark.parametrize("name", OF_ONE)
def test_nan_infinity_and_zero_give_what_they_give_in_numpy(name, dtype, runs):
    with np.errstate(all="ignore"):
        expected = getattr(host, name)(np.array(SPECIAL, dtype))

    actual = _of_one(dtype, runs)[name][-len(SPECIAL) :]

    np.testing.assert_array_max_ulp(actual, expected, 4)
    signs = np.signbit(expected) == np.signbit(actual)
    assert np.all(signs | np.isnan(expected))

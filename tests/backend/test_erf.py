"""The error function by polynomials: how far it is from the true one."""

import math

import numpy as np
import pytest
import scipy.special

import xdl
from xdl.backend import numpy as xp

# Near 0, around 1 where the polynomials meet, and out to where it is 1.
POINTS = {
    "tiny": np.logspace(-38, -3, 20_000),
    "inside": np.linspace(0, 0.99, 200_000),
    "where they meet": np.linspace(0.99, 1.01, 50_000),
    "outside": np.linspace(1.01, 7, 200_000),
}

every_part = pytest.mark.parametrize("part", POINTS)


def _distance(part, dtype):
    """Return the greatest difference, in units in the last place."""
    x = POINTS[part].astype(dtype)
    x = np.concatenate([x, -x])
    exact = scipy.special.erf(x.astype(np.float64))
    return np.max(np.abs(xp.erf(x) - exact) / np.spacing(np.abs(exact).astype(dtype)))


@every_part
def test_single_precision_is_right_to_two_units_in_the_last_place(part):
    assert _distance(part, np.float32) <= 2


@every_part
def test_double_precision_is_right_to_four_units_in_the_last_place(part):
    assert _distance(part, np.float64) <= 4


@every_part
def test_half_precision_is_that_of_single_precision_rounded(part):
    x = POINTS[part].astype(np.float16)
    expected = xp.erf(x.astype(np.float32)).astype(np.float16)

    actual = xp.erf(x)

    assert (np.float16, expected.tobytes()) == (actual.dtype, actual.tobytes())


def test_double_precision_is_that_of_the_c_library():
    x = np.random.default_rng(0).standard_normal(1000)
    expected = [math.erf(v) for v in x]

    np.testing.assert_allclose(xp.erf(x), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, 0.0), (-0.0, -0.0), (9.0, 1.0), (-9.0, -1.0)]
    + [(math.inf, 1.0), (-math.inf, -1.0), (math.nan, math.nan)],
)
def test_value_at(value, expected, dtype):
    actual = xdl.erf(np.array(value, dtype)).numpy()

    np.testing.assert_array_equal(actual, dtype(expected))
    assert math.copysign(1, expected) == math.copysign(1, actual)


@pytest.mark.parametrize("size", [xp.TILE - 1, xp.TILE, xp.TILE + 1, 3 * xp.TILE])
def test_tiles_cover_every_element(size):
    x = np.linspace(-3, 3, size)

    np.testing.assert_allclose(xp.erf(x), scipy.special.erf(x), rtol=1e-15)

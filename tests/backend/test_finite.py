"""Whether large arrays are finite, or within a limit, asked by the sum of squares."""

import numpy as np
import pytest

from xdl.backend import numpy as xp

SIZES = [5, 4097, 70000]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_not_finite_is_found(size, dtype, bad):
    x = np.ones(size, dtype)

    assert not xp.has_non_finite(x)

    x[size // 2] = bad

    assert xp.has_non_finite(x)
    assert not xp.is_within(x, 1e4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_numbers_whose_squares_are_infinite_are_finite(size, dtype):
    x = np.full(size, np.finfo(dtype).max)

    assert not xp.has_non_finite(x)


@pytest.mark.parametrize("size", SIZES)
def test_a_limit_whose_square_is_infinite_is_a_limit(size):
    x = np.zeros(size, np.float32)

    assert xp.is_within(x, 2.0**126)

    x[-1] = 2.0**127

    assert not xp.is_within(x, 2.0**126)

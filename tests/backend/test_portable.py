"""The portable extras, on array_api_strict."""

import numpy as np
import pytest

from tests.support.strict import DEVICE1
from xdl import backend


def _there(values):
    return backend.asarray(np.array(values), DEVICE1)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_scatter_add_keeps_what_is_not_finite_to_its_place(special):
    x = _there([0.0, 1.0, 2.0, 3.0])
    xp = backend.namespace(x)

    y = xp.scatter_add(x, (_there([1, 3, 3, 1]),), _there([special, 1.0, 2.0, 1.0]))

    np.testing.assert_array_equal([0.0, special, 2.0, 6.0], backend.to_numpy(y))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64"])
def test_scatter_add_of_nothing_and_of_duplicates_keeps_the_dtype(dtype):
    x = _there(np.ones((2, 3), dtype))
    xp = backend.namespace(x)

    same = xp.scatter_add(
        x, (_there(np.zeros(0, int)),), _there(np.ones((0, 3), dtype))
    )
    twice = xp.scatter_add(x, (_there([0, 0]),), _there(np.ones((2, 3), dtype)))

    assert [[1] * 3] * 2 == backend.to_numpy(same).tolist()
    assert [[3] * 3, [1] * 3] == backend.to_numpy(twice).tolist()
    assert {dtype} == {backend.dtype_name(y.dtype) for y in (same, twice)}

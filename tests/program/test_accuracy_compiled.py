"""The accuracy of compiled functions: eager's bits, or bounds of the executor's own."""

import importlib.util

import numpy as np
import pytest

from tests.support.accuracy import DTYPES, compiled, eager, inputs, worst
from tests.support.accuracy_functions import ELUS, FUNCTIONS, SIGMOIDS
from tests.support.compared import differing

# In ulp, for values and gradients: its exponentials are its own (decision 0014).
NUMBA = 4.0

every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@every_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_executor_gives_the_bits_of_eager(name, dtype):
    function, x = FUNCTIONS[name].call, inputs(name, dtype)

    actual = compiled("numpy")(function, x)

    assert [] == differing(list(eager(function, x)), [np.asarray(a) for a in actual])


@pytest.mark.skipif(not importlib.util.find_spec("numba"), reason="needs Numba")
@every_dtype
@pytest.mark.parametrize("name", [*SIGMOIDS, *ELUS])
def test_numba_executor_is_right_to_few_units_at_every_exponent(name, dtype):
    value, gradient = worst(name, dtype, compiled("numba"))

    assert value <= NUMBA
    assert gradient <= NUMBA

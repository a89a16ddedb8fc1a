"""The executors of compiled steps, for tests that run with each."""

import importlib.util

import pytest

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="needs Numba"
)
_COMPILED = ["numpy", pytest.param("numba", marks=needs_numba)]
every_executor = pytest.mark.parametrize("executor", _COMPILED)
eager_and_every_executor = pytest.mark.parametrize("executor", ["eager", *_COMPILED])

"""The executors of compiled steps, for tests that run with each."""

import importlib.util

import pytest

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="needs Numba"
)
every_executor = pytest.mark.parametrize(
    "executor", ["numpy", pytest.param("numba", marks=needs_numba)]
)

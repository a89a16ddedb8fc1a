"""What every test runs under: warnings are errors, and so are infinities and NaN."""

import numpy as np
import pytest

import xdl


def pytest_configure(config):
    filters = config.getini("filterwarnings")
    if "error" not in filters:
        filters.insert(0, "error")  # in front, so that stated exceptions still hold
    # Its dtypes have the hashes of NumPy's and warn when a dict tells them apart.
    filters.append("ignore:You are comparing a array_api_strict dtype:UserWarning")


@pytest.fixture(autouse=True)
def _floating_point_errors_are_raised():
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture(autouse=True)
def _seeded():
    xdl.seed(0)


@pytest.fixture
def rng():
    """Return a NumPy generator that draws the same in every run."""
    return np.random.default_rng(0)

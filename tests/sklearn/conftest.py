"""Data of the tests of estimators."""

import pytest


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]

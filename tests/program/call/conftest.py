"""Samples, and rows of batches, for the tests of members."""

import pytest

from tests.support.members import CLASSES, COLUMNS, COUNT, ROWS, SAMPLES, STEPS


@pytest.fixture
def data(rng):
    x = rng.standard_normal((SAMPLES, COLUMNS)).astype("f4")
    return x, rng.integers(0, CLASSES, SAMPLES)


@pytest.fixture
def rows(rng):
    return [rng.permutation(SAMPLES)[: STEPS * ROWS].reshape(STEPS, ROWS)] * COUNT

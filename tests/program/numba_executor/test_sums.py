"""Sums of many float32 numbers in native code: as exact as in float64, but rounded."""

import numpy as np
import pytest

pytest.importorskip("numba")

import xdl
from tests.support.compared import arrays_of
from xdl.program.numba_executor.whole_step.executor import NumbaWhole

BOUND = 1e-6  # of the sum: about eight roundings
LARGE = [(1_000_000, 8), (20_001, 100), (3, 700_001), (8, 90_000, 3)]
SMALL = [(8_192, 8), (600, 3, 36), (64, 24, 40)]
SUMS = {
    "the first axis": lambda x: xdl.sum(x * x, axis=0),
    "the last axis": lambda x: xdl.sum(x * x, axis=-1),
    "all axes": lambda x: xdl.sum(x * x),
    "all axes but the last": lambda x: xdl.sum(x * x, axis=tuple(range(x.ndim - 1))),
    "the first and the last axis": lambda x: xdl.sum(x * x, axis=(0, x.ndim - 1)),
    "the first axis, transposed": lambda x: xdl.sum(x.T * x.T, axis=-1),
    "every other row": lambda x: xdl.sum(x[::2] * x[::2], axis=0),
    "every other row, and all axes": lambda x: xdl.sum(x[::2] * x[::2]),
    "rows of exponentials": lambda x: xdl.sum(xdl.softmax(x), axis=-1),
    "rows, each used again": lambda x: x - xdl.mean(x * x, axis=-1, keepdims=True),
    "both, and the squares": lambda x: _both(x * x),
}


def _every(x):
    return [function(x) for function in SUMS.values()]


def _both(y):
    return [xdl.sum(y, axis=0), xdl.sum(y), y]


def _replayed(function, x):
    """Return what the replay of a function gives, and its executor."""
    step = xdl.compile(function, executor="numba", verify=False)
    step(x)
    actual = arrays_of(step(x))
    return actual, next(iter(step._replays.values())).executor


def _exact(function, x):
    return arrays_of(function(xdl.Variable(x.astype(np.float64), trainable=False)))


def _worst(expected, actual):
    """Return the largest error of arrays, relative to the largest number of each."""
    return max(
        np.abs(a - b).max() / np.abs(a).max()
        for a, b in zip(expected, actual, strict=True)
    )


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_a_sum_of_many_numbers_keeps_its_digits(shape, name, rng):
    x = (0.1 + 1e-3 * rng.random(shape)).astype(np.float32)

    actual, _ = _replayed(SUMS[name], x)

    assert BOUND > _worst(_exact(SUMS[name], x), actual)


@pytest.mark.parametrize("shape", SMALL, ids=str)
def test_a_sum_in_a_small_step_keeps_its_digits(shape, rng):
    x = (0.1 + 1e-3 * rng.random(shape)).astype(np.float32)

    actual, executor = _replayed(_every, x)

    assert isinstance(executor, NumbaWhole)
    assert BOUND > _worst(_exact(_every, x), actual)


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("shape", [(70_000, 8), (4, 90_000), (300, 40)], ids=str)
def test_what_is_not_finite_reaches_its_sums_alone(shape, special, rng):
    x = rng.random(shape).astype(np.float32)
    x[2, 5] = special

    (rows, every, columns), _ = _replayed(
        lambda x: [f(x * 2) for f in (_rows, xdl.sum, _columns)], x
    )

    assert [2] == np.flatnonzero(~np.isfinite(rows)).tolist()
    assert [5] == np.flatnonzero(~np.isfinite(columns)).tolist()
    np.testing.assert_equal([rows[2], columns[5], every], [special] * 3)


def _rows(x):
    return xdl.sum(x, axis=1)


def _columns(x):
    return xdl.sum(x, axis=0)

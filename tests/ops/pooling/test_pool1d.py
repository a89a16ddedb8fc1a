"""Pooling of sequences, and what it refuses."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, ShapeError, Variable

X = [[[1.0, 3.0, 2.0, 4.0, 0.0]]]


@pytest.mark.parametrize(
    ("pool", "options", "expected"),
    [
        (xdl.max_pool1d, {"window": 2}, [3.0, 4.0]),
        (xdl.max_pool1d, {"window": 3, "stride": 1}, [3.0, 4.0, 4.0]),
        (xdl.max_pool1d, {"window": 2, "padding": 1}, [1.0, 3.0, 4.0]),
        (xdl.avg_pool1d, {"window": 2}, [2.0, 3.0]),
        (xdl.avg_pool1d, {"window": (2,), "stride": (3,)}, [2.0, 2.0]),
        (xdl.avg_pool1d, {"window": 2, "padding": 1}, [0.5, 2.5, 2.0]),
    ],
)
def test_a_window_gives_one_number(pool, options, expected):
    assert [[expected]] == pool(X, **options).numpy().tolist()


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (xdl.max_pool1d, [0.0, 1.0, 0.0, 1.0, 0.0]),
        (xdl.avg_pool1d, [0.5, 0.5, 0.5, 0.5, 0.0]),
    ],
)
def test_gradients_go_to_the_largest_or_are_shared(pool, expected):
    x = Variable(X)

    pool(x, 2).sum().backward()

    assert [[expected]] == x.grad.tolist()


@pytest.mark.parametrize("pool", [xdl.max_pool1d, xdl.avg_pool1d])
@pytest.mark.parametrize(
    ("shape", "options", "error", "says"),
    [
        ((1, 1, 4, 4), {"window": 2}, ShapeError, "needed (n, channels, length)"),
        ((1, 1, 4), {"window": 5}, ShapeError, "does not fit"),
        ((1, 1, 4), {"window": 0}, ArgumentError, "window"),
        ((1, 1, 4), {"window": (2, 2)}, ArgumentError, "window (2, 2)"),
        ((1, 1, 4), {"window": 2, "stride": 0}, ArgumentError, "stride"),
        ((1, 1, 4), {"window": 2, "padding": 2}, ArgumentError, "at most half"),
    ],
)
def test_what_does_not_fit_is_refused(pool, shape, options, error, says):
    with pytest.raises(error) as caught:
        pool(np.ones(shape), **options)

    assert says in str(caught.value)

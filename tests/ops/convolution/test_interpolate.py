"""Resizing: sizes, factors, dtypes, and what is refused."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, ShapeError, Variable


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"size": 4}, [1.0, 1.0, 3.0, 3.0]),
        ({"size": (3,)}, [1.0, 1.0, 3.0]),
        ({"scale_factor": 2}, [1.0, 1.0, 3.0, 3.0]),
        ({"scale_factor": 1.9, "mode": "linear"}, [1.0, 30 / 19, 50 / 19]),
        ({"size": 4, "mode": "linear"}, [1.0, 1.5, 2.5, 3.0]),
        ({"size": 5, "mode": "linear", "align_corners": True}, [1, 1.5, 2, 2.5, 3]),
        ({"size": 1, "mode": "linear"}, [2.0]),
    ],
)
def test_a_sequence_is_resized(options, expected):
    y = xdl.interpolate([[[1.0, 3.0]]], **options)

    np.testing.assert_allclose(y.numpy(), [[expected]], rtol=1e-6)


def test_each_axis_has_its_own_factor():
    y = xdl.interpolate(np.ones((1, 2, 3, 4)), scale_factor=(2, 0.5))

    assert (1, 2, 6, 2) == y.shape


def test_integers_stay_integers_where_they_are_repeated():
    x = np.arange(4).reshape(1, 1, 2, 2)

    y = xdl.interpolate(x, scale_factor=2)

    assert x.dtype == y.dtype
    assert np.repeat(np.repeat(x, 2, 2), 2, 3).tolist() == y.numpy().tolist()


def test_integers_become_floating_numbers_between_each_other():
    y = xdl.interpolate(np.array([[[0, 1]]]), 4, mode="linear")

    assert "float32" == y.dtype
    assert [[[0.0, 0.25, 0.75, 1.0]]] == y.numpy().tolist()


def test_the_nearest_element_alone_is_infinite():
    y = xdl.interpolate([[[1.0, np.inf, 2.0]]], 6)

    assert [1.0, 1.0, np.inf, np.inf, 2.0, 2.0] == y.numpy()[0, 0].tolist()


def test_the_same_size_is_a_copy():
    x = Variable([[[1.0, 2.0]]])

    y = xdl.interpolate(x, 2, mode="linear")

    assert not np.shares_memory(x.value, y.value)


@pytest.mark.parametrize(
    ("shape", "options", "error", "says"),
    [
        ((1, 1, 4), {}, ArgumentError, "needed one of them"),
        ((1, 1, 4), {"size": 2, "scale_factor": 2}, ArgumentError, "needed one of"),
        ((1, 1, 4), {"size": 2, "mode": "cubic"}, ArgumentError, "mode 'cubic'"),
        ((1, 1, 4), {"size": 2, "mode": "bilinear"}, ArgumentError, "(1, 1, 4)"),
        ((1, 4), {"size": 2}, ArgumentError, "x (1, 4)"),
        ((1, 1, 4), {"size": (2, 2)}, ArgumentError, "needed 1 numbers"),
        ((1, 1, 4), {"size": 0}, ArgumentError, "size (0,)"),
        ((1, 1, 4), {"size": 2, "align_corners": True}, ArgumentError, "no meaning"),
        ((1, 1, 4), {"scale_factor": 0}, ArgumentError, "over 0"),
        ((1, 1, 4), {"scale_factor": np.inf}, ArgumentError, "over 0"),
        ((1, 1, 4), {"scale_factor": "2x"}, ArgumentError, "scale_factor '2x'"),
        ((1, 1, 4), {"scale_factor": 0.1}, ShapeError, "with elements"),
        ((1, 1, 0), {"size": 2}, ShapeError, "with elements"),
    ],
)
def test_what_does_not_fit_is_refused(shape, options, error, says):
    with pytest.raises(error) as caught:
        xdl.interpolate(np.ones(shape), **options)

    assert says in str(caught.value)

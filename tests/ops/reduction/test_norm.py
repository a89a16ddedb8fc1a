"""Norms and deviations of very large and very small numbers."""

import numpy as np
import pytest

import xdl
from xdl import Variable


@pytest.mark.parametrize("scale", [1e20, 1e30, 1.0, 1e-25, 1e-30])
def test_norm_and_its_gradient_are_right_at_any_size(scale):
    x = Variable(np.float32([3, 4]) * np.float32(scale))

    y = xdl.norm(x)
    y.backward()

    np.testing.assert_allclose(y.numpy(), np.float32(5 * scale), rtol=2e-7)
    np.testing.assert_allclose(x.grad, [0.6, 0.8], rtol=2e-7)


def test_rows_of_different_sizes_have_each_their_norm():
    x = np.float32([[3e20, 4e20], [3, 4], [3e-25, 4e-25], [0, 0], [np.inf, 1]])

    y = xdl.norm(x, axis=1, keepdims=True)

    expected = np.float32([[5e20], [5], [5e-25], [0], [np.inf]])
    np.testing.assert_allclose(y.numpy(), expected, rtol=2e-7)


@pytest.mark.parametrize("scale", [1e20, 1.0, 1e-25])
def test_std_is_right_at_any_size(scale):
    x = Variable(np.float32([1, 3]) * np.float32(scale))

    y = xdl.std(x)
    y.backward()

    np.testing.assert_allclose(y.numpy(), np.float32(scale), rtol=2e-7)
    np.testing.assert_allclose(x.grad, [-0.5, 0.5], rtol=2e-7)


def test_the_norm_of_a_nan_is_nan():
    assert np.isnan(xdl.norm([1e30, np.nan]).item())


@pytest.mark.parametrize("scale", [1.0, 1e20, 1e-25])
def test_a_compiled_step_has_the_norm_of_eager(scale):
    x = np.float32([[3, 4, 1e-3], [1, 2, 3]]) * np.float32(scale)

    def function(x):
        return xdl.norm(x), xdl.norm(x, axis=1), xdl.std(x, axis=0)

    expected = [y.numpy().tolist() for y in function(x)]
    step = xdl.compile(function)

    for _ in range(3):
        assert expected == [y.numpy().tolist() for y in step(x)]


@pytest.mark.parametrize("ndim", [1, 2])
def test_float64_is_scaled_too(ndim):
    x = Variable(np.full((2,) * ndim, 1e200))

    xdl.norm(x).backward()

    np.testing.assert_allclose(x.grad, 2 ** (-ndim / 2), rtol=1e-14)

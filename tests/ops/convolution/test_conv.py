"""Convolutions whose columns are more than a block, and how their arrays lie."""

import numpy as np
import pytest

import xdl
from tests.ops.convolution.references import conv


def _images_and_weight(rng, channels, window=5):
    """Return float64 images that are cut by their rows, and a weight for them."""
    x = rng.standard_normal((2, channels, 80, 90))
    weight = rng.standard_normal((4, channels, window, window))
    return x, weight


@pytest.mark.parametrize("channels", [3, 16])
def test_large_images_give_what_the_formula_says(channels, rng):
    x, weight = _images_and_weight(rng, channels)
    options = {"stride": (1, 2), "padding": (2, 1)}
    expected = conv(x, weight, None, **options)

    y = xdl.conv2d(x, weight, **options)

    np.testing.assert_allclose(expected, y.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [3, 16])
def test_gradients_of_large_images_are_adjoint(channels, stride, rng):
    x, weight = map(xdl.Variable, _images_and_weight(rng, channels))
    y = xdl.conv2d(x, weight, stride=stride, padding=1)
    gy = rng.standard_normal(y.shape)
    expected = np.vdot(gy, y.numpy())

    y.backward(gy)

    np.testing.assert_allclose(expected, np.vdot(x.grad, x.numpy()), rtol=1e-9)
    np.testing.assert_allclose(expected, np.vdot(weight.grad, weight.numpy()))


def test_gradient_of_large_images_is_the_formulas_in_a_direction(rng):
    x, weight = _images_and_weight(rng, 9)
    direction, image = rng.standard_normal(weight.shape), rng.standard_normal(x.shape)
    variables = xdl.Variable(x), xdl.Variable(weight)
    gy = rng.standard_normal((2, 4, 76, 86))

    xdl.conv2d(*variables).backward(gy)

    reference = conv
    along_weight = np.vdot(gy, reference(x, direction, None))
    along_image = np.vdot(gy, reference(image, weight, None))
    found = [
        np.vdot(v.grad, d) for v, d in zip(variables, (image, direction), strict=True)
    ]
    np.testing.assert_allclose([along_image, along_weight], found, rtol=1e-9)


@pytest.mark.parametrize("channels", [3, 16])
def test_the_memory_order_of_images_changes_no_number(channels, rng):
    x, weight = _images_and_weight(rng, channels, 3)
    turned = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    expected = xdl.max_pool2d(xdl.conv2d(x, weight), 2).numpy()

    y = xdl.max_pool2d(xdl.conv2d(turned, weight), 2).numpy()

    np.testing.assert_array_equal(expected, y)


def test_gradient_of_a_weight_lies_in_rows(rng):
    x, weight = map(xdl.Variable, _images_and_weight(rng, 16))

    xdl.conv2d(x, weight).sum().backward()

    assert weight.grad.flags.c_contiguous

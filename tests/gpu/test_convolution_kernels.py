"""Kernels of convolutions against products of copied windows, in float64 on the CPU."""

import importlib

import numpy as np
import pytest

import xdl
from xdl.backend import convolution as by_products

pytestmark = pytest.mark.gpu

CASES = {  # images, taps, (stride, padding, dilation, groups)
    "plain": ((2, 7, 6, 3), (3, 3, 3, 5), ((1, 1), (1, 1), (1, 1), 1)),
    "no padding": ((2, 7, 6, 3), (2, 3, 3, 5), ((1, 1), (0, 0), (1, 1), 1)),
    "wide padding": ((1, 4, 4, 2), (2, 2, 2, 3), ((1, 1), (3, 2), (1, 1), 1)),
    "strides, dilation": ((2, 9, 8, 4), (3, 2, 4, 6), ((2, 1), (1, 0), (1, 2), 1)),
    "groups, left over": ((3, 9, 9, 4), (3, 3, 2, 6), ((2, 3), (2, 1), (2, 1), 2)),
    "depthwise": ((2, 6, 1, 8), (3, 1, 1, 8), ((1, 1), (1, 0), (1, 1), 8)),
    "one tap, strides": ((2, 8, 8, 6), (1, 1, 6, 70), ((2, 2), (0, 0), (1, 1), 1)),
    "one channel": ((5, 28, 28, 1), (3, 3, 1, 32), ((1, 1), (1, 1), (1, 1), 1)),
    "many terms": ((4, 14, 14, 32), (3, 3, 32, 64), ((1, 1), (1, 1), (1, 1), 1)),
    "tiles of 64": ((1, 132, 130, 1), (1, 1, 1, 40), ((1, 1), (0, 0), (1, 1), 1)),
    "tiles of 128": ((1, 192, 192, 2), (1, 2, 2, 40), ((1, 1), (0, 0), (1, 1), 1)),
    "narrow tiles": ((1, 192, 192, 2), (1, 2, 2, 7), ((1, 1), (0, 0), (1, 1), 1)),
}
CLOSE = {"float32": 2e-6, "float64": 1e-14}


@pytest.fixture
def cuda():
    return importlib.import_module("xdl.backend.cupy")


def _drawn(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def _there(array, dtype):
    return xdl.backend.asarray(array.astype(dtype), xdl.backend.usable("cuda"))


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("case", CASES)
def test_a_convolution_and_its_gradients_are_those_of_windows(case, dtype, cuda):
    images, taps, options = CASES[case]
    x, w, bias = _drawn(images, taps, taps[3:])
    wide = x.astype(float), w.astype(float), bias.astype(float)
    y = by_products.convolution(*wide, options)
    (g,) = _drawn(y.shape, seed=1)
    here = [_there(a, dtype) for a in (x, w, bias, g)]
    wanted = (
        y,
        by_products.convolution_by_input(
            g.astype(float), wide[1], x.shape[1:3], options
        ),
        by_products.convolution_by_weight(
            wide[0], g.astype(float), w.shape[:2], options
        ),
    )

    found = (
        cuda.convolution(*here[:3], options),
        cuda.convolution_by_input(here[3], here[1], x.shape[1:3], options),
        cuda.convolution_by_weight(here[0], here[3], w.shape[:2], options),
    )

    for want, array in zip(wanted, found, strict=True):
        assert array.shape == want.shape
        assert array.dtype == dtype
        error = np.abs(array.get() - want).max()
        assert error <= CLOSE[dtype] * np.abs(want).max()


def test_where_no_tap_sees_an_image_a_nan_of_it_is_not_seen(cuda):
    taps, g = _drawn((3, 3, 3, 4), (2, 6, 6, 4))
    taps[0, 0, 1, 2], taps[2, 1, 0, 0] = np.nan, np.inf
    options = (1, 1), (1, 1), (1, 1), 1
    want = by_products.convolution_by_input(g, taps, (6, 6), options)

    given = (_there(a, "float32") for a in (g, taps))
    found = cuda.convolution_by_input(*given, (6, 6), options).get()

    assert 0 < np.isnan(want).sum() < want.size
    np.testing.assert_allclose(found, want, 1e-4, 1e-5)


@pytest.mark.parametrize("at", [(0, 0, 0), (1, 3, 2), (1, 5, 5)])
def test_a_nan_of_an_image_is_seen_where_windows_hold_it(at, cuda):
    x, taps, g = _drawn((2, 6, 6, 3), (3, 3, 3, 4), (2, 6, 6, 4))
    x[at] = np.nan
    options = (1, 1), (1, 1), (1, 1), 1
    here = [_there(a, "float32") for a in (x, taps, g)]

    found = cuda.convolution(*here[:2], None, options).get()
    by_weight = cuda.convolution_by_weight(*here[::2], (3, 3), options).get()

    want = by_products.convolution(x, taps, None, options)
    assert np.array_equal(np.isnan(found), np.isnan(want))
    want = by_products.convolution_by_weight(x, g, (3, 3), options)
    assert np.array_equal(np.isnan(by_weight), np.isnan(want))


def test_operands_that_do_not_lie_side_by_side_are_copied(cuda):
    x, taps = _drawn((4, 6, 3, 6), (3, 3, 4, 3))
    options = (1, 1), (1, 1), (1, 1), 1
    X, W = _there(x, "float32"), _there(taps, "float32")

    found = cuda.convolution(
        X.transpose(0, 1, 3, 2)[::2], W.transpose(0, 1, 3, 2), None, options
    )

    turned = x.transpose(0, 1, 3, 2)[::2], taps.transpose(0, 1, 3, 2)
    want = by_products.convolution(*turned, None, options)
    np.testing.assert_allclose(found.get(), want, 1e-5, 1e-5)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_short_floats_are_left_to_products(name, cuda):
    x, taps = _drawn((2, 6, 6, 3), (3, 3, 3, 4))
    options = (1, 1), (1, 1), (1, 1), 1
    X, W = (cuda.astype(_there(a, "float32"), name) for a in (x, taps))

    found = cuda.convolution(X, W, None, options)

    assert found.dtype.name == name
    want = by_products.convolution(x, taps, None, options)
    np.testing.assert_allclose(cuda.astype(found, "float32").get(), want, 0.05, 0.1)

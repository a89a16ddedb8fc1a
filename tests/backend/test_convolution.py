"""Convolutions by products of matrices, beside sums over taps."""

import itertools

import array_api_strict
import numpy as np
import pytest

from xdl.backend import convolution as by_products
from xdl.backend.portable import Portable

PORTABLE = Portable(array_api_strict)
SIZES = [(7, 9), (12, 5)]
WINDOWS = [(3, 3), (1, 2), (2, 3)]
OPTIONS = [
    (stride, padding, dilation, groups)
    for stride in [(1, 1), (2, 1), (3, 2)]
    for padding in [(0, 0), (1, 1), (2, 3)]
    for dilation in [(1, 1), (2, 1)]
    for groups in [1, 2]
]
CASES = [
    (size, window, options, share)
    for (size, window, options), share in zip(
        itertools.product(SIZES, WINDOWS, OPTIONS), itertools.cycle([1, 3, 8])
    )
    if min(by_products.counted(size, window, *options[:3])) > 0
]


@pytest.fixture(params=[1 << 18, 300], ids=["whole", "blocks"])
def most(request):
    return request.param


def _given(size, window, options, share):
    rng = np.random.default_rng(3)
    groups, count = options[3], by_products.counted(size, window, *options[:3])
    x = rng.standard_normal((2, *size, share * groups))
    taps = rng.standard_normal((*window, share, 2 * groups))
    return x, taps, rng.standard_normal((2, *count, 2 * groups))


def _portable(name, *given):
    given = [
        array_api_strict.asarray(x) if isinstance(x, np.ndarray) else x for x in given
    ]
    return np.asarray(getattr(PORTABLE, name)(*given))


@pytest.mark.parametrize(("size", "window", "options", "share"), CASES)
def test_products_make_what_sums_over_taps_make(size, window, options, share, most):
    x, taps, g = _given(size, window, options, share)
    bias = np.arange(taps.shape[3], dtype=float)
    calls = [
        ("convolution", x, taps, bias, options),
        ("convolution_by_input", g, taps, size, options),
        ("convolution_by_weight", x, g, window, options),
    ]

    for name, *given in calls:
        found = getattr(by_products, name)(*given, most=most)

        np.testing.assert_allclose(found, _portable(name, *given), atol=1e-12)


@pytest.mark.parametrize("name", ["convolution", "by_input", "by_weight"])
def test_products_write_where_they_are_told(name):
    options = (1, 1), (1, 1), (1, 1), 1
    x, taps, g = _given((7, 9), (3, 3), options, 8)
    function, given = {
        "convolution": (by_products.convolution, (x, taps, None, options)),
        "by_input": (by_products.convolution_by_input, (g, taps, (7, 9), options)),
        "by_weight": (by_products.convolution_by_weight, (x, g, (3, 3), options)),
    }[name]
    expected = function(*given)
    out = np.full_like(expected, np.nan)

    found = function(*given, out)

    assert found is out
    assert np.array_equal(expected, out)


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_a_tap_that_is_not_finite_reaches_no_place_that_it_does_not_see(special):
    options = (1, 1), (1, 1), (1, 1), 1
    _, taps, g = _given((7, 9), (3, 3), options, 8)
    taps[0, 0, 0, 0] = special

    gx = by_products.convolution_by_input(g, taps, (7, 9), options)

    is_reached = np.zeros(gx.shape, bool)
    is_reached[:, :-1, :-1, 0] = True
    assert np.array_equal(~np.isfinite(gx), is_reached)
    assert np.array_equal(
        is_reached,
        ~np.isfinite(_portable("convolution_by_input", g, taps, (7, 9), options)),
    )


def test_no_images_give_no_images_and_a_gradient_of_zeros():
    options = (1, 1), (1, 1), (1, 1), 1
    x, taps, g = (np.zeros((0, 4, 4, 8)), np.ones((3, 3, 8, 2)), np.zeros((0, 4, 4, 2)))

    assert by_products.convolution(x, taps, None, options).shape == (0, 4, 4, 2)
    assert by_products.convolution_by_input(g, taps, (4, 4), options).shape == x.shape
    assert not by_products.convolution_by_weight(x, g, (3, 3), options).any()

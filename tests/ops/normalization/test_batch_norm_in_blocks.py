"""Batch norm of large arrays: block by block, whatever the layout, to full accuracy."""

import numpy as np
import pytest

import xdl
from xdl.backend import blocks

SHAPES = [(37, 10), (6, 9, 7), (4, 16, 6, 5), (5, 3, 6, 7), (33, 300), (2, 8, 3, 2, 4)]


def _by_hand(x, weight, bias, gy):
    axes = (0, *range(2, x.ndim))
    lying = (-1, *[1] * (x.ndim - 2))
    centred = x - x.mean(axes, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axes, keepdims=True) + 1e-5)
    normal = centred * scale
    total, along = gy.sum(axes), (gy * normal).sum(axes)
    count = x.size // x.shape[1]
    gx = gy - (total.reshape(lying) + normal * along.reshape(lying)) / count
    y = normal * weight.reshape(lying) + bias.reshape(lying)
    return y, gx * scale * weight.reshape(lying), along, total


def _by_xdl(x, weight, bias, gy, dtype):
    given = [xdl.Variable(a.astype(dtype)) for a in (x, weight, bias)]
    y = xdl.batch_norm(given[0], None, None, *given[1:])
    y.backward(gy.astype(dtype))
    return [y.numpy(), *[a.grad for a in given]]


@pytest.fixture(params=["whole", "in blocks"])
def way(request, monkeypatch):
    if request.param == "in blocks":
        monkeypatch.setattr(blocks, "SIZE", 64)
        monkeypatch.setattr(blocks, "LEAST", 128)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("is_last", [False, True], ids=["planes", "channels last"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_results_and_gradients_are_those_of_the_formula(shape, is_last, rng):
    x, gy = rng.standard_normal((2, *shape)) + 0.5
    if is_last:
        x, gy = (np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1) for a in (x, gy))
    weight, bias = rng.standard_normal((2, shape[1]))

    found = _by_xdl(x, weight, bias, gy, np.float64)

    for got, expected in zip(found, _by_hand(x, weight, bias, gy), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("shape", [(4096, 16), (8, 16, 24, 24)], ids=str)
def test_a_mean_far_above_the_deviation_costs_no_digits_but_its_own(shape, rng):
    lying = (-1, *[1] * (len(shape) - 2))
    x = rng.standard_normal(shape) + 1000 * np.arange(1, 17).reshape(lying)
    x = x.astype(np.float32).astype(np.float64)
    gy, (weight, bias) = rng.standard_normal(shape), np.ones((2, 16))

    y, gx, *_ = _by_xdl(x, weight, bias, gy, np.float32)

    expected, expected_gx, *_ = _by_hand(x, weight, bias, gy)
    step = np.spacing(np.float32(16000))
    np.testing.assert_allclose(y, expected, rtol=0, atol=4 * step)
    np.testing.assert_allclose(gx, expected_gx, rtol=0, atol=step)


def test_what_is_kept_of_a_large_input_is_the_input(monkeypatch):
    monkeypatch.setattr(blocks, "LEAST", 16)
    x = xdl.Variable(np.ones((16, 8), np.float32))

    y = xdl.batch_norm(x)

    assert any(np.shares_memory(x._value, one) for one in _arrays(y._node.kept))


def _arrays(kept):
    return [one for one in kept if isinstance(one, np.ndarray)]

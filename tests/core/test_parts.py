"""Gradients of parts of an array: written into one, and summed where they meet."""

import tracemalloc

import numpy as np
import pytest

import xdl

INDICES = {
    "apart": [0, 1, 2],
    "overlapping": [slice(0, 2), slice(1, 3), 1],
    "by arrays": [np.array([0, 0, 2]), np.array([2, 1]), (slice(None), 1)],
    "by masks": [np.array([True, False, True]), np.array([[True] * 4] * 3), ...],
}


def _expected(shape, indices, dtype):
    total = np.zeros(shape, dtype)
    for number, index in enumerate(indices):
        np.add.at(total, index, dtype(number + 1))
    return total


def _loss(x, indices):
    return sum(xdl.sum(x[index]) * (i + 1) for i, index in enumerate(indices))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("indices", INDICES.values(), ids=INDICES)
def test_gradients_of_parts_of_a_leaf_are_summed(indices, dtype):
    x = xdl.Variable(np.ones((3, 4), dtype))

    _loss(x, indices).backward()

    assert x.grad.dtype == dtype
    np.testing.assert_array_equal(x.grad, _expected((3, 4), indices, dtype))


@pytest.mark.parametrize("indices", INDICES.values(), ids=INDICES)
def test_gradients_of_parts_are_summed_with_those_of_the_whole(indices):
    x = xdl.Variable(np.ones((3, 4), np.float32))
    y = x * 2

    (_loss(y, indices) + xdl.sum(y) + _loss(y, indices) + xdl.sum(x)).backward()

    parts = _expected((3, 4), indices, np.float32)
    np.testing.assert_array_equal(x.grad, 4 * parts + 3)


def test_parts_of_parts_have_gradients():
    x = xdl.Variable(np.ones((2, 3, 4), np.float32))

    xdl.sum(x[1][2] * x[1][0] * x[0][:, 1:].sum()).backward()

    assert float(x.grad[1, 2].sum()) == 36.0
    assert float(x.grad[0, :, 0].sum()) == 0.0
    assert float(x.grad[0, 0, 1]) == 4.0


def test_a_second_backward_adds_to_the_first():
    x = xdl.Variable(np.ones((3, 4), np.float32))
    loss = _loss(x, [0, 1])

    loss.backward(retain_graph=True)
    first = x.grad
    kept = first.copy()
    loss.backward()

    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(x.grad, 2 * kept)


def test_parts_are_differentiated_twice():
    x = xdl.Variable(np.array([2.0, 3.0, 5.0]))

    (x[0] * x[0] * x[1] + x[2]).backward(create_graph=True)
    gradient = x.grad
    x.clear_grad()
    xdl.sum(gradient).backward()

    np.testing.assert_allclose(gradient.numpy(), [12.0, 4.0, 1.0])
    np.testing.assert_allclose(x.grad, [2 * 3 + 2 * 2, 2 * 2, 0])


def test_infinities_in_parts_do_not_warn():
    x = xdl.Variable(np.ones(3, np.float32))

    (x[:2] * np.float32("inf") - x[1:] * np.float32("inf")).sum().backward()

    assert np.isnan(x.grad[1]) and np.isinf(x.grad[[0, 2]]).all()


def test_parts_take_the_memory_of_one_array():
    x = xdl.Variable(np.ones((64, 4096), np.float32))
    loss = sum(xdl.sum(x[i]) for i in range(64))
    tracemalloc.start()

    loss.backward()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * 64 * 4096 * 4

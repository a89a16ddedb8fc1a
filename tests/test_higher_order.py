"""Gradients of gradients: the same gradient code, computed with xp = xdl.ops."""

import numpy as np
import pytest

import xdl
from tests.support.strict import DEVICE1
from xdl.testing import check_gradient


def _slope(y, x, grad=None):
    """Return dy/dx as a Variable that can be differentiated again."""
    y.backward(grad, create_graph=True)
    slope = x.grad
    x.clear_grad()
    return slope


def _hessian(function, x):
    slope = _slope(function(x), x)
    rows = []
    for i in range(x.size):
        slope[i].backward(retain_graph=True)
        rows.append(x.grad)
        x.clear_grad()
    return np.stack(rows)


def test_hessian_of_a_small_function():
    a, b = 0.7, -1.3
    x = xdl.Variable(np.asarray([a, b]))

    hessian = _hessian(lambda x: x[0] ** 2 * x[1] + xdl.exp(x[0] * x[1]), x)

    e = np.exp(a * b)
    mixed = 2 * a + (1 + a * b) * e
    expected = [[2 * b + b * b * e, mixed], [mixed, a * a * e]]
    np.testing.assert_allclose(hessian, expected, rtol=1e-12)


def test_hessian_of_softmax_cross_entropy():
    logits = np.asarray([0.5, -1.0, 2.0])

    hessian = _hessian(lambda x: xdl.softmax_cross_entropy(x, 1), xdl.Variable(logits))

    p = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(hessian, np.diag(p) - np.outer(p, p), rtol=1e-12)


def test_hessian_vector_product_needs_no_hessian(rng):
    matrix = rng.standard_normal((4, 4))
    x = xdl.Variable(rng.standard_normal(4))
    direction = rng.standard_normal(4)

    slope = _slope(0.5 * (x @ matrix @ x), x)
    slope.backward(direction)

    np.testing.assert_allclose(x.grad, (matrix + matrix.T) @ direction / 2, rtol=1e-12)


def test_third_derivative_of_a_power():
    x = xdl.Variable(np.asarray([0.5, 2.0, -1.5]))
    ones = np.ones(3)

    third = _slope(_slope(_slope(x**5, x, ones), x, ones), x, ones)

    np.testing.assert_allclose(third.numpy(), 60 * x.numpy() ** 2, rtol=1e-12)


def test_fifth_derivative_of_a_power_is_constant_and_the_sixth_is_zero():
    x = xdl.Variable(3.0, dtype="float64")
    derivative = x**5
    for _ in range(5):
        derivative = _slope(derivative, x)

    assert 120.0 == derivative.item()
    assert 0.0 == _slope(derivative, x).item()


@pytest.mark.parametrize("device", ["cpu", DEVICE1])
def test_gradient_penalty_trains_a_critic(device, rng):
    first = xdl.Variable(rng.standard_normal((3, 4)), "first").to(device)
    second = xdl.Variable(rng.standard_normal((4, 1)), "second").to(device)
    samples = rng.standard_normal((5, 3))

    def penalty(first, second):
        x = xdl.Variable(samples).to(device)
        score = xdl.sum(xdl.matmul(xdl.tanh(xdl.matmul(x, first)), second))
        slope = _slope(score, x)
        first.clear_grad()
        second.clear_grad()
        norm = xdl.sqrt(xdl.sum(slope * slope, axis=1))
        return xdl.mean((norm - 1) ** 2)

    check_gradient(penalty, first, second)


@pytest.mark.parametrize("activation", [xdl.tanh, xdl.sigmoid, xdl.relu, xdl.exp])
def test_network_can_be_differentiated_twice(activation, rng):
    def loss(w1, b1, w2):
        hidden = activation(xdl.linear(samples, w1, b1))
        return xdl.softmax_cross_entropy(hidden @ w2, [0, 2, 1])

    samples = rng.standard_normal((3, 4))
    shapes = [(4, 5), (5,), (5, 3)]

    check_gradient(loss, *(rng.uniform(-1, 1, shape) for shape in shapes), order=2)


def test_derivative_flows_through_the_gradient_that_was_given():
    x = xdl.Variable(np.asarray([1.0, 2.0]))
    gy = xdl.Variable(np.asarray([3.0, 5.0]))

    slope = _slope(x * x, x, gy)
    slope.backward(np.ones(2))

    assert [2.0, 4.0] == gy.grad.tolist()
    assert [6.0, 10.0] == x.grad.tolist()


def test_gradient_is_a_variable_with_a_graph_only_if_asked_for():
    x = xdl.Variable([2.0])

    (x * x).backward()
    plain = x.grad
    x.clear_grad()
    slope = _slope(x * x, x)

    assert isinstance(plain, np.ndarray)
    assert isinstance(slope, xdl.Variable)
    assert slope.trainable


def test_gradients_of_both_kinds_add():
    x = xdl.Variable([2.0])

    (x * x).backward()
    (x * x * x).backward(create_graph=True)

    assert [4.0 + 12.0] == x.grad.numpy().tolist()


@pytest.mark.parametrize("create_first", [True, False])
def test_gradients_of_both_kinds_add_on_any_device(create_first):
    x = xdl.Variable([2.0]).to(DEVICE1)

    (x * x).backward(create_graph=create_first)
    (x * x).backward(create_graph=not create_first)

    total = x.grad
    assert [8.0] == (
        total if isinstance(total, xdl.Variable) else xdl.Variable(total)
    ).numpy()


def test_seed_of_another_dtype_keeps_its_graph():
    x = xdl.Variable([3.0])
    scale = xdl.Variable([2.0], dtype="float64", name="scale")

    with pytest.raises(xdl.DtypeError, match="float64"):
        (x * x).backward(scale, create_graph=True)

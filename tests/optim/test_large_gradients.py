"""Gradients that are finite, and whose squares are not."""

import importlib.util

import numpy as np
import pytest

import xdl
from xdl import Variable, optim

numba = pytest.param(
    "numba",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("numba") is None, reason="numba is not installed"
    ),
)
every_way = pytest.mark.parametrize("executor", [None, "numpy", numba])

OPTIMIZERS = {
    "Adadelta": optim.Adadelta,
    "Adagrad": optim.Adagrad,
    "Adam": optim.Adam,
    "AdamW": optim.AdamW,
    "Adam, amsgrad": lambda w: optim.Adam(w, amsgrad=True),
    "LAMB": optim.LAMB,
    "Lion": optim.Lion,
    "Muon": optim.Muon,
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "RMSprop": optim.RMSprop,
    "RMSprop, centered": lambda w: optim.RMSprop(w, centered=True, momentum=0.5),
    "SGD": lambda w: xdl.SGD(w, momentum=0.5),
}
# Those whose first step has one size for all gradients.
BY_SIGN = ["Adagrad", "Adam", "AdamW", "Adam, amsgrad", "LAMB", "Lion", "NAdam"]
MOVING = ["Adam", "AdamW", "LAMB", "NAdam"]


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


def _trained(name, gradients, executor=None, dtype="float32"):
    """Return the weights after each gradient, and the optimizer."""
    w = Variable(np.ones((2, 2)), dtype=dtype)
    optimizer = OPTIMIZERS[name]([w])

    def step(gradient):
        (w * gradient).sum().backward()
        optimizer.update()

    if executor is not None:
        step = xdl.compile(step, optimizer, executor=executor)
    weights = []
    for gradient in gradients:
        step(np.asarray(gradient, dtype))
        weights.append(w.numpy())
    return weights, optimizer


SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])


@every_way
@pytest.mark.parametrize("size", [2e19, 1e20, 3e38])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_large_gradient_leaves_a_finite_state(name, size, executor):
    gradients = [SIGNS, size * SIGNS, *[SIGNS] * 3]

    weights, optimizer = _trained(name, gradients, executor)

    assert np.isfinite(weights).all()
    for variable in optimizer.state.values():
        assert np.isfinite(variable.numpy()).all()


@pytest.mark.parametrize("name", BY_SIGN)
def test_the_first_step_by_a_large_gradient_is_that_by_any_other(name):
    (expected,), _ = _trained(name, [1e3 * SIGNS])

    (large,), _ = _trained(name, [[[3e38, -1e20], [-2e19, 1e25]]])

    np.testing.assert_allclose(large - 1, expected - 1, rtol=1e-3)


@pytest.mark.parametrize(
    "name", ["Adam", "AdamW", "NAdam", "LAMB", "RMSprop, centered"]
)
def test_an_optimizer_moves_again_after_a_large_gradient(name):
    weights, _ = _trained(name, [1e20 * SIGNS, SIGNS, SIGNS])

    assert (weights[1] != weights[0]).all()
    assert (weights[2] != weights[1]).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replays_give_what_eager_gives_with_large_gradients(name):
    gradients = [SIGNS, 1e30 * SIGNS, SIGNS]

    expected, _ = _trained(name, gradients)
    actual, _ = _trained(name, gradients, "numpy")

    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_of_float64_may_be_large_too(name):
    weights, optimizer = _trained(name, [1e200 * SIGNS, SIGNS], dtype="float64")

    assert np.isfinite(weights).all()
    for variable in optimizer.state.values():
        assert np.isfinite(variable.numpy()).all()


def test_the_sum_of_squares_of_many_large_gradients_is_finite():
    weights, optimizer = _trained("Adagrad", [1e20 * SIGNS] * 9)

    assert np.isfinite(optimizer.state["square_sum/0"].numpy()).all()
    assert (weights[8] != weights[7]).all()


@every_way
@pytest.mark.parametrize(
    "gradient",
    [[3e20, 4e20], [3e38, 3e38], [3e38, -1e38], [1e20, 0.0], [3e-25, 4e-25]],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_by_the_norm_keeps_the_direction(gradient, dtype, executor):
    scale = 1.0 if dtype == "float32" else 1e100
    gradient = np.asarray(np.asarray(gradient) * scale, dtype)
    w = Variable(np.zeros(2), dtype=dtype)

    def step(g):
        (w * g).sum().backward()
        norm = optim.clip_grad_norm([w], 1.0)
        return norm, Variable(w.grad)

    if executor is not None:
        step = xdl.compile(step, w, executor=executor)
    for _ in range(2):
        w.clear_grad()
        norm, clipped = step(gradient)

    exact = np.sqrt(np.sum(np.square(gradient.astype(np.longdouble))))
    expected = (gradient * min(1 / (exact + 1e-6), 1)).astype(dtype)
    with np.errstate(over="ignore"):  # the norm of [3e38, 3e38] is infinite in float32
        np.testing.assert_allclose(norm.numpy(), exact.astype(dtype), rtol=1e-6)
    np.testing.assert_allclose(clipped.numpy(), expected, rtol=1e-5)


@every_way
def test_clipping_at_a_large_norm_changes_no_smaller_gradient(executor):
    w = Variable([0.0, 0.0])

    def step(g):
        (w * g).sum().backward()
        optim.clip_grad_norm([w], 3e38)
        optim.clip_grad_value([w], 3e38)
        return Variable(w.grad)

    if executor is not None:
        step = xdl.compile(step, w, executor=executor)
    found = []
    for gradient in ([1e20, -3e20], [1.0, 2.0]):
        w.clear_grad()
        found.append(step(np.float32(gradient)).numpy().tolist())

    assert [np.float32([1e20, -3e20]).tolist(), [1.0, 2.0]] == found


def test_clipping_an_infinite_gradient_is_still_refused():
    w = Variable([1.0, 2.0], "w")
    w.grad = [np.inf, 1.0]

    with pytest.raises(xdl.NonFiniteError, match='"w"'):
        optim.clip_grad_norm([w], 1.0)


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "LAMB", "SGD"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_infinite_gradient_is_still_refused(name, bad):
    gradients = np.ones((2, 2))
    gradients[0, 1] = bad

    with pytest.raises(xdl.NonFiniteError, match="no weight was changed"):
        _trained(name, [gradients])


@every_way
def test_one_program_serves_large_gradients_and_others(executor):
    w = Variable(np.ones(2), dtype="float32")
    optimizer = optim.Adam([w])

    def train(gradient):
        (w * gradient).sum().backward()
        optimizer.update()

    step = (
        train
        if executor is None
        else xdl.compile(train, w, optimizer, executor=executor)
    )
    for size in (1.0, 1e20, 3e38, 1.0):
        step(np.float32([size, -size]))

    expected = _trained("Adam", [s * SIGNS for s in (1.0, 1e20, 3e38, 1.0)])[0][-1]
    np.testing.assert_allclose(w.numpy(), expected[0], rtol=1e-6)

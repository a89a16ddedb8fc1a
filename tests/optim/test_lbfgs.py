"""L-BFGS, and its line search, beside what SciPy, scikit-learn and PyTorch find."""

import math

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, GraphError, Module, NonFiniteError, Variable
from xdl.nn import Linear
from xdl.optim import LBFGS
from xdl.optim.line_search import ENOUGH, FLAT, Point, strong_wolfe

RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((60, 4))
LABELS = (DATA @ [1.0, -2.0, 0.5, 0.0] + RNG.standard_normal(60) > 0).astype(int)


def _rosenbrock(w):
    return xdl.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2)


def _closure(function, *variables):
    calls = []

    def closure():
        loss = function(*variables)
        loss.backward()
        calls.append(loss.item())
        return loss

    return closure, calls


def _quadratic(size, spread):
    q, _ = np.linalg.qr(RNG.standard_normal((size, size)))
    return q @ np.diag(np.geomspace(1.0, spread, size)) @ q.T, RNG.standard_normal(size)


@pytest.mark.parametrize("search", ["strong_wolfe", None])
@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_a_convex_quadratic_is_minimized(spread, search):
    a, b = _quadratic(8, spread)
    w = Variable(np.zeros(8))
    closure, _ = _closure(lambda w: 0.5 * xdl.vecdot(w, a @ w) - xdl.vecdot(b, w), w)
    optimizer = LBFGS([w], max_iter=200, line_search_fn=search, tolerance_change=0.0)

    optimizer.update(closure)

    np.testing.assert_allclose(w.numpy(), np.linalg.solve(a, b), atol=1e-6)


@pytest.mark.parametrize("size", [2, 10])
def test_the_rosenbrock_function_is_minimized_in_about_as_many_calls_as_by_scipy(size):
    optimize = pytest.importorskip("scipy.optimize")
    start = np.where(np.arange(size) % 2, 1.0, -1.2)
    w = Variable(start)
    closure, calls = _closure(_rosenbrock, w)
    options = {"maxcor": 10, "gtol": 1e-7, "ftol": 0.0}

    LBFGS([w], max_iter=200, tolerance_change=0.0).update(closure)
    theirs = optimize.minimize(
        optimize.rosen,
        start,
        jac=optimize.rosen_der,
        method="L-BFGS-B",
        options=options,
    )

    np.testing.assert_allclose(w.numpy(), np.ones(size), atol=1e-6)
    assert len(calls) <= 1.5 * theirs.nfev


def test_logistic_regression_is_that_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    theirs = linear.LogisticRegression(C=2.0, tol=1e-10, max_iter=1000)
    theirs.fit(DATA, LABELS)
    w, b = Variable(np.zeros(4)), Variable(np.zeros(()))

    def loss(w, b):
        scores = DATA @ w + b
        fit = xdl.binary_cross_entropy_with_logits(scores, LABELS, reduction="sum")
        return fit + 0.25 * xdl.vecdot(w, w)

    closure, _ = _closure(loss, w, b)
    LBFGS([w, b], max_iter=100, tolerance_change=0.0).update(closure)

    np.testing.assert_allclose(w.numpy(), theirs.coef_[0], atol=1e-6)
    np.testing.assert_allclose(b.numpy(), theirs.intercept_[0], atol=1e-6)


def test_float32_weights_come_as_near_as_they_can():
    w = Variable(np.array([-1.2, 1.0], "f4"))
    closure, _ = _closure(_rosenbrock, w)

    LBFGS([w], max_iter=100).update(closure)

    assert "float32" == w.dtype
    np.testing.assert_allclose(w.numpy(), [1.0, 1.0], atol=1e-3)


def test_updates_go_on_where_the_last_one_ended():
    at_once, in_parts = Variable(np.full(4, -1.0)), Variable(np.full(4, -1.0))
    closure, calls = _closure(_rosenbrock, at_once)
    other, _ = _closure(_rosenbrock, in_parts)
    options = {"max_eval": 1000, "tolerance_change": 0.0}

    LBFGS([at_once], max_iter=12, **options).update(closure)
    optimizer = LBFGS([in_parts], max_iter=4, **options)
    first = [optimizer.update(other).item() for _ in range(3)]

    np.testing.assert_allclose(in_parts.numpy(), at_once.numpy(), rtol=1e-9)
    assert first[0] == calls[0] and first == sorted(first, reverse=True)


def test_a_saved_state_goes_on_to_the_bit(tmp_path):
    path, pairs = tmp_path / "lbfgs.xdl", []
    for _ in range(2):
        w = Variable(np.full(5, -1.0))
        pairs.append((w, LBFGS([w], max_iter=3, history_size=4)))
    (w, optimizer), (twin, other) = pairs
    for _ in range(4):
        optimizer.update(_closure(_rosenbrock, w)[0])

    xdl.save(path, w=w, optimizer=optimizer)
    xdl.load(path, w=twin, optimizer=other)
    for one, its in pairs:
        its.update(_closure(_rosenbrock, one)[0])

    assert w.numpy().tolist() == twin.numpy().tolist()


def test_update_clears_gradients_and_step_keeps_them():
    w = Variable(np.full(2, -1.0))
    closure, _ = _closure(_rosenbrock, w)
    optimizer = LBFGS([w])

    optimizer.update(closure)
    cleared = w.grad
    optimizer.step(closure)

    assert cleared is None
    assert w.grad is not None


def test_a_closure_need_not_clear_gradients():
    w = Variable(np.full(2, -1.0))
    w.grad = np.full(2, 1e6)
    closure, _ = _closure(_rosenbrock, w)

    LBFGS([w], max_iter=50).update(closure)

    np.testing.assert_allclose(w.numpy(), [1.0, 1.0], atol=1e-5)


def test_frozen_weights_stay_and_thawed_ones_are_trained_again():
    model = Module()
    model.w, model.b = Variable(np.zeros(4)), Variable(np.ones(4))
    target = np.arange(4.0)
    closure, _ = _closure(lambda: xdl.sum(xdl.square(model.w * 2 + model.b - target)))
    optimizer = LBFGS(model, max_iter=50)
    model.b.trainable = False

    optimizer.update(closure)
    fitted = model.w.numpy()
    model.b.trainable = True
    target += 1.0
    optimizer.update(closure)

    np.testing.assert_allclose(fitted, (np.arange(4.0) - 1) / 2, atol=1e-7)
    assert (model.b.numpy() != 1.0).all()


def test_a_layer_is_fitted_to_the_least_squares_solution():
    layer, target = Linear(4, 2), RNG.standard_normal((60, 2))
    x = DATA.astype("f4")
    closure, _ = _closure(lambda: xdl.square_error(layer(x), target))

    LBFGS(layer, max_iter=100).update(closure)

    rows = np.concatenate([DATA, np.ones((60, 1))], axis=1)
    expected = np.linalg.lstsq(rows, target, rcond=None)[0]
    np.testing.assert_allclose(layer.weight.numpy(), expected[:-1], atol=1e-4)
    np.testing.assert_allclose(layer.bias.numpy(), expected[-1], atol=1e-4)


def test_the_closure_may_be_a_compiled_step():
    layer, x = Linear(4, 1), DATA.astype("f4")
    twin = Linear(4, 1)
    twin.load_state_dict(layer.state_dict())
    target = LABELS.astype("f4")[:, None]

    def step_of(layer):
        def step(x, target):
            loss = xdl.binary_cross_entropy_with_logits(layer(x), target)
            loss.backward()
            return loss

        return step

    compiled = xdl.compile(step_of(layer), layer)
    LBFGS(layer, max_iter=30).update(lambda: compiled(x, target))
    LBFGS(twin, max_iter=30).update(lambda: step_of(twin)(x, target))

    np.testing.assert_allclose(layer.weight.numpy(), twin.weight.numpy(), atol=1e-3)


def test_an_error_in_the_closure_leaves_all_as_it_was():
    w, calls = Variable(np.full(3, -1.0)), []

    def closure():
        calls.append(1)
        if len(calls) == 9:
            raise KeyError("ninth")
        loss = _rosenbrock(w)
        loss.backward()
        return loss

    optimizer = LBFGS([w], max_iter=3)
    optimizer.update(closure)
    before, state = w.numpy(), optimizer.state_dict()["state"]

    with pytest.raises(KeyError, match="ninth"):
        for _ in range(9):
            before, state = w.numpy(), optimizer.state_dict()["state"]
            optimizer.update(closure)

    assert before.tolist() == w.numpy().tolist()
    for name, value in optimizer.state_dict()["state"].items():
        np.testing.assert_array_equal(value, state[name])


def test_a_function_that_is_infinite_further_on_is_minimized_before_that():
    w = Variable(np.array([3.0]))
    closure, _ = _closure(lambda w: xdl.sum(w - xdl.log(w)), w)
    optimizer = LBFGS([w], lr=100.0, max_iter=50)

    optimizer.update(closure)

    np.testing.assert_allclose(w.numpy(), [1.0], atol=1e-5)


def test_a_loss_that_is_not_finite_at_first_is_refused():
    w = Variable(np.array([-1.0]))
    closure, _ = _closure(lambda w: xdl.sum(xdl.log(w)), w)

    with pytest.raises(NonFiniteError, match="LBFGS: the loss or its gradient"):
        LBFGS([w]).update(closure)

    assert [-1.0] == w.numpy().tolist()


@pytest.mark.parametrize("given", [(), (3,), (len, len)])
def test_what_is_no_closure_is_refused(given):
    with pytest.raises(ArgumentError, match="LBFGS: .*came, needed a closure"):
        LBFGS([Variable([1.0])]).update(*given)


def test_a_closure_without_backward_is_refused():
    w = Variable([1.0])

    with pytest.raises(GraphError, match="call backward in the closure"):
        LBFGS([w]).update(lambda: xdl.sum(w))


def test_a_compiled_update_is_refused_in_words():
    w = Variable([1.0])
    optimizer = LBFGS([w])
    closure, _ = _closure(lambda: xdl.sum(w * w))
    step = xdl.compile(lambda: optimizer.update(closure), optimizer)

    with pytest.raises(
        GraphError, match="LBFGS calls its closure as often as it needs"
    ):
        step()


@pytest.mark.parametrize(
    "options",
    [
        {"max_iter": 0},
        {"history_size": 0},
        {"lr": -1.0},
        {"line_search_fn": "weak"},
        {"max_eval": 0},
        {"tolerance_grad": math.nan},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ArgumentError, match=rf"LBFGS.{next(iter(options))}: .*needed"):
        LBFGS([Variable([1.0])], **options)


def test_groups_and_a_later_history_size_are_refused():
    w = Variable([1.0])

    with pytest.raises(ArgumentError, match="LBFGS: groups came"):
        LBFGS([{"params": [w]}])
    optimizer = LBFGS([w])
    with pytest.raises(
        ArgumentError, match="history_size: 3 came, needed it at constr"
    ):
        optimizer.history_size = 3


@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
        (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
        (lambda t: math.exp(-t) + 0.1 * t * t, lambda t: -math.exp(-t) + 0.2 * t),
        (
            lambda t: (t - 1) ** 4 + math.sin(5 * t) / 4 - t,
            lambda t: 4 * (t - 1) ** 3 + 5 * math.cos(5 * t) / 4 - 1,
        ),
    ],
)
def test_a_step_satisfies_the_strong_wolfe_conditions(function, slope, first):
    start = Point(0.0, function(0.0), slope(0.0), None)
    evaluated = []

    def evaluate(t):
        evaluated.append(t)
        return Point(t, function(t), slope(t), None)

    found = strong_wolfe(evaluate, start, first)

    assert found.loss <= start.loss + ENOUGH * found.t * start.slope
    assert abs(found.slope) <= FLAT * abs(start.slope)
    assert len(evaluated) <= 12

"""Small steps as one native function: the numbers of eager."""

import numpy as np
import pytest

pytest.importorskip("numba")

import xdl
from tests.program.numba_executor.test_step_text import FUNCTIONS
from tests.support.compared import arrays_of
from xdl import models, optim
from xdl.core.parameter import Parameter
from xdl.program.numba_executor.executor import NumbaExecutor
from xdl.program.numba_executor.whole_step.executor import NumbaWhole
from xdl.program.numpy_executor import executor as numpy_executor

STEPS = 30


@pytest.fixture(autouse=True)
def _cached(monkeypatch, tmp_path_factory):
    """Keep what is compiled for all the tests."""
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


class Unrolled(xdl.Model):
    """A recurrent network whose weights are fetched at every step of time."""

    def __init__(self):
        super().__init__()
        self.parameter = Parameter()

    def forward(self, x):
        h = xdl.zeros((x.shape[0], 6)) if hasattr(xdl, "zeros") else x[:, 0] @ self._w()
        for t in range(x.shape[1]):
            w = self._w()
            u = self.parameter.get_variable("u", [6, 6])
            h = xdl.tanh(x[:, t] @ w + h @ u)
        self.output = h @ self.parameter.get_variable("v", [6, 3])
        return self.output

    def _w(self):
        return self.parameter.get_variable("w", [4, 6])

    def loss(self, target):
        return xdl.softmax_cross_entropy(self.output, target)


def _labelled(shape, classes):
    def draw(rng):
        return rng.standard_normal(shape).astype("f4"), rng.integers(
            0, classes, shape[0]
        )

    return draw


def _regression(rng):
    return rng.standard_normal((2, 8, 5)).astype("f4")[0], rng.random(
        (8, 2), dtype="f4"
    )


# How each model and its optimizer are made, and their batches.
TRAININGS = {
    "digits": (
        lambda: models.LinearModel(64, 10),
        lambda m: optim.SGD(m, lr=0.05),
        _labelled((1, 64), 10),
    ),
    "softmax regression with momentum and weight decay": (
        lambda: models.LinearModel(20, 4),
        lambda m: optim.SGD(m, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        _labelled((16, 20), 4),
    ),
    "softmax regression with Adam": (
        lambda: models.LinearModel(20, 4),
        lambda m: optim.AdamW(m, lr=0.01),
        _labelled((16, 20), 4),
    ),
    "linear regression": (
        lambda: models.LinearRegression(5, 2),
        lambda m: optim.SGD(m, lr=0.1),
        _regression,
    ),
    "MLP": (
        lambda: models.MLP([20, 16, 4]),
        lambda m: optim.SGD(m, lr=0.1),
        _labelled((16, 20), 4),
    ),
    "recurrent network": (
        Unrolled,
        lambda m: optim.SGD(m, lr=0.1),
        _labelled((5, 2, 4), 3),
    ),
}


class Training:
    """A model, its optimizer and a step; the same every time it is made."""

    def __init__(self, name):
        make, with_optimizer, self.draw = TRAININGS[name]
        xdl.seed(2)
        self.model, self.rng = make(), np.random.default_rng(1)
        self.model.forward(self.draw(np.random.default_rng(0))[0])
        self.optimizer = with_optimizer(self.model)

    def step(self, x, target):
        """Learn from one batch; return the loss."""
        self.model.forward(x)
        loss = self.model.loss(target)
        loss.backward()
        self.optimizer.update()
        return loss

    def compiled(self, executor="numba"):
        """Return the step, compiled."""
        return xdl.compile(self.step, self.model, self.optimizer, executor=executor)

    def train(self, step):
        """Return the losses of some steps."""
        return [step(*self.draw(self.rng)).item() for _ in range(STEPS)]

    @property
    def arrays(self):
        """The weights and the state of the optimizer."""
        return arrays_of(
            [*self.model.parameter.values(), *self.optimizer.state.values()]
        )


def executor_of(step):
    """Return the executor of the last program of a compiled step."""
    return list(step._replays.values())[-1].executor


@pytest.mark.parametrize("name", TRAININGS)
def test_a_model_learns_as_in_eager(name):
    eager, native = Training(name), Training(name)
    expected = eager.train(eager.step)
    step = native.compiled()

    losses = native.train(step)

    assert isinstance(executor_of(step), NumbaWhole)
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-6)
    for a, b in zip(eager.arrays, native.arrays, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_what_eager_gives(name, rng):
    x, again = rng.standard_normal((2, 3, 4)).astype("f4")
    step = xdl.compile(FUNCTIONS[name], executor="numba", verify=False)
    step(x)

    actual = arrays_of(step(again))

    expected = arrays_of(FUNCTIONS[name](xdl.Variable(again, trainable=False)))
    assert isinstance(executor_of(step), NumbaWhole)
    for a, b in zip(expected, actual, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def doubled():
    """Return a compiled step that has taken its fast path."""
    step = xdl.compile(lambda x: xdl.tanh(x) * 2, executor="numba")
    for _ in range(4):
        step(np.ones((3, 4), "f4"))
    return step


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1],
        lambda x: np.broadcast_to(x[:1], x.shape),
        lambda x: np.frombuffer(b"." + x.tobytes(), "f4", offset=1).reshape(x.shape),
        lambda x: x.astype("f8"),
        lambda x: x.astype(">f4"),
        lambda x: x[:2],
        lambda x: x.reshape(4, 3),
        lambda x: xdl.Variable(x, trainable=False),
        lambda x: x.tolist(),
    ],
)
def test_arguments_that_lie_otherwise_are_read_as_they_are_meant(change, doubled, rng):
    x = change(rng.standard_normal((3, 4)).astype("f4"))
    read_only = x

    actual = doubled(read_only)

    expected = 2 * np.tanh(np.asarray(getattr(x, "value", x), "f8"))
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-6)


def test_results_of_two_calls_do_not_share_memory(doubled):
    first = doubled(np.full((3, 4), 1, "f4"))
    doubled(np.full((3, 4), 2, "f4"))

    np.testing.assert_allclose(first.numpy(), 2 * np.tanh(1), rtol=1e-6)


def test_a_wrong_label_changes_nothing():
    training = Training("digits")
    step = training.compiled()
    training.train(step)
    before, (x, target) = training.arrays, training.draw(training.rng)

    with pytest.raises(xdl.LabelError, match="holds 10"):
        step(x, target * 0 + 10)

    assert [a.tolist() for a in before] == [a.tolist() for a in training.arrays]


def test_a_gradient_that_is_not_finite_changes_nothing():
    training = Training("MLP")
    step = training.compiled()
    training.train(step)
    before, (x, target) = training.arrays, training.draw(training.rng)

    with np.errstate(all="ignore"), pytest.raises(xdl.NonFiniteError):
        step(x * np.float32(np.nan), target)

    assert [a.tolist() for a in before] == [a.tolist() for a in training.arrays]


def test_nan_passes_through_a_forward_step(doubled):
    x = np.ones((3, 4), "f4")
    x[1, 2] = np.nan

    actual = doubled(x).numpy()

    assert np.isnan(x).tolist() == np.isnan(actual).tolist()


def test_a_learning_rate_takes_effect_at_once():
    slow, fast = Training("linear regression"), Training("linear regression")
    step, again = slow.compiled(), fast.compiled()
    slow.train(step)
    fast.train(again)
    slow.optimizer.lr = 0.0
    before = slow.arrays

    step(*slow.draw(slow.rng))

    assert [a.tolist() for a in before] == [a.tolist() for a in slow.arrays]


def test_weights_that_are_replaced_are_found(rng):
    training = Training("linear regression")
    step = training.compiled()
    training.train(step)
    variable = next(iter(training.model.parameter.values()))
    variable.value = np.zeros_like(variable.numpy())
    x, target = training.draw(training.rng)
    training.optimizer.lr = 0.0

    loss = step(x, target).item()

    training.model.forward(x)
    np.testing.assert_allclose(loss, training.model.loss(target).item(), rtol=1e-5)


def test_weights_that_lie_otherwise_are_read_as_they_are_meant(rng):
    weight = xdl.Variable(rng.standard_normal((3, 4)).astype("f4"), name="weight")
    step = xdl.compile(lambda x: x @ weight, weight, executor="numba")
    x = rng.standard_normal((2, 3)).astype("f4")
    for _ in range(4):
        step(x)
    weight._value = np.asfortranarray(rng.standard_normal((3, 4)).astype("f4"))

    actual = [step(x).numpy() for _ in range(4)]

    np.testing.assert_allclose(actual, [x @ weight.numpy()] * 4, rtol=1e-5)


@pytest.mark.parametrize(
    "function", [xdl.dropout, lambda x: xdl.tile(x, (200, 200)) * 2]
)
def test_what_is_drawn_or_large_is_run_in_groups(function, rng):
    step = xdl.compile(function, executor="numba", verify=False)
    step(rng.standard_normal((3, 4)).astype("f4"))

    assert isinstance(executor_of(step), NumbaExecutor)


class JoinedFlat(xdl.Op):
    """Two arrays as one row."""

    def compute(self, xp, x):
        return xp.concat([x * 2, x], axis=None)


def test_what_is_joined_along_no_axis_is_run_in_groups():
    step = xdl.compile(JoinedFlat(), executor="numba", verify=False)
    x = np.arange(6, dtype="f4").reshape(2, 3)
    step(x)

    actual = step(x).numpy()

    assert isinstance(executor_of(step), NumbaExecutor)
    assert [*(x * 2).ravel(), *x.ravel()] == actual.tolist()


def test_arrays_of_an_unknown_layout_are_left_to_another_executor(monkeypatch):
    monkeypatch.setattr(
        "xdl.program.numba_executor.whole_step.executor.is_readable", lambda: False
    )
    step = xdl.compile(lambda x: x * 2, executor="numba", verify=False)

    step(np.ones(3, "f4"))

    assert isinstance(executor_of(step), NumbaExecutor)


@pytest.mark.parametrize("count", [64, 4096])
def test_a_weight_of_one_element_is_read_in_its_own_dtype(count, monkeypatch, rng):
    groups = "xdl.program.numba_executor.executor:NumbaExecutor"
    monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", groups)
    layer = xdl.nn.Linear(8, 1)
    layer.bias.value[...] = 0.3
    x, target = rng.standard_normal((count, 8)), np.ones((count, 1), "f4")
    step = xdl.compile(
        lambda x, target: xdl.binary_cross_entropy_with_logits(layer(x), target),
        layer,
        executor="numba",
        verify=False,
    )
    expected = step(x, target).item()

    assert expected == pytest.approx(step(x, target).item(), rel=1e-6)

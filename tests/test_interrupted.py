"""Ctrl-C and what else interrupts: all of a step is done then, or nothing."""

import signal

import numpy as np
import pytest

import xdl
from tests.support.executors import eager_and_every_executor
from tests.support.interrupting import interrupt, interrupts

MOST = 120


@pytest.fixture(autouse=True)
def usual_handler():
    """Let SIGINT raise KeyboardInterrupt, also where the shell lets it be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Normalized(xdl.Model):
    """Two layers with running statistics and dropout."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = xdl.nn.Linear(6, 8), xdl.nn.BatchNorm1d(8)
        self.dropout, self.last = xdl.nn.Dropout(0.3), xdl.nn.Linear(8, 3)
        self.loss_ops = xdl.nn.SoftmaxLoss()

    def forward(self, x):
        hidden = xdl.relu(self.norm(self.first(x)))
        self.output = self.last(self.dropout(hidden))
        return self.output


class Training:
    """A step, and the state that is of one step or of another."""

    def __init__(self, make_model, make_optimizer, executor):
        xdl.seed(0)
        self.model = make_model()
        self.optimizer = make_optimizer(self.model)
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((5, 6)).astype(np.float32)
        self.target = np.array([0, 1, 2, 0, 1])
        self.step = self._step
        if executor != "eager":
            given = self._step, self.model, self.optimizer
            self.step = xdl.compile(*given, executor=executor)
        for _ in range(3):
            self.do()
        self.begin = self._saved()

    def _step(self, x, target):
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def do(self):
        """Do the step."""
        self.step(self.x, self.target)

    def _saved(self):
        return self.model.parameter.state_dict(), self.optimizer.state.state_dict()

    def restore(self):
        """Put everything back to where it was at first."""
        xdl.seed(1)
        self.model.parameter.clear_grads()
        self.model.parameter.load_state_dict(self.begin[0])
        self.optimizer.state.load_state_dict(self.begin[1])

    def bits(self):
        """Return the weights and the state of the optimizer, comparable."""
        weights = [v for v in self.model.parameter.values() if v.trainable]
        held = [*weights, *self.optimizer.state.values()]
        return [variable.numpy().tobytes() for variable in held]


TRAININGS = {
    "linear, SGD": (lambda: xdl.LinearModel(6, 3), lambda m: xdl.SGD(m, lr=0.1)),
    "linear, Adam": (lambda: xdl.LinearModel(6, 3), lambda m: xdl.optim.Adam(m)),
    "MLP, momentum": (
        lambda: xdl.models.MLP([6, 8, 3]),
        lambda m: xdl.SGD(m, lr=0.1, momentum=0.9),
    ),
    "deep MLP, SGD": (
        lambda: xdl.models.MLP([6, 8, 8, 8, 8, 8, 3]),
        lambda m: xdl.SGD(m, lr=0.1),
    ),
    "normalized, Adam": (Normalized, lambda m: xdl.optim.Adam(m, lr=0.1)),
}


# In what the collector calls, Python says of an interrupt, and goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@eager_and_every_executor
@pytest.mark.parametrize("name", TRAININGS)
def test_an_interrupted_step_is_done_whole_or_not_at_all(name, executor):
    training = Training(*TRAININGS[name], executor)
    before = training.bits()
    training.restore()
    training.do()
    after = training.bits()
    handler = signal.getsignal(signal.SIGINT)

    found = []
    for _ in interrupts(training.do, training.restore, MOST):
        found.append(training.bits())
        assert signal.getsignal(signal.SIGINT) is handler

    assert before != after
    assert len(found) == MOST
    assert all(bits in (before, after) for bits in found)
    assert before in found


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_a_handler_of_the_user_runs_once_when_the_update_is_done(name):
    training = Training(*TRAININGS["deep MLP, SGD"], "eager")
    number = getattr(signal, name)
    seen = []

    class Loud(xdl.SGD):
        def change(self, xp, value, grad, *state):
            signal.raise_signal(number)
            seen.append("change")
            super().change(xp, value, grad, *state)

    optimizer = Loud(training.model, lr=0.1)
    before = signal.signal(number, lambda *given: seen.append("handler"))
    try:
        xdl.softmax_cross_entropy(
            training.model.forward(training.x), [0] * 5
        ).backward()
        optimizer.update()
    finally:
        signal.signal(number, before)

    assert seen == ["change"] * len(training.model.parameter) + ["handler"]


@pytest.mark.parametrize("bias", [True, False], ids=["two weights", "one"])
def test_a_change_that_fails_half_way_is_undone_for_few_small_weights(bias):
    class Failing(xdl.SGD):
        def change(self, xp, value, grad):
            value -= self.lr * grad
            if value.ndim == 1 or not bias:
                raise ValueError("half way")

    x = xdl.nn.Linear(3, 2, bias=bias)
    optimizer = Failing(x, lr=0.1)
    before = [v.numpy().tobytes() for v in x.parameter.values()]
    x(np.ones((4, 3), np.float32)).sum().backward()

    with pytest.raises(ValueError, match="half way"):
        optimizer.update()

    assert before == [v.numpy().tobytes() for v in x.parameter.values()]
    assert x.weight.grad is not None


def test_a_signal_without_a_handler_is_left_alone():
    training = Training(*TRAININGS["linear, SGD"], "eager")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    try:
        interrupt(1, training.do)
        now = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert now is signal.SIG_IGN

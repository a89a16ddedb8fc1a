"""A training that stopped and goes on gives the bits of one that did not stop."""

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of
from tests.support.executors import every_executor
from xdl import models, nn, optim

STEPS, STOPPED = 9, 4


def _images(rng):
    return rng.standard_normal((4, 1, 8, 8)).astype("f4"), rng.integers(0, 3, 4)


def _tokens(rng):
    return rng.integers(0, 9, (3, 8)), rng.integers(0, 9, (3, 8))


def _rows(rng):
    return rng.standard_normal((6, 20)).astype("f4"), rng.integers(0, 5, 6)


def _sequences(rng):
    return rng.standard_normal((4, 5, 3)).astype("f4"), rng.integers(0, 2, 4)


def _momentum(model):
    return xdl.SGD(model, 0.05, 0.9)


TRAININGS = {
    "MLP, dropout, AdamW": (
        lambda: models.MLP([20, 70, 40, 5], dropout=0.3),
        optim.AdamW,
        _rows,
    ),
    "MLP, NAdam": (lambda: models.MLP([20, 70, 5]), optim.NAdam, _rows),
    "LeNet, RMSprop": (
        lambda: models.LeNet(classes=3, size=8, window=3, widths=(2, 4, 8, 6)),
        optim.RMSprop,
        _images,
    ),
    "ResNet, SGD with momentum": (
        lambda: models.ResNet(channels=1, classes=3, width=2, blocks=(1, 1)),
        _momentum,
        _images,
    ),
    "GRU, RAdam": (
        lambda: models.RNNClassifier(3, 4, 2, nn.GRU),
        optim.RAdam,
        _sequences,
    ),
    "GPT, dropout, Adam": (
        lambda: models.GPT(9, context=8, size=12, heads=2, layers=1, dropout=0.2),
        optim.Adam,
        _tokens,
    ),
}


class _Training:
    """A model that is trained by a compiled step, which loads and saves."""

    def __init__(self, name, executor):
        make, optimizer, self.batch = TRAININGS[name]
        xdl.seed(3)
        self.model = make()
        self.optimizer = optimizer(self.model)
        self.step = xdl.compile(
            self._train, self.model, self.optimizer, executor=executor
        )

    def _train(self, x, target):
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def things(self):
        return {"model": self.model, "optimizer": self.optimizer}

    def run(self, first, end):
        """Do the steps from the first on; return the bits of losses and of the end."""
        batches = [self.batch(np.random.default_rng(i)) for i in range(first, end)]
        found = [self.step(*batch) for batch in batches]
        found += [*self.model.parameter.values(), *self.optimizer.state.values()]
        return [array.tobytes() for array in arrays_of(found)]


@every_executor
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_that_is_resumed_gives_the_bits_of_one_that_is_not(
    name, executor, tmp_path
):
    expected = _Training(name, executor).run(0, STEPS)
    stopped = _Training(name, executor)
    losses = stopped.run(0, STOPPED)[:STOPPED]
    xdl.save(tmp_path / "stopped", **stopped.things())
    xdl.seed(77)
    resumed = _Training(name, executor)

    xdl.load(tmp_path / "stopped", random=True, **resumed.things())

    assert expected == losses + resumed.run(STOPPED, STEPS)


@every_executor
@pytest.mark.parametrize("verify", [True, False])
def test_the_numbers_of_the_first_calls_are_those_of_a_replay(verify, executor):
    weights = [xdl.Variable(np.linspace(-1, 1, 40), dtype="f4") for _ in range(2)]

    def step_of(weight):
        def step(x):
            loss = xdl.sum(xdl.tanh(weight * x) * xdl.exp(x))
            loss.backward()
            weight.value = weight - 0.1 * weight.grad
            weight.clear_grad()
            return loss

        return xdl.compile(step, weight, executor=executor, verify=verify)

    first, later = map(step_of, weights)
    x = np.linspace(-3, 2, 40, dtype="f4")
    for _ in range(3):
        later(x)
    weights[1].value[...] = weights[0].value

    calls = [
        arrays_of([step(x), *weights]) for _ in range(3) for step in (first, later)
    ]

    for a, b in zip(calls[::2], calls[1::2], strict=True):
        assert a[0].tobytes() == b[0].tobytes()
    assert weights[0].numpy().tobytes() == weights[1].numpy().tobytes()

"""Models and optimizers, compiled: the losses and state of eager to the bit."""

import numpy as np
import pytest

import xdl
from tests.optim.every import every_optimizer
from tests.support.compared import arrays_of, differing
from tests.support.counted import EAGER_CALLS, Counted
from xdl import models, nn, optim
from xdl.backend import random

STEPS = 30


def _images(rng, size):
    return rng.standard_normal((4, 1, size, size)).astype("f4"), rng.integers(0, 3, 4)


def _sequences(rng):
    return rng.standard_normal((4, 5, 3)).astype("f4"), rng.integers(0, 2, 4)


def _tokens(rng):
    return rng.integers(0, 7, (2, 6)), rng.integers(0, 7, (2, 6))


def _rows(rng):
    return rng.standard_normal((8, 5)).astype("f4"), rng.integers(0, 3, 8)


def _bidirectional(layer, **options):
    return models.RNNClassifier(3, 4, 2, layer, bidirectional=True, **options)


# How each model is made, and its batches.
MODELS = {
    "linear": (lambda: models.LinearModel(5, 3), _rows),
    "regression": (
        lambda: models.LinearRegression(5, 2),
        lambda rng: (rng.standard_normal((8, 5)), rng.standard_normal((8, 2))),
    ),
    "MLP": (lambda: models.MLP([5, 8, 6, 3]), _rows),
    "MLP with dropout": (lambda: models.MLP([5, 8, 3], dropout=0.4), _rows),
    "LeNet": (
        lambda: models.LeNet(classes=3, size=8, window=3, widths=(2, 4, 8, 6)),
        lambda rng: _images(rng, 8),
    ),
    "ResNet": (
        lambda: models.ResNet(channels=1, classes=3, width=2, blocks=(1, 1)),
        lambda rng: _images(rng, 6),
    ),
    "LSTM": (lambda: models.RNNClassifier(3, 4, classes=2), _sequences),
    "deep GRU, both ways": (
        lambda: _bidirectional(nn.GRU, layers=2, dropout=0.3),
        _sequences,
    ),
    "RNN, both ways": (lambda: _bidirectional(nn.RNN), _sequences),
    "LSTM language model": (
        lambda: models.LSTMLanguageModel(7, 6, layers=2, dropout=0.2, tied=True),
        _tokens,
    ),
    "GPT": (
        lambda: models.GPT(7, context=6, size=8, heads=2, layers=2, dropout=0.1),
        _tokens,
    ),
}


class NoBias(xdl.Model):
    """Two affine layers of weights with two axes, which every optimizer takes."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(5, 6, bias=False), nn.Linear(6, 3, bias=False)]
        self.loss_ops = nn.SoftmaxLoss()

    def forward(self, x):
        self.output = self.layers[1](xdl.tanh(self.layers[0](x)))
        return self.output


class Training:
    """A model with an optimizer, and one step of its training.

    Args:
        make: makes the model, from the current seed.
        draw: draws the arguments of a step from a NumPy generator.
        make_optimizer: makes the optimizer of a model.
        executor: of the step; None: it is not compiled.
    """

    def __init__(self, make, draw, make_optimizer, executor=None):
        xdl.seed(1)
        self.model, self.rng, self.draw = make(), np.random.default_rng(2), draw
        self.optimizer = make_optimizer(self.model)
        self.counted = Counted(self.step)
        self.call = self.counted
        if executor:
            state = self.model, self.optimizer
            self.call = xdl.compile(self.counted, *state, executor=executor)
        self.losses = []

    def step(self, *arguments):
        """Take one step; return the loss."""
        *x, target = arguments
        self.model.forward(*x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def train(self, steps=STEPS):
        """Take steps, each with another batch; return this Training."""
        for _ in range(steps):
            self.losses += arrays_of(self.call(*self.draw(self.rng)))
        return self

    def everything(self):
        """Return the losses, all of the state, and where the random draws stand."""
        state = [*self.model.parameter.values(), *self.optimizer.state.values()]
        gradients = [v.grad is None for v in state]
        return [*self.losses, *arrays_of(state), *gradients, random.state()]


def _adam(model):
    return optim.Adam(model, lr=0.01, weight_decay=0.01)


def _both(make, draw, make_optimizer=_adam, train=Training.train):
    """Return everything of an eager and of a compiled Training, and its eager calls."""
    eager = Training(make, draw, make_optimizer)
    train(eager)
    expected = eager.everything()
    compiled = Training(make, draw, make_optimizer, "numpy")
    train(compiled)
    return expected, compiled.everything(), compiled.counted.calls


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_as_in_eager(name):
    expected, actual, calls = _both(*MODELS[name])

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


@every_optimizer
def test_every_optimizer_trains_as_in_eager(make):
    expected, actual, calls = _both(NoBias, _rows, lambda m: make(m, lr=0.01))

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


SETTINGS = {
    "SGD": lambda m: xdl.SGD(m, lr=0.1),
    "SGD with weight decay": lambda m: xdl.SGD(m, 0.1, 0.9, False, 0.01),
    "SGD, Nesterov": lambda m: xdl.SGD(m, 0.1, 0.9, nesterov=True),
    "Adam with amsgrad": lambda m: optim.Adam(m, amsgrad=True, weight_decay=0.1),
    "RMSprop": lambda m: optim.RMSprop(m, lr=0.01, weight_decay=0.1),
    "Adagrad": lambda m: optim.Adagrad(m, lr=0.1, lr_decay=0.1, weight_decay=0.1),
    "NAdam": lambda m: optim.NAdam(m, decoupled_weight_decay=True, weight_decay=0.1),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_option_of_optimizers_trains_as_in_eager(name):
    expected, actual, calls = _both(*MODELS["MLP"], SETTINGS[name])

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


def test_sequences_of_several_lengths_train_as_in_eager():
    def draw(rng):
        x, target = _sequences(rng)
        return x, rng.integers(0, 6, 4), target

    expected, actual, calls = _both(lambda: _bidirectional(nn.LSTM), draw)

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_models_of_other_dtypes_train_as_in_eager(dtype):
    def make():
        model = models.LinearModel(5, 3)
        model.W = xdl.Variable(model.W.numpy(), "W", dtype=dtype)
        model.parameter.register("typed", model.W)
        return model

    expected, actual, calls = _both(make, _rows)

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


# What changes between the calls.


def _in_two_shapes(training):
    for i in range(STEPS):
        x, target = training.draw(training.rng)
        rows = slice(0, 2 + i % 3)
        training.losses += arrays_of(training.call(x[rows], target[rows]))


def _with_a_schedule(training):
    schedule = optim.CosineAnnealingLR(training.optimizer, 10)
    for _ in range(STEPS):
        training.train(1)
        schedule.step()


def _with_options_set(training):
    training.train(5)
    training.optimizer.weight_decay = 0.0
    training.train(5)
    training.optimizer.betas = (0.8, 0.9)
    training.train(5)
    training.optimizer.weight_decay = 0.5
    training.train(5)


def _frozen_for_a_while(training):
    first = next(iter(training.model.parameter.values()))
    training.train(5)
    first.trainable = False
    training.train(5)
    first.trainable = True
    training.train(5)


def _loaded(training):
    training.train(4)
    saved = training.model.parameter.state_dict(), training.optimizer.state_dict()
    training.train(4)
    training.model.parameter.load_state_dict(saved[0])
    training.optimizer.load_state_dict(saved[1])
    training.train(4)


def _with_values_set(training):
    for variable in training.model.parameter.values():
        training.train(3)
        variable.value = variable.numpy() * 0.5
        training.train(3)
        variable.value[...] = 0.25
    training.train(3)


def _seeded_again(training):
    training.train(4)
    xdl.seed(8)
    training.train(4)


BETWEEN = {
    "two shapes": _in_two_shapes,
    "a schedule": _with_a_schedule,
    "options of the optimizer": _with_options_set,
    "freezing": _frozen_for_a_while,
    "loading": _loaded,
    "values set by hand": _with_values_set,
    "another seed": _seeded_again,
}


@pytest.mark.parametrize("name", BETWEEN)
def test_what_changes_between_the_calls_takes_effect(name):
    make, draw = MODELS["MLP with dropout"]

    expected, actual, _ = _both(make, draw, train=BETWEEN[name])

    assert [] == differing(expected, actual)

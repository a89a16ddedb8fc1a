"""Steps whose replays are compared with eager again and again, at will."""

import dataclasses
from collections.abc import Callable

import numpy as np

import xdl
from xdl import models, nn, optim


def _rows(features, classes, count):
    def batch(rng):
        x = rng.standard_normal((count, features)).astype("f4")
        return x, rng.integers(0, classes, count)

    return batch


def _digits(rng):
    """Return 32 images of 8 x 8 that a small MLP learns by heart."""
    target = rng.integers(0, 10, 32)
    centres = np.random.default_rng(99).uniform(0, 16, (10, 64))
    noise = rng.standard_normal((32, 64))
    return np.clip(centres[target] + noise, 0, 16).astype("f4") / 16, target


def _zeros(rng):
    return _digits(rng)[0], np.zeros(32, int)


def _images(size, channels, count, classes):
    def batch(rng):
        x = rng.standard_normal((count, channels, size, size)).astype("f4")
        return x, rng.integers(0, classes, count)

    return batch


def _sequences(rng):
    return rng.standard_normal((8, 6, 3)).astype("f4"), rng.integers(0, 2, 8)


def _tokens(rng):
    return rng.integers(0, 40, (4, 16)), rng.integers(0, 40, (4, 16))


def _numbers(rng):
    x = rng.standard_normal((32, 5)).astype("f4")
    return x, (x @ np.ones((5, 2)) + rng.standard_normal((32, 2))).astype("f4")


@dataclasses.dataclass
class Case:
    """A model, its optimizer, its batches, and how many steps it is trained."""

    model: Callable
    optimizer: Callable
    batch: Callable
    steps: int = 20
    batches: int = 20  # that come again and again


CASES = {
    "linear": Case(lambda: models.LinearModel(64, 10), xdl.SGD, _digits),
    "regression": Case(lambda: models.LinearRegression(5, 2), optim.NAdam, _numbers),
    "MLP": Case(lambda: models.MLP([20, 50, 30, 5]), optim.AdamW, _rows(20, 5, 16)),
    "MLP with dropout": Case(
        lambda: models.MLP([20, 50, 5], dropout=0.4), optim.RMSprop, _rows(20, 5, 16)
    ),
    "digits by heart": Case(
        lambda: models.MLP([64, 100, 10]),
        lambda model: optim.Adam(model, 0.01),
        _digits,
        3000,
        4,
    ),
    "labels all zero": Case(
        lambda: models.MLP([64, 100, 10]),
        lambda model: optim.Adam(model, 0.01),
        _zeros,
        400,
        4,
    ),
    "LeNet": Case(
        lambda: models.LeNet(size=12, window=3, widths=(3, 6, 20, 16)),
        lambda model: xdl.SGD(model, 0.05, 0.9),
        _images(12, 1, 8, 10),
    ),
    "ResNet": Case(
        lambda: models.ResNet(channels=1, classes=3, width=4, blocks=(1, 1)),
        lambda model: xdl.SGD(model, 0.05),
        _images(8, 1, 8, 3),
    ),
    "LSTM": Case(lambda: models.RNNClassifier(3, 8, 2), optim.Adam, _sequences),
    "GRU": Case(
        lambda: models.RNNClassifier(3, 8, 2, nn.GRU, layers=2, bidirectional=True),
        optim.RAdam,
        _sequences,
    ),
    "RNN": Case(
        lambda: models.RNNClassifier(3, 8, 2, nn.RNN), optim.Adagrad, _sequences
    ),
    "LSTM language model": Case(
        lambda: models.LSTMLanguageModel(40, 16, layers=2, dropout=0.2, tied=True),
        optim.Lion,
        _tokens,
    ),
    "GPT": Case(
        lambda: models.GPT(40, context=16, size=32, heads=4, layers=2, dropout=0.1),
        optim.AdamW,
        _tokens,
    ),
}
SLOW = {
    "wide MLP": Case(
        lambda: models.MLP([500, 1500, 1500, 1500, 10]),
        optim.Adam,
        _rows(500, 10, 10),
        5,
    ),
    "deep ResNet": Case(
        lambda: models.ResNet(width=16, blocks=(3, 3, 3)),
        lambda model: xdl.SGD(model, 0.05),
        _images(32, 3, 32, 10),
        5,
    ),
}


class Verifying:
    """A compiled step that is compared with eager whenever it is asked to be."""

    def __init__(self, case, executor="numba"):
        self.case = case
        self.model = case.model()
        self.optimizer = case.optimizer(self.model)
        self._kept = {}
        self.step = xdl.compile(
            self._train, self.model, self.optimizer, executor=executor
        )

    def _train(self, x, target):
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def begin(self, seed):
        """Start anew from other weights; return batches without an end."""
        xdl.seed(seed)
        model = self.case.model()
        model.train()
        self.model.parameter.load_state_dict(model.parameter.state_dict())
        state = self.case.optimizer(model).state
        self.optimizer.state.load_state_dict(state.state_dict())
        rng = np.random.default_rng(seed)
        return [self.case.batch(rng) for _ in range(self.case.batches)]

    def verify(self, *batch):
        """Do a step that is compared with eager."""
        for replay in self.step._replays.values():
            self._kept.setdefault(replay, replay.plain)
            replay.plain, replay.is_verified, replay.fast = (
                self._kept[replay],
                False,
                None,
            )
        self.step._fast = (None, 0)
        return self.step(*batch)

    def train(self, batches):
        """Do the steps of the case, and return the last loss."""
        for i in range(self.case.steps):
            loss = self.step(*batches[i % len(batches)])
        return loss.item()

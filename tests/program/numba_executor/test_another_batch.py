"""Batches of other lengths: the native functions of the first one run them."""

import sys

import numpy as np
import pytest

import xdl
from tests.program.numba_executor.in_python import InPython
from tests.support.executors import needs_numba
from xdl import models, optim
from xdl.program.numba_executor.whole_step.sizes import Sizes
from xdl.program.numpy_executor import executor as numpy_executor

SIZES = (29, 7, 2, 200)  # of batches


def _images(*shape):
    return lambda rng, n: (
        rng.standard_normal((n, *shape), dtype="f4"),
        rng.integers(0, 4, n),
    )


def _tokens(rng, n):
    tokens = rng.integers(0, 20, (n, 13))
    return tokens[:, :-1].copy(), tokens[:, 1:].copy()


class Normed(xdl.Model):
    """An MLP with a layer norm, a batch norm and a residual."""

    def __init__(self):
        super().__init__()
        self.first, self.last = xdl.nn.Linear(6, 16), xdl.nn.Linear(16, 4)
        self.norm, self.batch = xdl.nn.LayerNorm(16), xdl.nn.BatchNorm1d(16)

    def forward(self, x):
        h = self.first(x)
        self.output = self.last(xdl.gelu(self.batch(self.norm(h))) + h)
        return self.output

    def loss(self, target):
        return xdl.softmax_cross_entropy(self.output, target)


# How each model is made, its optimizer, and its batches.
SMALL = {
    "linear": (lambda: models.LinearModel(64, 10), optim.SGD, _images(64)),
    "as wide as a batch": (lambda: models.MLP([29, 64, 4]), optim.SGD, _images(29)),
    "MLP with Adam": (lambda: models.MLP([6, 16, 4]), optim.Adam, _images(6)),
    "norms": (Normed, optim.AdamW, _images(6)),
}
LARGE = {
    "MLP": (lambda: models.MLP([300, 512, 300, 4]), optim.SGD, _images(300)),
    "CNN": (models.LeNet, optim.SGD, _images(1, 28, 28)),
    "LSTM": (
        lambda: models.LSTMLanguageModel(tokens=20, size=64, layers=1),
        optim.Adam,
        _tokens,
    ),
    "GPT": (
        lambda: models.GPT(tokens=20, context=12, size=32, heads=2, layers=1),
        optim.AdamW,
        _tokens,
    ),
}


class Training:
    """A model that learns from batches of any length.

    Attributes:
        fast: its step, compiled.
    """

    def __init__(self, make, optimizer, draw):
        xdl.seed(2)
        self.draw, self.rng = draw, np.random.default_rng(1)
        self.model = make()
        with xdl.no_grad():
            self.model.forward(self.draw(self.rng, 2)[0])
        self.optimizer = optimizer(self.model, lr=0.01)
        self.fast = xdl.compile(self.step, self.model, self.optimizer, executor="numba")

    def step(self, x, target):
        """Learn from one batch; return the loss."""
        self.model.forward(x)
        loss = self.model.loss(target)
        loss.backward()
        self.optimizer.update()
        return loss

    def run(self, size):
        """Do the step with two batches, of which the second is compared with eager."""
        for _ in range(2):
            self.fast(*self.draw(self.rng, size))
        return list(self.fast._replays.values())[-1].executor


@pytest.fixture
def _in_python(monkeypatch):
    """Let the text be what ``numba`` runs."""
    runs = "tests.program.numba_executor.in_python:in_python"
    monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", runs)


@pytest.mark.usefixtures("_in_python")
@pytest.mark.parametrize("name", SMALL)
def test_the_text_of_a_small_step_is_one_for_batches_of_all_lengths(name):
    training = Training(*SMALL[name])

    executors = [training.run(size) for size in SIZES]

    assert all(isinstance(one, InPython) for one in executors)
    assert 1 == len({one.source for one in executors})


# Functions of a batch (n, 4) whose lengths, strides and numbers move with n.
OF_A_BATCH = {
    "means and spreads": lambda x: (x - xdl.mean(x, axis=0)) / xdl.std(x, axis=0),
    "a mean of all but one": lambda x: xdl.var(x, axis=0, correction=1) / x.shape[0],
    "neighbours": lambda x: x[1:] - x[:-1],
    "reversed": lambda x: x[::-1] * x[:, ::-1] + x,
    "turned": lambda x: xdl.sum(x.T * 2, axis=1) + x.T @ x[:, 0],
    "products with itself": lambda x: xdl.exp((x @ x.T) / 9) @ x,
    "two batches": lambda x: xdl.concat([x, -x], axis=0) * xdl.concat([x, x], axis=0),
    "stacked": lambda x: xdl.stack([x, x * x], axis=1) + x.reshape((-1, 1, 4)),
    "rows by number": lambda x: xdl.take(x, np.array([1, 0, -1]), axis=0) * x.shape[0],
    "all in a row": lambda x: xdl.exp(x.reshape(-1)[3:]) + xdl.max(x),
}


@pytest.mark.usefixtures("_in_python")
@pytest.mark.parametrize("name", OF_A_BATCH)
def test_the_text_of_a_function_is_one_for_batches_of_all_lengths(name, rng):
    step = xdl.compile(OF_A_BATCH[name], executor="numba")
    sizes = (4, 29, 7, 3, 64, 200)

    for n in sizes:
        step(rng.standard_normal((n, 4)))

    executors = [replay.executor for replay in step._replays.values()]
    assert all(isinstance(one, InPython) for one in executors)
    assert 1 == len({one.source for one in executors})


def native_functions():
    """Return how many native functions were compiled or read, each for its types."""
    modules = [m for name, m in sys.modules.items() if name.startswith("xdl_")]
    functions = {id(f): f for module in modules for f in vars(module).values()}
    return sum(len(getattr(f, "overloads", ())) for f in functions.values())


@needs_numba
@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_nothing_is_compiled_for_a_batch_of_another_length(name):
    training = Training(*(SMALL | LARGE)[name])
    training.run(64)
    before = native_functions()

    for size in (50, 41, 64):
        training.run(size)

    assert before == native_functions() > 0


def test_sizes_are_read_in_the_order_of_the_text():
    sizes = Sizes()

    lines = sizes.resolved(["for i in range($64):", "    a@8@9[i * $-2] = c@0@0[i]"])

    assert [64, -2, 9, 0] == sizes.numbers
    assert lines == [
        "p0 = piece(a, sizes[2], 0, 0, 2)",
        "p1 = piece(c, sizes[3], 0, 1, 2)",
        "for i in range(sizes[0]):",
        "    p0[i * sizes[1]] = p1[i]",
    ]


def test_what_is_written_over_is_the_piece_that_is_read():
    lines = Sizes().resolved(["a@8@8[i * $3] = a@8@8[i * $3] + a@8@9[i * $3]"])

    assert lines[-1] == "p0[i * sizes[0]] = p0[i * sizes[0]] + p1[i * sizes[1]]"
    assert all(line.endswith("0, 0, 1)") for line in lines[:2])

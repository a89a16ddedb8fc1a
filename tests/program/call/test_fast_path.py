"""The fast path to a replay: by turns, with random draws, and only where it fits."""

import importlib.util

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, arrays_of, batch, differing
from xdl import models, optim
from xdl.backend import random

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)
every_executor = pytest.mark.parametrize(
    "executor", ["numpy", pytest.param("numba", marks=needs_numba)]
)
WARM = 3  # a call is recorded, the next one compared, and one is replayed in full


class Training:
    """A model that learns from batches of any number of rows.

    Args:
        executor: None for eager.
        dropout: the model's.
    """

    def __init__(self, executor, dropout=0.0):
        xdl.seed(2)
        self.model = models.MLP([4, 6, 3], dropout=dropout)
        self.optimizer = optim.SGD(self.model, lr=0.1)
        self.call = self.step
        if executor is not None:
            self.call = xdl.compile(
                self.step, self.model, self.optimizer, executor=executor
            )

    def step(self, x, target):
        """Learn from one batch; return the loss."""
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def train(self, *rows):
        """Return the losses of batches of so many rows."""
        return [self.call(*batch(i, rows=n)).item() for i, n in enumerate(rows)]

    def refuse_the_long_way(self):
        """Let a call fail that does not take the fast path."""
        self.call._in_full = None


def _close(expected, actual, executor):
    if executor == "numpy":
        assert expected == actual
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


@every_executor
def test_batches_of_two_sizes_in_turn_take_it(executor):
    eager, compiled = Training(None), Training(executor)
    rows = [5, 3] * WARM
    _close(eager.train(*rows), compiled.train(*rows), executor)

    compiled.refuse_the_long_way()

    _close(eager.train(*rows), compiled.train(*rows), executor)


@every_executor
def test_a_new_learning_rate_reaches_all_programs(executor):
    eager, compiled = Training(None), Training(executor)
    rows = [5, 3] * WARM
    _close(eager.train(*rows), compiled.train(*rows), executor)

    for training in (eager, compiled):
        training.optimizer.lr = 0.5
    _close(eager.train(*rows), compiled.train(*rows), executor)
    compiled.refuse_the_long_way()

    _close(eager.train(*rows), compiled.train(*rows), executor)


def test_the_program_is_that_of_the_last_call():
    compiled = Training("numpy")
    compiled.train(*[5, 3] * WARM)

    shapes = []
    for rows in (5, 3, 5, 5):
        compiled.train(rows)
        shapes.append(compiled.call.program.inputs[0].shape[0])

    assert [5, 3, 5, 5] == shapes


def test_random_draws_take_it():
    eager, compiled = Training(None, dropout=0.4), Training("numpy", dropout=0.4)
    xdl.seed(5)
    expected = [*eager.train(*[5] * 8), *all_of(eager.model, eager.optimizer)]
    xdl.seed(5)

    actual = compiled.train(*[5] * WARM)
    compiled.refuse_the_long_way()
    batches = [batch(i) for i in range(WARM, 8)]
    actual += [compiled.call(*one).item() for one in batches]

    actual += all_of(compiled.model, compiled.optimizer)
    assert [] == differing(expected, actual)


def test_a_refused_replay_draws_as_an_atomic_step_that_fails():
    x, target = batch()
    target[2] = 7
    found = []
    for executor in (None, "numpy"):
        training = Training(executor, dropout=0.4)
        xdl.seed(5)
        training.train(*[5] * (WARM + 1))
        state = training.model, training.optimizer
        with pytest.raises(xdl.LabelError), xdl.atomic(*state):
            training.call(x, target)
        found.append([*training.train(5), random.state()])

    assert found[0] == found[1]


def test_an_empty_list_is_not_taken_for_no_argument():
    step = xdl.compile(lambda *given: xdl.Variable(float(len(given)), trainable=False))
    for _ in range(WARM):
        step([])

    assert [0.0, 1.0, 0.0] == [one.item() for one in (step(), step([]), step())]


def test_a_prediction_that_is_compared_leaves_the_weights_to_others(model):
    predict = xdl.compile(lambda x: model.forward(x), model)
    weight = model.layers[0].weight
    x, _ = batch()
    model.eval()
    predict(x)
    run = predict._replays[1].run

    def run_while_another_trains(given):
        returned = run(given)
        weight.value[...] += 1
        return returned

    predict._replays[1].run = run_while_another_trains
    expected = weight.numpy() + 1

    with pytest.raises(xdl.GraphError, match="differs from the eager step"):
        predict(x)
    assert [] == differing([expected], arrays_of(weight))

"""Early stopping and checkpoints: the best weights are kept, the rest is saved."""

import os
import signal

import numpy as np
import pytest

import xdl
from tests.train.trained import At, Net, Training, X, Y
from xdl import ArgumentError, CheckpointError
from xdl.train import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Metric,
    Trainer,
    WeightAverage,
    batches,
)

VALUES = [3.0, 2.0, np.nan, 2.5, 1.9, 4.0, 5.0, 6.0, 0.0]


class Given(Metric):
    """A measure that takes values that were given, and counts the epochs."""

    name = "given"

    def __init__(self):
        self.epoch = -1

    def reset(self):
        self.epoch += 1

    def add(self, output, target):
        pass

    def compute(self):
        return VALUES[self.epoch]


class Remembering(Callback):
    """It keeps the weights of each epoch."""

    def __init__(self):
        self.weights = []

    def on_epoch_end(self, trainer):
        self.weights.append(bits(trainer.model))


def bits(model):
    return [v.numpy().tobytes() for v in model.parameter.values()]


def made(*callbacks, average=False):
    """Return a trainer whose validation comes to VALUES."""
    xdl.seed(0)
    model = Net()
    more = [WeightAverage(xdl.optim.EMA(model, 0.5))] if average else []
    return Trainer(
        model,
        xdl.optim.Adam(model, 0.1),
        executor="eager",
        callbacks=[*callbacks, *more],
        metrics=[Given()],
    )


def fit(trainer, epochs=9):
    return trainer.fit(batches(X, Y, 11), batches(X, Y, 22), epochs)


def stopping(**options):
    return EarlyStopping("val_given", **{"patience": 2, **options})


@pytest.mark.parametrize(
    ("options", "epochs", "best"),
    [
        ({"patience": 3}, 8, 4),
        ({"patience": 2}, 4, 1),
        ({"patience": 3, "min_delta": 0.5}, 5, 1),
        ({"patience": 1}, 3, 1),
        ({"patience": 5, "mode": "max"}, 9, 7),
    ],
)
def test_a_fit_ends_with_the_weights_of_the_best_epoch(options, epochs, best):
    remembered = Remembering()
    trainer = made(remembered, stopping(**options))

    history = fit(trainer)

    assert epochs == len(history)
    assert remembered.weights[best] == bits(trainer.model)
    assert ("done" if epochs == 9 else "stopped") == trainer.outcome


def test_the_last_weights_stay_if_that_is_asked_for():
    remembered = Remembering()
    trainer = made(remembered, stopping(restore_best_weights=False))

    fit(trainer)

    assert remembered.weights[-1] == bits(trainer.model)


def test_the_best_averages_are_kept_with_the_weights():
    found = []

    class Predicting(Callback):
        def on_epoch_end(self, trainer):
            found.append(trainer.predict(X))

    trainer = made(stopping(), Predicting(), average=True)

    fit(trainer)

    assert (found[1] == trainer.predict(X)).all()
    assert (found[1] != found[3]).any()


def test_a_stopped_training_that_is_loaded_ends_at_once(tmp_path):
    path = tmp_path / "last"
    trainer = made(stopping(), Checkpoint(path))
    fit(trainer)
    other = made(stopping())

    other.load(path)
    history = fit(other)

    assert 4 == len(history)
    assert bits(trainer.model) == bits(other.model)


def test_a_fit_after_one_that_was_stopped_waits_anew():
    trainer = made(stopping())
    fit(trainer)

    history = fit(trainer)

    assert "stopped" == trainer.outcome
    assert 4 < len(history) == trainer.epoch


def test_an_interrupted_training_does_not_take_its_best_weights(tmp_path):
    path = tmp_path / "last"

    def kill(trainer):
        os.kill(os.getpid(), signal.SIGINT)

    whole = made(stopping(patience=3))
    fit(whole)
    broken = made(stopping(patience=3), At(7, kill), Checkpoint(path))
    with pytest.raises(KeyboardInterrupt):
        fit(broken)
    resumed = made(stopping(patience=3))
    resumed.metrics[0].epoch = 2

    resumed.load(path)
    fit(resumed)

    assert 7 == broken.steps
    assert bits(whole.model) == bits(resumed.model)


@pytest.mark.parametrize("every", [1, 2, 4, None])
def test_a_checkpoint_is_of_the_last_time_it_was_due(every, tmp_path):
    path = tmp_path / "last"
    training = Training("eager", callbacks=lambda *_: [Checkpoint(path, every)])

    training.fit(2)

    resumed = Training("eager", 3)
    resumed.trainer.load(path)
    expected = 6 if every is None else 6 // every * every
    assert expected == resumed.trainer.steps


def test_a_checkpoint_may_be_of_the_best_epoch_alone(tmp_path):
    path = tmp_path / "best"
    remembered = Remembering()
    fit(made(remembered, Checkpoint(path, monitor="val_given")), 8)
    other = made(Checkpoint(path, monitor="val_given"))

    other.load(path)

    assert (5, 1.9) == (other.epoch, other.callbacks[0].best)
    assert remembered.weights[4] == bits(other.model)


def test_a_checkpoint_comes_after_all_other_callbacks(tmp_path):
    def with_schedule(optimizer, model):
        schedule = xdl.optim.ExponentialLR(optimizer, 0.5)
        return [Checkpoint(tmp_path / "last"), xdl.train.LRSchedule(schedule)]

    Training("eager", callbacks=with_schedule).fit(1)
    resumed = Training("eager", 3, with_schedule)

    resumed.trainer.load(tmp_path / "last")

    assert 0.05 == resumed.optimizer.lr


@pytest.mark.parametrize("callback", [EarlyStopping(), Checkpoint("x", monitor="auc")])
def test_what_is_not_measured_is_refused_with_what_is(callback):
    trainer = made(callback)

    with pytest.raises(ArgumentError, match="needed one of epoch, loss, lr; what is"):
        trainer.fit(batches(X, Y, 11))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patience": 0}, "EarlyStopping.patience: 0"),
        ({"mode": "least"}, "EarlyStopping.mode: 'least'"),
        ({"min_delta": -1}, "EarlyStopping.min_delta"),
        ({"restore_best_weights": 1}, "EarlyStopping.restore_best_weights"),
    ],
)
def test_early_stopping_refuses_an_option_out_of_its_range(options, said):
    with pytest.raises(ArgumentError, match=said):
        EarlyStopping(**options)


@pytest.mark.parametrize("options", [{"every": 0}, {"every": 2, "monitor": "loss"}])
def test_a_checkpoint_refuses_an_option_that_does_not_fit(options):
    with pytest.raises(ArgumentError, match="Checkpoint"):
        Checkpoint("x", **options)


@pytest.mark.parametrize(
    "saved",
    [
        3,
        {"best": 1.0},
        {"best": "x", "waited": 0, "weights": []},
        {"best": None, "waited": -1, "weights": []},
        {"best": None, "waited": 0, "weights": [3]},
    ],
)
def test_a_damaged_state_of_early_stopping_is_refused(saved):
    trainer = made(stopping())
    state = trainer.state_dict()

    with pytest.raises(CheckpointError, match="EarlyStopping"):
        trainer.load_state_dict({**state, "callbacks": {"EarlyStopping": saved}})


def test_best_weights_of_another_model_are_refused():
    trainer = made(stopping())
    state = {"best": 1.0, "waited": 0, "weights": [{"other": np.ones(3)}]}
    trainer.callbacks[0].load_state_dict(state)

    with pytest.raises(CheckpointError, match="missing"):
        fit(trainer)

"""A training that is ended, saved and loaded goes on to the bit."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import xdl
from tests.support.executors import eager_and_every_executor, needs_numba
from tests.train.trained import At, Net, Training, X, Y, fitted
from xdl.train import Trainer, batches

ROOT = pathlib.Path(xdl.__file__).parents[1]


@pytest.mark.parametrize(
    ("executor", "stopped"),
    [
        *((executor, i) for executor in ("eager", "numpy") for i in range(1, 8)),
        pytest.param("numba", 4, marks=needs_numba),
    ],
)
def test_ctrl_c_ends_after_a_whole_step_and_the_next_fit_goes_on(stopped, executor):
    def kill(trainer):
        os.kill(os.getpid(), signal.SIGINT)

    expected = fitted(executor)
    training = Training(executor, callbacks=lambda *_: [At(stopped, kill)])
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        training.fit(3)

    trainer = training.trainer
    assert (stopped, "interrupted") == (trainer.steps, trainer.outcome)
    assert before == signal.getsignal(signal.SIGINT)
    assert expected == training.fit(3)
    assert "done" == trainer.outcome


def test_ctrl_c_within_the_validation_leaves_the_epoch_to_be_ended():
    expected = fitted("eager")
    training = Training("eager")

    def validation(epoch):
        for i, batch in enumerate(batches(X, Y, 8)):
            if epoch == 1 and i == 1 and not killed:
                killed.append(True)
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    killed = []
    with pytest.raises(KeyboardInterrupt):
        training.trainer.fit(training.data, validation, 3)

    assert (1, 3) == (training.trainer.epoch, training.trainer.place)
    training.trainer.fit(training.data, validation, 3)
    assert expected == training.bits()


def test_a_second_ctrl_c_ends_at_once():
    def impatient(trainer):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        after.append(True)

    after = []
    training = Training("eager", callbacks=lambda *_: [At(2, impatient)])

    with pytest.raises(KeyboardInterrupt):
        training.fit(3)

    assert [] == after
    assert "failed" == training.trainer.outcome


def test_a_callback_may_stop_a_fit_and_the_next_goes_on():
    expected = fitted("numpy")
    training = Training("numpy", callbacks=lambda *_: [At(5, Trainer.stop)])

    training.fit(3)

    assert (5, "stopped") == (training.trainer.steps, training.trainer.outcome)
    assert expected == training.fit(3)


@eager_and_every_executor
@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize("stopped", [1, 3, 4, 6])
def test_a_training_that_is_loaded_goes_on_to_the_bit(
    stopped, drops, executor, tmp_path
):
    def save(trainer):
        trainer.save(tmp_path / "last")

    expected = Training(executor, drops=drops).fit(3)
    Training(executor, 0, lambda *_: [At(stopped, save)], drops).fit(2)
    resumed = Training(executor, 7, None, drops)

    resumed.trainer.load(tmp_path / "last")

    assert stopped == resumed.trainer.steps
    assert expected == resumed.fit(3)


def test_a_list_of_batches_is_gone_on_with_from_its_middle(tmp_path):
    def made(seed, *callbacks):
        training = Training("numpy", seed, lambda *_: callbacks)
        training.data = list(batches(X, Y, 8))
        return training

    expected = made(0).fit(2)
    made(0, At(2, lambda trainer: trainer.save(tmp_path / "last"))).fit(1)
    resumed = made(5)

    resumed.trainer.load(tmp_path / "last")

    assert expected == resumed.fit(2)


def test_a_checkpoint_holds_the_model_under_its_name(tmp_path):
    training = Training("eager")
    training.fit(1)
    training.trainer.save(tmp_path / "last")
    model = Net()

    xdl.load(tmp_path / "last", model=model)

    assert (
        training.trainer.predict(X) == Trainer(model, xdl.SGD(model)).predict(X)
    ).all()


def test_a_loss_layer_with_weights_is_trained_and_saved(tmp_path):
    class Scaled(xdl.nn.Loss):
        def __init__(self):
            super().__init__()
            self.scale = xdl.Variable(2.0, "scale")

        def compute(self, output, target):
            return xdl.softmax_cross_entropy(output * self.scale, target)

    model, loss = Net(), Scaled()
    weights = [*model.parameter.values(), *loss.parameter.values()]
    trained = [v for v in weights if v.trainable]
    trainer = Trainer(model, xdl.SGD(trained, 0.1), loss)
    trainer.fit(batches(X, Y, 8), epochs=2)
    scale = loss.scale.item()
    trainer.save(tmp_path / "last")
    loss.scale.value = 5.0

    trainer.load(tmp_path / "last")

    assert scale == loss.scale.item() != 2.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
@eager_and_every_executor
def test_a_training_that_is_killed_often_ends_as_one_that_is_not(executor, tmp_path):
    command = [sys.executable, "-m", "tests.train.killed", tmp_path, executor, "5"]

    finished = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=ROOT
    )

    found = json.loads(finished.stdout or finished.stderr)
    assert found["is_equal"]
    assert 0 < found["killed"][0] <= found["killed"][-1]

"""What a Trainer refuses, in a sentence, and what is then unchanged."""

import pytest

import xdl
from tests.train.trained import At, Net, Training, X, Y, fitted
from xdl import ArgumentError, CheckpointError, EmptyBatchError
from xdl.train import Trainer, batches


def test_epochs_count_those_that_are_done_already():
    expected = fitted("eager", 3)
    training = Training("eager")
    training.fit(1)

    assert expected == training.fit(3)
    with pytest.raises(ArgumentError, match="epochs=3 came, and 3 are done"):
        training.fit(3)


@pytest.mark.parametrize("size", [4, 11])
def test_other_batches_than_those_of_a_broken_epoch_are_refused(size, tmp_path):
    training = Training("eager", callbacks=lambda *_: [At(2, Trainer.stop)])
    training.fit(1)

    with pytest.raises(CheckpointError, match="at batch 2 of an epoch in batches of 8"):
        training.trainer.fit(batches(X, Y, size), epochs=1)


NO_PAIR = "came as a batch, needed a pair"


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ([X], ArgumentError, f"ndarray {NO_PAIR}"),
        ([3], ArgumentError, f"int {NO_PAIR}"),
        ([(3.0, Y)], ArgumentError, "3.0 came as x, needed rows"),
        ([], EmptyBatchError, "an epoch of no batches came"),
        (iter([(X, Y)]), ArgumentError, "gives one epoch alone"),
    ],
)
def test_what_is_no_batch_is_refused_in_a_sentence(data, error, said):
    with pytest.raises(error, match=said):
        Training("eager").trainer.fit(data, epochs=2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": 3}, "int came, needed a Module"),
        ({"optimizer": None}, "NoneType came, needed an Optimizer"),
        ({"loss": 3}, "3 came as loss, needed a function"),
        ({"callbacks": [3]}, "int came, needed a Callback"),
        ({"metrics": ["f1", "f1"]}, "metrics f1, f1 came, needed other names"),
        ({"metrics": ["mae"], "loss_fn": None}, "'loss_fn' came"),
        ({"executor": "nimba"}, "executor 'nimba' came"),
        ({"model": xdl.nn.Linear(2, 1)}, "no loss came, and Linear is no Model"),
    ],
)
def test_a_trainer_refuses_what_it_cannot_use(options, said):
    model = Net()
    given = {"model": model, "optimizer": xdl.SGD(model)} | options

    with pytest.raises(xdl.XdlError, match=said):
        Trainer(**given)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "3"])
def test_a_number_of_epochs_that_is_none_is_refused(epochs):
    with pytest.raises(ArgumentError, match="Trainer.fit: epochs: "):
        Training("eager").fit(epochs)


def test_a_damaged_state_is_refused_and_changes_nothing(tmp_path):
    training = Training("eager")
    training.fit(1)
    state = training.trainer.state_dict()
    before = training.bits()

    for name, value in (("epoch", -1), ("history", 3), ("total", "x"), ("place", 1.5)):
        course = {**state["course"], name: value}
        with pytest.raises(CheckpointError, match=name):
            training.trainer.load_state_dict({**state, "course": course})
    for saved in ({}, 3, {**state, "callbacks": {"Other": {}}}):
        with pytest.raises(CheckpointError):
            training.trainer.load_state_dict(saved)

    assert before == training.bits()


class Deciding(Net):
    """A model whose forward depends on a value."""

    def forward(self, x):
        self.output = self.layers(x)
        if self.output.sum() > 0:
            self.output = -self.output
        return self.output


def test_a_model_that_cannot_be_compiled_is_refused_with_the_remedy():
    model = Deciding()
    trainer = Trainer(model, xdl.SGD(model))

    with pytest.raises(xdl.GraphError) as raised:
        trainer.fit(batches(X, Y, 8))

    assert ['Trainer: executor="eager" runs steps as they are'] == (
        raised.value.__notes__
    )
    Trainer(model, xdl.SGD(model), executor="eager").fit(batches(X, Y, 8))

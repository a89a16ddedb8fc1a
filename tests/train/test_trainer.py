"""Trainer: it does what a loop by hand does, to the bit, and ends where it is whole."""

import numpy as np
import pytest

import xdl
from tests.support.executors import eager_and_every_executor, every_executor
from tests.train.trained import Net, Training, X, Y, fitted
from xdl import NonFiniteError
from xdl.train import Trainer, batches

each_executor = pytest.mark.parametrize("executor", ["eager", "numpy"])


@each_executor
def test_a_fit_gives_the_bits_of_a_loop(executor):
    by_trainer = Training(executor)
    history = by_trainer.trainer.fit(by_trainer.data, epochs=2)
    by_loop = Training("eager")
    model, losses = by_loop.model, []

    for _ in range(2):
        total = 0.0
        for x, y in by_loop.data:
            model.forward(x)
            loss = model.loss(y)
            model.backward()
            by_loop.optimizer.update()
            total += loss.item() * len(y)
        losses.append(total / len(Y))

    assert losses == [one["loss"] for one in history]
    assert by_loop.bits()[1:] == by_trainer.bits()[1:]


@each_executor
def test_a_fit_within_autocast_multiplies_as_it_says(executor):
    usual = fitted(executor)
    with xdl.autocast("bfloat16"):
        rounded, eager = fitted(executor), fitted("eager")

    assert eager == rounded != usual


@every_executor
def test_an_odd_last_batch_makes_no_second_program(executor):
    training = Training(executor)

    training.fit(2)

    steps = training.trainer._steps
    assert [1, 1] == [len(s.usual._replays) for s in (steps.train, steps.evaluate)]


def test_batches_of_fewer_rows_than_were_asked_for_are_usual_ones():
    model = Net()
    trainer = Trainer(model, xdl.SGD(model))

    trainer.fit(batches(X, Y, 100), epochs=3)

    assert 1 == len(trainer._steps.train.usual._replays)


def test_history_says_what_an_epoch_came_to():
    training = Training("eager")

    training.fit(2)

    first, second = training.trainer.history
    assert ["epoch", "loss", "lr", "val_loss"] == list(first)
    assert (1, 2, 0.1) == (first["epoch"], second["epoch"], second["lr"])
    assert (2, 6, 0) == (
        training.trainer.epoch,
        training.trainer.steps,
        training.trainer.place,
    )


@eager_and_every_executor
def test_evaluate_is_the_mean_over_all_rows_in_evaluation_mode(executor):
    training = Training(executor)
    training.fit(2)
    model = training.model.eval()
    model.forward(X)
    expected = model.loss(Y).item()
    model.train()

    measured = training.trainer.evaluate(batches(X, Y, 8))

    assert measured == {"loss": pytest.approx(expected, rel=1e-5)}


def test_evaluate_leaves_the_mode_of_each_module_as_it_was():
    training = Training("eager")
    training.model.layers[1].eval()
    before = [module.is_training for module in training.model.modules()]

    training.trainer.evaluate(batches(X, Y, 8))
    training.trainer.predict(X)

    assert before == [module.is_training for module in training.model.modules()]
    assert {True, False} == set(before)


def test_fit_trains_a_model_that_was_left_in_evaluation_mode():
    expected = fitted("eager")
    training = Training("eager")
    training.model.eval()

    assert expected == training.fit(3)


@eager_and_every_executor
def test_predict_gives_the_rows_in_their_order(executor):
    training = Training(executor)
    x = np.random.default_rng(3).standard_normal((600, 5)).astype(np.float32)
    with xdl.no_grad():
        expected = training.model.eval()(x).numpy()
    training.model.train()

    for data in (x, batches(x, np.zeros(600), 100, shuffle=True)):
        found = training.trainer.predict(data)

        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert type(found) is np.ndarray


class Pairs(xdl.Module):
    """A model of two inputs and two outputs."""

    def __init__(self):
        super().__init__()
        self.layer = xdl.nn.Linear(5, 1)

    def forward(self, a, b):
        return self.layer(a), self.layer(b)


@each_executor
@pytest.mark.parametrize("x", [(X, -X), {"b": -X, "a": X}], ids=["tuple", "dict"])
def test_a_model_may_have_several_inputs_and_outputs(x, executor):
    xdl.seed(0)
    model = Pairs()

    def loss(outputs, target):
        return xdl.mean_squared_error(outputs[0] - outputs[1], target)

    trainer = Trainer(model, xdl.SGD(model, 0.1), loss, executor)
    history = trainer.fit(batches(x, X[:, :1], 8, shuffle=True), epochs=9)
    first, second = trainer.predict(batches(x, size=8))

    assert history[-1]["loss"] < history[0]["loss"] / 4
    assert (22, 1) == first.shape
    np.testing.assert_allclose(
        first - second, 2 * X @ model.layer.weight.numpy(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "loss", [xdl.softmax_cross_entropy, xdl.nn.SoftmaxLoss(), None]
)
def test_a_loss_is_a_function_a_layer_or_the_models_own(loss):
    model = Net()
    xdl.seed(1)
    trainer = Trainer(model, xdl.SGD(model, 0.1), loss)
    xdl.seed(1)

    history = trainer.fit(batches(X, Y, 8), epochs=2)

    assert history[1]["loss"] < history[0]["loss"]


class Breaking(Net):
    """It makes NaN once the input is larger than anything."""

    def forward(self, x):
        y = self.layers(x)
        self.output = y + xdl.sqrt(1e3 - xdl.max(x))  # of a negative number
        return self.output


@eager_and_every_executor
def test_nan_ends_with_a_report_before_the_update(executor):
    xdl.seed(0)
    model = Breaking()
    trainer = Trainer(model, xdl.optim.Adam(model), executor=executor)
    x = X.copy()
    trainer.fit(batches(x, Y, 8), epochs=1)
    before = {name: v.numpy() for name, v in model.parameter.items()}
    x[9] = 1e4  # in the second batch

    with pytest.raises(NonFiniteError) as raised:
        trainer.fit(batches(x, Y, 8), epochs=2)

    said = str(raised.value)
    assert "Trainer: epoch 2, batch 2: Sqrt: NaN came out of x from " in said
    assert "layer Breaking" in said
    assert "# of a negative number" in said
    assert said.endswith("no weight was changed")
    assert (4, 1, "failed") == (trainer.steps, trainer.place, trainer.outcome)
    changed = [n for n, v in model.parameter.items() if (v.numpy() != before[n]).any()]
    assert changed  # by the first batch
    assert all(np.isfinite(v.numpy()).all() for v in model.parameter.values())


@each_executor
def test_a_row_of_the_data_that_is_nan_is_named(executor):
    training = Training(executor, drops=False)
    training.fit(1)
    x = X.copy()
    x[10, 2] = np.nan

    with pytest.raises(NonFiniteError, match=r"epoch 2, batch 2: x holds .* row 2 of"):
        training.trainer.fit(batches(x, Y, 8), epochs=2)


@each_executor
def test_a_refused_batch_leaves_nothing_behind(executor):
    expected = fitted(executor)
    training = Training(executor)
    training.fit(1)

    with pytest.raises(NonFiniteError):
        training.trainer.fit([(X[:8] * np.nan, Y[:8])], epochs=2)

    assert expected == training.fit(3)


@pytest.mark.parametrize("form", [list, lambda data: data.of_epoch])
def test_batches_may_be_a_list_or_a_function_of_the_epoch(form):
    def trained(form):
        training = Training("eager")
        training.data = form(batches(X, Y, 8))
        return training.fit(2)

    assert trained(lambda data: data) == trained(form)


def test_the_first_batch_of_each_fit_says_how_many_rows_are_usual():
    training = Training("numpy")
    trainer = training.trainer
    trainer.fit([(X[:8], Y[:8])], epochs=1)

    trainer.fit([(X[:11], Y[:11]), (X[11:], Y[11:])], epochs=3)

    assert 2 == len(trainer._steps.train.usual._replays)


def test_other_batches_keep_the_order_that_they_came_with():
    training = Training("eager")
    training.fit(1)
    other = batches(X, Y, 8, shuffle=True, seed=77)

    training.trainer.fit(other, epochs=2)

    assert 77 == other.seed


def test_steps_of_a_model_on_a_gpu_run_as_they_are_unless_it_is_said(monkeypatch):
    model = Net()
    optimizer = xdl.SGD(model)
    on_cpu = Trainer(model, optimizer)._steps.train
    monkeypatch.setattr(xdl.Variable, "device", property(lambda self: "cuda:0"))

    on_gpu = Trainer(model, optimizer)._steps.train
    asked_for = Trainer(model, optimizer, executor="numpy")._steps.train

    are_plain = [one.usual is one.odd for one in (on_cpu, on_gpu, asked_for)]
    assert [False, True, False] == are_plain


@each_executor
def test_lbfgs_is_given_the_loss_of_the_batch_as_often_as_it_asks(executor):
    def model_and_optimizer():
        xdl.seed(0)
        model = xdl.models.MLP([5, 8, 3])
        return model, xdl.optim.LBFGS(model, max_iter=5)

    by_hand, optimizer = model_and_optimizer()

    def closure():
        by_hand.forward(X)
        loss = by_hand.loss(Y)
        by_hand.backward()
        return loss

    losses = [optimizer.update(closure).item() for _ in range(3)]
    trainer = Trainer(*model_and_optimizer(), executor=executor)

    history = trainer.fit(batches(X, Y, 22), epochs=3)

    assert losses == pytest.approx([one["loss"] for one in history], rel=1e-4)
    assert losses[2] < losses[0] / 2

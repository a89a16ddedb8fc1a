"""Callbacks: what is told when, and those that change the steps."""

import numpy as np
import pytest

import xdl
from tests.train.trained import Net, Training, X, Y, fitted
from xdl import ArgumentError
from xdl.train import (
    Callback,
    ClipGradNorm,
    ClipGradValue,
    GradientAccumulation,
    LRSchedule,
    Trainer,
    WeightAverage,
    batches,
)

each_executor = pytest.mark.parametrize("executor", ["eager", "numpy"])
MOMENTS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_grad_computed",
    "on_update",
    "on_step_end",
    "on_epoch_end",
    "on_train_end",
)


def noting(moments):
    """Return a callback that notes what it is told in a list."""

    def method(name):
        return lambda self, trainer: moments.append((name, trainer.steps))

    return type("Noting", (Callback,), {name: method(name) for name in MOMENTS})()


def weights(model):
    return [v.numpy() for v in model.parameter.values()]


def test_callbacks_are_told_of_all_moments_in_order():
    moments = []

    Training("eager", callbacks=lambda *_: [noting(moments)]).fit(1)

    within = [[(name, i) for name in MOMENTS[2:4]] for i in range(3)]
    steps = [[*pair, ("on_step_end", i + 1)] for i, pair in enumerate(within)]
    begin = [("on_train_begin", 0), ("on_epoch_begin", 0)]
    assert (
        begin + sum(steps, []) + [("on_epoch_end", 3), ("on_train_end", 3)] == moments
    )


def test_callbacks_hear_of_the_end_when_an_error_ended_it():
    moments = []
    training = Training("eager", callbacks=lambda *_: [noting(moments)])

    with pytest.raises(ArgumentError):
        training.trainer.fit([3])

    assert ("on_train_end", 0) == moments[-1]


@each_executor
@pytest.mark.parametrize(
    ("callback", "clip"),
    [
        (ClipGradNorm(0.1), lambda model: xdl.optim.clip_grad_norm(model, 0.1)),
        (ClipGradValue(0.01), lambda model: xdl.optim.clip_grad_value(model, 0.01)),
    ],
)
def test_gradients_are_clipped_before_the_update(callback, clip, executor):
    def model_and_optimizer():
        xdl.seed(0)
        model = Net(drops=False)
        return model, xdl.SGD(model, 1.0)

    model, optimizer = model_and_optimizer()
    trainer = Trainer(model, optimizer, executor=executor, callbacks=[callback])
    trainer.fit(batches(X, Y, 11), epochs=2)
    by_hand, optimizer = model_and_optimizer()
    for _ in range(2):
        for x, y in batches(X, Y, 11):
            by_hand.forward(x)
            by_hand.loss(y)
            by_hand.backward()
            clip(by_hand)
            optimizer.update()

    pairs = zip(weights(by_hand), weights(model), strict=True)
    assert all((a == b).all() for a, b in pairs)


@each_executor
@pytest.mark.parametrize(("size", "several"), [(4, 2), (3, 3), (5, 2), (22, 4)])
def test_accumulated_gradients_are_those_of_one_batch(size, several, executor):
    def trained(size, *callbacks):
        xdl.seed(0)
        model = xdl.models.MLP([5, 6, 3])
        optimizer = xdl.SGD(model, 0.5)
        trainer = Trainer(model, optimizer, None, executor, callbacks)
        trainer.fit(batches(X, Y, size), epochs=3)
        return trainer, weights(model)

    one, expected = trained(size * several)
    trainer, found = trained(size, GradientAccumulation(several))

    assert one.steps == trainer.steps
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-6)
    losses = [[one["loss"] for one in t.history] for t in (one, trainer)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@each_executor
def test_a_training_with_accumulation_is_gone_on_with_between_updates(
    executor, tmp_path
):
    def made(seed, *more):
        return Training(executor, seed, lambda *_: [GradientAccumulation(2), *more])

    class Saving(Callback):
        def on_step_end(self, trainer):
            if trainer.steps == 3:
                trainer.save(tmp_path / "last")

    expected = made(0).fit(3)
    made(0, Saving()).fit(2)
    resumed = made(9)

    resumed.trainer.load(tmp_path / "last")

    assert (3, 2) == (resumed.trainer.steps, resumed.trainer.place)
    assert expected == resumed.fit(3)


@each_executor
def test_gradients_of_a_group_that_was_refused_are_forgotten(executor):
    def made():
        return Training(executor, 0, lambda *_: [GradientAccumulation(2)])

    expected = made().fit(2)
    training = made()
    training.fit(1)

    with pytest.raises(xdl.NonFiniteError, match="epoch 2, batch 1"):
        training.trainer.fit([(X[:8], Y[:8]), (X[:8] * np.nan, Y[:8])], epochs=2)

    assert expected == training.fit(2)


@each_executor
def test_averages_are_what_a_trainer_evaluates_and_predicts_with(executor):
    xdl.seed(0)
    model = Net()
    ema = xdl.optim.EMA(model, decay=0.5)
    optimizer = xdl.optim.Adam(model, 0.1)
    averaging = WeightAverage(ema)
    trainer = Trainer(model, optimizer, executor=executor, callbacks=[averaging])

    history = trainer.fit(batches(X, Y, 8), batches(X, Y, 8), epochs=2)

    own = Trainer(model, optimizer)
    before = weights(model)
    with ema.swapped():
        expected = own.predict(X), own.evaluate(batches(X, Y, 8))
    assert (expected[0] == trainer.predict(X)).all()
    assert expected[1]["loss"] == history[-1]["val_loss"]
    assert (own.predict(X) != trainer.predict(X)).any()
    assert all((a == b).all() for a, b in zip(before, weights(model), strict=True))


@each_executor
@pytest.mark.parametrize("each", ["step", "epoch"])
def test_a_schedule_is_stepped_each_step_or_each_epoch(each, executor):
    def falling(optimizer, model):
        return [LRSchedule(xdl.optim.ExponentialLR(optimizer, 0.5), each)]

    training = Training(executor, callbacks=falling)

    training.fit(2)

    steps = 6 if each == "step" else 2
    assert 0.1 * 0.5**steps == pytest.approx(training.optimizer.lr)


def test_a_plateau_is_given_what_is_monitored():
    def falling(optimizer, model):
        schedule = xdl.optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
        return [LRSchedule(schedule, monitor="lr")]

    training = Training("eager", callbacks=falling)

    training.fit(3)

    assert [0.1, 0.1, 0.05] == [one["lr"] for one in training.trainer.history]


def _all_state(optimizer, model):
    return [
        LRSchedule(xdl.optim.CosineAnnealingLR(optimizer, 12), "step"),
        WeightAverage(xdl.optim.EMA(model, 0.7)),
        ClipGradNorm(0.5),
    ]


@each_executor
def test_what_callbacks_remember_is_saved_and_loaded(executor, tmp_path):
    expected = fitted(executor, callbacks=_all_state)
    stopped = Training(executor, callbacks=_all_state)
    stopped.fit(1)
    stopped.trainer.save(tmp_path / "last")
    resumed = Training(executor, 5, callbacks=_all_state)

    resumed.trainer.load(tmp_path / "last")

    assert expected == resumed.fit(3)


def test_a_checkpoint_of_other_callbacks_is_refused(tmp_path):
    training = Training("eager", callbacks=_all_state)
    training.trainer.save(tmp_path / "last")

    with pytest.raises(xdl.CheckpointError, match=r"callbacks \['LRSchedule', 'Weigh"):
        Training("eager").trainer.load(tmp_path / "last")


def test_two_callbacks_of_one_class_are_saved_apart():
    model = Net()
    emas = [xdl.optim.EMA(model, decay) for decay in (0.5, 0.9)]
    trainer = Trainer(model, xdl.SGD(model), callbacks=map(WeightAverage, emas))

    saved = trainer.state_dict()["callbacks"]

    decays = {n: one["hyperparameters"]["decay"] for n, one in saved.items()}
    assert {"WeightAverage": 0.5, "WeightAverage2": 0.9} == decays


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ClipGradNorm(0), "ClipGradNorm.max_norm: 0"),
        (lambda: ClipGradValue(-1), "ClipGradValue.clip_value: -1"),
        (lambda: GradientAccumulation(0), "GradientAccumulation.accumulates: 0 came"),
        (lambda: WeightAverage(3), "int came, needed an xdl.optim.EMA"),
        (lambda: LRSchedule(3), "int came, needed a Schedule"),
        (
            lambda: LRSchedule(
                xdl.optim.ReduceLROnPlateau(xdl.SGD([xdl.Variable([1.0])])), "step"
            ),
            "needed each='epoch'",
        ),
    ],
)
def test_a_callback_refuses_what_it_cannot_use(make, said):
    with pytest.raises(ArgumentError, match=said):
        make()


def test_a_compiled_training_with_callbacks_gives_the_bits_of_an_eager_one():
    expected = fitted("eager", callbacks=_all_state)

    assert expected == fitted("numpy", callbacks=_all_state)

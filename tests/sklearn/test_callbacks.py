"""Callbacks of xdl.train, given to each of the four estimators."""

import csv
import pickle
import runpy
import sys
from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xdl
from tests.sklearn.networks import network
from xdl.sklearn import Classifier, MLPClassifier, MLPRegressor, Regressor, protocol
from xdl.train import Callback

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
OPTIONS = {"max_iter": 6, "random_state": 0, "batch_size": 64}
FOUR = {
    "MLPClassifier": lambda **more: MLPClassifier((16,), **OPTIONS | more),
    "MLPRegressor": lambda **more: MLPRegressor((16,), **OPTIONS | more),
    "Classifier": lambda **more: Classifier(network, **OPTIONS | more),
    "Regressor": lambda **more: Regressor(network, **OPTIONS | more),
}
every_estimator = pytest.mark.parametrize("made", FOUR.values(), ids=list(FOUR))
PERCEPTRONS = [MLPClassifier, MLPRegressor]


class Counting(Callback):
    def __init__(self):
        self.steps = self.epochs = 0

    def on_step_end(self, trainer):
        self.steps += 1

    def on_epoch_end(self, trainer):
        self.epochs += 1


def _equal(one, other, **within):
    for mine, others in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(mine, others, **within)


@every_estimator
def test_a_copy_of_a_callback_is_told_of_each_step_and_epoch(made, digits):
    given = Counting()

    model = made(callbacks=[given]).fit(*digits)

    (used,) = model.callbacks_
    assert (used.steps, used.epochs) == (6 * 7, 6)
    assert (given.steps, given.epochs) == (0, 0)
    assert [one["epoch"] for one in model.history_] == [1, 2, 3, 4, 5, 6]


@every_estimator
def test_early_stopping_looks_at_samples_put_aside_and_keeps_the_best(made, digits):
    stopping = xdl.train.EarlyStopping(patience=1, min_delta=1e9)

    model = made(callbacks=[stopping]).fit(*digits)

    assert model.n_iter_ == 2
    best = made(max_iter=1, callbacks=[stopping]).fit(*digits)
    assert np.array_equal(model.predict(digits[0]), best.predict(digits[0]))
    assert model.history_[0].keys() >= {"val_loss", "val_score"}
    assert model.validation_scores_ is None


@every_estimator
def test_a_table_and_a_checkpoint_are_written(made, digits, tmp_path):
    table, saved = tmp_path / "log.csv", tmp_path / "last.safetensors"
    callbacks = [xdl.train.CSVLogger(table), xdl.train.Checkpoint(saved)]

    model = made(callbacks=callbacks).fit(*digits)

    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == pytest.approx(model.loss_curve_)
    assert saved.exists()


@every_estimator
def test_tensorboard_and_progress_are_written_and_left_out_of_a_pickle(
    made, digits, tmp_path
):
    pytest.importorskip("tensorboardX")
    callbacks = [xdl.train.TensorBoard(tmp_path), xdl.train.Progress()]

    model = made(callbacks=callbacks).fit(*digits)

    assert list(tmp_path.iterdir())
    assert pickle.loads(pickle.dumps(model)).callbacks_ == []


@every_estimator
def test_a_function_makes_a_callback_of_the_optimizer(made, digits):
    def falling(optimizer):
        schedule = xdl.optim.ExponentialLR(optimizer, gamma=0.5)
        return xdl.train.LRSchedule(schedule)

    model = made(callbacks=[falling]).fit(*digits)

    rates = [one["lr"] for one in model.history_]
    assert rates == pytest.approx([0.001 * 0.5**i for i in range(6)])


@every_estimator
def test_callbacks_that_are_parts_of_the_step_change_it(made, digits):
    def average(optimizer):
        return xdl.train.WeightAverage(xdl.optim.EMA(optimizer, decay=0.5))

    plain = made(callbacks=[Counting()]).fit(*digits)
    clipped = made(callbacks=[xdl.train.ClipGradNorm(1e-6)]).fit(*digits)
    averaged = made(callbacks=[average]).fit(*digits)
    gathered = made(callbacks=[xdl.train.GradientAccumulation(7), Counting()])

    for other in (clipped, averaged):
        assert plain.loss_ != other.loss_ or not np.array_equal(
            plain._outputs(digits[0]), other._outputs(digits[0])
        )
    assert gathered.fit(*digits).callbacks_[1].steps == 6


@every_estimator
def test_estimators_with_callbacks_are_searched(made, digits):
    model = made(callbacks=[xdl.train.Progress(), Counting()])

    assert np.isfinite(cross_val_score(model, *digits, cv=2, n_jobs=2)).all()


@pytest.mark.parametrize("cls", PERCEPTRONS)
@pytest.mark.parametrize("kind", ["constant", "invscaling", "adaptive"])
def test_a_callback_changes_nothing_by_itself(cls, kind, digits):
    options = {"learning_rate": kind, "solver": "sgd", "max_iter": 30, "tol": 0.01}
    options |= {"n_iter_no_change": 2, "random_state": 0, "learning_rate_init": 0.05}
    X, y = digits[0], np.stack([digits[1] > 4, digits[1] % 2], axis=1).astype(int)
    weight = np.linspace(0.5, 2, len(X))

    plain = cls((8,), **options).fit(X, y, weight)
    told = cls((8,), callbacks=[Counting()], **options).fit(X, y, weight)

    np.testing.assert_allclose(told.loss_curve_, plain.loss_curve_, rtol=1e-6)
    _equal(told, plain, rtol=1e-5, atol=1e-8)
    assert told.n_iter_ == plain.n_iter_
    assert told.t_ == plain.t_


def test_a_callback_changes_nothing_of_counts_and_early_stopping(digits):
    X, y = digits
    counts = MLPRegressor((8,), loss="poisson", max_iter=10, random_state=0)
    early = MLPClassifier((8,), early_stopping=True, max_iter=10, random_state=0)

    for model in (counts, early):
        plain = model.fit(X, y)
        told = type(model)(**model.get_params() | {"callbacks": [Counting()]}).fit(X, y)

        np.testing.assert_allclose(told.loss_curve_, plain.loss_curve_, rtol=1e-6)
        assert told.validation_scores_ == plain.validation_scores_
        _equal(told, plain, rtol=1e-5, atol=1e-8)


def test_callbacks_are_told_of_partial_fits_members_and_sparse_samples(digits):
    X, y = scipy.sparse.csr_array(digits[0]), digits[1]
    partial = FOUR["MLPClassifier"](callbacks=[Counting()])
    several = FOUR["MLPClassifier"](callbacks=[Counting()], n_members=2)

    for _ in range(2):
        partial.partial_fit(X, y, classes=range(10))

    assert partial.callbacks_[0].steps == 7
    assert len(partial.history_) == 2
    plain = FOUR["MLPClassifier"](max_iter=1).fit(X, y)
    np.testing.assert_allclose(partial.loss_curve_[0], plain.loss_, rtol=1e-6)
    assert [m.callbacks_[0].epochs for m in several.fit(X, y).members_] == [6, 6]


@pytest.mark.parametrize("callbacks", [3, [3], [Callback], "print"])
def test_what_is_no_callback_is_refused(callbacks):
    with pytest.raises(ValueError, match="needed Callbacks of xdl.train, or functions"):
        Classifier(network, callbacks=callbacks).fit([[0.0], [1.0]], [0, 1])


def test_callbacks_are_refused_where_there_are_no_steps():
    model = MLPClassifier(solver="lbfgs", callbacks=[Counting()])

    with pytest.raises(ValueError, match="callbacks came with the solver 'lbfgs'"):
        model.fit([[0.0], [1.0]], [0, 1])


# scikit-learn's own.


@every_estimator
def test_callbacks_of_scikit_learn_are_told_of_each_epoch_and_may_stop(made, digits):
    pytest.importorskip("sklearn.callback")

    class Stopping:
        told: ClassVar[list[str]] = []

        def setup(self, estimator, context):
            self.told.append("setup")

        def teardown(self, estimator, context):
            self.told.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            self.told.append(f"{context.task_name} begins")

        def on_fit_task_end(self, estimator, context, *, X, metadata):
            assert X is digits[0]
            assert metadata["sample_weight"] is weight
            self.told.append(f"{context.task_name} ends")
            return context.task_name == "epoch" and context.task_id == 1

    weight, epoch = np.ones(len(digits[1])), ["epoch begins", "epoch ends"]
    for more in ({}, {"callbacks": [Counting()]}):
        Stopping.told.clear()

        model = made(**more).set_callbacks(Stopping()).fit(*digits, weight)

        fit = ["fit begins", *epoch, *epoch, "fit ends"]
        assert Stopping.told == ["setup", *fit, "teardown"]
        assert model.n_iter_ == 2


@every_estimator
def test_a_monitor_of_scikit_learn_scores_the_estimator_of_each_epoch(made, digits):
    callback = pytest.importorskip("sklearn.callback")
    monitor = callback.ScoringMonitor(scoring="r2")

    made().set_callbacks(monitor).fit(*digits)

    rows = [one for one in monitor.get_logs().data if one["task_name"] == "epoch"]
    expected = [
        r2_score(digits[1], made(max_iter=i).fit(*digits).predict(digits[0]))
        for i in (1, 3, 6)
    ]
    assert [rows[i - 1]["r2"] for i in (1, 3, 6)] == pytest.approx(expected)


def test_versions_of_scikit_learn_without_callbacks_need_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)

    found = runpy.run_path(protocol.__file__)

    assert not hasattr(found["CallbackSupportMixin"], "set_callbacks")
    assert found["with_callbacks"](len) is len


def test_other_solvers_tell_callbacks_of_scikit_learn_of_the_fit_alone(digits):
    callback = pytest.importorskip("sklearn.callback")

    for more in ({"solver": "lbfgs"}, {"n_members": 2}):
        monitor = callback.ScoringMonitor(scoring="accuracy")
        model = MLPClassifier((8,), max_iter=3, **more).set_callbacks(monitor)
        pipeline = make_pipeline(StandardScaler(), model).fit(*digits)

        (row,) = monitor.get_logs().data
        assert row["accuracy"] == pipeline.score(*digits)

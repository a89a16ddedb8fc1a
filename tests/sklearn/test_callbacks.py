"""Callbacks of xdl.train, given to each of the four estimators."""

import csv
import pickle

import numpy as np
import pytest
import scipy.sparse

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score

import xdl
from tests.sklearn.networks import network
from xdl.sklearn import Classifier, MLPClassifier, MLPRegressor, Regressor
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

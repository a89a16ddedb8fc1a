"""Multilayer perceptrons within scikit-learn's tools, and what they have beyond."""

import functools
import pickle
import threading

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, make_regression
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xdl
from xdl.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
EXECUTORS = [None, "numpy", "eager", "auto"]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def _small(**options):
    options |= {"max_iter": 30, "random_state": 0, "learning_rate_init": 0.01}
    return MLPClassifier((16,), **options)


# As scikit-learn's.


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_without_shuffling_the_loss_curve_is_scikit_learns(digits, solver, executor):
    options = {"hidden_layer_sizes": (32, 16), "solver": solver, "shuffle": False}
    options |= {"max_iter": 12, "batch_size": 150, "random_state": 3, "alpha": 0.01}

    theirs = Theirs(**options).fit(*digits)
    ours = MLPClassifier(**options, executor=executor).fit(*digits)

    # The epsilon of Adam stands beside the corrected square root in xdl (and PyTorch).
    most = 1e-5 if solver == "sgd" else 1e-2
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=most)
    expected = theirs.predict_proba(digits[0])
    np.testing.assert_allclose(ours.predict_proba(digits[0]), expected, atol=most)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.out_activation_ == theirs.out_activation_


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_without_shuffling_a_regressor_is_scikit_learns(loss, outputs):
    X, y = make_regression(100, 5, n_targets=outputs, random_state=0)
    y = np.abs(y / np.abs(y).max())
    options = {"hidden_layer_sizes": 8, "max_iter": 20, "shuffle": False, "loss": loss}
    weight = np.linspace(0.5, 2, 100)

    theirs = TheirRegressor(**options, random_state=0).fit(X, y, weight)
    ours = MLPRegressor(**options, random_state=0).fit(X, y, weight)

    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-5)


def test_the_parameters_of_scikit_learn_come_first_with_its_defaults():
    for ours, theirs in [(MLPClassifier, Theirs), (MLPRegressor, TheirRegressor)]:
        mine, others = ours().get_params(), theirs().get_params()

        assert {name: mine[name] for name in others} == others


# Within its tools.


def test_a_pipeline_is_searched_calibrated_and_voted_on(digits):
    X, y = digits[0][:300], digits[1][:300] % 3
    pipeline = make_pipeline(StandardScaler(), _small())

    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=2).fit(
        X, y
    )
    calibrated = CalibratedClassifierCV(_small(), cv=2).fit(X, y)
    votes = VotingClassifier([("a", _small()), ("b", pipeline)], voting="soft")

    assert search.best_score_ > 0.8
    assert calibrated.predict_proba(X).shape == (300, 3)
    assert cross_val_score(votes, X, y, cv=2).min() > 0.8


def test_a_search_in_processes_finds_what_one_process_finds(digits):
    X, y = digits[0][:200], digits[1][:200]
    grid = {"alpha": [1e-4, 1e-2]}

    alone, many = (
        GridSearchCV(_small(), grid, cv=2, n_jobs=n).fit(X, y) for n in (1, 2)
    )

    scores = "mean_test_score"
    assert np.array_equal(alone.cv_results_[scores], many.cv_results_[scores])


def test_fitted_estimators_are_pickled_dumped_and_cloned(digits, tmp_path):
    X, y = digits[0][:200], digits[1][:200]
    fitted = _small().fit(X, y)

    joblib.dump(fitted, tmp_path / "model")

    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model")):
        assert np.array_equal(copy.predict_proba(X), fitted.predict_proba(X))
    assert not hasattr(clone(fitted), "coefs_")


def test_a_pickled_estimator_goes_on_as_one_that_was_not(digits):
    X, y = digits[0][:200], digits[1][:200]
    one = _small().partial_fit(X, y, classes=range(10))
    other = pickle.loads(pickle.dumps(one))

    for model in (one, other):
        model.partial_fit(X[:64], y[:64])

    assert np.array_equal(one.coefs_[0], other.coefs_[0])


def test_fits_in_threads_are_those_of_one_thread(digits):
    X, y = digits[0][:300], digits[1][:300]
    alone = [_small(alpha=10.0**-i).fit(X, y) for i in range(4)]
    found = [_small(alpha=10.0**-i) for i in range(4)]
    threads = [threading.Thread(target=model.fit, args=(X, y)) for model in found]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for one, other in zip(alone, found, strict=True):
        assert np.array_equal(one.coefs_[0], other.coefs_[0])


# Beyond.


def test_several_networks_are_averaged(digits):
    X, y = digits[0][:300], digits[1][:300]

    model = _small(n_members=3).fit(X, y)

    each = [member.predict_proba(X) for member in model.members_]
    np.testing.assert_allclose(model.predict_proba(X), np.mean(each, axis=0))
    assert not np.array_equal(each[0], each[1])
    assert model.coefs_[0].shape == (64, 16)


def test_several_networks_are_fitted_anew_and_become_one_again(digits):
    X, y = digits[0][:300], digits[1][:300]
    model = _small(n_members=2).fit(X, y)
    before = model.coefs_[0]

    again = model.set_params(random_state=5).fit(X, y).coefs_[0]
    alone = model.set_params(n_members=1, random_state=0).fit(X, y)

    assert not np.array_equal(before, again)
    assert np.array_equal(alone.predict_proba(X), _small().fit(X, y).predict_proba(X))


def test_several_networks_count_class_weights_once_and_know_all_classes():
    X, y = np.random.default_rng(0).random((60, 3)), np.repeat([0, 1], 30)
    weight = np.where(y == 1, 3.0, 1.0)

    by_class = _small(n_members=2, class_weight={0: 1.0, 1: 3.0}).fit(X, y)
    by_sample = _small(n_members=2).fit(X, y, weight)
    some = _small(n_members=2).partial_fit(X[:30], y[:30], classes=[0, 1, 2])

    assert np.array_equal(by_class.coefs_[0], by_sample.coefs_[0])
    assert some.predict_proba(X).shape == (60, 3)


def test_an_interrupted_fit_keeps_the_weights_of_the_best_score(digits, monkeypatch):
    scores = []
    scored = MLPClassifier._scored

    def interrupted(self, *given):
        if len(scores) == 4:
            raise KeyboardInterrupt
        scores.append(scored(self, *given) if len(scores) != 1 else 1.0)
        return scores[-1]

    monkeypatch.setattr(MLPClassifier, "_scored", interrupted)
    model = _small(early_stopping=True)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(*digits)
    monkeypatch.undo()

    best = _small(early_stopping=True).set_params(max_iter=2).fit(*digits)

    assert np.array_equal(model.coefs_[0], best.coefs_[0])


def test_class_weight_is_a_weight_for_each_sample():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    weight = np.where(y == 1, 3.0, 1.0)

    by_class = _small(class_weight={0: 1.0, 1: 3.0}).fit(X, y)
    by_sample = _small().fit(X, y, weight)

    assert np.array_equal(by_class.coefs_[0], by_sample.coefs_[0])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_dropout_and_batch_norm_train_and_are_still_when_predicting(digits, executor):
    X, y = digits
    options = {"dropout": 0.2, "batch_norm": True, "executor": executor}
    xdl.seed(0)

    model = MLPClassifier((32,), max_iter=30, random_state=0, **options).fit(X, y)

    assert model.score(X, y) > 0.95
    assert np.array_equal(model.predict_proba(X), model.predict_proba(X))
    np.testing.assert_allclose(
        model.predict_proba(X[:10]), model.predict_proba(X)[:10], atol=1e-12
    )


def test_an_activation_of_xdl_is_taken_by_name(digits):
    X, y = digits[0][:300], digits[1][:300]

    model = _small(activation="gelu").fit(X, y)

    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_solver_is_what_makes_an_optimizer(digits, executor):
    X, y = digits[0][:300], digits[1][:300]
    decay = functools.partial(xdl.optim.AdamW, weight_decay=0.5)
    options = {"executor": executor, "hidden_layer_sizes": 8, "random_state": 0}

    models = [
        MLPClassifier(solver=solver, max_iter=10, **options).fit(X, y)
        for solver in ("adam", xdl.optim.Adam, xdl.optim.Lion, decay)
    ]

    adam, same, lion, decayed = [model.coefs_[0] for model in models]
    assert np.array_equal(adam, same)
    assert not np.array_equal(adam, lion)
    assert np.abs(decayed).sum() < np.abs(adam).sum()
    assert (
        clone(models[3]).solver is decay or clone(models[3]).solver.func is decay.func
    )


def test_the_rate_of_another_solver_follows_the_samples(digits):
    X, y = digits[0][:300], digits[1][:300]
    options = {"learning_rate": "invscaling", "max_iter": 3, "random_state": 0}

    by_name = MLPClassifier(solver="sgd", momentum=0, **options).fit(X, y)
    by_class = MLPClassifier(solver=xdl.optim.SGD, **options).fit(X, y)

    assert by_name.loss_curve_ == by_class.loss_curve_


def test_a_seed_draws_dropout_too(digits):
    X, y = digits[0][:300], digits[1][:300]

    one, same, other = [_small(dropout=0.3).fit(X, y) for _ in range(2)] + [
        _small(dropout=0.3).set_params(random_state=1).fit(X, y)
    ]

    assert np.array_equal(one.coefs_[0], same.coefs_[0])
    assert not np.array_equal(one.coefs_[0], other.coefs_[0])


def test_early_stopping_keeps_the_weights_of_the_best_score(digits):
    model = MLPClassifier((16,), early_stopping=True, max_iter=60, random_state=0)
    model.fit(*digits)

    best = int(np.argmax(model.validation_scores_))
    again = MLPClassifier((16,), early_stopping=True, max_iter=best + 1, random_state=0)
    again.fit(*digits)

    assert np.array_equal(model.coefs_[0], again.coefs_[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": -1}, "alpha -1 came, needed a number in"),
        ({"solver": "lbgfs"}, "solver 'lbgfs' came, needed one of 'lbfgs'"),
        ({"activation": "rellu"}, "activation 'rellu' came, needed 'identity'"),
        ({"batch_size": 0}, "batch_size 0 came, needed one of 'auto', or an int"),
        ({"max_iter": 2.5}, "max_iter 2.5 came, needed an int of 1 or more"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be > 0"),
        ({"solver": "lbfgs", "dropout": 0.1}, "dropout 0.1 and batch_norm False came"),
        ({"solver": 3}, "solver 3 came, needed one of 'lbfgs', .* or what makes"),
        ({"executor": "nimba"}, "executor 'nimba' came, needed one of None"),
    ],
)
def test_an_option_that_is_none_is_refused_before_anything(options, words):
    model = MLPClassifier(**options)

    with pytest.raises(ValueError, match=words):
        model.fit([[0.0], [1.0]], [0, 1])

    assert not hasattr(model, "coefs_")


def test_a_solver_that_makes_no_optimizer_is_refused():
    model = MLPClassifier(solver=lambda network, lr: lr)

    with pytest.raises(ValueError, match="solver .* made 1.0, needed an Optimizer"):
        model.fit([[0.0], [1.0]], [0, 1])


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        MLPRegressor().fit([[0.0], [np.nan]], [0.0, 1.0])

"""Estimators around any module: in scikit-learn's tools, of any shape and loss."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xdl
from tests.sklearn.networks import (
    Words,
    convolutions,
    equal,
    line,
    network,
    recurrent,
    small,
)
from xdl.sklearn import Classifier, Regressor

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
Adam, SGD = xdl.optim.Adam, xdl.optim.SGD


# Within scikit-learn's tools.


def test_a_pipeline_is_searched_calibrated_and_voted_on(digits):
    X, y = digits[0], digits[1] % 3
    pipeline = make_pipeline(StandardScaler(), small())
    grid = {"classifier__module__hidden": [8, 32], "classifier__optimizer": [Adam, SGD]}

    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    calibrated = CalibratedClassifierCV(small(), cv=2).fit(X, y)
    votes = VotingClassifier([("a", small()), ("b", pipeline)], voting="soft")

    assert search.best_score_ > 0.8
    assert search.best_params_["classifier__optimizer"] is Adam
    assert calibrated.predict_proba(X).shape == (400, 3)
    assert cross_val_score(votes, X, y, cv=2).min() > 0.8


def test_a_search_in_processes_finds_what_one_process_finds(digits):
    grid = {"module__hidden": [4, 16], "module__dropout": [0.0, 0.2]}

    alone, many = (
        GridSearchCV(small(), grid, cv=2, n_jobs=n).fit(*digits) for n in (1, 2)
    )

    scores = "mean_test_score"
    assert np.array_equal(alone.cv_results_[scores], many.cv_results_[scores])
    assert len(set(alone.cv_results_[scores])) > 1


def test_fitted_estimators_are_pickled_dumped_copied_and_cloned(digits, tmp_path):
    X, y = digits
    fitted = small(callbacks=[xdl.train.Progress()]).fit(X, y)

    joblib.dump(fitted, tmp_path / "model")

    others = pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model")
    for other in (*others, copy.deepcopy(fitted)):
        assert np.array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert not hasattr(clone(fitted), "module_")
    assert clone(fitted).get_params()["optimizer__lr"] == 0.01


def test_a_pickled_estimator_goes_on_as_one_that_was_not(digits):
    X, y = digits
    one = small(schedule=xdl.optim.StepLR, schedule__step_size=1)
    one.partial_fit(X[:200], y[:200], classes=range(10))
    other = pickle.loads(pickle.dumps(one))

    for model in (one, other):
        model.partial_fit(X[200:], y[200:])

    assert equal(one, other)
    assert one.optimizer_.lr == other.optimizer_.lr == pytest.approx(1e-4)


def test_parameters_of_factories_are_set_and_read_like_all_others():
    model = small(module__hidden=4).set_params(module__hidden=8, loss__reduction="sum")

    assert model.get_params()["module__hidden"] == 8
    assert "module__hidden=8" in repr(model)
    with pytest.raises(ValueError, match="Invalid parameter 'hidden'"):
        model.set_params(hidden=3)
    with pytest.raises(TypeError, match="hidden"):
        Classifier(network, hidden=3)


def test_weights_of_samples_are_routed(digits):
    X, y = digits
    weight = np.where(y == 1, 5.0, 1.0)

    with sklearn.config_context(enable_metadata_routing=True):
        model = small().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, model).fit(X, y, sample_weight=weight)

    scaled = StandardScaler().fit_transform(X)
    assert equal(routed[-1], small().fit(scaled, y, weight))
    assert not equal(routed[-1], small().fit(scaled, y))


def test_frames_come_in_and_names_are_kept(digits):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(digits[0]).rename(columns=str)
    scaler = StandardScaler().set_output(transform="pandas")

    model = make_pipeline(scaler, small()).fit(X, digits[1])

    assert list(model[-1].feature_names_in_) == list(X.columns)
    assert model.score(X, digits[1]) > 0.9


# Modules and data of any shape.


@pytest.mark.parametrize("executor", ["eager", None, "numpy", "auto"])
def test_images_are_classified_by_convolutions(digits, executor):
    X, y = digits[0].reshape(-1, 1, 8, 8), digits[1]
    options = {"optimizer__lr": 0.01, "batch_size": 64, "executor": executor}

    model = Classifier(convolutions, max_iter=15, random_state=0, **options).fit(X, y)

    assert model.score(X, y) > 0.9
    assert model.predict_proba(X[:3]).shape == (3, 10)


def test_sequences_are_classified_by_a_recurrent_layer(rng):
    X = rng.standard_normal((200, 6, 2))
    y = np.where(X[:, :, 0].sum(axis=1) > 0, "up", "down")

    model = Classifier(recurrent, max_iter=60, optimizer__lr=0.02, random_state=0)

    assert model.fit(X, y).score(X, y) > 0.9
    assert set(model.predict(X[:, :4])) == {"up", "down"}


def test_words_are_numbers_for_an_embedding(rng):
    X = rng.integers(0, 10, (300, 4))
    y = (X == 3).any(axis=1)

    model = Classifier(Words, max_iter=60, optimizer__lr=0.05, dtype="int64")

    assert model.set_params(random_state=0).fit(X, y).score(X, y) > 0.95


def test_samples_have_several_labels():
    X, y = make_multilabel_classification(200, 8, n_classes=3, random_state=0)

    model = small(max_iter=200).fit(X, y)

    assert model.predict(X).shape == model.predict_proba(X).shape == (200, 3)
    assert (model.predict(X) == y).mean() > 0.85


def test_several_numbers_are_predicted(rng):
    X = rng.standard_normal((100, 3))
    y = X @ rng.standard_normal((3, 2)) + 1

    options = {"max_iter": 300, "tol": None, "optimizer__lr": 0.05, "random_state": 0}
    both = Regressor(line, **options).fit(X, y)
    one = Regressor(line, **options).fit(X, y[:, 0])

    np.testing.assert_allclose(both.predict(X), y, atol=0.01)
    assert one.predict(X).shape == (100,)


def test_weights_are_of_the_dtype_that_was_asked_for(digits):
    model = small(dtype="float64", max_iter=2).fit(*digits)

    assert {v.dtype for v in model.module_.parameter.values()} == {np.dtype("float64")}
    assert model.predict_proba(digits[0]).dtype == np.float64
    assert small(max_iter=2).fit(*digits).predict_proba(digits[0]).dtype == np.float32

"""Searches that fit candidates together give what scikit-learn's searches give."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("numba")

import sklearn.model_selection
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xdl
from xdl.sklearn import (
    GridSearchCV,
    MLPClassifier,
    MLPRegressor,
    RandomizedSearchCV,
    search,
)
from xdl.sklearn.together import Fit, Samples, fit_together

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{w.__module__}.{w.__name__}")
    for w in (ConvergenceWarning, FitFailedWarning)
]
pytestmark.append(pytest.mark.filterwarnings("ignore:One or more of the:UserWarning"))
RATES = {"learning_rate_init": [1e-3, 1e-2]}
FOLDS = 3  # 400 samples: two have 267, one has 266


@pytest.fixture
def together(monkeypatch):
    """Return a list that is told of how many are fitted together."""
    counts, before = [], search.fit_together

    def noted(fits, threads):
        counts.append(len(fits))
        before(fits, threads)

    monkeypatch.setattr(search, "fit_together", noted)
    return counts


def _network(make=MLPClassifier, **options):
    options = {"max_iter": 6, "batch_size": 32, "random_state": 0} | options
    return make((8,), executor="numba", **options)


def _searched(cls, estimator, grid, X, y, **options):
    options = {"cv": FOLDS, "return_train_score": True, "refit": False} | options
    return cls(clone(estimator), grid, **options).fit(X, y)


def _scores(found):
    results = found.cv_results_.items()
    return {n: v for n, v in results if "score" in n and "time" not in n}


def _assert_equal(estimator, grid, X, y, **options):
    ours = _searched(GridSearchCV, estimator, grid, X, y, **options)
    theirs = _searched(
        sklearn.model_selection.GridSearchCV, estimator, grid, X, y, **options
    )
    assert theirs.cv_results_.keys() == ours.cv_results_.keys()
    assert theirs.cv_results_["params"] == ours.cv_results_["params"]
    ours = _scores(ours)
    for name, expected in _scores(theirs).items():
        np.testing.assert_array_equal(expected, ours[name], name)


@pytest.mark.parametrize(
    ("grid", "options"),
    [
        ({"alpha": [1e-4, 1.0], "random_state": [0, 1], **RATES}, {}),
        ({"beta_1": [0.5, 0.9], "epsilon": [1e-8, 1e-3]}, {}),
        ({"momentum": [0.0, 0.5, 0.9], **RATES}, {"solver": "sgd"}),
        (
            {"learning_rate": ["constant", "invscaling", "adaptive"], **RATES},
            {"solver": "sgd", "tol": 0.1, "n_iter_no_change": 1},
        ),
        ({"tol": [1e-4, 0.5], "n_iter_no_change": [1, 10]}, {"max_iter": 12}),
        ({"max_iter": [2, 7], "shuffle": [True, False]}, {}),
        (RATES, {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 15}),
        ({"batch_size": [32, 50], **RATES}, {}),
        ({"activation": ["relu", "tanh"], **RATES}, {}),
    ],
)
def test_scores_are_to_the_bit_those_of_a_plain_search(grid, options, digits, together):
    estimator = _network(**options)

    _assert_equal(estimator, grid, *digits)

    assert [FOLDS * len(sklearn.model_selection.ParameterGrid(grid))] == together


def test_samples_that_are_converted_are_kept_once(digits, together):
    X, y = digits
    made = _network(), _network()
    samples = Samples()

    first, second = (Fit(one, (X * 16).astype(int), y, samples) for one in made)

    assert first.X is second.X
    assert first.targets is second.targets


def test_a_regressor_is_searched_as_well(digits, together):
    X, y = digits

    _assert_equal(_network(MLPRegressor), RATES, X.astype("f4"), y.astype(float))

    assert [2 * FOLDS] == together


@pytest.mark.parametrize("y", ["two classes", "several labels"])
def test_other_targets_are_searched_as_well(y, digits, together):
    X, labels = digits
    y = labels > 4 if y == "two classes" else labels[:, None] > [2, 5]

    _assert_equal(_network(), RATES, X, y)

    assert [2 * FOLDS] == together


def test_pipelines_are_members_by_their_last_step(digits, together):
    pipeline = make_pipeline(StandardScaler(), _network())
    grid = {"standardscaler__with_std": [True, False], "mlpclassifier__alpha": [0.1, 1]}

    _assert_equal(pipeline, grid, *digits)

    assert [4 * FOLDS] == together


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.3},
        {"class_weight": "balanced"},
        {"executor": "numpy"},
        {"solver": "lbfgs"},
        {"n_members": 2},
        {"callbacks": [xdl.train.EarlyStopping("loss")]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_cannot_be_a_member_is_fitted_as_in_scikit_learn(
    options, digits, together
):
    estimator = _network().set_params(**options)

    _assert_equal(estimator, {"alpha": [0.1]}, *digits)

    assert [0] == together


def test_members_and_others_stand_in_the_order_of_the_candidates(digits, together):
    _assert_equal(_network(), {"dropout": [0.0, 0.3], "alpha": [0.1, 1]}, *digits)

    assert [2 * FOLDS] == together


def test_a_candidate_that_fails_leaves_the_others_as_they_are(digits, together):
    estimator = _network(solver="sgd")

    _assert_equal(estimator, {"learning_rate_init": [0.01, 1e30]}, *digits)

    assert [2 * FOLDS] == together


def test_a_candidate_that_diverges_with_early_stopping_keeps_its_best(digits, together):
    estimator = _network(solver="sgd", early_stopping=True)

    _assert_equal(estimator, {"learning_rate_init": [0.01, 1e30]}, *digits)

    assert [2 * FOLDS] == together


def test_an_error_can_be_raised(digits):
    grid = {"learning_rate_init": [0.01, -1.0]}

    with pytest.raises(xdl.ArgumentError, match="learning_rate_init -1.0 came"):
        _searched(GridSearchCV, _network(), grid, *digits, error_score="raise")


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_scores_do_not_depend_on_the_number_of_threads(n_jobs, digits):
    one = _searched(GridSearchCV, _network(), RATES, *digits)

    some = _searched(GridSearchCV, _network(), RATES, *digits, n_jobs=n_jobs)

    for name, expected in _scores(one).items():
        np.testing.assert_array_equal(expected, _scores(some)[name])


def test_a_random_search_gives_what_scikit_learns_gives(digits, together):
    options = {"n_iter": 3, "random_state": 0}
    grid = {"alpha": np.geomspace(1e-4, 1, 10), **RATES}
    theirs = sklearn.model_selection.RandomizedSearchCV

    ours = _searched(RandomizedSearchCV, _network(), grid, *digits, **options)
    theirs = _searched(theirs, _network(), grid, *digits, **options)

    assert theirs.cv_results_["params"] == ours.cv_results_["params"]
    for name, expected in _scores(theirs).items():
        np.testing.assert_array_equal(expected, _scores(ours)[name])
    assert [3 * FOLDS] == together


def test_the_best_candidate_is_fitted_to_all_samples(digits):
    found = _searched(GridSearchCV, _network(), RATES, *digits, refit=True)

    best = clone(_network()).set_params(**found.best_params_).fit(*digits)

    expected = best.predict_proba(digits[0])
    np.testing.assert_array_equal(expected, found.predict_proba(digits[0]))


def test_the_estimator_that_was_given_is_left_as_it_is(digits):
    estimator = _network()

    found = GridSearchCV(estimator, RATES, cv=FOLDS).fit(*digits)

    assert not hasattr(estimator, "coefs_")
    assert "fit" not in vars(found.best_estimator_)


def test_times_are_those_of_the_fit_as_a_whole(digits):
    found = _searched(GridSearchCV, _network(), RATES, *digits)

    assert (found.cv_results_["mean_fit_time"] > 0).all()


def test_weights_of_samples_are_given_to_plain_fits(digits, together):
    X, y = digits
    weight = np.linspace(0.5, 2, len(y))
    options = {"cv": FOLDS, "refit": False}
    theirs = sklearn.model_selection.GridSearchCV(_network(), RATES, **options)

    ours = GridSearchCV(_network(), RATES, **options).fit(X, y, sample_weight=weight)

    theirs.fit(X, y, sample_weight=weight)
    for name, expected in _scores(theirs).items():
        np.testing.assert_array_equal(expected, _scores(ours)[name])
    assert [0] == together


@pytest.mark.parametrize(
    ("make", "method"), [(MLPClassifier, "predict_proba"), (MLPRegressor, "predict")]
)
def test_an_ensembles_networks_are_to_the_bit_those_of_plain_fits(make, method, digits):
    X, y = digits
    ensemble = _network(make, n_members=3).fit(X, y)

    alone = [clone(member).fit(X, y) for member in ensemble.members_]

    expected = np.mean([getattr(one, method)(X) for one in alone], axis=0)
    np.testing.assert_array_equal(expected, getattr(ensemble, method)(X))
    curves = [[one.loss_curve_ for one in of] for of in (alone, ensemble.members_)]
    assert curves[0] == curves[1]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 20},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.2, "max_iter": 30},
        {"tol": 1.0, "n_iter_no_change": 1},
    ],
)
def test_a_fit_leaves_all_that_a_plain_fit_leaves(options, digits):
    plain = _network(**options).fit(*digits)
    estimators = [_network(**options, alpha=alpha) for alpha in (1.0, 1e-4)]

    samples = Samples()
    fit_together([Fit(one, *digits, samples) for one in estimators])

    expected, found = vars(plain), vars(estimators[1])
    assert expected.keys() == found.keys()
    for name in [n for n in expected if n.endswith("_") and n[0] != "_"]:
        np.testing.assert_equal(found[name], expected[name], name)


def test_an_ensemble_that_diverges_says_so(digits):
    ensemble = _network(solver="sgd", learning_rate_init=1e30, n_members=2)

    with pytest.raises(ValueError, match="non-finite parameter weights"):
        ensemble.fit(*digits)

"""scikit-learn's checks of what an estimator must do."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from xdl.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPRegressor(solver="lbfgs", max_iter=50),
    MLPClassifier(n_members=2, max_iter=50, executor=None),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)
def test_an_estimator_does_what_scikit_learn_asks(estimator, check):
    check(estimator)

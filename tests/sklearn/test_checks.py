"""scikit-learn's checks of what an estimator must do."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

import xdl
from xdl.sklearn import Classifier, MLPClassifier, MLPRegressor, Regressor


class Network(xdl.models.MLP):
    """A perceptron; a test's name holds a class's name, but a function's address."""

    def __init__(self, n_features, n_outputs, hidden=16):
        super().__init__([n_features, hidden, n_outputs])


# Weights of samples must do what repeated samples do to nine digits: in float64.
OPTIONS = {"dtype": "float64", "max_iter": 60, "optimizer__lr": 0.02}
ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPRegressor(solver="lbfgs", max_iter=50),
    MLPClassifier(n_members=2, max_iter=50, executor=None),
    Classifier(Network, **OPTIONS),
    Regressor(Network, **OPTIONS),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)
def test_an_estimator_does_what_scikit_learn_asks(estimator, check):
    check(estimator)

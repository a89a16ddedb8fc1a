"""Estimators on a GPU: asked for, or as samples are there; the numbers are alike."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

import xdl
from tests.sklearn.networks import convolutions, network
from xdl.sklearn import Classifier, MLPClassifier, MLPRegressor, Regressor

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
OPTIONS = {"max_iter": 3, "random_state": 0, "batch_size": 32}
MADE = {
    "MLPClassifier": MLPClassifier((8,), **OPTIONS),
    "batch_norm": MLPClassifier((8,), batch_norm=True, early_stopping=True, **OPTIONS),
    "lbfgs": MLPClassifier((8,), solver="lbfgs", max_iter=3, random_state=0),
    "members": MLPRegressor((8,), n_members=2, **OPTIONS),
    "callbacks": MLPRegressor((8,), callbacks=[xdl.train.EarlyStopping()], **OPTIONS),
    "Classifier": Classifier(network, early_stopping=True, **OPTIONS),
    "Regressor": Regressor(network, **OPTIONS),
}


def _data(rng, *shape):
    X = rng.standard_normal((100, *shape)).astype("float32")
    return X, (X.reshape(100, -1).sum(axis=1) > 0).astype(int)


def _fitted(name, X, y, weight, device):
    model = type(MADE[name])(**MADE[name].get_params() | {"device": device})
    return model.fit(X, y, weight)


def _here(model, X):
    return getattr(model, "predict_proba", model.predict)(X)


@pytest.mark.parametrize("name", MADE)
def test_an_estimator_gives_the_numbers_of_the_cpu(name, rng):
    X, y = _data(rng, 5)
    weight = np.linspace(0.5, 2.0, 100)
    expected = _here(_fitted(name, X, y, weight, "cpu"), X)
    there = [xdl.Variable(array).value for array in (X, y, weight)]

    asked = _fitted(name, X, y, weight, "cuda")
    followed = _fitted(name, *there, None)

    for model in (asked, followed, pickle.loads(pickle.dumps(asked))):
        for samples in (X, there[0]):
            found = _here(model, samples)
            assert type(found) is np.ndarray
            # Adam's first steps are as long where a gradient is all but rounding.
            np.testing.assert_allclose(found, expected, atol=2e-3)


def test_weights_are_where_samples_are(rng):
    X, y = _data(rng, 1, 8, 8)

    with xdl.use_device("cpu"):
        models = [
            Classifier(convolutions, device=device, **OPTIONS).fit(samples, y)
            for device, samples in [("cuda", X), ("cpu", X), (None, X)]
        ]
    there = Classifier(convolutions, **OPTIONS).fit(xdl.Variable(X).value, y)

    found = [next(iter(m.module_.parameters())).device.kind for m in (*models, there)]
    assert found == ["cuda", "cpu", "cpu", "cuda"]


@pytest.mark.parametrize("name", ["MLPClassifier", "members", "Classifier"])
def test_a_step_is_compiled_for_a_gpu(name, rng):
    X, y = _data(rng, 5)
    options = MADE[name].get_params() | {"device": "cuda"}

    eager, compiled = (
        type(MADE[name])(**options | {"executor": executor}).fit(X, y)
        for executor in ("eager", "cuda")
    )

    np.testing.assert_allclose(_here(compiled, X), _here(eager, X), atol=2e-3)

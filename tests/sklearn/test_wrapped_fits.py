"""Estimators around any module: losses, weights, schedules, fits, refusals."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning

import xdl
from tests.sklearn.networks import (
    absolute,
    equal,
    line,
    network,
    nothing,
    small,
    wide,
)
from xdl.sklearn import Classifier, Regressor

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
Adam, SGD = xdl.optim.Adam, xdl.optim.SGD


# Losses, weights, optimizers, schedules.


def test_native_code_trains_as_numpy_does(digits):
    pytest.importorskip("numba")

    native, plain = (small(executor=name, max_iter=3) for name in ("numba", "numpy"))

    expected = plain.fit(*digits).predict_proba(digits[0])
    found = native.fit(*digits).predict_proba(digits[0])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        (xdl.huber_loss, {"loss__delta": 0.5}),
        (xdl.nn.HuberLoss, {"loss__delta": 0.5}),
        (xdl.nn.HuberLoss(0.5), {}),
        (absolute, {}),
    ],
    ids=["function", "class", "layer", "own"],
)
def test_a_loss_is_a_function_a_layer_or_its_class(rng, loss, parameters):
    X = rng.standard_normal((100, 3))
    y = X @ [1.0, 2.0, 3.0]
    y[0] = 1000.0

    model = Regressor(line, loss=loss, max_iter=300, optimizer__lr=0.05, **parameters)
    model.set_params(tol=None, random_state=0).fit(X, y)

    np.testing.assert_allclose(model.predict(X[1:]), y[1:], atol=0.2)


def test_a_loss_that_takes_no_weights_is_refused_with_weights(rng):
    X, y = rng.standard_normal((20, 3)), rng.standard_normal(20)

    with pytest.raises(ValueError, match="takes no sample_weight"):
        Regressor(line, loss=absolute).fit(X, y, np.ones(20))


def test_class_weight_is_a_weight_for_each_sample(digits):
    X, y = digits[0], digits[1] % 2
    weight = np.where(y == 1, 3.0, 1.0)

    by_class = small(class_weight={0: 1.0, 1: 3.0}).fit(X, y)
    by_sample = small().fit(X, y, weight)

    assert equal(by_class, by_sample)
    assert not equal(by_class, small().fit(X, y))


def test_samples_without_weight_are_not_there(digits):
    X, y = digits
    weight = np.where(np.arange(400) < 250, 0.0, 2.0)  # whole batches of zeros

    weighted = small(shuffle=False, batch_size=50).fit(X, y, weight)
    alone = small(shuffle=False, batch_size=50).fit(X[250:], y[250:])

    np.testing.assert_allclose(weighted.loss_curve_, alone.loss_curve_, rtol=1e-5)


class Growing(xdl.Module):
    """Its weights are made in the first step; a mask is no weight, and not finite."""

    def __init__(self, n_outputs):
        super().__init__()
        self.n_outputs = n_outputs
        self.mask = xdl.Variable([-np.inf], trainable=False)
        self.scale = self.parameter.get_variable("scale", [1], np.ones)

    def forward(self, x):
        weight = self.parameter.get_variable("weight", [x.shape[1], self.n_outputs])
        return x @ weight * self.scale


def test_weights_may_come_with_the_first_step(digits):
    model = Classifier(Growing, executor="eager", max_iter=20, optimizer__lr=0.01)

    model.set_params(random_state=0, device="cpu").fit(*digits)

    assert model.score(*digits) > 0.8
    assert set(model.module_.parameter) >= {"weight", "scale", "mask"}


def test_a_schedule_goes_on_each_epoch(digits):
    model = small(max_iter=3, schedule=xdl.optim.ExponentialLR, schedule__gamma=0.5)

    model.fit(*digits)

    assert [one["lr"] for one in model.history_] == [0.01, 0.005, 0.0025]


def test_a_plateau_lowers_the_rate_by_the_loss_that_there_is(digits):
    plateau = {"schedule": xdl.optim.ReduceLROnPlateau, "schedule__patience": 0}
    options = plateau | {"schedule__threshold": 0.9, "max_iter": 4}

    for early_stopping in (False, True):
        model = small(early_stopping=early_stopping, **options).fit(*digits)
        assert model.optimizer_.lr < 0.01


# Fits.


def test_a_seed_gives_the_same_fit_and_leaves_other_draws_alone(digits):
    def drawn():
        return xdl.Parameter().get_variable("w", [2, 2]).numpy()

    xdl.seed(3)
    expected = drawn(), drawn()
    xdl.seed(3)
    found = [drawn()]
    one = small(module__dropout=0.3).fit(*digits)
    found.append(drawn())
    other = small(module__dropout=0.3).fit(*digits)

    assert np.array_equal(expected, found)
    assert equal(one, other)
    assert not equal(one, small(module__dropout=0.3, random_state=1).fit(*digits))


def test_a_warm_start_goes_on(digits):
    cold = small(max_iter=5).fit(*digits)
    warm = small(max_iter=5, warm_start=True).fit(*digits)

    warm.fit(*digits)

    assert warm.loss_ < cold.loss_
    assert len(warm.loss_curve_) == 10
    assert warm.n_iter_ == 5
    assert warm.t_ == 10 * 400


def test_early_stopping_keeps_the_weights_of_the_best_score(digits):
    options = {"early_stopping": True, "optimizer__lr": 0.05}
    model = small(max_iter=40, **options).fit(*digits)

    best = int(np.argmax(model.validation_scores_))
    again = small(max_iter=best + 1, **options).fit(*digits)

    assert best + 1 < model.n_iter_
    assert equal(model, again)
    assert [one["val_score"] for one in model.history_] == model.validation_scores_


def test_all_epochs_are_done_without_a_tolerance(digits, recwarn):
    model = small(tol=None, max_iter=40, optimizer__lr=0.0).fit(*digits)

    assert model.n_iter_ == 40
    assert not recwarn.list


def test_an_interrupted_fit_is_a_fit(digits):
    class Interrupting(xdl.train.Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 3:
                raise KeyboardInterrupt

    model = small(callbacks=[Interrupting()])
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(*digits)

    assert model.n_iter_ == 3
    assert equal(model, small(max_iter=3).fit(*digits))


def test_partial_fits_are_the_epochs_of_a_fit(digits):
    X, y = digits
    options = {"shuffle": False, "optimizer": SGD}
    model = small(**options).partial_fit(X, y, classes=range(10))

    for _ in range(3):
        model.partial_fit(X, y)

    whole = small(**options, max_iter=4).fit(X, y)
    np.testing.assert_allclose(model.loss_curve_, whole.loss_curve_, rtol=1e-6)
    assert model.t_ == 1600


# Refusals.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"module": nothing}, "Classifier: None came from module, needed a Module"),
        ({"module": xdl.nn.Linear(2, 2)}, "module .*Linear.* came, needed what makes"),
        ({"module": 3}, "Classifier: module 3 came, needed what makes one"),
        ({"module": wide}, r"\(2, 7\) came out of the module, needed \(2, 2\)"),
        ({"module__hiden": 3}, "module__hiden came for module .*network.*'hiden'"),
        ({"optimizer": network}, "came for optimizer"),
        ({"loss": "hinge"}, "loss 'hinge' came, needed None, a function of"),
        ({"executor": "nimba"}, "executor 'nimba' came, needed one of None"),
        ({"tol": -1}, "tol -1 came, needed one of None, or a number"),
        ({"dtype": "complex64"}, "dtype 'complex64' came, needed one of 'float16'"),
    ],
)
def test_what_is_none_is_refused_in_words(options, words):
    model = Classifier(**{"module": network} | options)

    with pytest.raises(ValueError, match=words):
        model.fit([[0.0], [1.0]], [0, 1])


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        Regressor(line).fit([[0.0], [np.nan]], [0.0, 1.0])


def test_weights_that_became_infinite_are_an_error_or_the_best_are_kept(digits):
    options = {"optimizer": SGD, "optimizer__lr": 1e18, "max_iter": 5}

    with pytest.raises(ValueError, match="non-finite parameter weights"):
        small(**options).fit(*digits)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        kept = small(**options, early_stopping=True).fit(*digits)
    assert np.isfinite(kept.predict_proba(digits[0])).all()

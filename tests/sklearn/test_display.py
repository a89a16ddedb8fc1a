"""What is shown of estimators: curves of losses, and diagrams in notebooks."""

import subprocess
import sys

import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.sklearn.networks import network
from xdl.sklearn import (
    Classifier,
    LossCurveDisplay,
    MLPClassifier,
    MLPRegressor,
    Regressor,
)
from xdl.train import EarlyStopping

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
FOUR = {
    "MLPClassifier": MLPClassifier((8,)),
    "MLPRegressor": MLPRegressor((8,)),
    "Classifier": Classifier(network),
    "Regressor": Regressor(network, module__hidden=7),
}
every_estimator = pytest.mark.parametrize("name", FOUR)


@pytest.fixture
def plt():
    """Return pyplot, without a screen; its figures are closed."""
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


def _fitted(name, digits, **options):
    model = sklearn.base.clone(FOUR[name]).set_params(max_iter=4, **options)
    return model.set_params(random_state=0).fit(*digits)


@every_estimator
def test_the_losses_of_each_epoch_are_drawn(name, digits, plt):
    model = _fitted(name, digits)

    display = model.plot_loss()

    (line,) = display.lines_
    assert list(line.get_xdata()) == [1, 2, 3, 4]
    assert list(line.get_ydata()) == model.loss_curve_
    assert line.get_label() == f"{name}: loss"
    assert display.ax_.get_xlabel() == "Epoch"
    assert display.score_ax_ is None
    assert display.figure_ is display.ax_.figure


@every_estimator
def test_scores_and_losses_of_samples_put_aside_are_drawn(name, digits, plt):
    stopping = EarlyStopping(patience=9)
    model = _fitted(name, digits, early_stopping=True, callbacks=[stopping])

    display = model.plot_loss(name="net", color="red")

    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["net: loss", "net: validation loss", "net: validation score"]
    _, losses, scores = display.lines_
    assert list(losses.get_ydata()) == [one["val_loss"] for one in model.history_]
    assert list(scores.get_ydata()) == model.validation_scores_
    assert scores.axes is display.score_ax_
    assert {line.get_color() for line in display.lines_} == {"red"}


def test_several_estimators_are_drawn_into_one_picture(digits, plt):
    axes = plt.subplots()[1]

    shown = [
        _fitted(name, digits, early_stopping=True).plot_loss(axes)
        for name in ("MLPClassifier", "Classifier")
    ]

    assert shown[0].score_ax_ is shown[1].score_ax_
    assert len(axes.figure.axes) == 2
    assert len(axes.get_legend().get_texts()) == 6
    colours = [{line.get_color() for line in one.lines_} for one in shown]
    assert colours == [{"C0"}, {"C1"}]


def test_what_has_no_losses_of_epochs_is_refused(digits):
    with pytest.raises(NotFittedError):
        MLPClassifier().plot_loss()
    with pytest.raises(ValueError, match="came without loss_curve_"):
        MLPClassifier(solver="lbfgs", max_iter=2).fit(*digits).plot_loss()


def test_matplotlib_is_imported_for_a_plot_alone():
    program = "import sys, xdl.sklearn; print('matplotlib' in sys.modules)"

    printed = subprocess.check_output([sys.executable, "-c", program], text=True)

    assert printed.split() == ["False"]


def test_a_missing_matplotlib_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ImportError, match="matplotlib is missing; pip install"):
        LossCurveDisplay(losses=[1.0]).plot()


@every_estimator
@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_notebook_shows_a_diagram(name, is_fitted, digits):
    model = _fitted(name, digits) if is_fitted else FOUR[name]
    pipeline = make_pipeline(StandardScaler(), model)

    with sklearn.config_context(display="diagram"):
        (alone, whole) = model._repr_html_(), pipeline._repr_mimebundle_()["text/html"]

    for shown in (alone, whole):
        assert shown.startswith("<style>")
        assert name in shown
    assert ("module__hidden" in alone) == (name == "Regressor")


def test_a_text_shows_what_is_not_usual():
    model = Regressor(network, module__hidden=7, max_iter=3)

    with sklearn.config_context(display="text"):
        shown = repr(model)

    assert "max_iter=3" in shown
    assert "module__hidden=7" in shown
    assert "tol" not in shown


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_warning_is_of_the_line_that_called(solver, digits):
    perceptron = MLPClassifier((8,), solver=solver, max_iter=2, batch_size=9999)

    for model in (perceptron, Classifier(network, max_iter=2, batch_size=9999)):
        with pytest.warns(UserWarning) as told:
            model.fit(*digits)

        assert {warning.filename for warning in told} == {__file__}

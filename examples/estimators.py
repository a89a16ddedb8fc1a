"""Estimators in scikit-learn's tools: a pipeline, a grid, calibration, curves.

python examples/estimators.py --epochs 40 --plot estimators.png
"""

import argparse
import pathlib
import warnings

import numpy as np
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import xdl
from xdl.sklearn import Classifier, MLPClassifier


def convolutions(n_outputs, channels=8):
    """Make a network for images of 8 x 8."""
    return xdl.nn.Sequential(
        xdl.nn.Conv2d(1, channels, 3, padding=1),
        xdl.nn.ReLU(),
        xdl.nn.MaxPool2d(2),
        xdl.nn.Flatten(),
        xdl.nn.Linear(channels * 16, n_outputs),
    )


def score(options, pixels, target):
    """Score a perceptron within a pipeline on three folds."""
    network = MLPClassifier((64,), max_iter=options.epochs, random_state=options.seed)
    pipeline = make_pipeline(MinMaxScaler(), network)
    scores = cross_val_score(pipeline, pixels, target, cv=3)
    print(f"pipeline: accuracy {scores.mean():.4f} of three folds")


def search(options, images, target):
    """Look for channels and a rate; return the search."""
    network = Classifier(
        convolutions,
        max_iter=options.epochs,
        batch_size=64,
        random_state=options.seed,
    )
    grid = {"module__channels": [4, 16], "optimizer__lr": [0.001, 0.01]}
    found = GridSearchCV(network, grid, cv=3).fit(images, target)
    best = ", ".join(f"{name}={value}" for name, value in found.best_params_.items())
    print(f"grid: accuracy {found.best_score_:.4f} with {best}")
    return found


def calibrate(options, x, target):
    """Return probabilities of the second class, by themselves and calibrated."""
    network = MLPClassifier((64, 64), max_iter=options.epochs, batch_size=16)
    network.set_params(learning_rate_init=0.01, random_state=options.seed)
    plain = make_pipeline(StandardScaler(), network)
    models = {"plain": plain, "calibrated": CalibratedClassifierCV(plain, cv=3)}
    found = {}
    for name, model in models.items():
        method = "predict_proba"
        found[name] = cross_val_predict(model, x, target, cv=3, method=method)[:, 1]
        print(f"{name}: Brier score {brier_score_loss(target, found[name]):.4f}")
    return found


def fit_two(options, images, target):
    """Return two networks that are trained until a score gets no better."""
    common = {"max_iter": options.epochs, "random_state": options.seed}
    common |= {"early_stopping": True}
    perceptron = MLPClassifier((64,), **common).fit(images.reshape(-1, 64), target)
    convolutional = Classifier(convolutions, **common).fit(images, target)
    for model in (perceptron, convolutional):
        best = model.best_validation_score_
        print(f"{type(model).__name__}: best validation score {best:.4f}")
    return perceptron, convolutional


def draw(path, models, found, target, probabilities):
    """Draw the curves of two networks, the grid, and how sure networks may be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 4.6), layout="constrained")
    curves, grid, sure = figure.subplots(1, 3)
    for model in models:
        model.plot_loss(curves)
    curves.set_title("Losses and scores of two networks")

    channels, rates = found.param_grid.values()
    scores = found.cv_results_["mean_test_score"].reshape(len(channels), len(rates))
    grid.imshow(scores, cmap="Blues", vmin=scores.min() - 0.1, vmax=1.1)
    grid.set(xticks=range(len(rates)), xticklabels=rates, xlabel="optimizer__lr")
    grid.set(yticks=range(len(channels)), yticklabels=channels)
    grid.set(ylabel="module__channels", title="Accuracies of the grid")
    for (row, column), value in np.ndenumerate(scores):
        grid.text(column, row, f"{value:.4f}", ha="center", va="center")

    sure.plot([0, 1], [0, 1], color="grey", linestyle=":", label="as sure as right")
    for name, probability in probabilities.items():
        bins = {"n_bins": 8}
        right, said = calibration_curve(target, probability, **bins)
        sure.plot(said, right, marker="o", label=name)
    sure.set(xlabel="probability of the second class", ylabel="part that is of it")
    sure.set_title("Calibration")
    sure.legend()
    figure.savefig(path, dpi=110)


def main():
    """Read the options, and run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=pathlib.Path, help="a picture to write")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs are meant
    pixels, digits = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 1, 8, 8) / 16
    x, kinds = make_classification(1500, flip_y=0.3, random_state=options.seed)
    score(options, pixels, digits)
    found = search(options, images, digits)
    probabilities = calibrate(options, x, kinds)
    models = fit_two(options, images, digits)
    if options.plot:
        draw(options.plot, models, found, kinds, probabilities)


if __name__ == "__main__":
    main()

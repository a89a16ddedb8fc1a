"""Tables: tumours told apart by an MLP, and diabetes foreseen by linear regression.

Each once by a loop, and once by an estimator of scikit-learn's kind.

python examples/tabular.py --epochs 50 --executor numpy
"""

import argparse
import sys
import warnings

import numpy as np
from compiling import add_executor, compiled
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tqdm import trange

import xdl
from xdl.sklearn import MLPClassifier, MLPRegressor


def split(data, seed):
    """Return scaled training and test features, and both targets."""
    x, target = data
    parts = train_test_split(x, target, test_size=0.25, random_state=seed)
    scaler = StandardScaler().fit(parts[0])
    return scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]


def train(model, optimizer, x, target, options, batch_size=32):
    """Return the mean loss of each epoch."""

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    step = compiled(step, model, optimizer, executor=options.executor)
    rng, losses = np.random.default_rng(options.seed), []
    for _ in trange(options.epochs, disable=not sys.stderr.isatty()):
        total, order = 0.0, rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            total += step(x[chosen], target[chosen]).item() * len(chosen)
        losses.append(total / len(x))
    assert len(losses) == 1 or losses[-1] < losses[0], "the loss did not fall"
    return losses


def classify(options):
    """Tell malignant from benign tumours: 30 features, 569 patients."""
    data = load_breast_cancer(return_X_y=True)
    x_train, x_test, t_train, t_test = split(data, options.seed)
    model = xdl.models.MLP([30, 16, 2], dropout=0.2)
    optimizer = xdl.optim.AdamW(model, lr=0.003)
    train(model, optimizer, x_train, t_train, options)
    with xdl.no_grad():
        predicted = model.eval().forward(x_test).argmax(axis=1).numpy()
    print("breast cancer: test accuracy", (predicted == t_test).mean())
    network = MLPClassifier((16,), dropout=0.2, solver=xdl.optim.AdamW, **same(options))
    network.set_params(learning_rate_init=0.003).fit(x_train, t_train)
    print("  the same by MLPClassifier", network.score(x_test, t_test))


def regress(options):
    """Foresee the progress of diabetes after a year: 10 features, 442 patients."""
    data = load_diabetes(return_X_y=True)
    x_train, x_test, t_train, t_test = split(data, options.seed)
    centre, spread = t_train.mean(), t_train.std()
    model = xdl.models.LinearRegression(10)
    optimizer = xdl.SGD(model, lr=0.02, momentum=0.9)
    goal = ((t_train - centre) / spread)[:, None]
    train(model, optimizer, x_train, goal, options)
    with xdl.no_grad():
        predicted = model.forward(x_test).numpy()[:, 0] * spread + centre
    print("diabetes: test R2", r2_score(t_test, predicted))
    network = MLPRegressor((), solver="sgd", learning_rate_init=0.02, **same(options))
    predicted = network.fit(x_train, goal[:, 0]).predict(x_test) * spread + centre
    print(f"  the same by MLPRegressor {r2_score(t_test, predicted):.4f}")


def same(options):
    """Return what estimators are given, so that they do what the loops do."""
    return {
        "alpha": 0.0,
        "batch_size": 32,
        "executor": options.executor,
        "max_iter": options.epochs,
        "random_state": options.seed,
        "n_iter_no_change": options.epochs,
    }


def main():
    """Read the options, and train both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    add_executor(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # so many epochs are meant
    xdl.seed(options.seed)
    classify(options)
    regress(options)


if __name__ == "__main__":
    main()

"""Fits beside scikit-learn's MLPs: `python -m benchmarks.estimators`.

Four sets of data, networks of 64 and 32 units, batches of 64 and 200, as many epochs
for both, one thread. Printed are, as ratios of xdl's time to scikit-learn's in the same
run: a fit whose step is there already (the median of fits in turn), and for one set the
first fit of a process, with a warm and with an empty cache, imports counted apart; and
scores over five seeds. `--executor numba` and `--save` as elsewhere.
"""

import argparse
import datetime
import importlib
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{name}_NUM_THREADS", "1")

import numpy as np  # noqa: E402  (after the thread count is set)

from benchmarks.peers import processor  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / "results"
BATCHES = (64, 200)
ROUNDS, SEEDS = 3, 5


def breast_cancer():
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(return_X_y=True)


def digits():
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def imbalanced():
    from sklearn.datasets import make_classification

    options = {"weights": [0.9], "n_informative": 10, "random_state": 0}
    return make_classification(20_000, 20, **options)


def housing_like():
    """Return a smooth function of eight skewed features, with noise."""
    rng = np.random.default_rng(0)
    x = rng.lognormal(sigma=0.5, size=(20_000, 8))
    y = np.log(x[:, 0]) * 2 + np.sin(2 * x[:, 1]) + x[:, 2] * x[:, 3] / 2
    return x, y + 0.3 * np.abs(x[:, 4] - 1) + rng.normal(scale=0.5, size=len(x))


# A set of data, whether its targets are numbers, and the epochs of a fit.
SETS = {
    "breast cancer": (breast_cancer, False, 50),
    "digits": (digits, False, 50),
    "imbalanced 20k x 20": (imbalanced, False, 10),
    "housing-like 20k x 8": (housing_like, True, 10),
}


def data_of(name):
    """Return training and test samples, scaled, and their targets."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import scale

    x, y = SETS[name][0]()
    return train_test_split(scale(x).astype(np.float32), y, random_state=0)


def estimator(package, name, batch, seed=0, **options):
    """Return xdl's or scikit-learn's estimator for a set of data."""
    module = "xdl.sklearn" if package == "xdl" else "sklearn.neural_network"
    _, is_regression, epochs = SETS[name]
    kind = "MLPRegressor" if is_regression else "MLPClassifier"
    options |= {"batch_size": batch, "max_iter": epochs, "random_state": seed}
    options |= {"tol": 0.0, "n_iter_no_change": epochs}
    options |= {"hidden_layer_sizes": (64, 32)}
    return getattr(importlib.import_module(module), kind)(**options)


def seconds(fit):
    start = time.perf_counter()
    fit()
    return time.perf_counter() - start


def refits(name, batch, options):
    """Return seconds of fits in turn: of xdl, whose step is there, and scikit-learn."""
    x, _, y, _ = data_of(name)
    ours, theirs = estimator("xdl", name, batch, **options), estimator("", name, batch)
    ours.fit(x, y)
    pairs = [
        (seconds(lambda: ours.fit(x, y)), seconds(lambda: theirs.fit(x, y)))
        for _ in range(ROUNDS)
    ]
    return [statistics.median(times) for times in zip(*pairs, strict=True)]


def scores(package, name, options):
    """Return the mean of the test scores over seeds, and its standard error."""
    x, x_test, y, y_test = data_of(name)
    found = [
        estimator(package, name, 64, seed, **options).fit(x, y).score(x_test, y_test)
        for seed in range(SEEDS)
    ]
    return statistics.mean(found), statistics.stdev(found) / math.sqrt(SEEDS)


def first_fit(package, name, options):
    """Return seconds of a first fit of this process, and of the imports before."""
    x, _, y, _ = data_of(name)
    begun = time.perf_counter()
    one = estimator(package, name, 64, **options)
    imports = time.perf_counter() - begun
    return {"fit": seconds(lambda: one.fit(x, y)), "imports": imports}


def first_fits(name, options):
    """Return what first fits take: with an empty cache, a warm one, scikit-learn's."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDL_CACHE": str(pathlib.Path(folder) / "xdl")}

        def measured(package):
            told = json.dumps([package, name, options if package else {}])
            command = [sys.executable, "-m", "benchmarks.estimators", "--one", told]
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            return json.loads(done.stdout)

        packages = {"empty": "xdl", "warm": "xdl", "scikit-learn": ""}
        return {kind: measured(package) for kind, package in packages.items()}


def measure(options):
    """Measure and print all; return the figures."""
    fits, found = {}, {}
    for name in SETS:
        for batch in BATCHES:
            ours, theirs = refits(name, batch, options)
            fits[f"{name}, batch {batch}"] = ours, theirs
            print(
                f"{name}, batch {batch}: {ours * 1e3:.0f} ms, scikit-learn "
                f"{theirs * 1e3:.0f}: {ours / theirs:.3f}",
                flush=True,
            )
    mean = statistics.geometric_mean(a / b for a, b in fits.values())
    print(f"geometric mean: {mean:.3f}")
    firsts = first_fits("digits", options)
    for kind, one in firsts.items():
        print(f"first fit, {kind}: {one['fit']:.2f} s, imports {one['imports']:.2f}")
    for name in SETS:
        pair = [
            scores(package, name, options if package else {}) for package in ("xdl", "")
        ]
        found[name] = pair
        listed = [f"{mean:.4f} +- {error:.4f}" for mean, error in pair]
        print(f"score, {name}: {listed[0]}, scikit-learn {listed[1]}", flush=True)
    return {"seconds of fits": fits, "first fits": firsts, "scores": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executor", default="numpy")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # of fits that end before they have converged
    if given.one:
        print(json.dumps(first_fit(*json.loads(given.one))))
        return
    figures = measure({"executor": given.executor})
    if given.save:
        about = {"date": datetime.date.today().isoformat(), "machine": processor()}
        path = RESULTS / f"estimators-{given.executor}.json"
        path.write_text(json.dumps(about | figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Many models trained as one, against one: `python -m benchmarks.members`.

A step of a member stands beside a step of ``over``, of the same network on batches of
as many rows, in turn in one run; then two threads beside one. Printed are microseconds
a step, the least of several runs, and ratios. ``--grid 12`` adds a search of 12
candidates by 5 folds on digits, beside scikit-learn's over its own perceptron, both
with ``--jobs``. Of the candidates scikit-learn searches ``--theirs``: all cost alike.
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402  (after the thread count is set)
from sklearn import model_selection, neural_network  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402

import xdl  # noqa: E402
from xdl.sklearn import GridSearchCV, MLPClassifier  # noqa: E402

SIZES, ROWS, SAMPLES = (64, 32, 10), 32, 2000
COUNTS = (8, 64, 300)


def compiled():
    """Return a compiled step of a small perceptron."""
    model = xdl.models.MLP(SIZES)
    optimizer = xdl.optim.Adam(model, lr=1e-3)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return xdl.compile(step, model, optimizer, executor="numba")


def taken(call, steps):
    """Return microseconds a step of a call."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e6 / steps


def measured(n, steps, repeats):
    """Return the least microseconds a step of ``over``, one and two threads."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, SIZES[0])).astype("f4")
    target = rng.integers(0, SIZES[-1], SAMPLES)
    rows = rng.integers(0, SAMPLES, (n, steps, ROWS))
    single, step = compiled(), compiled()
    batches = x[rows[0]], target[rows[0]]
    one, two = (step.members(n, threads) for threads in (1, 2))
    calls = [
        (lambda: [single.over(*batches) for _ in range(n)], n * steps),
        (lambda: one.over(rows, x, target), n * steps),
        (lambda: two.over(rows, x, target), n * steps),
    ]
    for call, _ in calls:
        call()
    runs = [[taken(*call) for call in calls] for _ in range(repeats)]
    return [min(times) for times in zip(*runs, strict=True)]


def seconds(search, estimator, candidates, options):
    """Return what a search on digits takes."""
    x, y = load_digits(return_X_y=True)
    rates = {"learning_rate_init": np.geomspace(1e-4, 1e-2, candidates).tolist()}
    search = search(estimator, rates, cv=5, refit=False, n_jobs=options.jobs)
    begin = time.perf_counter()
    search.fit(x / 16, y)
    return time.perf_counter() - begin


def searched(size, options):
    """Return the least seconds of a fit in our search, and in scikit-learn's."""
    common = {"hidden_layer_sizes": (100,), "batch_size": size, "random_state": 0}
    common |= {"max_iter": options.epochs, "n_iter_no_change": options.epochs}
    theirs = model_selection.GridSearchCV, neural_network.MLPClassifier(**common)
    ours = GridSearchCV, MLPClassifier(executor="numba", **common)
    pairs = ((ours, options.grid), (theirs, options.theirs))
    seconds(*ours, 1, options)
    runs = [
        [seconds(*what, count, options) / (5 * count) for what, count in pairs]
        for _ in range(2)
    ]
    return [min(times) for times in zip(*runs, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--grid", type=int, default=0, help="candidates of a search")
    parser.add_argument("--theirs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    for n in COUNTS if options.repeats else ():
        over, one, two = measured(n, options.steps, options.repeats)
        print(
            f"{n} members: over {over:.2f} us a step, a member's {one:.2f} "
            f"({one / over:.2f}), on two threads {two:.2f} ({two / one:.2f})"
        )
    warnings.simplefilter("ignore", ConvergenceWarning)
    for size in (64, 200) if options.grid else ():
        ours, theirs = searched(size, options)
        print(
            f"{options.grid} x 5 fits, batch {size}: {ours * 1e3:.1f} ms a fit, "
            f"scikit-learn {theirs * 1e3:.1f} ({ours / theirs:.3f})"
        )


if __name__ == "__main__":
    main()

"""Searches for parameters that fit candidates of one architecture together."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Sequence

import joblib
import sklearn.model_selection
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.parallel import Parallel, delayed

from xdl.sklearn.mlp import MLP
from xdl.sklearn.network import Given
from xdl.sklearn.together import Fit, Samples, fit_together


class _Together(BaseSearchCV):
    """What searches share: how candidates are fitted and scored on the folds."""

    def _run_search(self, evaluate_candidates, *, callback_ctx=None):
        options = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        function = None if hasattr(self, "_skl_callbacks") else self._evaluated
        with _instead(evaluate_candidates, function):
            super()._run_search(evaluate_candidates, **options)

    def _evaluated(self, parallel, tasks):
        """Return the results of tasks, of which members are fitted together."""
        tasks = list(tasks)
        twins = [_of_candidate(task) for task in tasks]
        pairs = zip(tasks, twins, strict=True)
        ours = [i for i, pair in enumerate(pairs) if _is_ours(*pair)]
        others = [i for i in range(len(tasks)) if i not in set(ours)]
        count = effective_n_jobs(self.n_jobs)
        if _is_local():
            found = _done([tasks[i] for i in ours], [twins[i] for i in ours], count)
        else:
            parts = [ours[i::count] for i in range(min(count, len(ours)))]
            given = [[[of[i] for i in part] for of in (tasks, twins)] for part in parts]
            done = parallel(delayed(_done)(*one, 1) for one in given)
            ours, found = [[x for part in of for x in part] for of in (parts, done)]
        found = [*found, *(parallel([tasks[i] for i in others]) if others else ())]
        results = dict(zip(ours + others, found, strict=True))
        return [results[i] for i in range(len(tasks))]


class GridSearchCV(_Together, sklearn.model_selection.GridSearchCV):
    """Search a grid; candidates and folds of one architecture are fitted as one.

    It is scikit-learn's ``GridSearchCV``: the same arguments, attributes and, to the
    bit, scores. Perceptrons with ``executor="numba"``, alone or at the end of a
    pipeline, are members of one program, whose loops over candidates, steps and rows
    are native (``Compiled.members``). Each has its own fold, seed, penalty, learning
    rate, momentum and end. All others are fitted as scikit-learn does it.

    Args:
        estimator, param_grid, scoring, refit, cv, verbose, pre_dispatch, error_score,
            return_train_score: those of scikit-learn's.
        n_jobs: how many threads share the members, or processes all others; None: 1.
            In a context of ``joblib.parallel_config`` with another backend than
            joblib's own, such as Dask's, so many workers do.

    Example:
        >>> from sklearn.datasets import make_classification
        >>> from xdl.sklearn import GridSearchCV, MLPClassifier
        >>> X, y = make_classification(random_state=0)
        >>> network = MLPClassifier((4,), tol=0.01, learning_rate_init=0.1)
        >>> search = GridSearchCV(network, {"random_state": [0, 1]}, cv=3)
        >>> search.fit(X, y).cv_results_["mean_test_score"].shape
        (2,)
    """


class RandomizedSearchCV(_Together, sklearn.model_selection.RandomizedSearchCV):
    """Search at random; candidates and folds of one architecture are fitted as one.

    It is scikit-learn's ``RandomizedSearchCV``, with the same arguments and attributes;
    what is fitted as one is as of ``GridSearchCV``.

    Args:
        estimator, param_distributions, n_iter, scoring, n_jobs, refit, cv, verbose,
            pre_dispatch, random_state, error_score, return_train_score: those of
            scikit-learn's; ``n_jobs`` as of ``GridSearchCV``.
    """


@contextlib.contextmanager
def _instead(evaluate, function):
    """Let a function do the tasks that scikit-learn gives to its ``parallel``.

    That is the name of a variable which scikit-learn's search keeps for ``evaluate``.
    Without it, or without a function, scikit-learn does them by itself.
    """
    names = evaluate.__code__.co_freevars
    if function is None or "parallel" not in names:
        yield
        return
    cell = evaluate.__closure__[names.index("parallel")]
    before = cell.cell_contents
    cell.cell_contents = functools.partial(function, before)
    try:
        yield
    finally:
        cell.cell_contents = before


def _is_local():
    """Tell whether joblib's tasks run on this machine."""
    backend, _ = joblib.parallel.get_active_backend()
    return type(backend).__module__ == "joblib._parallel_backends"


def _of_candidate(task):
    """Return an estimator like that of a task, with its parameters."""
    _, (estimator, *_), options = task
    return clone(estimator).set_params(**clone(options["parameters"], safe=False))


def _is_ours(task, twin):
    _, (_, X, _), options = task
    network = _network(twin)
    is_perceptron = isinstance(network, MLP) and not options["fit_params"]
    return is_perceptron and network._is_member(X)


def _network(estimator):
    """Return the last of a pipeline that remembers nothing, or what is none."""
    if not isinstance(estimator, Pipeline):
        return estimator
    is_plain = estimator.memory is None and not getattr(
        estimator, "transform_input", ()
    )
    return estimator.steps[-1][1] if is_plain else None


def _done(tasks, twins, threads):
    """Return the results of tasks; their estimators' twins are fitted together."""
    begin = time.perf_counter()
    splits: dict[int, Sequence[Given]] = {}
    samples = Samples()
    fits = [_begun(*pair, splits, samples) for pair in zip(tasks, twins, strict=True)]
    fit_together([fit for fit in fits if isinstance(fit, Fit)], threads)
    for (_, (estimator, *_), _), twin, fit in zip(tasks, twins, fits, strict=True):
        _adopt(estimator, twin, fit.error if isinstance(fit, Fit) else fit)
    share = (time.perf_counter() - begin) / max(len(tasks), 1)
    results = Parallel(n_jobs=1)(tasks)
    for result in results:
        result["fit_time"] += share
    return results


def _begun(task, twin, splits, samples):
    """Return the Fit of a task's twin, or the exception that it began with.

    Args:
        task: the task.
        twin: the estimator, with its parameters.
        splits: a dict that keeps the samples and targets of folds.
        samples: as of Fit.
    """
    _, (estimator, X, y), options = task
    train = options["train"]
    if id(train) not in splits:
        splits[id(train)] = _safe_split(estimator, X, y, train)
    X, y = splits[id(train)]
    try:
        if isinstance(twin, Pipeline) and len(twin) > 1:
            X = twin[:-1].fit_transform(X, y)
        return Fit(_network(twin), X, y, samples)
    except Exception as error:
        return error


def _adopt(estimator, twin, error):
    """Let the next ``fit`` of an estimator end as that of its twin has."""

    def fit(X, y=None, **options):
        del estimator.fit
        if error is not None:
            raise error
        vars(estimator).update(vars(twin))
        return estimator

    estimator.fit = fit

"""Searches for parameters that fit candidates of one architecture together."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import sklearn.model_selection
from joblib import effective_n_jobs, parallel
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.parallel import Parallel, delayed

from xdl.sklearn.network import Given
from xdl.sklearn.together import Fit, fit_together, is_member

Task = tuple[Callable[..., dict[str, Any]], tuple[Any, ...], dict[str, Any]]
Scored = list[dict[str, Any]]


class _Together:
    """What searches share: how candidates are fitted and scored on the folds."""

    n_jobs: int | None

    def _run_search(self, evaluate_candidates, *, callback_ctx=None):
        options = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        is_told = hasattr(self, "_skl_callbacks")
        around = (
            contextlib.nullcontext()
            if is_told
            else _instead(evaluate_candidates, self._evaluated)
        )
        with around:
            super()._run_search(evaluate_candidates, **options)

    def _evaluated(self, parallel, tasks):
        """Return the results of tasks, those of members first done together."""
        tasks = list(tasks)
        ours = [i for i, task in enumerate(tasks) if _is_ours(task)]
        others = [i for i in range(len(tasks)) if i not in set(ours)]
        count = effective_n_jobs(self.n_jobs)
        if _is_local():
            found = _done([tasks[i] for i in ours], count)
        else:
            parts = [ours[i::count] for i in range(min(count, len(ours)))]
            given = [delayed(_done)([tasks[i] for i in part], 1) for part in parts]
            ours = [i for part in parts for i in part]
            found = [one for part in parallel(given) for one in part]
        found += parallel([tasks[i] for i in others]) if others else []
        results = dict(zip(ours + others, found, strict=True))
        return [results[i] for i in range(len(tasks))]


class GridSearchCV(_Together, sklearn.model_selection.GridSearchCV):
    """Search a grid; candidates and folds of one architecture are fitted together.

    It is scikit-learn's ``GridSearchCV``.
    """


class RandomizedSearchCV(_Together, sklearn.model_selection.RandomizedSearchCV):
    """Search at random; candidates and folds of one architecture are fitted together.

    It is scikit-learn's ``RandomizedSearchCV``.
    """


@contextlib.contextmanager
def _instead(evaluate, function):
    """Let a function do the tasks that scikit-learn gives to its ``parallel``.

    The name is of a variable that scikit-learn's search keeps for ``evaluate``. Where
    there is none, it evaluates by itself.
    """
    names = evaluate.__code__.co_freevars
    if "parallel" not in names:
        yield
        return
    cell = evaluate.__closure__[names.index("parallel")]
    before = cell.cell_contents
    cell.cell_contents = lambda tasks: function(before, tasks)
    try:
        yield
    finally:
        cell.cell_contents = before


def _is_local():
    """Tell whether joblib's tasks run on this machine."""
    backend, _ = parallel.get_active_backend()
    return type(backend).__module__.startswith("joblib.")


def _is_ours(task):
    _, (estimator, X, _), options = task
    if options["fit_params"]:
        return False
    estimator = _of_candidate(task)
    return is_member(_network(estimator), X)


def _of_candidate(task):
    """Return an estimator of a task, with its parameters."""
    _, (estimator, *_), options = task
    return clone(estimator).set_params(**clone(options["parameters"], safe=False))


def _network(estimator):
    """Return the last of a pipeline that remembers nothing, or what is none."""
    if not isinstance(estimator, Pipeline):
        return estimator
    is_plain = estimator.memory is None and not getattr(
        estimator, "transform_input", ()
    )
    return estimator.steps[-1][1] if is_plain else None


def _done(tasks, threads):
    """Return the results of tasks, whose estimators are fitted together."""
    begin = time.perf_counter()
    splits: dict[int, tuple[Given, Given]] = {}
    fitted = [_begun(task, splits) for task in tasks]
    fit_together([fit for _, fit in fitted if isinstance(fit, Fit)], threads)
    for (_, (estimator, *_), _), (twin, fit) in zip(tasks, fitted, strict=True):
        _adopt(estimator, twin, fit.error if isinstance(fit, Fit) else fit)
    share = (time.perf_counter() - begin) / max(len(tasks), 1)
    results = Parallel(n_jobs=1)(tasks)
    for result in results:
        result["fit_time"] += share
    return results


def _begun(task, splits):
    """Return the estimator of a task, and its Fit, or the exception that it began with.

    Args:
        task: the task.
        splits: the samples and targets of folds, which are kept here.
    """
    _, (estimator, X, y), options = task
    twin, train = _of_candidate(task), options["train"]
    if id(train) not in splits:
        splits[id(train)] = _safe_split(estimator, X, y, train)
    X, y = splits[id(train)]
    try:
        if isinstance(twin, Pipeline) and len(twin) > 1:
            X = twin[:-1].fit_transform(X, y)
        return twin, Fit(_network(twin), X, y)
    except Exception as error:
        return twin, error


def _adopt(estimator, twin, error):
    """Let the next ``fit`` of an estimator end as that of its twin has."""

    def fit(X, y=None, **options):
        del estimator.fit
        if error is not None:
            raise error
        vars(estimator).update(vars(twin))
        return estimator

    estimator.fit = fit

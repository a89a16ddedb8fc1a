"""Fitting many perceptrons as one: those of one architecture are members of a step."""

from __future__ import annotations

import operator
import types
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from xdl.native.blas_library import threads as usual_threads
from xdl.sklearn.network import Array, Epochs, Given, Plan, Step, borrowed, means
from xdl.sklearn.options import hidden_sizes
from xdl.sklearn.rate import Rate
from xdl.sklearn.training import Books


class Samples:
    """Samples and targets of fits, each kept once."""

    def __init__(self) -> None:
        self._kept: list[tuple[Array, Array]] = []

    def kept(self, X: Array, targets: Array) -> tuple[Array, Array]:
        """Return samples and targets as they are kept."""
        for are_same in (operator.is_, np.array_equal):
            for pair in self._kept:
                if are_same(pair[0], X) and np.array_equal(pair[1], targets):
                    return pair
        self._kept.append((X, targets))
        return X, targets


class Fit:
    """The fit of one estimator, as that of ``MLP`` but for who does the steps.

    Args:
        estimator: the estimator.
        X, y: the samples and targets.
        samples: where those of all fits are kept.

    Attributes:
        error: what ended it, or None.
        is_over: whether there are no more epochs.
        alike: what fits have in common that are done together.
        first: where its samples begin among those of all.
    """

    def __init__(self, estimator: Given, X: Given, y: Given, samples: Samples) -> None:
        self.estimator = estimator
        self.error: Exception | None = None
        X, y, _, _ = estimator._prepared(X, y, None)
        units = [X.shape[1], *hidden_sizes(estimator), estimator.n_outputs_]
        estimator._begin(units, X.dtype)
        estimator._optimizer, estimator._moments = Rate(estimator), None
        self.X, self.targets = samples.kept(*estimator._for_loss(X, y, None))
        self._rows, self._held = np.arange(len(y)), None
        if estimator.early_stopping:
            self._rows, held = estimator._split_rows(y)
            self._held = X[held], y[held], None
        self.size = estimator._size_of_batches(len(self._rows))
        self.plan: Plan = estimator._plan()
        target = self.targets.shape[1:], self.targets.dtype
        self.alike = _without_numbers(self.plan), self.size, target
        self.first, self.is_over, self.is_done = 0, False, False

    def begin(self, step: Step) -> None:
        """Begin, where the network of a step is that of the member."""
        estimator, rate = self.estimator, self.estimator._optimizer.learning_rate
        step.write(estimator._arrays, estimator.alpha)
        for name, value in (*self.plan.options, ("lr", rate)):
            setattr(step.optimizer, name, value)
        self._step, self._lr, self._books = step, rate, Books(estimator)
        random_state = estimator._random_state if estimator.shuffle else None
        self._epochs = Epochs([self._rows], self.size, random_state)
        arrays = [self.X[:1], self.targets[self._rows]]
        start = estimator._start(step.network, arrays)
        self._books.begin(len(self._rows), *start)
        self._validation, scores = estimator._validation(self._held)
        trainer = estimator._trainer(step, self._books, scores, self.size)
        trainer.optimizer = types.SimpleNamespace(lr=rate)
        self._trainer, estimator.n_iter_ = trainer, 0

    def batches(self) -> list[Array]:
        """Begin an epoch; return the rows of its batches: whole ones, and what is left.

        They are those of the samples of all fits.
        """
        self._trainer.begin_epoch()
        order = self.first + self._rows[self._epochs.order()]
        whole = len(order) // self.size * self.size
        return [order[:whole].reshape(-1, self.size), order[None, whole:]]

    def new_rate(self) -> float | None:
        """Return the learning rate of this epoch, or None: it is as it was."""
        before, self._lr = self._lr, self._trainer.optimizer.lr
        return None if self._lr == before else self._lr

    def end_epoch(self, found: Sequence[Given]) -> None:
        """End an epoch, of which steps have returned what was found."""
        loss = self.estimator._loss_of(*means(found))
        stops = self._trainer.end_epoch(loss, self._validation)
        self.is_done = self._trainer.epoch == self.estimator.max_iter and not stops
        self.is_over = stops or self.is_done

    def end(self, error: Exception | None) -> None:
        """End, where the network of the step is that of the member."""
        estimator = self.estimator
        if error is not None:
            estimator._diverged(error)
        estimator._conclude(self._trainer, self._books, self.is_done)
        estimator._moments = self._step.optimizer.state_dict()
        estimator._take(self._step.network.read())


def fit_together(fits: Sequence[Fit], threads: int | None = None) -> None:
    """Fit estimators, those that are alike together; ``error`` says what ended one.

    BLAS runs on one thread meanwhile: its numbers depend on how many it has.

    Args:
        fits: what was begun.
        threads: how many threads share them; default as many as NumPy's
            BLAS uses.
    """
    groups: list[list[Fit]] = []
    for fit in fits:
        same = [group for group in groups if group[0].alike == fit.alike]
        same[0].append(fit) if same else groups.append([fit])
    usual_threads()  # asked once in a process: before there is a limit
    with threadpool_limits(1, "blas"):
        for group in groups:
            with borrowed(group[0].plan) as step:
                _Group(group, step, threads).fit()


class _Group:
    """Fits that are alike: members of one step."""

    def __init__(self, fits, step, threads):
        self._fits, self._step = fits, step
        step.begin(fits[0].estimator._arrays, 0.0)  # no optimizer knows anything
        self._many = step.step.members(len(fits), threads)
        self._X, self._targets = _joined(fits)

    def fit(self):
        """Do all epochs of all."""
        many, fits = self._many, self._fits
        for i, fit in enumerate(fits):
            with many.member(i):
                fit.begin(self._step)
        while left := [i for i, fit in enumerate(fits) if not fit.is_over]:
            self._epoch(left)

    def _epoch(self, left):
        many, fits = self._many, self._fits
        parts = [[None] * len(fits), [None] * len(fits)]
        for i in left:
            for part, rows in zip(parts, fits[i].batches(), strict=True):
                part[i] = rows if rows.size else None
            rate = fits[i].new_rate()
            if rate is not None:
                with many.member(i):
                    self._step.optimizer.lr = rate
        found = [many.over(part, self._X, self._targets) for part in parts]
        for i in left:
            pairs = zip(parts, found, strict=True)
            done = [(p[i].shape[1], f[i]) for p, f in pairs if p[i] is not None]
            self._end_epoch(i, done)

    def _end_epoch(self, i, done):
        fit, error = self._fits[i], self._many.errors[i]
        if error is not None:
            fit.is_over = True
        elif fit.estimator.early_stopping:  # it looks at samples put aside
            with self._many.member(i):
                fit.end_epoch(done)
        else:
            fit.end_epoch(done)
        if fit.is_over:
            self._end(i, error)

    def _end(self, i, error):
        fit = self._fits[i]
        try:
            with self._many.member(i):
                fit.end(error)
        except Exception as error:
            fit.error = error


def _without_numbers(plan):
    """Return a Plan whose numbers are None, but for those that make state or not."""
    options = [
        (name, value if isinstance(value, bool) else bool(value))
        for name, value in plan.options
    ]
    return plan._replace(options=tuple(options))


def _joined(fits):
    """Return the samples and targets of all fits, each once, and tell the fits."""
    known: dict[tuple[int, int], Fit] = {}
    for fit in fits:
        first = sum([len(one.X) for one in known.values()])
        own = known.setdefault((id(fit.X), id(fit.targets)), fit)
        fit.first = first if own is fit else own.first
    pairs = [(one.X, one.targets) for one in known.values()]
    if len(pairs) == 1:
        return pairs[0]
    return tuple(map(np.concatenate, zip(*pairs, strict=True)))

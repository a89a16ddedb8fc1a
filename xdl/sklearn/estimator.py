"""What all estimators share: options, a fit's books, samples put aside, predictions."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import validate_data

from xdl import backend, ops
from xdl.core.mode import no_grad
from xdl.core.module import Module
from xdl.errors import ArgumentError
from xdl.sklearn.display import LossCurveDisplay
from xdl.sklearn.network import Array, Given, on_host
from xdl.sklearn.protocol import CallbackSupportMixin, Tasks, with_callbacks

LAST = {  # what becomes of scores
    "softmax": lambda scores: ops.softmax(scores, axis=1),
    "logistic": ops.sigmoid,
    "exp": ops.exp,
    "identity": lambda scores: scores,
}
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed."
)

_INSIDE = ("xdl.", "sklearn.callback")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line, outside of xdl, that called an estimator."""
    level, frame = 1, inspect.currentframe()
    while frame and frame.f_globals.get("__name__", "").startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Estimator(CallbackSupportMixin, BaseEstimator):
    """The base of estimators: a subclass defines ``_fit``, and ``_dtype``."""

    batch_size: int | str = "auto"
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float | None = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: float = 10
    device: str | None = None

    _rows = 4096  # samples that are predicted at a time

    _tasks: ClassVar[Tasks | None] = None

    @with_callbacks
    def fit(self, X: Given, y: Given, sample_weight: Given = None) -> Self:
        """Fit the network to samples.

        Args:
            X: the samples (n, ...).
            y: the targets (n,) or (n, outputs).
            sample_weight: None, or a weight for each sample (n,).

        Returns:
            The estimator.

        Raises:
            ValueError: options, shapes or targets do not fit, there are missing values,
                or the weights became infinite or NaN.
        """
        if not hasattr(self, "_skl_callbacks"):
            return self._fit(X, y, sample_weight)
        epochs = self.max_iter if self._has_epochs else 0
        self.__dict__["_tasks"] = tasks = Tasks(self, X, y, sample_weight, epochs)
        try:
            self._fit(X, y, sample_weight)
            tasks.end()
        finally:
            del self._tasks
        return self

    def plot_loss(self, ax: Given = None, **options: Given) -> LossCurveDisplay:
        """Draw the loss of each epoch and, of samples put aside, losses and scores.

        Args:
            ax: the Axes of matplotlib; default: those of a new Figure.
            options: as of ``LossCurveDisplay.from_estimator``.

        Returns:
            A LossCurveDisplay, which has the ``figure_``.

        Raises:
            NotFittedError: the estimator is not fitted.
            ArgumentError: it has no losses of epochs.
        """
        return LossCurveDisplay.from_estimator(self, ax=ax, **options)

    def _partial_fit(self, X, y, sample_weight):
        if self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True")
        return self._fit(X, y, sample_weight, is_partial=True)

    def _fit(self, X, y, weight, is_partial=False):
        raise NotImplementedError(f"{type(self).__name__}: _fit is not defined")

    @property
    def _has_epochs(self):
        return True

    def _is_stochastic(self):
        return True

    @property
    def _taken(self):
        """What samples may be, as scikit-learn takes it."""
        return {}

    @property
    def _input_dtype(self):
        return self._dtype

    def _checked(self, X, y, is_new, **needed):
        """Return samples and targets as arrays; refuse what they may not be."""
        needed |= {"multi_output": True, **self._taken}
        return validate_data(self, X, y, reset=is_new, **needed)

    def _targets(self, y):
        """Return targets as the loss takes them: labels of one of many classes."""
        if self.out_activation_ == "softmax":
            return y.argmax(axis=1)
        return y.astype(self._dtype, copy=False)

    def _device_for(self, X):
        """Return where to compute: where it was asked for, or where the samples are."""
        if self.device is not None:
            return backend.usable(self.device, f"{type(self).__name__}: device")
        given = backend.device_of(X)
        return backend.device() if given.kind == "cpu" else given

    def _placed(self, *arrays):
        """Note where to compute; return samples, targets and weights on the host."""
        self._device = self._device_for(arrays[0])
        return [on_host(array) for array in arrays]

    # The books of a fit.

    def _open_books(self):
        self.n_iter_, self.t_ = 0, 0
        self.history_: list[dict[str, object]] = []
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self.validation_scores_: Any = [] if self.early_stopping else None
        self.best_validation_score_: Any = -np.inf if self.early_stopping else None
        self.best_loss_: Any = None if self.early_stopping else np.inf

    def _begin_epoch(self):
        if self._tasks is not None:
            self._tasks.begin_epoch()

    def _end_epoch(self, model):
        """Tell whether the fit is over, for its own reasons or those of callbacks."""
        is_over = self._is_over()
        if self._tasks is None:
            return is_over
        return self._tasks.end_epoch(lambda: self._fitted(model)) or is_over

    def _note(self, loss, seen):
        """Note an epoch."""
        self.loss_ = loss
        self.n_iter_ += 1
        self.t_ += seen
        self.loss_curve_.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")

    def _is_better(self, score=None):
        """Count epochs without progress; tell whether these weights are the best."""
        tol = -np.inf if self.tol is None else self.tol
        if score is None:
            is_stuck = self.loss_ > self.best_loss_ - tol
            self.best_loss_ = min(self.best_loss_, self.loss_)
            is_best = False
        else:
            self.validation_scores_.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            is_stuck = score < self.best_validation_score_ + tol
            is_best = score > self.best_validation_score_
            if is_best:
                self.best_validation_score_ = score
        self._no_improvement_count = self._no_improvement_count + 1 if is_stuck else 0
        return is_best

    def _is_over(self):
        """Tell whether to end after an epoch."""
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        if self._stops():
            return True
        self._no_improvement_count = 0
        return False

    def _stops(self):
        """Tell whether to stop where nothing gets better."""
        if self.verbose:
            print(self._message() + " Stopping.")
        return True

    def _message(self):
        what = "Validation score" if self.early_stopping else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )

    def _warn_of_end(self):
        warn(
            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
            "reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )

    def _warn_of_divergence(self):
        self.validation_scores_.append(np.nan)
        warn(
            f"Training diverged in epoch {self.n_iter_ + 1}; the weights of "
            "the best epoch are kept.",
            ConvergenceWarning,
        )

    # Samples: put aside, in batches, predicted.

    def _split(self, X, y, weight):
        """Put samples aside for validation; return what is left, and them."""
        left, held = self._split_rows(y)
        parts = [
            [None if array is None else array[rows] for array in (X, y, weight)]
            for rows in (left, held)
        ]
        return *parts[0], tuple(parts[1])

    def _split_rows(self, y):
        """Return which samples are trained on, and which are put aside.

        Of these there are as many of each class as there are.
        """
        is_stratified = is_classifier(self) and self._is_one_of_many
        left, held = train_test_split(
            np.arange(len(y)),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=y if is_stratified else None,
        )
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        return left, held

    def _size_of_batches(self, n):
        if self.batch_size == "auto":
            return min(200, n)
        if self.batch_size > n:
            warn(
                f"batch_size {self.batch_size} is larger than the {n} samples; it is "
                "going to be clipped"
            )
        return min(self.batch_size, n)

    def _predicted(self, network: Module, X: Given) -> Array:
        """Return what a network makes of samples (n, outputs)."""
        was_training = network.is_training
        if was_training:
            network.eval()
        last = LAST[self.out_activation_]
        parts = []
        with no_grad():
            for first in range(0, X.shape[0], self._rows):
                x = X[first : first + self._rows]
                x = x.toarray() if scipy.sparse.issparse(x) else x
                x = x.astype(self._input_dtype, copy=False)
                parts.append(last(network(x)).numpy())
        if was_training:
            network.train()
        return np.concatenate(parts)

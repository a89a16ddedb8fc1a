"""Training for an estimator by ``xdl.train``: its books, scores, losses and draws."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from xdl import ops
from xdl.arguments import described
from xdl.backend import random
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, NonFiniteError, ShapeError
from xdl.optim import Optimizer
from xdl.sklearn.estimator import LAST, NOT_FINITE, Estimator, warn
from xdl.sklearn.network import Given, Step
from xdl.train import Callback, Metric, Trainer
from xdl.typing import ArrayLike

Weights = dict[str, np.ndarray]
LOSSES: dict[str, Callable[..., Variable]] = {
    "softmax": ops.softmax_cross_entropy,
    "logistic": ops.binary_cross_entropy_with_logits,
    "identity": ops.mean_squared_error,
}


class Books(Callback):
    """Keep an estimator's books of each epoch, and end the fit where it says so.

    Args:
        estimator: the estimator.

    Attributes:
        best: the weights of the best score.
    """

    def __init__(self, estimator: Trained) -> None:
        self._estimator = estimator
        self.begin(0, {})

    def begin(self, rows: int, best: Weights, shift: float = 0.0) -> None:
        """Begin with a fit.

        Args:
            rows: how many samples it is to.
            best: the weights that are the best so far; none: there are no scores.
            shift: what is added to each loss.
        """
        self._rows, self.best, self._shift = rows, best, shift

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Let the estimator set the learning rate."""
        self._estimator._set_rate(trainer)
        self._estimator._begin_epoch()

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Note the epoch."""
        estimator, logs = self._estimator, trainer.history[-1]
        estimator.__dict__.setdefault("history_", []).append(logs)
        estimator._note(logs["loss"] + self._shift, self._rows)
        score = logs["val_score"] if estimator.early_stopping else None
        if estimator._is_better(score):
            self.best = weights(trainer)
        if estimator._end_epoch(trainer.model):
            trainer.stop()


class ByEpochs(Trainer):
    """A Trainer that does all steps of an epoch at one call, and tells of none.

    Args:
        step: the Step that does them.
        loss, callbacks, metrics: as of a Trainer; callbacks are told of epochs alone.
        epoch: does the steps of an epoch, of arrays; returns the mean loss.
    """

    def __init__(
        self,
        step: Step,
        loss: Callable[..., Variable],
        callbacks: Sequence[Callback],
        metrics: Sequence[Metric],
        epoch: Callable[[Sequence[Given]], float],
    ) -> None:
        model, optimizer = step.network, step.optimizer
        super().__init__(model, optimizer, loss, "eager", callbacks, metrics)
        self._of_arrays = epoch

    def _run(self, given):
        (arrays,) = given
        course = self._course
        course.mean.total, course.mean.seen = self._of_arrays(arrays), 1
        course.place = 1

    def begin_epoch(self) -> None:
        """Begin with an epoch that others train."""
        self._begin_epoch()

    def end_epoch(self, loss: float, validation: Callable[..., object] | None) -> bool:
        """End an epoch that others trained; tell whether it was the last.

        Args:
            loss: the mean loss.
            validation: as of ``fit``.
        """
        self._course.mean.total, self._course.mean.seen = loss, 1
        self._end_epoch(validation)
        return self._ends is not None


class Score(Metric):
    """What an estimator's ``score`` is, of samples in order.

    Args:
        estimator: the estimator.
        y: the targets, as they were given.
        weight: None, or a weight for each sample.
    """

    name = "score"

    def __init__(self, estimator: Trained, y: np.ndarray, weight: object) -> None:
        self._estimator, self._y, self._weight = estimator, y, weight
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self._outputs: list[np.ndarray] = []

    def update(self, output: object, target: object) -> None:
        """Take in a batch."""
        last = LAST[self._estimator.out_activation_]
        self._outputs.append(last(output).numpy())

    def compute(self) -> object:
        """Return the score."""
        outputs = np.concatenate(self._outputs)
        return self._estimator._scored(outputs, self._y, self._weight)


class Objective:
    """The loss of a batch, whose targets may have weights beside them.

    Args:
        who: the estimator's name, for messages.
        loss: a function of scores (n, outputs) and targets, a loss layer, or its class.
        parameters: more that it takes.
        outputs: how many there must be.
        is_weighted: whether there are weights.

    Raises:
        ArgumentError: it is no loss, or takes no weights where there are some.
    """

    def __init__(
        self,
        who: str,
        loss: Callable[..., Variable],
        parameters: dict[str, object],
        outputs: int,
        is_weighted: bool,
    ) -> None:
        self._who, self._outputs = who, outputs
        if not callable(loss):
            raise ArgumentError(
                f"{who}: loss {described(loss)} came, needed None, a function of "
                "scores and targets, or a loss layer"
            )
        made, rest = loss, parameters
        if isinstance(loss, type):
            made, rest = loss(**parameters), {}
        function: Callable[..., Variable] = getattr(made, "compute", made)
        if is_weighted and not _takes_weights(function):
            raise ArgumentError(
                f"{who}: weights of samples or classes came, and the loss "
                f"{described(loss)} takes no sample_weight"
            )
        self._function = functools.partial(function, **rest)

    def __call__(self, output: Variable, target: ArrayLike | tuple) -> Variable:
        """Return the loss."""
        labels, *weight = target if isinstance(target, tuple) else (target,)
        needed = (len(labels), self._outputs)
        if getattr(output, "shape", None) != needed:
            came = getattr(output, "shape", described(output))
            raise ShapeError(
                f"{self._who}: {came} came out of the module, needed {needed}: "
                "(samples, outputs)"
            )
        if weight:
            return self._function(output, labels, sample_weight=weight[0])
        return self._function(output, labels)


def _takes_weights(function):
    return "sample_weight" in inspect.signature(function).parameters


def weights(trainer: Trainer) -> Weights:
    """Return what weights a trainer predicts with: averages, if there are some."""
    with contextlib.ExitStack() as stack:
        for one in trainer.callbacks:
            stack.enter_context(one.evaluating(trainer))
        return trainer.model.state_dict()


@contextlib.contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Return a context whose random draws come from a seed, and are nobody else's."""
    before = random.state()
    random.seed(seed)
    try:
        yield
    finally:
        random.restore(before)


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Trained(Estimator):
    """The base of what a Trainer trains, with callbacks."""

    callbacks: Sequence[Callback | Callable[[Optimizer], Callback]] = ()

    def _set_rate(self, trainer):
        """Set the learning rate before an epoch, if that is not for others."""

    def _own_callbacks(self, optimizer):
        """Return copies of the callbacks, for they change."""
        return [
            copy.deepcopy(one) if isinstance(one, Callback) else one(optimizer)
            for one in self.callbacks
        ]

    def _train_by(self, trainer, books, data, validation, once):
        """Train to the end, and leave the weights that are to stay."""
        self.n_iter_ = 0
        try:
            trainer.fit(data, validation, 1 if once else self.max_iter)
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        except NonFiniteError as error:
            self._diverged(error)
        is_done = trainer.outcome == "done" and not once
        self._conclude(trainer, books, is_done)

    def _diverged(self, error):
        if not self.early_stopping:
            raise ValueError(f"{NOT_FINITE} {error}") from error
        self._warn_of_divergence()

    def _conclude(self, trainer, books, is_done):
        """Leave the weights that are to stay; warn if all epochs were done."""
        model = trainer.model
        if books.best:
            model.load_state_dict(books.best)
        elif any(one.state() for one in trainer.callbacks):
            model.load_state_dict(weights(trainer))
        if not all(np.isfinite(weight.numpy()).all() for weight in model.parameters()):
            raise ValueError(NOT_FINITE)
        if is_done and self.tol is not None:
            self._warn_of_end()

    def __getstate__(self):
        state = super().__getstate__()
        without: dict[str, object]  # programs, open files
        without = {"_kept": None, "callbacks_": []}
        return state | {n: v for n, v in without.items() if n in state}


def watch_validation(callbacks: Sequence[Callback]) -> bool:
    """Tell whether one of them looks at a measure of a validation."""
    watched = [str(getattr(one, "monitor", "")) for one in callbacks]
    return any(name.startswith("val_") for name in watched)

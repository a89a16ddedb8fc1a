"""Callbacks that look at what was measured: rates, best weights, an early end."""

import math
import numbers
from typing import TYPE_CHECKING, Annotated

from xdl.arguments import kind
from xdl.core.parameter import refuse
from xdl.errors import ArgumentError, CheckpointError
from xdl.optim import ReduceLROnPlateau, Schedule
from xdl.optim.ranges import (
    Maybe,
    NonNegative,
    OneOf,
    PositiveInt,
    Switch,
    Whole,
)
from xdl.train.callback import Callback
from xdl.typing import PathLike

if TYPE_CHECKING:
    from xdl.train.trainer import Trainer

Mode = Annotated[str, OneOf("min", "max")]


class LRSchedule(Callback):
    """Step a schedule of the learning rate.

    Args:
        schedule: a Schedule of ``xdl.optim``, of the trainer's optimizer.
        each: "epoch" (default), or "step": when it is stepped. A ReduceLROnPlateau is
            each epoch.
        monitor: what a ReduceLROnPlateau is given, of the history; default "val_loss".

    Raises:
        ArgumentError: no Schedule came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> optimizer = xdl.SGD(model, lr=0.5)
        >>> schedule = xdl.optim.StepLR(optimizer, step_size=1, gamma=0.5)
        >>> falling = xdl.train.LRSchedule(schedule)
        >>> trainer = xdl.train.Trainer(model, optimizer, callbacks=[falling])
        >>> history = trainer.fit([([[1.0, 2.0]], [0])], epochs=2)
        >>> [one["lr"] for one in history]
        [0.5, 0.25]
    """

    def __init__(
        self,
        schedule: Schedule,
        each: Annotated[str, OneOf("epoch", "step")] = "epoch",
        monitor: str = "val_loss",
    ) -> None:
        if not isinstance(schedule, Schedule):
            raise ArgumentError(
                f"LRSchedule: {kind(schedule)} came, needed a Schedule of xdl.optim"
            )
        self.schedule, self.each, self.monitor = schedule, each, monitor
        if each == "step" and isinstance(schedule, ReduceLROnPlateau):
            raise ArgumentError(
                "LRSchedule: a ReduceLROnPlateau came with each='step', needed "
                "each='epoch', when something is measured"
            )

    def on_step_end(self, trainer: "Trainer") -> None:
        """Step it, if each step does."""
        if self.each == "step":
            self.schedule.step()

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Step it, if each epoch does."""
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(_monitored(self, trainer))
        elif self.each == "epoch":
            self.schedule.step()

    def state_dict(self) -> dict[str, object]:
        """Return how far the schedule has come."""
        return self.schedule.state_dict()

    def misfits(self, saved: dict[str, object]) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        return self.schedule.misfits(saved)

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned."""
        self.schedule.load_state_dict(saved)


class _Best(Callback):
    """A callback that remembers the best of what was measured."""

    monitor: str | None
    mode: str
    best: float | None = None

    def _is_better(self, value, by=0.0):
        """Tell whether a value is the best so far, by more than something; keep it."""
        if math.isnan(value):
            return False
        sign = 1 if self.mode == "max" else -1
        if self.best is not None and sign * (value - self.best) <= by:
            return False
        self.best = value
        return True


class EarlyStopping(_Best):
    """End the fit when a measure stops getting better; keep the best weights.

    Args:
        monitor: which, of the history; default "val_loss".
        patience: after how many epochs without a better one it ends, an int >= 1;
            default 10.
        mode: "min" (default) if less is better, "max" if more is.
        min_delta: by how much it must be better, >= 0; default 0.
        restore_best_weights: at the end, give the model the weights of the best epoch;
            default True.

    Attributes:
        best: the best value so far; None: there is none.
        waited: epochs since then.

    Raises:
        ArgumentError: an option is out of its range; in ``fit``: there is no such
            measure.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> stopping = xdl.train.EarlyStopping("loss", patience=2)
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model, 0), callbacks=[stopping])
        >>> history = trainer.fit([([[1.0, 2.0]], [0])], epochs=50)
        >>> len(history), trainer.outcome
        (3, 'stopped')
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: PositiveInt = 10,
        mode: Mode = "min",
        min_delta: NonNegative = 0.0,
        restore_best_weights: Switch = True,
    ) -> None:
        self.monitor, self.patience, self.mode = monitor, patience, mode
        self.min_delta, self.restore_best_weights = min_delta, restore_best_weights
        self.best, self.waited = None, 0
        self._weights: list[dict[str, object]] = []

    def on_train_begin(self, trainer: "Trainer") -> None:
        """End at once if it was over when it was saved; else look anew."""
        stores = _stores(trainer)
        if self._weights and len(self._weights) != len(stores):
            raise CheckpointError(
                "EarlyStopping: the best weights are of other callbacks"
            )
        for store, weights in zip(stores, self._weights, strict=False):
            refuse(store, store.misfits(weights))
        if self.waited >= self.patience:
            if trainer.was_loaded:
                trainer.stop()
            else:
                self.waited = 0

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Look at what was measured."""
        self.waited += 1
        if self._is_better(_monitored(self, trainer), self.min_delta):
            self.waited = 0
            if self.restore_best_weights:
                self._weights = [store.state_dict() for store in _stores(trainer)]
        if self.waited >= self.patience:
            trainer.stop()

    def on_train_end(self, trainer: "Trainer") -> None:
        """Restore the best weights, if the training has come to its end."""
        if trainer.outcome in ("done", "stopped"):
            for store, weights in zip(_stores(trainer), self._weights, strict=False):
                store.load_state_dict(weights)

    def state_dict(self) -> dict[str, object]:
        """Return the best value and weights, and how long there was none better."""
        return {"best": self.best, "waited": self.waited, "weights": self._weights}

    def misfits(self, saved: dict[str, object]) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        if not isinstance(saved, dict) or saved.keys() != self.state_dict().keys():
            return ["it is no state of an EarlyStopping"]
        waited, weights = saved["waited"], saved["weights"]
        is_waited = type(waited) is int and waited >= 0
        is_weights = isinstance(weights, list) and all(
            isinstance(one, dict) for one in weights
        )
        faults = [] if is_waited else [f"waited {waited!r} came, needed an int >= 0"]
        faults += [] if is_weights else ["weights are no list of dicts"]
        return faults + _misfit_best(saved["best"])

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned."""
        self.best, self.waited, self._weights = _named(saved, *self.state_dict())


class Checkpoint(_Best):
    """Save all that the training needs to go on, by ``Trainer.save``.

    It comes after all other callbacks, and when Ctrl-C has ended the training.

    Args:
        path: the file.
        every: after how many steps; None (default): after each epoch.
        monitor: save an epoch only if this is the best so far, such as "val_loss"; None
            (default): save all.
        mode: "min" (default) if less is better, "max" if more is.

    Raises:
        ArgumentError: an option is out of its range; in ``fit``: there is no such
            measure.

    Example:
        >>> import pathlib, tempfile, xdl
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "last.safetensors"
        >>> def trainer():
        ...     model = xdl.models.MLP([2, 4, 2])
        ...     saving = xdl.train.Checkpoint(path)
        ...     return xdl.train.Trainer(model, xdl.SGD(model), callbacks=[saving])
        >>> history = trainer().fit([([[1.0, 2.0]], [0])], epochs=3)
        >>> later = trainer()
        >>> later.load(path)
        >>> later.epoch
        3
    """

    comes_last = True

    def __init__(
        self,
        path: PathLike,
        every: Annotated[int | None, Maybe(Whole())] = None,
        monitor: str | None = None,
        mode: Mode = "min",
    ) -> None:
        self.path, self.every = path, every
        self.monitor, self.mode, self.best = monitor, mode, None
        if every is not None and monitor is not None:
            raise ArgumentError(
                f"Checkpoint: every={every} and monitor={monitor!r} came, needed one: "
                "what is monitored is measured after an epoch"
            )

    def on_step_end(self, trainer: "Trainer") -> None:
        """Save, if it is time."""
        if self.every is not None and trainer.steps % self.every == 0:
            trainer.save(self.path)

    def on_epoch_end(self, trainer: "Trainer") -> None:
        """Save, unless steps do or it was no better."""
        if self.every is not None:
            return
        if self.monitor is None or self._is_better(_monitored(self, trainer)):
            trainer.save(self.path)

    def on_train_end(self, trainer: "Trainer") -> None:
        """Save after Ctrl-C."""
        if trainer.outcome == "interrupted" and self.monitor is None:
            trainer.save(self.path)

    def state_dict(self) -> dict[str, object]:
        """Return the best value, if one is looked for."""
        return {} if self.monitor is None else {"best": self.best}

    def misfits(self, saved: dict[str, object]) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        return _misfit_best(saved.get("best"))

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned."""
        (self.best,) = _named(saved, "best")


def _monitored(callback, trainer):
    """Return what a callback looks at, of the last epoch."""
    logs = trainer.history[-1]
    value = logs.get(callback.monitor)
    if not isinstance(value, numbers.Real):
        raise ArgumentError(
            f"{type(callback).__name__}: monitor={callback.monitor!r} came, needed one "
            f"of {', '.join(logs)}; what is measured of the validation begins with val_"
        )
    return float(value)


def _named(saved, *names):
    return [saved[name] for name in names]


def _misfit_best(best):
    is_best = best is None or (isinstance(best, numbers.Real) and not math.isnan(best))
    return [] if is_best else [f"best {best!r} came, needed None or a number"]


def _stores(trainer):
    """Return all that holds weights: of the model, and averages."""
    parts = [part for one in trainer.callbacks for part in one.state()]
    averages = [part for part in parts if hasattr(part, "load_state_dict")]
    return [trainer.model.parameter, *averages]

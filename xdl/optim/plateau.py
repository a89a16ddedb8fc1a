"""ReduceLROnPlateau: the learning rate falls when a metric stops getting better."""

import math
from typing import Annotated, Any

from xdl.errors import NonFiniteError
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import (
    Fraction,
    Maybe,
    NonNegative,
    NonNegativeInt,
    OneOf,
    Range,
    Whole,
)
from xdl.optim.schedule import Schedule
from xdl.uninterrupted import Uninterrupted


class ReduceLROnPlateau(Schedule):
    """Multiply the learning rate by ``factor`` when a metric stops getting better.

    That is after more than ``patience`` calls of ``step`` in a row whose metric is not
    better than the best one by ``threshold``.

    Args:
        optimizer: an Optimizer.
        mode: ``"min"`` if less is better, ``"max"`` if more is; default "min".
        factor: in [0, 1); default 0.1.
        patience: an int >= 0; default 10.
        threshold: >= 0; default 0.0001.
        threshold_mode: ``"rel"``, a part of the best metric, or ``"abs"``; default
            "rel".
        cooldown: the steps after a fall that count no bad metric, an int >= 0; default
            0.
        min_lr: >= 0; default 0.
        eps: leave out falls that are not greater, >= 0; default 1e-8.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> schedule = xdl.optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (1.0, 1.0, 1.0):
        ...     schedule.step(loss)
        >>> optimizer.lr
        0.25
    """

    ranges = {
        **Schedule.ranges,
        "lr": Range(),
        "best": Maybe(Range(low=-math.inf)),
        "bad_steps": Whole(0),
        "cooldown_left": Whole(0),
    }

    lr: float

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Annotated[str, OneOf("min", "max")] = "min",
        factor: Fraction = 0.1,
        patience: NonNegativeInt = 10,
        threshold: NonNegative = 0.0001,
        threshold_mode: Annotated[str, OneOf("rel", "abs")] = "rel",
        cooldown: NonNegativeInt = 0,
        min_lr: NonNegative = 0.0,
        eps: NonNegative = 1e-8,
    ) -> None:
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best, self.bad_steps, self.cooldown_left = None, 0, 0
        super().__init__(optimizer)

    def apply(self, steps: int) -> None:
        if steps:
            self.optimizer.lr = self.lr
        else:
            self.lr = self.optimizer.lr

    def step(self, metric: Any) -> None:  # type: ignore[override]
        """Take in a metric; call it when one was measured, such as once an epoch.

        Args:
            metric: a number, or a Variable or array of one element.

        Raises:
            NonFiniteError: it is NaN; nothing has changed.
        """
        metric = float(metric)
        if math.isnan(metric):
            raise NonFiniteError("ReduceLROnPlateau.step: NaN came, needed a metric")
        with Uninterrupted():
            self._take_in(metric)

    def _take_in(self, metric):
        self.steps += 1
        self.lr = self.optimizer.lr
        self.bad_steps += 1
        if self._is_better(metric):
            self.best, self.bad_steps = metric, 0
        if self.cooldown_left:
            self.cooldown_left -= 1
            self.bad_steps = 0
        if self.bad_steps > self.patience:
            reduced = max(self.lr * self.factor, self.min_lr)
            if self.lr - reduced > self.eps:
                self.lr = reduced
            self.cooldown_left, self.bad_steps = self.cooldown, 0
        self.apply(self.steps)

    def _is_better(self, metric):
        if math.isinf(metric):  # no metric to compare others with
            return False
        if self.best is None:
            return True
        sign = 1 if self.mode == "max" else -1
        unit = self.best if self.threshold_mode == "rel" else 1.0
        return sign * metric > sign * (self.best + sign * self.threshold * unit)

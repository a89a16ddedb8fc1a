"""Schedules: learning rates that change with the steps, each by a formula."""

import bisect
import copy
import math
from collections.abc import Sequence
from typing import Any

from xdl.core.parameter import refuse
from xdl.errors import ArgumentError
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import (
    Checked,
    NonNegative,
    NonNegativeInt,
    PositiveInt,
    Range,
    UnitInterval,
    Whole,
)
from xdl.uninterrupted import Uninterrupted


class Schedule(Checked):
    """The base of schedules: it owns the learning rate of an optimizer.

    It sets ``optimizer.lr`` at construction and at each ``step``, from the count of
    steps and the learning rate that the optimizer came with; a value that you set by
    hand lasts until the next step. A subclass defines ``lr_at(steps)``.

    Args:
        optimizer: an Optimizer.

    Attributes:
        base_lr: the optimizer's learning rate before any schedule set it.
        steps: how often ``step`` was called.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> class InverseRoot(xdl.optim.Schedule):
        ...     def lr_at(self, steps):
        ...         return self.base_lr / (1 + steps) ** 0.5
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.1)
        >>> schedule = InverseRoot(optimizer)
        >>> for _ in range(3):
        ...     schedule.step()
        >>> optimizer.lr
        0.05
    """

    ranges = {"steps": Whole(0), "base_lr": Range()}

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                f"{type(self).__name__}: {type(optimizer).__name__} came, needed an "
                "Optimizer"
            )
        self.optimizer = optimizer
        self.steps = 0
        self.base_lr = optimizer.lr
        if optimizer.scheduled is not None and optimizer.scheduled[1] == optimizer.lr:
            self.base_lr = optimizer.scheduled[0]  # another schedule was made before
        self.apply(0)

    def lr_at(self, steps: int) -> float:
        """Return the learning rate after so many steps; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: lr_at is not defined")

    def apply(self, steps: int) -> None:
        """Set the optimizer to what it is after so many steps."""
        lr = self.lr_at(steps)
        self.optimizer.lr = lr
        self.optimizer.scheduled = (self.base_lr, lr)

    def step(self) -> None:
        """Go on by one step; call it after the optimizer's update."""
        with Uninterrupted():
            self.apply(self.steps + 1)
            self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Return a dict of the options and of how far the schedule has come."""
        return self.options()

    def misfits(self, saved: Any) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        faults = self.misfit_options(saved)
        if faults:
            return faults
        optimizer = copy.copy(self.optimizer)
        optimizer.groups = ()
        twin = self._twin(optimizer)
        twin.take_options(saved)
        try:
            twin.apply(twin.steps)
        except Exception as error:  # a formula of the user's may raise any
            return [f"after {twin.steps} steps it has no learning rate ({error})"]
        return []

    def _twin(self, optimizer):
        """Return a copy that sets another optimizer."""
        twin = copy.copy(self)
        twin.optimizer = optimizer
        return twin

    def load_state_dict(self, saved: Any) -> None:
        """Take over what ``state_dict`` returned, and set the optimizer accordingly.

        Raises:
            CheckpointError: a name is missing or unknown, or a value is out of its
                range; nothing has changed.
        """
        refuse(self, self.misfits(saved))
        with Uninterrupted():
            self.take_options(saved)
            self.apply(self.steps)


class ConstantLR(Schedule):
    """Multiply the learning rate by ``factor`` for the first ``total_iters`` steps.

    Args:
        optimizer: an Optimizer.
        factor: in [0, 1]; default 1/3. 1 leaves the learning rate as it is.
        total_iters: an int >= 0; default 5.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> schedule = xdl.optim.ConstantLR(optimizer, factor=0.5, total_iters=1)
        >>> optimizer.lr
        0.25
        >>> schedule.step()
        >>> optimizer.lr
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: UnitInterval = 1 / 3,
        total_iters: NonNegativeInt = 5,
    ) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer)

    def lr_at(self, steps: int) -> float:
        return self.base_lr * (self.factor if steps < self.total_iters else 1.0)


class LinearLR(Schedule):
    """Warm up: multiply the learning rate by a factor that changes linearly.

    Args:
        optimizer: an Optimizer.
        start_factor: the factor at first, in [0, 1]; default 1/3.
        end_factor: the factor from step ``total_iters`` on, in [0, 1]; default 1.
        total_iters: an int >= 1; default 5.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> schedule = xdl.optim.LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> for _ in range(3):
        ...     print(optimizer.lr)
        ...     schedule.step()
        0.25
        0.375
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: UnitInterval = 1 / 3,
        end_factor: UnitInterval = 1.0,
        total_iters: PositiveInt = 5,
    ) -> None:
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def lr_at(self, steps: int) -> float:
        done = min(steps, self.total_iters) / self.total_iters
        rise = (self.end_factor - self.start_factor) * done
        return self.base_lr * (self.start_factor + rise)


class StepLR(Schedule):
    """Multiply the learning rate by ``gamma`` every ``step_size`` steps.

    Args:
        optimizer: an Optimizer.
        step_size: an int >= 1.
        gamma: >= 0; default 0.1.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> schedule = xdl.optim.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for _ in range(3):
        ...     print(optimizer.lr)
        ...     schedule.step()
        0.5
        0.5
        0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: PositiveInt,
        gamma: NonNegative = 0.1,
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def lr_at(self, steps: int) -> float:
        return self.base_lr * self.gamma ** (steps // self.step_size)


class ExponentialLR(Schedule):
    """Multiply the learning rate by ``gamma`` at every step.

    Args:
        optimizer: an Optimizer.
        gamma: >= 0.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> schedule = xdl.optim.ExponentialLR(optimizer, gamma=0.5)
        >>> schedule.step()
        >>> optimizer.lr
        0.25
    """

    def __init__(self, optimizer: Optimizer, gamma: NonNegative) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def lr_at(self, steps: int) -> float:
        return self.base_lr * self.gamma**steps


class CosineAnnealingLR(Schedule):
    """Let the learning rate fall to ``eta_min`` along half a wave of a cosine.

    After t steps it is::

        eta_min + (base_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2

    which rises again after ``T_max`` steps.

    Args:
        optimizer: an Optimizer.
        T_max: the steps of the fall, an int >= 1.
        eta_min: >= 0; default 0.

    Raises:
        ArgumentError: no optimizer came, or an option is out of its range.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> schedule = xdl.optim.CosineAnnealingLR(optimizer, T_max=2)
        >>> schedule.step()
        >>> optimizer.lr
        0.25

    Reference: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm
    Restarts", 2017, eq. 5.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: PositiveInt,  # noqa: N803  (PyTorch's name)
        eta_min: NonNegative = 0.0,
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def lr_at(self, steps: int) -> float:
        wave = (1 + math.cos(math.pi * steps / self.T_max)) / 2
        return self.eta_min + (self.base_lr - self.eta_min) * wave


class SequentialLR(Schedule):
    """Join schedules: each one starts anew where the one before it ends.

    Args:
        optimizer: an Optimizer.
        schedulers: a list of schedules of this optimizer.
        milestones: the counts of steps at which the second one, the third one, ...
            start: rising ints >= 1, one fewer than the schedules.

    Raises:
        ArgumentError: something is no schedule of this optimizer, or takes a metric;
            or the milestones do not fit.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5)
        >>> warm_up = xdl.optim.LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> fall = xdl.optim.ExponentialLR(optimizer, gamma=0.5)
        >>> schedule = xdl.optim.SequentialLR(optimizer, [warm_up, fall], [2])
        >>> for _ in range(4):
        ...     print(optimizer.lr)
        ...     schedule.step()
        0.25
        0.375
        0.5
        0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[Schedule],
        milestones: Sequence[int],
    ) -> None:
        self.schedulers = list(schedulers)
        for i, schedule in enumerate(self.schedulers):
            self._check(i, schedule, optimizer)
        starts = [Whole().checked("SequentialLR: milestones", m) for m in milestones]
        is_rising = all(a < b for a, b in zip(starts, starts[1:], strict=False))
        if len(starts) != len(self.schedulers) - 1 or not is_rising:
            raise ArgumentError(
                f"SequentialLR: milestones {starts} came for {len(self.schedulers)} "
                "schedules, needed rising ints, one fewer than the schedules"
            )
        self.milestones = starts
        super().__init__(optimizer)

    @staticmethod
    def _check(i, schedule, optimizer):
        if getattr(type(schedule), "lr_at", Schedule.lr_at) is Schedule.lr_at:
            raise ArgumentError(
                f"SequentialLR: item {i} is {type(schedule).__name__}, needed a "
                "schedule by a formula of the steps"
            )
        if schedule.optimizer is not optimizer:
            raise ArgumentError(f"SequentialLR: item {i} is for another optimizer")

    def _part(self, steps):
        """Return the schedule that counts then, and the steps since its start."""
        i = bisect.bisect_right(self.milestones, steps)
        return self.schedulers[i], steps - (self.milestones[i - 1] if i else 0)

    def lr_at(self, steps: int) -> float:
        schedule, since = self._part(steps)
        return schedule.lr_at(since)

    def apply(self, steps: int) -> None:
        schedule, since = self._part(steps)
        schedule.apply(since)

    def _twin(self, optimizer):
        twin = super()._twin(optimizer)
        twin.schedulers = [s._twin(optimizer) for s in self.schedulers]
        return twin

    def options(self) -> dict[str, Any]:
        parts = [schedule.options() for schedule in self.schedulers]
        return {**super().options(), "schedulers": parts}

    def misfit_options(self, saved: Any) -> list[str]:
        parts = saved.get("schedulers") if isinstance(saved, dict) else None
        if not isinstance(parts, list) or len(parts) != len(self.schedulers):
            return [
                f"{parts!r} came, needed the states of {len(self.schedulers)} "
                "schedulers"
            ]
        own = {name: value for name, value in saved.items() if name != "schedulers"}
        pairs = zip(self.schedulers, parts, strict=True)
        faults = [fault for s, part in pairs for fault in s.misfit_options(part)]
        return super().misfit_options(own) + faults

    def take_options(self, saved: Any) -> None:
        super().take_options(saved)
        for schedule, part in zip(self.schedulers, saved["schedulers"], strict=True):
            schedule.take_options(part)

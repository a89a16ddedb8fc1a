"""OneCycleLR: the learning rate rises once and falls once, the momentum against it."""

import math
from typing import Annotated

from xdl.errors import ArgumentError
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import (
    Fraction,
    OneOf,
    Positive,
    PositiveInt,
    Switch,
    UnitInterval,
)
from xdl.optim.schedule import Schedule


class OneCycleLR(Schedule):
    """Let the learning rate rise to ``max_lr`` and fall far below where it began.

    It starts at ``max_lr / div_factor``, is ``max_lr`` after ``pct_start`` of the
    steps, and ends at ``max_lr / div_factor / final_div_factor``. Meanwhile the
    momentum, or beta1, falls from ``max_momentum`` to ``base_momentum`` and comes back.

    Args:
        optimizer: an Optimizer; its own learning rate is not used.
        max_lr: > 0.
        total_steps: an int >= 1.
        pct_start: the part of the steps that the rise takes, in [0, 1]; default 0.3.
        anneal_strategy: ``"cos"`` or ``"linear"``; default "cos".
        cycle_momentum: whether the momentum changes; default True.
        base_momentum, max_momentum: in [0, 1); default 0.85 and 0.95.
        div_factor: > 0; default 25.
        final_div_factor: > 0; default 10,000.
        three_phase: take as long to fall to the start as to rise from it, and fall
            below it in the steps that are left; default False.

    Raises:
        ArgumentError: no optimizer came, an option is out of its range, the momentum
            shall change and there is none, or ``step`` is called more often than
            ``total_steps``.

    Example:
        >>> import xdl
        >>> optimizer = xdl.SGD([xdl.Variable([1.0])], lr=0.5, momentum=0.9)
        >>> schedule = xdl.optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
        >>> for _ in range(2):
        ...     schedule.step()
        >>> optimizer.lr, optimizer.momentum
        (1.0, 0.85)

    Reference: Smith and Topin, "Super-Convergence: Very Fast Training of Neural
    Networks Using Large Learning Rates", 2018, in PyTorch's form.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Positive,
        total_steps: PositiveInt,
        pct_start: UnitInterval = 0.3,
        anneal_strategy: Annotated[str, OneOf("cos", "linear")] = "cos",
        cycle_momentum: Switch = True,
        base_momentum: Fraction = 0.85,
        max_momentum: Fraction = 0.95,
        div_factor: Positive = 25.0,
        final_div_factor: Positive = 10000.0,
        three_phase: Switch = False,
    ) -> None:
        self.max_lr, self.total_steps, self.pct_start = max_lr, total_steps, pct_start
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        self.three_phase = three_phase
        has_momentum = bool(getattr(optimizer, "momentum", None))
        can_cycle = has_momentum or hasattr(optimizer, "betas")
        if self.cycle_momentum and not can_cycle:
            raise ArgumentError(
                f"OneCycleLR: {type(optimizer).__name__} without momentum came, needed "
                "momentum or betas; or pass cycle_momentum=False"
            )
        super().__init__(optimizer)

    def lr_at(self, steps: int) -> float:
        return self._at(steps)[0]

    def apply(self, steps: int) -> None:
        _, momentum = self._at(steps)
        super().apply(steps)
        if self.cycle_momentum and hasattr(self.optimizer, "betas"):
            self.optimizer.betas = (momentum, *self.optimizer.betas[1:])
        elif self.cycle_momentum:
            self.optimizer.momentum = momentum

    def _phases(self):
        """Yield (last step, (lr, momentum) at the start, the same at the end)."""
        low, high = self.base_momentum, self.max_momentum
        first, top = (self.max_lr / self.div_factor, high), (self.max_lr, low)
        end = (first[0] / self.final_div_factor, high)
        rise = self.pct_start * self.total_steps
        yield rise - 1, first, top
        if self.three_phase:
            yield 2 * rise - 2, top, first
            top = first
        yield self.total_steps - 1, top, end

    def _at(self, steps):
        """Return the learning rate and the momentum after so many steps."""
        if steps > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {steps} came, needed at most {self.total_steps}, "
                "the total_steps"
            )
        phases = list(self._phases())
        i = next(
            (i for i, p in enumerate(phases[:-1]) if steps <= p[0]), len(phases) - 1
        )
        before = phases[i - 1][0] if i else 0.0
        last, start, end = phases[i]
        length = last - before
        part = (steps - before) / length if length else 1.0
        if self.anneal_strategy == "cos":
            part = (1 - math.cos(math.pi * part)) / 2
        lr, momentum = (a + (b - a) * part for a, b in zip(start, end, strict=True))
        return lr, momentum

"""Callback: what a Trainer tells of its way, and may be changed by."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from xdl.optim.ranges import Checked

Logs = dict[str, Any]  # what was measured, by name

if TYPE_CHECKING:
    from xdl.train.trainer import Trainer


class Callback(Checked):
    """The base of callbacks: a subclass defines those methods that it needs.

    ``on_grad_computed`` and ``on_update`` are parts of the step, and are recorded with
    it: what they read and change must be xdl's, and named by ``state``. All others are
    called between the steps, and may do anything. What a callback must remember to go
    on after a ``load`` it returns from ``state_dict``.

    Attributes:
        accumulates: of how many batches the gradients are added before an update.
        comes_last: whether it is called after all others, when they have changed what
            they change.

    Example:
        >>> import xdl
        >>> class Printing(xdl.train.Callback):
        ...     def on_epoch_end(self, trainer):
        ...         print(trainer.epoch, sorted(trainer.history[-1]))
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[Printing()])
        >>> data = xdl.train.batches([[1.0, 2.0], [3.0, 4.0]], [0, 1], size=1)
        >>> history = trainer.fit(data)
        1 ['epoch', 'loss', 'lr']
    """

    accumulates = 1
    comes_last = False

    def __init__(self) -> None:
        pass

    def on_train_begin(self, trainer: Trainer) -> None:
        """Do something before the first epoch of a ``fit``."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Do something before an epoch, or before what is left of it."""

    def on_grad_computed(self, trainer: Trainer) -> None:
        """Change the gradients before an update; a part of the step."""

    def on_update(self, trainer: Trainer) -> None:
        """Do something after an update; a part of the step."""

    def on_step_end(self, trainer: Trainer) -> None:
        """Do something after a step; the weights are updated."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Do something after an epoch; ``trainer.history[-1]`` says how it went."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Do something at the end of a ``fit``, however it ended."""

    def evaluating(self, trainer: Trainer) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the trainer evaluates and predicts."""
        return contextlib.nullcontext()

    def state(self) -> tuple[object, ...]:
        """Return what its parts of the step change, as ``xdl.compile`` takes it."""
        return ()

    def state_dict(self) -> dict[str, object]:
        """Return what it must remember: nested values and arrays."""
        return {}

    def misfits(self, saved: dict[str, object]) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        return []

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned."""

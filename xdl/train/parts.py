"""Callbacks that are a part of the step, or say which steps there are."""

import contextlib
from typing import TYPE_CHECKING

from xdl.arguments import kind
from xdl.errors import ArgumentError
from xdl.optim import EMA, clip_grad_norm, clip_grad_value
from xdl.optim.ranges import Positive, PositiveInt
from xdl.train.callback import Callback

if TYPE_CHECKING:
    from xdl.train.trainer import Trainer


class ClipGradNorm(Callback):
    """Before each update, ``xdl.optim.clip_grad_norm`` of all gradients.

    Args:
        max_norm: > 0 and finite.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> clipping = xdl.train.ClipGradNorm(1.0)
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[clipping])
    """

    def __init__(self, max_norm: Positive) -> None:
        self.max_norm = max_norm

    def on_grad_computed(self, trainer: "Trainer") -> None:
        """Scale the gradients."""
        clip_grad_norm(trainer.optimizer, self.max_norm)


class ClipGradValue(Callback):
    """Before each update, ``xdl.optim.clip_grad_value`` of all gradients.

    Args:
        clip_value: > 0 and finite.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> clipping = xdl.train.ClipGradValue(0.5)
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[clipping])
    """

    def __init__(self, clip_value: Positive) -> None:
        self.clip_value = clip_value

    def on_grad_computed(self, trainer: "Trainer") -> None:
        """Clip the gradients."""
        clip_grad_value(trainer.optimizer, self.clip_value)


class GradientAccumulation(Callback):
    """Update once for several batches, as if they were one.

    The gradient is that of the mean loss over their rows. The last update of an epoch
    takes the batches that are left. Batch normalisation sees the batches one by one.

    Args:
        accumulates: of how many batches, an int >= 1.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> several = xdl.train.GradientAccumulation(4)
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[several])
        >>> data = xdl.train.batches([[1.0, 2.0]] * 10, [0] * 10, size=1)
        >>> history = trainer.fit(data)
        >>> trainer.steps
        3
    """

    def __init__(self, accumulates: PositiveInt) -> None:
        self.accumulates = accumulates


class WeightAverage(Callback):
    """Average the weights after each update, and evaluate and predict with averages.

    Args:
        ema: an ``xdl.optim.EMA`` of the model.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([2, 4, 2])
        >>> average = xdl.train.WeightAverage(xdl.optim.EMA(model, decay=0.9))
        >>> trainer = xdl.train.Trainer(model, xdl.SGD(model), callbacks=[average])
    """

    def __init__(self, ema: EMA) -> None:
        if not isinstance(ema, EMA):
            raise ArgumentError(
                f"WeightAverage: {kind(ema)} came, needed an xdl.optim.EMA of the model"
            )
        self.ema = ema

    def state(self) -> tuple[object, ...]:
        """Return the EMA."""
        return (self.ema,)

    def on_update(self, trainer: "Trainer") -> None:
        """Move the averages."""
        self.ema.update()

    def evaluating(self, trainer: "Trainer") -> contextlib.AbstractContextManager[None]:
        """Return a context in which the weights are the averages."""
        return self.ema.swapped()

    def state_dict(self) -> dict[str, object]:
        """Return the averages."""
        return self.ema.state_dict()

    def misfits(self, saved: dict[str, object]) -> list[str]:
        """Return what hinders ``load_state_dict``, a list of str; nothing changes."""
        return self.ema.misfits(saved)

    def load_state_dict(self, saved: dict[str, object]) -> None:
        """Take over what ``state_dict`` returned."""
        self.ema.load_state_dict(saved)

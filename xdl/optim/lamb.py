"""LAMB: Adam's step, scaled layer by layer, for large batches."""

from typing import Any

from xdl.backend.squares import root_of_squares
from xdl.optim.adam import advance, move
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Betas, NonNegative, Positive
from xdl.optim.weights import Weights


class LAMB(Optimizer):
    """LAMB: Adam's step, as long as the weight that it changes.

    With g, w, t, m and v as in ``Adam``, and the 2-norm of each weight as a whole::

        u = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * w
        w = w - lr * norm(w) / norm(u) * u      (w - lr * u where a norm is 0)

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.001.
        betas: a pair (beta1, beta2), each in [0, 1); default (0.9, 0.999).
        eps: > 0; default 1e-6.
        weight_decay: >= 0; default 0.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 1.0])
        >>> optimizer = xdl.optim.LAMB([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w
        Variable([0.9, 0.9], dtype=float32)

    Reference: You et al., "Large Batch Optimization for Deep Learning: Training BERT in
    76 minutes", 2020, algorithm 2, with phi the identity.
    """

    squares = True
    state_names = ("step", "average", "square_average")
    counters = ("step",)

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.001,
        betas: Betas = (0.9, 0.999),
        eps: Positive = 1e-6,
        weight_decay: NonNegative = 0.0,
    ) -> None:
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        super().__init__(parameter, lr)

    def change(
        self,
        xp: Any,
        value: Any,
        grad: Any,
        step: Any,
        average: Any,
        square_average: Any,
    ) -> None:
        beta1, beta2 = self.betas
        t = advance(step)
        move(average, grad, beta1)
        move(square_average, grad * grad, beta2)
        root = (1 - beta2**t) ** 0.5
        denominator = xp.sqrt(square_average)
        denominator += xp.astype(self.eps * root, value.dtype)
        update = average / denominator
        update *= xp.astype(root / (1 - beta1**t), value.dtype)
        if self.weight_decay:
            update += self.weight_decay * value
        update *= self.lr * _ratio(xp, value, update)
        value -= update


def _ratio(xp, value, update):
    """Return the norm of the weight over that of the update; 1 where one is 0."""
    w, u = root_of_squares(xp, value), root_of_squares(xp, update)
    has_zero = (w == 0) | (u == 0)
    return xp.where(has_zero, 1.0, w) / xp.where(has_zero, 1.0, u)

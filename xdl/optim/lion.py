"""Lion: the sign of a momentum."""

from typing import Any

from xdl.optim.adam import decayed, move
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Betas, NonNegative
from xdl.optim.weights import Weights


class Lion(Optimizer):
    """Lion: steps of one size in the direction that a momentum points to.

    With the gradient g, the weight w and the momentum m (0 at first)::

        w = w - lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.0001: a third to a tenth of Adam's.
        betas: a pair (beta1, beta2), each in [0, 1); default (0.9, 0.99).
        weight_decay: >= 0; default 0; decoupled, as in ``AdamW``.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, -2.0])
        >>> optimizer = xdl.optim.Lion([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w
        Variable([ 0.9, -1.9], dtype=float32)

    Reference: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023,
    algorithm 2.
    """

    is_elementwise = True
    state_names = ("average",)

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.0001,
        betas: Betas = (0.9, 0.99),
        weight_decay: NonNegative = 0.0,
    ) -> None:
        self.betas, self.weight_decay = betas, weight_decay
        super().__init__(parameter, lr)

    def together(self) -> Any:
        return "lion", (self.lr, *self.betas, self.weight_decay)

    def change(self, xp: Any, value: Any, grad: Any, average: Any) -> None:
        beta1, beta2 = self.betas
        decayed(self, value, grad, is_decoupled=True)
        direction = beta1 * average
        direction += (1 - beta1) * grad
        value -= self.lr * xp.sign(direction)
        move(average, grad, beta2)

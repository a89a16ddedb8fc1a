"""Stochastic gradient descent."""

from typing import Any

from xdl.errors import ArgumentError
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Fraction, NonNegative, Switch
from xdl.optim.weights import Weights


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and weight decay if asked for.

    With the gradient g, the weight w and the velocity v (0 at first)::

        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * v                      (plain and momentum)
        w = w - lr * (g + momentum * v)     (nesterov)

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.001.
        momentum: in [0, 1); default 0.
        nesterov: look ahead along the velocity; it needs momentum; default False.
        weight_decay: >= 0; default 0.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.SGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w, w.grad
        (Variable([0.8, 1.6], dtype=float32), None)

    Reference: "Implement a deep learning framework" (part 2, class SGD); momentum as in
    Sutskever et al., "On the importance of initialization and momentum in deep
    learning", 2013, in PyTorch's form.
    """

    scratch = 2
    is_elementwise = True
    writes_once = True
    makes_state = ("momentum",)

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.001,
        momentum: Fraction = 0.0,
        nesterov: Switch = False,
        weight_decay: NonNegative = 0.0,
    ) -> None:
        self.momentum, self.weight_decay = momentum, weight_decay
        self.nesterov = nesterov
        if self.nesterov and not self.momentum:
            raise ArgumentError(
                "SGD: nesterov came with momentum 0, needed momentum > 0"
            )
        self.state_names = ("velocity",) if self.momentum else ()
        super().__init__(parameter, lr)

    def together(self) -> Any:
        return "sgd", (self.lr, self.momentum, self.nesterov, self.weight_decay)

    def change(self, xp: Any, value: Any, grad: Any, velocity: Any = None) -> None:
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        if velocity is not None:
            velocity *= self.momentum
            velocity += grad
            grad = grad + self.momentum * velocity if self.nesterov else velocity
        value -= self.lr * grad

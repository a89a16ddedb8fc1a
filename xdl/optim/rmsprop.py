"""RMSprop: gradients over the root of the moving average of their squares."""

from typing import Any

from xdl.optim.adam import decayed, move
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Fraction, NonNegative, Positive, Switch
from xdl.optim.weights import Weights


class RMSprop(Optimizer):
    """RMSprop: gradients over the root of the moving average of their squares.

    With the gradient g, the weight w, the averages v and m and the velocity u (0 at
    first)::

        g = g + weight_decay * w
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g             (centered)
        d = g / (sqrt(v) + eps)                     (centered: sqrt(v - m**2))
        u = momentum * u + d
        w = w - lr * u

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.01.
        alpha: in [0, 1); default 0.99.
        eps: > 0; default 1e-8.
        weight_decay: >= 0; default 0.
        momentum: in [0, 1); default 0.
        centered: divide by the estimated standard deviation; default False. Where
            rounding makes the variance negative it is taken as 0.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.RMSprop([w], lr=0.1, alpha=0.75)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w
        Variable([0.8, 1.8], dtype=float32)

    Reference: Tieleman and Hinton, "Lecture 6.5 - RMSprop", 2012; centered as in
    Graves, "Generating Sequences with Recurrent Neural Networks", 2013, eq. 38-41; in
    PyTorch's form.
    """

    is_elementwise = True
    squares = True
    scratch = 5
    makes_state = ("momentum", "centered")

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.01,
        alpha: Fraction = 0.99,
        eps: Positive = 1e-8,
        weight_decay: NonNegative = 0.0,
        momentum: Fraction = 0.0,
        centered: Switch = False,
    ) -> None:
        self.alpha, self.eps, self.weight_decay = alpha, eps, weight_decay
        self.momentum, self.centered = momentum, centered
        self.state_names = ("square_average",)
        self.state_names += ("average",) if self.centered else ()
        self.state_names += ("velocity",) if self.momentum else ()
        self._has_average = self.centered
        super().__init__(parameter, lr)

    def together(self) -> Any:
        more = self.momentum, self.centered, self._has_average
        return "rmsprop", (self.lr, self.alpha, self.eps, self.weight_decay, *more)

    def change(
        self,
        xp: Any,
        value: Any,
        grad: Any,
        square_average: Any,
        *more: Any,
    ) -> None:
        grad = decayed(self, value, grad, is_decoupled=False)
        move(square_average, grad * grad, self.alpha)
        variance = square_average
        rest = list(more)
        if self._has_average:
            average = rest.pop(0)
            move(average, grad, self.alpha)
            if self.centered:
                variance = xp.maximum(square_average - average * average, 0.0)
        denominator = xp.sqrt(variance)
        denominator += self.eps
        update = grad / denominator
        if rest:
            (velocity,) = rest
            velocity *= self.momentum
            velocity += update
            update = velocity
        value -= self.lr * update

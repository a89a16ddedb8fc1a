"""Adagrad and Adadelta: steps that shrink with the squares of past gradients."""

from typing import Any

from xdl.optim.adam import advance, decayed, move
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Fraction, NonNegative, Positive
from xdl.optim.weights import Weights


class Adagrad(Optimizer):
    """Adagrad: gradients over the root of the sum of their squares so far.

    With the gradient g, the weight w, the step t = 1, 2, ... of that weight, and the
    sum s (``initial_accumulator_value`` at first)::

        g = g + weight_decay * w
        s = s + g**2
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.01.
        lr_decay: >= 0; default 0.
        weight_decay: >= 0; default 0.
        initial_accumulator_value: >= 0; default 0.
        eps: > 0; default 1e-10.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.Adagrad([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w
        Variable([0.9, 1.9], dtype=float32)

    Reference: Duchi et al., "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", 2011, figure 1 (the diagonal form), in PyTorch's form.
    """

    is_elementwise = True
    squares = True
    state_names = ("step", "square_sum")
    counters = ("step",)

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.01,
        lr_decay: NonNegative = 0.0,
        weight_decay: NonNegative = 0.0,
        initial_accumulator_value: NonNegative = 0.0,
        eps: Positive = 1e-10,
    ) -> None:
        self.lr_decay, self.weight_decay, self.eps = lr_decay, weight_decay, eps
        self.initial_accumulator_value = initial_accumulator_value
        self.starts = {"square_sum": self.initial_accumulator_value}
        super().__init__(parameter, lr)

    def together(self) -> Any:
        return "adagrad", (self.lr, self.eps, self.weight_decay, self.lr_decay)

    def change(
        self,
        xp: Any,
        value: Any,
        grad: Any,
        step: Any,
        square_sum: Any,
    ) -> None:
        grad = decayed(self, value, grad, is_decoupled=False)
        t = advance(step)
        # Kept below half of the largest number, so that one more square has room.
        most = 2.0**1022 if square_sum.dtype == xp.float64 else 2.0**126
        if not xp.is_within(square_sum, most):
            square_sum[...] = xp.minimum(square_sum, most)
        square_sum += grad * grad
        denominator = xp.sqrt(square_sum)
        denominator += self.eps
        update = grad / denominator
        if self.lr_decay:
            lr = self.lr / (1 + (t - 1) * self.lr_decay)
            update *= xp.astype(lr, value.dtype)
        else:
            update *= self.lr
        value -= update


class Adadelta(Optimizer):
    """Adadelta: steps in the units of the weight, with no learning rate to choose.

    With the gradient g, the weight w, and the averages v and d (0 at first)::

        g = g + weight_decay * w
        v = rho * v + (1 - rho) * g**2
        u = sqrt(d + eps) / sqrt(v + eps) * g
        d = rho * d + (1 - rho) * u**2
        w = w - lr * u

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 1.
        rho: in [0, 1); default 0.9.
        eps: > 0; default 1e-6.
        weight_decay: >= 0; default 0.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.Adadelta([w], rho=0.75, eps=0.01)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w.numpy().round(4)
        array([0.801 , 1.8002], dtype=float32)

    Reference: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1,
    in PyTorch's form.
    """

    is_elementwise = True
    squares = True
    state_names = ("square_average", "square_update")

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 1.0,
        rho: Fraction = 0.9,
        eps: Positive = 1e-6,
        weight_decay: NonNegative = 0.0,
    ) -> None:
        self.rho, self.eps, self.weight_decay = rho, eps, weight_decay
        super().__init__(parameter, lr)

    def together(self) -> Any:
        return "adadelta", (self.lr, self.rho, self.eps, self.weight_decay)

    def change(
        self,
        xp: Any,
        value: Any,
        grad: Any,
        square_average: Any,
        square_update: Any,
    ) -> None:
        grad = decayed(self, value, grad, is_decoupled=False)
        move(square_average, grad * grad, self.rho)
        update = xp.sqrt((square_update + self.eps) / (square_average + self.eps))
        update *= grad
        move(square_update, update * update, self.rho)
        value -= self.lr * update

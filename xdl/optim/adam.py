"""Adam and AdamW: steps of a size that adapts to each weight."""

from typing import Any

from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Betas, NonNegative, Positive, Switch
from xdl.optim.weights import Weights


class Adam(Optimizer):
    """Adam: the mean of the gradients over the root of the mean of their squares.

    With the gradient g, the weight w, the step t = 1, 2, ... of that weight, and the
    averages m and v (0 at first)::

        g = g + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        w = w - lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)

    With ``amsgrad``, the greatest v so far stands in the place of v in the last line.

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.001.
        betas: a pair (beta1, beta2), each in [0, 1); default (0.9, 0.999).
        eps: > 0; default 1e-8.
        weight_decay: >= 0; default 0.
        amsgrad: never let the denominator fall; default False.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w.numpy().round(4)
        array([0.9, 1.9], dtype=float32)

    Reference: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015,
    algorithm 1; Reddi et al., "On the Convergence of Adam and Beyond", 2018, algorithm
    2; in PyTorch's form.
    """

    is_elementwise = True
    squares = True
    counters = ("step",)
    makes_state = ("amsgrad",)
    is_decoupled = False

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.001,
        betas: Betas = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NonNegative = 0.0,
        amsgrad: Switch = False,
    ) -> None:
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.amsgrad = amsgrad
        self.state_names = ("step", "average", "square_average")
        if self.amsgrad:
            self.state_names += ("greatest",)
        super().__init__(parameter, lr)

    def together(self) -> Any:
        decay = self.weight_decay, self.is_decoupled
        return "adam", (self.lr, *self.betas, self.eps, *decay, self.amsgrad)

    def change(
        self,
        xp: Any,
        value: Any,
        grad: Any,
        step: Any,
        average: Any,
        square_average: Any,
        greatest: Any = None,
    ) -> None:
        beta1, beta2 = self.betas
        grad = decayed(self, value, grad, self.is_decoupled)
        t = advance(step)
        move(average, grad, beta1)
        move(square_average, grad * grad, beta2)
        if self.amsgrad:
            greatest[...] = xp.maximum(greatest, square_average)
            square_average = greatest
        # One scalar for lr and both corrections saves a pass over the weight.
        root = (1 - beta2**t) ** 0.5
        denominator = xp.sqrt(square_average)
        denominator += xp.astype(self.eps * root, value.dtype)
        update = average / denominator
        update *= xp.astype(self.lr * root / (1 - beta1**t), value.dtype)
        value -= update


class AdamW(Adam):
    """Adam with weight decay that the adaptive step does not scale.

    As in ``Adam``, but with the weight decayed by itself, before its update::

        w = w - lr * weight_decay * w

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.001.
        betas: a pair (beta1, beta2), each in [0, 1); default (0.9, 0.999).
        eps: > 0; default 1e-8.
        weight_decay: >= 0; default 0.01.
        amsgrad: never let the denominator fall; default False.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w.numpy().round(4)
        array([0.85, 1.8 ], dtype=float32)

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019,
    algorithm 2, in PyTorch's form (the decay is multiplied by lr).
    """

    is_decoupled = True

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.001,
        betas: Betas = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NonNegative = 0.01,
        amsgrad: Switch = False,
    ) -> None:
        super().__init__(parameter, lr, betas, eps, weight_decay, amsgrad)


def decayed(optimizer: Any, value: Any, grad: Any, is_decoupled: bool) -> Any:
    """Return the gradient with the weight decay in it, or decay the weight itself."""
    decay = optimizer.weight_decay
    if not decay:
        return grad
    if not is_decoupled:
        return grad + decay * value
    value *= 1 - optimizer.lr * decay
    return grad


def advance(step: Any) -> Any:
    """Count one more step in the 0-d array ``step`` and return the number, float64.

    The powers of the betas are computed in float64 from it: in float32, 1 - 0.999 is
    wrong in its fifth digit.
    """
    t = step + 1
    step[...] = t
    return t


def move(average: Any, new: Any, decay: float) -> None:
    """Move the moving average ``average`` towards ``new``, in place."""
    average *= decay
    average += (1 - decay) * new

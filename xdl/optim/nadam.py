"""NAdam and RAdam: Adam with Nesterov's momentum; with a variance that is rectified."""

from typing import Any

from xdl.optim.adam import advance, decayed, move
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import Betas, NonNegative, Positive, Switch
from xdl.optim.weights import Weights


class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    With g, w, t, m and v as in ``Adam``::

        mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
        p_t = mu_1 * mu_2 * ... * mu_t
        m' = mu_t+1 * m / (1 - p_t+1) + (1 - mu_t) * g / (1 - p_t)
        w = w - lr * m' / (sqrt(v / (1 - beta2**t)) + eps)

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.002.
        betas: a pair (beta1, beta2), each in [0, 1); default (0.9, 0.999).
        eps: > 0; default 1e-8.
        weight_decay: >= 0; default 0.
        momentum_decay: >= 0; default 0.004.
        decoupled_weight_decay: decay as in ``AdamW``; default False.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.NAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w.numpy().round(4)
        array([0.8944, 1.8944], dtype=float32)

    Reference: Dozat, "Incorporating Nesterov Momentum into Adam", 2016, algorithm 2, in
    PyTorch's form.
    """

    is_elementwise = True
    squares = True
    state_names = ("step", "momentum_product", "average", "square_average")
    counters = ("step", "momentum_product")
    starts = {"momentum_product": 1.0}

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.002,
        betas: Betas = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NonNegative = 0.0,
        momentum_decay: NonNegative = 0.004,
        decoupled_weight_decay: Switch = False,
    ) -> None:
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.momentum_decay = momentum_decay
        self.decoupled_weight_decay = decoupled_weight_decay
        super().__init__(parameter, lr)

    def together(self) -> Any:
        decay = self.weight_decay, self.decoupled_weight_decay
        numbers = self.lr, *self.betas, self.eps, *decay, self.momentum_decay
        return "nadam", numbers

    def change(
        self,
        xp: Any,
        value: Any,
        grad: Any,
        step: Any,
        product: Any,
        average: Any,
        square_average: Any,
    ) -> None:
        beta1, beta2 = self.betas
        grad = decayed(self, value, grad, self.decoupled_weight_decay)
        t = advance(step)
        now, later = self._momentum(t), self._momentum(t + 1)
        so_far = product * now
        product[...] = so_far
        move(average, grad, beta1)
        move(square_average, grad * grad, beta2)
        root = (1 - beta2**t) ** 0.5
        denominator = xp.sqrt(square_average)
        denominator += xp.astype(self.eps * root, value.dtype)
        scale = self.lr * root
        update = grad * xp.astype(scale * (1 - now) / (1 - so_far), value.dtype)
        update += average * xp.astype(scale * later / (1 - so_far * later), value.dtype)
        update /= denominator
        value -= update

    def _momentum(self, t):
        # 0.96: the base of the schedule in Dozat's paper, section 3.
        return self.betas[0] * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))


class RAdam(Optimizer):
    """Adam that steps by momentum alone until the variance of its step is tractable.

    With g, w, t, m and v as in ``Adam``::

        n = 2 / (1 - beta2) - 1
        n_t = n - 2 * t * beta2**t / (1 - beta2**t)
        r_t = sqrt((n_t - 4) * (n_t - 2) * n / ((n - 4) * (n - 2) * n_t))
        m' = m / (1 - beta1**t)
        w = w - lr * m' * r_t * sqrt(1 - beta2**t) / (sqrt(v) + eps)    if n_t > 5
        w = w - lr * m'                                                 otherwise

    Args:
        parameter: a Parameter, a Module, an iterable of trainable Variables, or a list
            of groups: dicts of ``"params"`` and options that differ.
        lr: the learning rate, >= 0; default 0.001.
        betas: a pair (beta1, beta2), each in [0, 1); default (0.9, 0.999).
        eps: > 0; default 1e-8.
        weight_decay: >= 0; default 0.
        decoupled_weight_decay: decay as in ``AdamW``; default False.

    Raises:
        ArgumentError: a value is out of its range, or there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0, 2.0])
        >>> optimizer = xdl.optim.RAdam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w
        Variable([0.8, 1.6], dtype=float32)

    Reference: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond",
    2020, algorithm 2, in PyTorch's form (n_t > 5, where the paper has 4).
    """

    is_elementwise = True
    squares = True
    state_names = ("step", "average", "square_average")
    counters = ("step",)

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.001,
        betas: Betas = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NonNegative = 0.0,
        decoupled_weight_decay: Switch = False,
    ) -> None:
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.decoupled_weight_decay = decoupled_weight_decay
        super().__init__(parameter, lr)

    def together(self) -> Any:
        decay = self.weight_decay, self.decoupled_weight_decay
        return "radam", (self.lr, *self.betas, self.eps, *decay)

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
        grad = decayed(self, value, grad, self.decoupled_weight_decay)
        t = advance(step)
        move(average, grad, beta1)
        move(square_average, grad * grad, beta2)
        update = average * xp.astype(self.lr / (1 - beta1**t), value.dtype)
        longest = 2 / (1 - beta2) - 1
        if longest > 5:  # otherwise no step is ever tractable
            update *= self._rectification(xp, t, longest, square_average)
        value -= update

    def _rectification(self, xp, t, longest, square_average):
        """Return what the step by momentum is multiplied with; 1 while intractable.

        The step is in an array that a recording sees, so both cases are computed, and
        the one that counts is picked by a factor 0 or 1.
        """
        power = self.betas[1] ** t
        length = longest - 2 * t * power / (1 - power)
        safe = xp.maximum(length, 5.0)
        rectified = (safe - 4) * (safe - 2) * longest
        rectified /= (longest - 4) * (longest - 2) * safe
        is_tractable = xp.astype(length > 5, t.dtype)
        factor = is_tractable * (rectified * (1 - power)) ** 0.5
        dtype = square_average.dtype
        denominator = xp.sqrt(square_average)
        denominator += self.eps
        result = xp.astype(factor, dtype) / denominator
        result += xp.astype(1 - is_tractable, dtype)
        return result

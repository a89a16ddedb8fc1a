"""Muon: momentum, made orthogonal."""

import math
from typing import Annotated, Any

from xdl.backend.squares import root_of_squares
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.optim.adam import decayed, move
from xdl.optim.optimizer import Optimizer
from xdl.optim.ranges import (
    Fraction,
    NonNegative,
    OneOf,
    Positive,
    PositiveInt,
    Range,
    Several,
    Switch,
)
from xdl.optim.weights import Weights

_ANY = Range(low=-math.inf)


class Muon(Optimizer):
    """Muon: steps by a momentum whose singular values are all made about 1.

    For the matrices of hidden layers; biases, embeddings and the last layer are for
    ``AdamW``. With the gradient g, the weight w and the momentum m (0 at first)::

        m = momentum * m + (1 - momentum) * g
        u = (1 - momentum) * g + momentum * m   (nesterov; else u = m)
        u = u / norm(u)
        u = a * u + (b * A + c * A @ A) @ u, where A = u @ u.T      (ns_steps times)
        w = w - lr * weight_decay * w
        w = w - lr * scale * u

    Args:
        parameter: a Parameter, a Module, or an iterable of trainable Variables, all of
            two axes: (inputs, outputs), as in ``Linear``.
        lr: the learning rate, >= 0; default 0.001.
        weight_decay: >= 0; default 0.1; decoupled.
        momentum: in [0, 1); default 0.95.
        nesterov: look ahead; default True.
        ns_coefficients: a, b, c; default (3.4445, -4.775, 2.0315).
        eps: the least norm that is divided by, > 0; default 1e-7.
        ns_steps: >= 1; default 5.
        adjust_lr_fn: what scale is: ``"original"``, sqrt(max(1, outputs / inputs)), or
            ``"match_rms_adamw"``, 0.2 * sqrt(max(inputs, outputs)), with which the lr
            and weight decay of ``AdamW`` serve; default "original".

    Raises:
        ArgumentError: a value is out of its range, a Variable has not two axes, or
            there is nothing trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([[2.0, 0.0], [0.0, 1.0]])
        >>> optimizer = xdl.optim.Muon([w], lr=0.1, weight_decay=0.0)
        >>> (w * w).sum().backward()
        >>> optimizer.update()
        >>> w.numpy().round(4)
        array([[1.9311, 0.    ],
               [0.    , 0.8886]], dtype=float32)

    Reference: Jordan et al., "Muon: An optimizer for hidden layers in neural
    networks", 2024; Liu et al., "Muon is Scalable for LLM Training", 2025, eq. 4; in
    PyTorch's form (whose weights are (outputs, inputs)), but in the weight's own
    precision.
    """

    scratch = 6
    state_names = ("average",)

    def __init__(
        self,
        parameter: Weights,
        lr: NonNegative = 0.001,
        weight_decay: NonNegative = 0.1,
        momentum: Fraction = 0.95,
        nesterov: Switch = True,
        ns_coefficients: Annotated[
            tuple[float, float, float], Several(_ANY, _ANY, _ANY)
        ] = (3.4445, -4.775, 2.0315),
        eps: Positive = 1e-7,
        ns_steps: PositiveInt = 5,
        adjust_lr_fn: Annotated[str, OneOf("original", "match_rms_adamw")] = "original",
    ) -> None:
        self.weight_decay, self.momentum, self.nesterov = (
            weight_decay,
            momentum,
            nesterov,
        )
        self.ns_coefficients, self.ns_steps = ns_coefficients, ns_steps
        self.eps, self.adjust_lr_fn = eps, adjust_lr_fn
        super().__init__(parameter, lr)

    def check(self, variable: Variable) -> None:
        if variable.ndim != 2:
            raise ArgumentError(
                f"Muon: {variable._label()} has shape {variable.shape}, needed two "
                "axes; give it to AdamW"
            )

    def change(self, xp: Any, value: Any, grad: Any, average: Any) -> None:
        decayed(self, value, grad, is_decoupled=True)
        move(average, grad, self.momentum)
        update = average
        if self.nesterov:
            update = (1 - self.momentum) * grad
            update += self.momentum * average
        value -= (self.lr * self._scale(value.shape)) * self._orthogonal(xp, update)

    def _scale(self, shape):
        inputs, outputs = shape
        if self.adjust_lr_fn == "match_rms_adamw":
            return 0.2 * math.sqrt(max(inputs, outputs))
        return math.sqrt(max(1.0, outputs / max(inputs, 1)))

    def _orthogonal(self, xp, matrix):
        """Return about U V^T of the matrix U S V^T, by Newton-Schulz iteration."""
        a, b, c = self.ns_coefficients
        is_tall = matrix.shape[0] > matrix.shape[1]  # the shorter axis is cheaper
        x = xp.matrix_transpose(matrix) if is_tall else matrix
        x = x / xp.maximum(root_of_squares(xp, x), self.eps)
        for _ in range(self.ns_steps):
            gram = xp.matmul(x, xp.matrix_transpose(x))
            mixed = b * gram
            mixed += c * xp.matmul(gram, gram)
            x = a * x + xp.matmul(mixed, x)
        return xp.matrix_transpose(x) if is_tall else x

"""Losses of yes-or-no predictions: probabilities, and scores before the sigmoid."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, EmptyBatchError, ShapeError
from xdl.ops.elementwise import logistic
from xdl.ops.elementwise.selection import weighed
from xdl.ops.loss.reduced import ReducedLoss, check_weight, counted
from xdl.ops.loss.samples import by_samples
from xdl.typing import ArrayLike

# Below it log(x) is taken for -100, and x (1 - x) for its smallest value, as PyTorch
# documents for its binary cross-entropy.
LOWEST_LOG = -100.0
SMALLEST = 1e-12

_REFUSED = (
    BadCase([(4,), (4, 1), None], ShapeError, "x (4,) and target (4, 1)"),
    BadCase([(4, 1), (1, 4), None], ShapeError, "x (4, 1) and target (1, 4)"),
    BadCase([(0, 3), (0, 3), None], EmptyBatchError, "empty batch"),
    BadCase([(2, 3), (2, 3), (2,)], ShapeError, "do not broadcast"),
    BadCase([(3,), (3,), (2, 3)], ShapeError, "weight has shape (2, 3)"),
    BadCase([(2,), (2,), None], ArgumentError, "'max'", {"reduction": "max"}),
)


class _Binary(ReducedLoss):
    """A loss whose elements may have weights, and of which some may be left out."""

    def shape(self, x_shape, target_shape, *weight_shapes):
        for name, shape in zip(self.signature.inputs[2:], weight_shapes, strict=False):
            check_weight(self, name, shape, x_shape)
        return super().shape(x_shape, target_shape)

    def _computed(self, xp, x, target, weight, *factors):
        shapes = (getattr(a, "shape", None) for a in (weight, *factors))
        self.shape(x.shape, target.shape, *shapes)
        x, target = counted(xp, weight, x, target)
        losses = self._losses(xp, x, target, *factors)
        return self._reduced(xp, weighed(xp, losses, weight))

    def _losses(self, xp, x, target, *factors):
        raise NotImplementedError


class BinaryCrossEntropy(_Binary):
    torch = "nn.functional.binary_cross_entropy"
    is_singular = True
    cases = (
        Case([(2, 3), (2, 3), None], low=0.1, high=0.9),
        Case([(4,), (4,), None], {"reduction": "sum"}, low=0.1, high=0.9),
        Case([(2, 3), (2, 3), (3,)], {"reduction": "none"}, low=0.1, high=0.9),
        Case([(), (), ()], low=0.1, high=0.9),
        Case([(0, 3), (0, 3), None], {"reduction": "sum"}),
        *_REFUSED,
    )

    def compute(self, xp, x, target, weight=None):
        return self._computed(xp, x, target, weight)

    def gradient(self, xp, gy, x, target, weight, wanted):
        gy = self._spread(gy, x.shape)
        gw = None
        if weight is not None and wanted[2]:
            gw = gy * self._losses(xp, x, target)
        x, target = counted(xp, weight, x, target)
        gx = gy * (x - target) / xp.maximum(x * (1 - x), SMALLEST)
        gx = weighed(xp, gx, weight)
        gt = None
        if wanted[1]:
            gt = weighed(xp, gy * (_log_of_rest(xp, x) - _log(xp, x)), weight)
        return gx, gt, gw

    def _losses(self, xp, x, target):
        return (target - 1) * _log_of_rest(xp, x) - target * _log(xp, x)


@function_of(BinaryCrossEntropy)
def binary_cross_entropy(
    x: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute -(target ln(x) + (1 - target) ln(1 - x)) of probabilities x.

    The logarithms are at least -100, so that a wrong probability of exactly 0 or 1
    has a finite loss, and so is the gradient by the target; that by x divides by at
    least 1e-12. Scores are better given to
    ``binary_cross_entropy_with_logits``, which loses no digits.

    Args:
        x: probabilities of any shape, from 0 to 1; others give NaN.
        target: probabilities or labels 0 and 1, of the same shape.
        weight: None, or a factor for the losses that broadcasts to their shape; where
            it is 0 an element is left out, whatever it is.
        reduction: "mean" over the elements (default; a weight does not change the
            number that is divided by), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array of the shape of ``x`` for "none".

    Raises:
        ShapeError: the shapes differ, or the weight does not broadcast to them.
        EmptyBatchError: a mean over no elements.
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> xdl.binary_cross_entropy([0.5, 0.0], [1, 1], reduction="none")
        Variable([  0.6931472, 100.       ], dtype=float32)
    """
    if sample_weight is not None:
        op = BinaryCrossEntropy("none")
        return by_samples(op, (x, target), (weight,), sample_weight, reduction)
    return BinaryCrossEntropy(reduction)(x, target, weight)


class BinaryCrossEntropyWithLogits(_Binary):
    torch = "nn.functional.binary_cross_entropy_with_logits"
    cases = (
        Case([(2, 3), (2, 3), None, None]),
        Case([(4,), (4,), None, None], {"reduction": "sum"}),
        Case([(2, 3), (2, 3), (2, 1), None], {"reduction": "none"}),
        Case([(2, 3), (2, 3), None, (3,)]),
        Case([(2, 3), (2, 3), (3,), (2, 3)], {"reduction": "sum"}),
        Case([(), (), None, None]),
        Case([(3,), (3,), None, (3,)], low=-90, high=90),
        Case(
            [[0.0, 0.0, 1.0], [1.0, 0.0, 0.5], None, None],
            {"reduction": "sum"},
            gradients=[[-0.5, 0.5, 0.5 * math.tanh(0.5)], [0.0, 0.0, -1.0]],
        ),
        Case([(0, 3), (0, 3), None, None], {"reduction": "sum"}),
        *(bad._replace(inputs=[*bad.inputs, None]) for bad in _REFUSED),
        BadCase([(3,), (3,), None, (2, 3)], ShapeError, "pos_weight has shape (2, 3)"),
    )

    def compute(self, xp, x, target, weight=None, pos_weight=None):
        return self._computed(xp, x, target, weight, pos_weight)

    def gradient(self, xp, gy, x, target, weight, pos_weight, wanted):
        gy = self._spread(gy, x.shape)
        gt = gw = gp = None
        if weight is not None and wanted[2]:
            gw = gy * self._losses(xp, x, target, pos_weight)
        x, target = counted(xp, weight, x, target)
        present = target if pos_weight is None else pos_weight * target
        gx = (1 - target) * logistic.sigmoid(xp, x) - present * logistic.sigmoid(xp, -x)
        gx = weighed(xp, gx * gy, weight)
        if wanted[1]:
            gt = -x if pos_weight is None else _lost(xp, x, pos_weight)
            gt = weighed(xp, gt * gy, weight)
        if pos_weight is not None and wanted[3]:
            gp = weighed(xp, logistic.softplus(xp, -x), target)
            gp = weighed(xp, gp * gy, weight)
        return gx, gt, gw, gp

    def _losses(self, xp, x, target, pos_weight):
        if pos_weight is None:
            wrong = weighed(xp, xp.maximum(x, 0), 1 - target)
            wrong = wrong + weighed(xp, xp.maximum(-x, 0), target)
            return wrong + xp.log1p(xp.exp(-xp.abs(x)))
        present = weighed(xp, logistic.softplus(xp, -x), pos_weight * target)
        return present + weighed(xp, logistic.softplus(xp, x), 1 - target)


@function_of(BinaryCrossEntropyWithLogits)
def binary_cross_entropy_with_logits(
    x: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the binary cross-entropy of sigmoid(x), without overflow or lost digits.

    It is ``target softplus(-x) + (1 - target) softplus(x)``; with a ``pos_weight`` p
    the first part is multiplied by it. A score of -inf costs nothing where the target
    is 0, one of inf nothing where it is 1.

    Args:
        x: scores of any shape.
        target: probabilities or labels 0 and 1, of the same shape.
        weight: None, or a factor for the losses that broadcasts to their shape; where
            it is 0 an element is left out, whatever it is.
        pos_weight: None, or a factor for the part of ``target`` that broadcasts too:
            more than 1 finds more of what is there, less than 1 fewer of what is not.
        reduction: "mean" over the elements (default; weights do not change the number
            that is divided by), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array of the shape of ``x`` for "none".

    Raises:
        ShapeError: the shapes differ, or a weight does not broadcast to them.
        EmptyBatchError: a mean over no elements.
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> xdl.binary_cross_entropy_with_logits([0.0, -1e4], [1, 0], reduction="none")
        Variable([0.6931472, 0.       ], dtype=float32)
    """
    if sample_weight is not None:
        op, factors = BinaryCrossEntropyWithLogits("none"), (weight, pos_weight)
        return by_samples(op, (x, target), factors, sample_weight, reduction)
    return BinaryCrossEntropyWithLogits(reduction)(x, target, weight, pos_weight)


def _log(xp, x):
    return xp.maximum(xp.log(x), LOWEST_LOG)


def _log_of_rest(xp, x):
    return xp.maximum(xp.log1p(-x), LOWEST_LOG)


def _lost(xp, x, pos_weight):
    """Return the gradient by the target: what more of it costs."""
    lost = pos_weight * logistic.softplus(xp, -x)
    return lost - logistic.softplus(xp, x)

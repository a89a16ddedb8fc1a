"""Losses of scores against integer labels: of log-probabilities, and of margins."""

from __future__ import annotations

import math

from xdl.backend.fresh import add_into
from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import (
    ArgumentError,
    DtypeError,
    GraphError,
    LabelError,
    ShapeError,
)
from xdl.ops.elementwise.selection import weighed
from xdl.ops.loss.cross_entropy import check_labels, loss_to_onnx, picked, safe_labels
from xdl.ops.loss.reduced import (
    ReducedLoss,
    check_labels_shape,
    check_signs,
)
from xdl.ops.loss.samples import by_samples, label_factors
from xdl.typing import ArrayLike


class NllLoss(ReducedLoss):
    torch = "nn.functional.nll_loss"
    own_dtype = ("target",)
    cases = (
        Case([(2, 3), [0, 2], None]),
        Case([(2, 3), [0, 2], None], {"reduction": "sum"}),
        Case([(2, 3), [0, 2], [0.5, 1.0, 2.0]], {"reduction": "none"}),
        Case([(2, 2, 3), [[0, 2], [1, 1]], [0.5, 1.0, 2.0]]),
        Case([(3,), 1, None]),
        Case([(2, 3), [0, -1], [0.5, 1.0, 2.0]], {"ignore_index": -1}),
        Case([(2, 3), [-1, -1], None], {"ignore_index": -1}),
        BadCase([(2, 3), [0, 3], None], LabelError, "position 1 holds 3"),
        BadCase([(2, 3), [-1, 0], None], LabelError, "position 0 holds -1"),
        BadCase([(2, 3), [0.0, 1.0], None], DtypeError, "needed integer labels"),
        BadCase([(2, 3), [[0], [1]], None], ShapeError, "target has shape (2, 1)"),
        BadCase([(2, 3), [0, 1], (2,)], ShapeError, "weight has shape (2,)"),
        BadCase([(0, 3), (0,), None], DtypeError, "needed integer labels"),
        BadCase([(2, 3), [0, 1], None], ArgumentError, "'max'", {"reduction": "max"}),
    )

    def __init__(self, ignore_index=None, reduction="mean"):
        super().__init__(reduction)
        self.ignore_index = ignore_index

    def shape(self, x_shape, target_shape, weight_shape=None):
        check_labels_shape(self, "x", x_shape, target_shape)
        if weight_shape is not None and tuple(weight_shape) != tuple(x_shape[-1:]):
            raise ShapeError(
                f"{self}: weight has shape {tuple(weight_shape)}, needed "
                f"{tuple(x_shape[-1:])}"
            )
        return self._reduced_shape(target_shape)

    def compute(self, xp, x, target, weight=None):
        self.shape(x.shape, target.shape, getattr(weight, "shape", None))
        counts, target = safe_labels(xp, target, self.ignore_index)
        check_labels(self, xp, target, x.shape[-1])
        if self.reduction == "mean":
            self._count(target.shape)  # refuses an empty batch
        losses = -xp.getitem(x, picked(xp, target))
        factors = _factors(xp, target, weight, counts, losses)
        losses = weighed(xp, losses, factors)
        if self.reduction == "none":
            return losses
        return xp.sum(losses) / self._divisor(xp, factors, target)

    def gradient(self, xp, gy, x_shape, target, weight):
        counts, target = safe_labels(xp, target, self.ignore_index)
        factors = _factors(xp, target, weight, counts, gy)
        values = -gy
        if self.reduction != "none":
            values = values / self._divisor(xp, factors, target)
        values = weighed(xp, values, factors)
        zeros = xp.new_zeros(gy, x_shape)
        return add_into(xp, zeros, picked(xp, target), values), None, None

    def _divisor(self, xp, factors, target):
        if self.reduction == "sum":
            return 1
        if factors is None:
            return math.prod(target.shape)
        total = xp.sum(factors)
        return xp.where(total == 0, 1.0, total)

    def to_onnx(self, graph, x, target, weight=None):
        options = {"reduction": self.reduction, "ignore_index": self.ignore_index}
        name = "NegativeLogLikelihoodLoss"
        return loss_to_onnx(graph, name, x, target, options, weight)


@function_of(NllLoss)
def nll_loss(
    x: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the negative log-likelihood of labels: -x[target].

    After ``log_softmax`` it is the cross-entropy; ``softmax_cross_entropy`` does both
    in one.

    Args:
        x: log-probabilities (..., classes).
        target: integer labels (...), each in [0, classes).
        weight: None, or an array (classes,): a factor for each class; one of 0 leaves
            the class out. The mean is then divided by the sum of the factors of the
            targets.
        ignore_index: None, or a label whose samples do not count, whatever stands in
            them; where all samples are ignored, the mean is 0.
        reduction: "mean" over the samples (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array (...) for "none".

    Raises:
        LabelError: a label is outside [0, classes).
        DtypeError: labels are not integers.
        GraphError: ``weight`` is trainable; the loss has no gradient by it.
        ShapeError: the shapes do not fit.
        EmptyBatchError: a mean over no samples.
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> xdl.nll_loss([[-1.0, -2.0], [-3.0, -4.0]], [1, 0])
        Variable(2.5, dtype=float32)
    """
    if isinstance(weight, Variable) and weight.trainable:
        raise GraphError("NllLoss: weight is trainable, needed a constant; detach() it")
    if sample_weight is not None:
        op = NllLoss(ignore_index, "none")
        factors = label_factors(weight, ignore_index)
        given = (x,), (target, weight), sample_weight, reduction
        return by_samples(op, *given, factors)
    return NllLoss(ignore_index, reduction)(x, target, weight)


def _factors(xp, target, weight, counts, like):
    """Return the factor of each sample; None if all are 1."""
    if weight is not None:
        factors = xp.getitem(weight, (target,))
        return factors if counts is None else xp.zero_unless(counts, factors)
    return None if counts is None else xp.astype(counts, like.dtype)


class HingeLoss(ReducedLoss):
    own_dtype = ("target",)
    cases = (
        Case([(2, 3), [[1, -1, 1], [-1, -1, 1]]]),
        Case([(3,), [1, -1, 1]], {"margin": 0.5, "reduction": "sum"}),
        Case([(3,), [1, -1, 1]], {"reduction": "none"}),
        Case([(), 1]),
        Case(
            [[1.0, -1.0, 0.0], [1, -1, -1]],
            {"reduction": "sum"},
            gradients=[[0.0, 0.0, 1.0]],
        ),
        BadCase([(2,), [0, 1]], LabelError, "other labels than -1 and 1"),
        BadCase([(2,), [2, 1]], LabelError, "other labels than -1 and 1"),
        BadCase([(2,), [-1.0, 1.0]], DtypeError, "needed integer labels"),
        BadCase([(2, 1), [-1, 1]], ShapeError, "x (2, 1) and target (2,)"),
        BadCase([(2,), [1, 1]], ArgumentError, "'max'", {"reduction": "max"}),
    )

    def __init__(self, margin=1.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = number("HingeLoss", "margin", margin)

    def compute(self, xp, x, target):
        self.shape(x.shape, target.shape)
        check_signs(self, xp, target)
        missing = self.margin - xp.astype(target, x.dtype) * x
        return self._reduced(xp, xp.maximum(missing, 0))

    def gradient(self, xp, gy, x, target):
        signs = xp.astype(target, x.dtype)
        slope = -signs * self._spread(gy, x.shape)
        is_beyond = signs * x >= self.margin  # not where x is NaN
        return xp.zero_unless(xp.logical_not(is_beyond), slope), None


@function_of(HingeLoss)
def hinge_loss(
    x: ArrayLike,
    target: ArrayLike,
    margin: float = 1.0,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute max(0, margin - target x) of scores and labels -1 or 1.

    The gradient is 0 where a score lies on the margin.

    Args:
        x: scores of any shape: positive for the label 1, negative for -1.
        target: integer labels of the same shape, -1 or 1.
        margin: how far on the right side a score costs nothing; default 1.
        reduction: "mean" over the elements (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array of the shape of ``x`` for "none".

    Raises:
        LabelError: a label is neither -1 nor 1.
        DtypeError: labels are not integers.
        ShapeError: the shapes differ; nothing is broadcast.
        EmptyBatchError: a mean over no elements.
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> xdl.hinge_loss([3.0, 0.5, 0.5], [1, 1, -1], reduction="none")
        Variable([0. , 0.5, 1.5], dtype=float32)

    Reference: Cortes and Vapnik, "Support-Vector Networks", 1995.
    """
    if sample_weight is not None:
        op = HingeLoss(margin, "none")
        return by_samples(op, (x,), (target,), sample_weight, reduction)
    return HingeLoss(margin, reduction)(x, target)

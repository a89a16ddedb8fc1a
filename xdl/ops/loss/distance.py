"""Losses of distances: between distributions, and between embedded samples."""

from __future__ import annotations

import math

from xdl.backend.squares import hypot, root_of_squares
from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import (
    ArgumentError,
    DtypeError,
    EmptyBatchError,
    LabelError,
    ShapeError,
)
from xdl.ops.elementwise.selection import share, weighed
from xdl.ops.loss.reduced import PAIRS, REDUCTIONS, ReducedLoss, check_signs
from xdl.ops.loss.samples import by_samples
from xdl.typing import ArrayLike

# Added to squared norms and to differences, as PyTorch does, so that the gradient of
# a norm exists where the vectors are 0 or equal.
NORM_EPS, DISTANCE_EPS = 1e-12, 1e-6


class KlDiv(ReducedLoss):
    torch = "nn.functional.kl_div"
    is_singular = True
    reductions = (*REDUCTIONS, "batchmean")
    cases = (
        *(case._replace(low=0.1, high=2.0) for case in PAIRS if isinstance(case, Case)),
        *(case for case in PAIRS if isinstance(case, BadCase)),
        Case([(2, 3), (2, 3)], {"reduction": "batchmean"}, low=0.1),
        Case([(2, 3), (2, 3)], {"log_target": True, "reduction": "none"}),
        BadCase([(), ()], ShapeError, "needed a batch", {"reduction": "batchmean"}),
    )

    def __init__(self, log_target=False, reduction="mean"):
        super().__init__(reduction)
        self.log_target = bool(log_target)

    def shape(self, x_shape, target_shape):
        if not x_shape and self.reduction == "batchmean":
            raise ShapeError(f"{self}: a single number came, needed a batch")
        return super().shape(x_shape, target_shape)

    def compute(self, xp, x, target):
        self.shape(x.shape, target.shape)
        if self.log_target:
            losses = weighed(xp, target - x, xp.exp(target))
        else:
            losses = weighed(xp, xp.log(target) - x, target)
        return self._reduced(xp, losses)

    def gradient(self, xp, gy, x, target, wanted):
        gy = self._spread(gy, x.shape)
        mass = xp.exp(target) if self.log_target else target
        gt = None
        if wanted[1] and self.log_target:
            gt = weighed(xp, (target + 1 - x) * gy, mass)
        elif wanted[1]:
            gt = (xp.log(target) + 1 - x) * gy
        return weighed(xp, -gy, mass), gt

    def _count(self, losses_shape):
        count = super()._count(losses_shape)
        return losses_shape[0] if self.reduction == "batchmean" else count


@function_of(KlDiv)
def kl_div(
    x: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    log_target: bool = False,
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the Kullback-Leibler divergence target (ln(target) - x).

    ``x`` holds log-probabilities. The true divergence of a batch is the sum over the
    elements divided by the samples: ``reduction="batchmean"``. "mean", the default
    as in PyTorch, divides by the elements.

    Args:
        x: log-probabilities of any shape, such as ``log_softmax`` gives.
        target: probabilities of the same shape; one of 0 costs 0, whatever ``x`` is.
        log_target: whether ``target`` holds log-probabilities too; default False.
        reduction: "mean" over the elements (default), "batchmean" (the sum, divided
            by the length of the first axis), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array of the shape of ``x`` for "none".

    Raises:
        ShapeError: the shapes differ; nothing is broadcast.
        EmptyBatchError: a mean over no elements.
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> x = xdl.log([[0.5, 0.5]])
        >>> xdl.kl_div(x, [[1.0, 0.0]], reduction="batchmean")
        Variable(0.6931472, dtype=float32)

    Reference: Kullback and Leibler, "On Information and Sufficiency", 1951.
    """
    if sample_weight is not None:
        op = KlDiv(log_target, "none")
        return by_samples(op, (x, target), (), sample_weight, reduction)
    return KlDiv(log_target, reduction)(x, target)


class CosineEmbeddingLoss(ReducedLoss):
    torch = "nn.functional.cosine_embedding_loss"
    own_dtype = ("target",)
    cases = (
        Case([(4, 3), (4, 3), [1, -1, -1, 1]]),
        Case([(2, 3), (2, 3), [1, -1]], {"margin": -0.9, "reduction": "sum"}),
        Case([(2, 3), (2, 3), [1, -1]], {"margin": -1.5, "reduction": "none"}),
        Case([(2, 1, 3), (2, 1, 3), [[1], [-1]]]),
        Case([(3,), (3,), 1]),
        Case(
            [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]], [-1, 1]],
            {"reduction": "sum"},
            gradients=[[[0.0, 1.0], [0.0, -1.0]], [[1.0, 0.0], [-1.0, 0.0]]],
        ),
        BadCase([(2, 3), (2, 3), [0, 1]], LabelError, "other labels than -1 and 1"),
        BadCase([(2, 3), (2, 3), [1.0, 1.0]], DtypeError, "needed integer labels"),
        BadCase([(2, 3), (3,), [1, 1]], ShapeError, "x1 (2, 3) and x2 (3,)"),
        BadCase([(2, 3), (2, 3), [[1, 1]]], ShapeError, "target has shape (1, 2)"),
        BadCase([(), (), 1], ShapeError, "single numbers came"),
        BadCase([(2, 3), (2, 3), [1, 1]], ArgumentError, "'max'", {"reduction": "max"}),
    )

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = number("CosineEmbeddingLoss", "margin", margin)

    def shape(self, x1_shape, x2_shape, target_shape):
        super().shape(x1_shape, x2_shape)
        _require_axis(self, x1_shape)
        if tuple(target_shape) != tuple(x1_shape[:-1]):
            raise ShapeError(
                f"{self}: target has shape {tuple(target_shape)}, needed "
                f"{tuple(x1_shape[:-1])} for x1 {tuple(x1_shape)}"
            )
        return self._reduced_shape(target_shape)

    def compute(self, xp, x1, x2, target):
        self.shape(x1.shape, x2.shape, target.shape)
        check_signs(self, xp, target)
        cosine = _cosine(xp, x1, x2)[0][..., 0]
        unlike = xp.maximum(cosine - self.margin, 0)
        return self._reduced(xp, xp.where(target == 1, 1 - cosine, unlike))

    def gradient(self, xp, gy, x1, x2, target):
        cosine, unit1, unit2, length1, length2 = _cosine(xp, x1, x2)
        alike = xp.expand_dims(target, -1) == 1
        counts = xp.logical_or(alike, xp.logical_not(cosine < self.margin))
        gy = self._spread(gy, target.shape)
        gy = xp.expand_dims(gy, -1) if gy.ndim else gy
        slope = xp.where(alike, -gy, gy)
        g1 = slope * ((unit2 - unit1 * cosine) / length1)
        g2 = slope * ((unit1 - unit2 * cosine) / length2)
        return xp.zero_unless(counts, g1), xp.zero_unless(counts, g2), None


@function_of(CosineEmbeddingLoss)
def cosine_embedding_loss(
    x1: ArrayLike,
    x2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute how much the angle of two vectors is not what their label says.

    With c the cosine of the angle: 1 - c for the label 1 (alike), max(0, c - margin)
    for -1 (unlike). 1e-12 is added to each squared length, so vectors of zeros have
    the cosine 0; at c = margin the gradient is that beyond it, as in PyTorch.

    Args:
        x1, x2: arrays (..., d) of one shape.
        target: integer labels (...), -1 or 1.
        margin: the cosine that unlike vectors may have; default 0.
        reduction: "mean" over the pairs (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array (...) for "none".

    Raises:
        LabelError: a label is neither -1 nor 1.
        DtypeError: labels are not integers.
        ShapeError: the shapes do not fit; nothing is broadcast.
        EmptyBatchError: a mean over no pairs.
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> x1, x2 = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0]]
        >>> xdl.cosine_embedding_loss(x1, x2, [1, -1], reduction="none")
        Variable([1., 1.], dtype=float32)
    """
    if sample_weight is not None:
        op = CosineEmbeddingLoss(margin, "none")
        return by_samples(op, (x1, x2), (target,), sample_weight, reduction)
    return CosineEmbeddingLoss(margin, reduction)(x1, x2, target)


def _cosine(xp, x1, x2):
    """Return the cosine, both over their lengths, and these; the last axis is kept."""
    length1, length2 = _length(xp, x1), _length(xp, x2)
    unit1, unit2 = x1 / length1, x2 / length2
    cosine = xp.sum(unit1 * unit2, axis=-1, keepdims=True)
    return cosine, unit1, unit2, length1, length2


def _length(xp, x):
    """Return the root of the squared length and ``NORM_EPS``."""
    return hypot(xp, root_of_squares(xp, x, -1, True), math.sqrt(NORM_EPS))


class TripletLoss(ReducedLoss):
    torch = "nn.functional.triplet_margin_loss"
    cases = (
        Case([(2, 3), (2, 3), (2, 3)]),
        Case([(4, 3), (4, 3), (4, 3)], {"margin": 3.0, "reduction": "none"}),
        Case([(4, 3), (4, 3), (4, 3)], {"swap": True, "reduction": "sum"}),
        Case([(2, 1, 3), (2, 1, 3), (2, 1, 3)], {"swap": True}),
        Case([(3,), (3,), (3,)]),
        Case([[0.0], [0.5], [2.0]], {"margin": 1.5}, gradients=[[0.0], [1.0], [-1.0]]),
        Case([[-1e-6], [0.0], [0.0]], gradients=[[0.0], [0.0], [0.0]]),
        Case(
            [[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]],
            {"swap": True},
            gradients=[
                [-0.9307129612720526, 0.25989393751435885],
                [0.2598925233007965, -0.930714375485615],
                [0.6708204379712561, 0.6708204379712561],
            ],
        ),
        BadCase([(2, 3), (3,), (2, 3)], ShapeError, "anchor (2, 3) and positive (3,)"),
        BadCase([(2, 3), (2, 3), (2, 1)], ShapeError, "and negative (2, 1)"),
        BadCase([(), (), ()], ShapeError, "single numbers came"),
        BadCase([(0, 3), (0, 3), (0, 3)], EmptyBatchError, "empty batch"),
        BadCase([(2,), (2,), (2,)], ArgumentError, "margin 0 came", {"margin": 0}),
        BadCase([(2,), (2,), (2,)], ArgumentError, "'max'", {"reduction": "max"}),
    )

    def __init__(self, margin=1.0, swap=False, reduction="mean"):
        super().__init__(reduction)
        margin = number("TripletLoss", "margin", margin)
        if not 0 < margin < math.inf:
            raise ArgumentError(
                f"TripletLoss: margin {margin} came, needed a number > 0"
            )
        self.margin, self.swap = margin, bool(swap)

    def shape(self, anchor_shape, positive_shape, negative_shape):
        super().shape(anchor_shape, positive_shape, negative_shape)
        _require_axis(self, anchor_shape)
        return self._reduced_shape(anchor_shape[:-1])

    def compute(self, xp, anchor, positive, negative):
        self.shape(anchor.shape, positive.shape, negative.shape)
        near, far = _distance(xp, anchor, positive), _distance(xp, anchor, negative)
        if self.swap:
            far = xp.minimum(far, _distance(xp, positive, negative))
        return self._reduced(xp, xp.maximum(self.margin + near - far, 0)[..., 0])

    def gradient(self, xp, gy, anchor, positive, negative):
        near, far = _distance(xp, anchor, positive), _distance(xp, anchor, negative)
        other = _distance(xp, positive, negative) if self.swap else None
        farthest = xp.minimum(far, other) if self.swap else far
        gy = self._spread(gy, anchor.shape[:-1])
        gy = xp.expand_dims(gy, -1) if gy.ndim else gy
        counts = xp.logical_not(self.margin + near - farthest < 0)
        gy = xp.zero_unless(counts, gy)
        to_near = gy * _direction(xp, counts, anchor - positive, near)
        if not self.swap:
            to_far = gy * _direction(xp, counts, anchor - negative, far)
            return to_near - to_far, -to_near, to_far
        g_far, g_other = share(xp, gy, other, far, (True, True))
        to_far = g_far * _direction(xp, counts, anchor - negative, far)
        to_other = g_other * _direction(xp, counts, positive - negative, other)
        return to_near - to_far, -to_near - to_other, to_far + to_other


@function_of(TripletLoss)
def triplet_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute max(0, margin + d(anchor, positive) - d(anchor, negative)).

    d is the Euclidean distance on the last axis, with 1e-6 added to each difference,
    as in PyTorch; where the loss is just 0 its gradient is that of a positive one.

    Args:
        anchor, positive, negative: arrays (..., d) of one shape.
        margin: how much nearer the positive must be, > 0; default 1.
        swap: take d(positive, negative) instead where it is less than
            d(anchor, negative); default False. Where both are equal, each gets half of
            the gradient.
        reduction: "mean" over the triplets (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array (...) for "none".

    Raises:
        ShapeError: the shapes differ; nothing is broadcast.
        EmptyBatchError: a mean over no triplets.
        ArgumentError: another reduction, or margin is not greater than 0.

    Example:
        >>> import xdl
        >>> round(xdl.triplet_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]]).item(), 3)
        4.0

    Reference: Schroff, Kalenichenko and Philbin, "FaceNet", 2015; swap: Balntas et
    al., "Learning Local Feature Descriptors with Triplets", 2016, section 3.3.
    """
    if sample_weight is not None:
        op, three = TripletLoss(margin, swap, "none"), (anchor, positive, negative)
        return by_samples(op, three, (), sample_weight, reduction)
    return TripletLoss(margin, swap, reduction)(anchor, positive, negative)


def _distance(xp, x1, x2):
    return root_of_squares(xp, x1 - x2 + DISTANCE_EPS, -1, True)


def _direction(xp, counts, difference, distance):
    """Return the gradient of a distance by its first vector, 0 where it is 0."""
    is_none = distance == 0
    counts = xp.logical_and(counts, xp.logical_not(is_none))
    direction = xp.zero_unless(counts, difference + DISTANCE_EPS)
    return direction / xp.where(is_none, 1.0, distance)


def _require_axis(op, shape):
    if not shape:
        raise ShapeError(f"{op}: single numbers came, needed vectors on the last axis")

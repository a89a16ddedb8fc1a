"""Losses of predictions that are numbers: how far off they are."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Cases
from xdl.core.op import Op, function_of
from xdl.core.option import number
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, EmptyBatchError, ShapeError
from xdl.ops.axes import as_operand
from xdl.ops.loss.reduced import PAIRS, REDUCTIONS, ReducedLoss
from xdl.ops.loss.samples import by_samples
from xdl.typing import ArrayLike


class _Difference(ReducedLoss):
    """A loss of d = x - target; a subclass says what d costs, and its slope by d."""

    def compute(self, xp, x, target):
        if x.shape != target.shape:
            self.shape(x.shape, target.shape)  # says which
        return self._reduced(xp, self._cost(xp, x - target))

    def gradient(self, xp, gy, x, target, wanted):
        gx = self._slope(xp, x - target) * self._spread(gy, x.shape)
        return gx, -gx if wanted[1] else None

    def _cost(self, xp, d):
        raise NotImplementedError

    def _slope(self, xp, d):
        raise NotImplementedError


class MeanSquaredError(_Difference):
    torch = "nn.functional.mse_loss"
    cases: Cases = PAIRS

    def _cost(self, xp, d):
        return d * d

    def _slope(self, xp, d):
        return d

    def _spread(self, gy, losses_shape):
        return 2 * super()._spread(gy, losses_shape)


@function_of(MeanSquaredError)
def mean_squared_error(
    x: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the squared difference, (x - target)**2, its mean over all elements.

    Args:
        x: floating predictions of any shape.
        target: an array of the same shape.
        reduction: "mean" over the elements (default), "sum", or "none".
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
        >>> xdl.mean_squared_error([1.0, 2.0], [1.0, 4.0])
        Variable(2., dtype=float32)
    """
    if sample_weight is not None:
        return by_samples(_squared, (x, target), (), sample_weight, reduction)
    op = _mean_squared.get(reduction) or MeanSquaredError(reduction)
    return op(x, target)


class SquareError(MeanSquaredError):
    cases = (
        Case([(2, 3), (2, 3)]),
        Case([(4,), (4,)]),
        Case([(), ()]),
        BadCase([(4,), (4, 1)], ShapeError, "(4,) and target (4, 1)"),
        BadCase([(4, 1), (1, 4)], ShapeError, "(4, 1) and target (1, 4)"),
        BadCase([(0, 3), (0, 3)], EmptyBatchError, "empty batch"),
    )
    flops = Op.flops
    reduction = "mean"

    def __init__(self):
        pass

    def _reduced(self, xp, losses):
        return xp.sum(losses) * (0.5 / self._count(losses.shape))

    def _spread(self, gy, losses_shape):
        return gy / self._count(losses_shape)

    def _count(self, losses_shape):
        super()._count(losses_shape)
        return losses_shape[0] if losses_shape else 1


@function_of(SquareError)
def square_error(
    x: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None = None
) -> Variable:
    """Compute half the squared distance between prediction and target per sample.

    ``0.5 * sum((x - target)**2) / n`` with n samples on the first axis; the gradient
    by ``x`` is ``(x - target) / n``.

    Args:
        x: floating predictions (n, ...), or a single number (n = 1).
        target: an array of the same shape.
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number.

    Raises:
        ShapeError: the shapes differ; nothing is broadcast.
        EmptyBatchError: there are no samples.

    Example:
        >>> import xdl
        >>> xdl.square_error([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 4.0]])
        Variable(1., dtype=float32)
    """
    if sample_weight is not None:
        features = math.prod(as_operand(x).shape[1:])
        return (0.5 * features) * mean_squared_error(x, target, "mean", sample_weight)
    return _square_error(x, target)


class L1Loss(_Difference):
    torch = "nn.functional.l1_loss"
    cases = (
        *PAIRS,
        Case(
            [[1.0, 2.0, 5.0], [1.0, 4.0, 4.0]],
            {"reduction": "sum"},
            gradients=[[0.0, -1.0, 1.0], [0.0, 1.0, -1.0]],
        ),
    )

    def _cost(self, xp, d):
        return xp.abs(d)

    def _slope(self, xp, d):
        return xp.sign(d)


@function_of(L1Loss)
def l1_loss(
    x: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the absolute difference, abs(x - target); its gradient at 0 is 0.

    Args:
        x: floating predictions of any shape.
        target: an array of the same shape.
        reduction: "mean" over the elements (default), "sum", or "none".
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
        >>> xdl.l1_loss([1.0, 2.0], [1.0, 4.0])
        Variable(1., dtype=float32)
    """
    if sample_weight is not None:
        return by_samples(L1Loss("none"), (x, target), (), sample_weight, reduction)
    return L1Loss(reduction)(x, target)


class HuberLoss(_Difference):
    torch = "nn.functional.huber_loss"
    cases = (
        *PAIRS,
        Case([(3, 4), (3, 4)], {"delta": 0.5, "reduction": "sum"}),
        Case(
            [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
            {"reduction": "sum"},
            gradients=[[0.0, -1.0, 1.0], [0.0, 1.0, -1.0]],
        ),
        BadCase([(2,), (2,)], ArgumentError, "delta 0 came", {"delta": 0}),
        BadCase([(2,), (2,)], ArgumentError, "delta nan came", {"delta": math.nan}),
    )

    def __init__(self, delta=1.0, reduction="mean"):
        super().__init__(reduction)
        self.delta = number("HuberLoss", "delta", delta, above=0)

    def _cost(self, xp, d):
        slope = self._slope(xp, d)
        return slope * (d - 0.5 * slope)

    def _slope(self, xp, d):
        return _limited(xp, d, self.delta)


@function_of(HuberLoss)
def huber_loss(
    x: ArrayLike,
    target: ArrayLike,
    delta: float = 1.0,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute half the squared difference near the target, and linearly far from it.

    For d = x - target it is 0.5 d**2 where abs(d) <= delta, else
    delta (abs(d) - 0.5 delta); the gradient by d is d, limited to [-delta, delta].

    Args:
        x: floating predictions of any shape.
        target: an array of the same shape.
        delta: where the loss becomes linear, > 0; default 1.
        reduction: "mean" over the elements (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array of the shape of ``x`` for "none".

    Raises:
        ShapeError: the shapes differ; nothing is broadcast.
        EmptyBatchError: a mean over no elements.
        ArgumentError: another reduction, or delta is not greater than 0.

    Example:
        >>> import xdl
        >>> xdl.huber_loss([0.0, 0.0], [1.0, 10.0], reduction="none")
        Variable([0.5, 9.5], dtype=float32)

    Reference: Huber, "Robust Estimation of a Location Parameter", 1964.
    """
    if sample_weight is not None:
        op = HuberLoss(delta, "none")
        return by_samples(op, (x, target), (), sample_weight, reduction)
    return HuberLoss(delta, reduction)(x, target)


class SmoothL1Loss(_Difference):
    torch = "nn.functional.smooth_l1_loss"
    cases = (
        *PAIRS,
        Case([(3, 4), (3, 4)], {"beta": 0.5, "reduction": "sum"}),
        Case(
            [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
            {"reduction": "sum"},
            gradients=[[0.0, -1.0, 1.0], [0.0, 1.0, -1.0]],
        ),
        BadCase([(2,), (2,)], ArgumentError, "beta -1 came", {"beta": -1}),
    )

    def __init__(self, beta=1.0, reduction="mean"):
        super().__init__(reduction)
        self.beta = number("SmoothL1Loss", "beta", beta, above=0)

    def _cost(self, xp, d):
        slope = self._slope(xp, d)
        return slope * (d - (0.5 * self.beta) * slope)

    def _slope(self, xp, d):
        # Divided before it is multiplied: the square of a tiny beta would underflow.
        return _limited(xp, d / self.beta, 1.0)


@function_of(SmoothL1Loss)
def smooth_l1_loss(
    x: ArrayLike,
    target: ArrayLike,
    beta: float = 1.0,
    reduction: str = "mean",
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Compute the Huber loss divided by where it becomes linear.

    For d = x - target it is 0.5 d**2 / beta where abs(d) < beta, else
    abs(d) - 0.5 beta: with a small beta, the absolute difference without its kink.

    Args:
        x: floating predictions of any shape.
        target: an array of the same shape.
        beta: where the loss becomes linear, > 0, default 1; ``smooth_l1_loss`` takes
            0 too, which is ``l1_loss``.
        reduction: "mean" over the elements (default), "sum", or "none".
        sample_weight: None, or a factor for each sample (n,), or for more of the first
            axes of the losses; one of 0 leaves the sample out, and a mean is divided
            by the sum of the factors.

    Returns:
        A single number, or an array of the shape of ``x`` for "none".

    Raises:
        ShapeError: the shapes differ; nothing is broadcast.
        EmptyBatchError: a mean over no elements.
        ArgumentError: another reduction, or a negative beta.

    Example:
        >>> import xdl
        >>> xdl.smooth_l1_loss([0.0, 0.0], [1.0, 10.0], beta=2.0, reduction="none")
        Variable([0.25, 9.  ], dtype=float32)

    Reference: Girshick, "Fast R-CNN", 2015, equation 3.
    """
    beta = number("SmoothL1Loss", "beta", beta, low=0)
    if beta == 0:
        return l1_loss(x, target, reduction, sample_weight)
    if sample_weight is not None:
        op = SmoothL1Loss(beta, "none")
        return by_samples(op, (x, target), (), sample_weight, reduction)
    return SmoothL1Loss(beta, reduction)(x, target)


def _limited(xp, x, limit):
    return xp.minimum(xp.maximum(x, -limit), limit)


_mean_squared = {reduction: MeanSquaredError(reduction) for reduction in REDUCTIONS}
_squared, _square_error = _mean_squared["none"], SquareError()

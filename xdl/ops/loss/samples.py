"""Losses whose samples have weights: made of the losses of the samples."""

from __future__ import annotations

import math

from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import EmptyBatchError, ShapeError
from xdl.ops.axes import as_operand
from xdl.ops.elementwise.selection import where
from xdl.ops.loss.reduced import REDUCTIONS, checked_reduction

SUMS = ("sum", "none")


def by_samples(
    op, inputs, rest, sample_weight, reduction, factors=None, axis=0
) -> Variable:
    """Return a loss to which each sample adds as much as its weight says.

    A sample whose weight is 0 is left out, whatever stands in it. "mean" divides by the
    sum of the weights, "batchmean" by that of the weights of the first axis; both are 0
    where all weights are.

    Args:
        op: the loss with the reduction "none".
        inputs: its inputs that are left out with a sample.
        rest: the inputs behind them.
        sample_weight: an array of the first axes of the losses, or of all of them.
        reduction: what is made of them.
        factors: None, or a function of the labels ``rest[0]``: what the mean is divided
            by is the sum of these factors, weighted.
        axis: the first axis of the samples in the first input.

    Raises:
        ShapeError: the weights have other axes.
        EmptyBatchError: a mean over no losses.
        ArgumentError: another reduction.
    """
    checked_reduction(op, reduction, getattr(op, "reductions", REDUCTIONS))
    weight = as_variable(sample_weight)
    operands = [as_variable(x) for x in inputs]
    rest = tuple([None if x is None else as_operand(x) for x in rest])
    shape = op.shape(*[getattr(x, "shape", None) for x in (*operands, *rest)])
    check_samples(op, weight.shape, shape)
    if reduction not in SUMS and not math.prod(shape):
        raise EmptyBatchError(
            f"{type(op).__name__}: an empty batch {tuple(shape)} has no mean"
        )
    counts = weight != 0
    operands = [where(_beside(counts, x, axis), x, 0) for x in operands]
    losses = op(*operands, *rest)
    losses = where(_beside(counts, losses), losses, 0) * _beside(weight, losses)
    if reduction in SUMS:
        return losses if reduction == "none" else losses.sum()
    if factors is None:
        total = weight.sum()
    else:
        total = (factors(rest[0]) * _beside(weight, losses)).sum()
    times: float = math.prod(shape[weight.ndim :])
    if reduction == "batchmean":
        times /= math.prod(shape[1:])
    return losses.sum() / where(total == 0, 1, total * times)


def label_factors(weight, ignore_index):
    """Return a function of labels that returns their factors; None: all are 1.

    It is 0 for a label to ignore.
    """
    if weight is None and ignore_index is None:
        return None

    def factors(target):
        labels = as_variable(target)
        counts = True if ignore_index is None else labels != ignore_index
        if weight is None:
            return where(counts, 1.0, 0.0)
        return where(counts, as_variable(weight)[where(counts, labels, 0)], 0.0)

    return factors


def check_samples(op, weight_shape, shape):
    """Refuse weights that are not of the first axes of losses of a shape.

    Raises:
        ShapeError: as said.
    """
    if tuple(weight_shape) != tuple(shape[: len(weight_shape)]):
        raise ShapeError(
            f"{type(op).__name__}: sample_weight has shape {tuple(weight_shape)}, "
            f"needed {tuple(shape[:1])}, one for each sample, or more of the axes of "
            f"the losses {tuple(shape)}"
        )


def _beside(weight, x, axis=0):
    """Return weights of the axes of ``x`` from ``axis`` on with axes for the rest."""
    before, behind = (None,) * axis, (None,) * (x.ndim - axis - weight.ndim)
    if not before and not behind:
        return weight
    return weight[(*before, ..., *behind)]

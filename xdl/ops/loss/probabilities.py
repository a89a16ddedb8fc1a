"""The cross-entropy of class scores and class probabilities."""

from __future__ import annotations

import math

from xdl import backend
from xdl.core.case import BadCase, Case
from xdl.core.op import Op
from xdl.core.option import number
from xdl.core.promote import as_variable
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError, DtypeError, EmptyBatchError, ShapeError
from xdl.ops.axes import as_operand
from xdl.ops.elementwise.selection import weighed
from xdl.ops.loss.reduced import checked_reduction, two_shapes
from xdl.ops.loss.samples import by_samples


class MassCrossEntropy(Op):
    """Compute ``-sum(masses * ln softmax(logits))`` over the classes, for each sample.

    A class whose mass is 0 costs nothing, whatever its logit is.

    Example:
        >>> import xdl
        >>> xdl.softmax_cross_entropy([[0.0, 0.0]], [[2.0, 0.0]], reduction="none")
        Variable([1.3862944], dtype=float32)
    """

    floating = True
    cases = (
        Case([(2, 3), (2, 3)]),
        Case([(2, 2, 3), (2, 2, 3)], low=0.0),
        Case([(3,), (3,)]),
        Case([(0, 3), (0, 3)]),
        Case(
            [[[2.0, 1.0], [0.0, 3.0]], [[0.0, 0.0], [1.0, 0.0]]],
            gradients=[
                [[0.0, 0.0], [-0.9525741268224334, 0.9525741268224334]],
                [
                    [0.31326168751822286, 1.3132616875182228],
                    [3.048587351573742, 0.048587351573742],
                ],
            ],
        ),
        BadCase([(2, 3), (3,)], ShapeError, "logits (2, 3) and masses (3,)"),
    )

    def shape(self, logits_shape, masses_shape):
        if tuple(logits_shape) != tuple(masses_shape):
            raise two_shapes(self, "logits", logits_shape, "masses", masses_shape)
        return tuple(logits_shape[:-1])

    def flops(self, y_shape, logits_shape, masses_shape):
        return 6 * math.prod(logits_shape)

    def compute(self, xp, logits, masses):
        self.shape(logits.shape, masses.shape)
        shifted, total = partition(xp, _counted(xp, logits, masses))
        return xp.sum(weighed(xp, xp.log(total) - shifted, masses), axis=-1)

    def gradient(self, xp, gy, logits, masses, wanted):
        gy, g_masses = xp.expand_dims(gy, -1), None
        if wanted[1]:
            shifted, total = partition(xp, logits)
            g_masses = gy * (xp.log(total) - shifted)
        shifted, total = partition(xp, _counted(xp, logits, masses))
        mass = xp.sum(masses, axis=-1, keepdims=True)
        return (mass * (xp.exp(shifted) / total) - masses) * gy, g_masses

    def to_onnx(self, graph, logits, masses):
        losses = graph.add("Mul", graph.add("LogSoftmax", logits, axis=-1), masses)
        axes = graph.integers(-1)
        return graph.add("Neg", graph.add("ReduceSum", losses, axes, keepdims=False))


def are_probabilities(logits, target):
    """Tell whether a target holds a number for each score, rather than labels."""
    if getattr(target, "ndim", -2) == getattr(logits, "ndim", 0) - 1:
        return False  # asked first, of labels
    try:
        target, logits = as_operand(target), as_operand(logits)
    except DtypeError:
        return False  # the loss of labels says what came
    is_floating = backend.is_floating(array_of(target))
    return is_floating and tuple(target.shape) == tuple(logits.shape) != ()


def of_probabilities(
    logits, target, weight, ignore_index, label_smoothing, reduction, sample_weight
) -> Variable:
    """Return the cross-entropy of scores and probabilities.

    Raises:
        ArgumentError, ShapeError, EmptyBatchError: as of ``softmax_cross_entropy``.
    """
    who = "SoftmaxCrossEntropy"
    if ignore_index is not None:
        raise ArgumentError(
            f"{who}: ignore_index {ignore_index!r} came with probabilities, needed "
            "labels; a sample_weight of 0 leaves a sample out"
        )
    op, given = MassCrossEntropy(), as_variable(target)
    masses = _masses(who, given, weight, label_smoothing)
    if sample_weight is not None:
        return by_samples(op, (logits, masses), (), sample_weight, reduction)
    checked_reduction(op, reduction)
    losses = op(logits, masses)
    if reduction == "none":
        return losses
    if reduction == "mean" and not losses.size:
        raise EmptyBatchError(f"{who}: a mean over an empty batch {given.shape}")
    return losses.sum() / (losses.size if reduction == "mean" else 1)


def partition(xp, logits):
    """Return logits less their largest on the last axis, and sum(exp) of that."""
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    return shifted, xp.sum(xp.exp(shifted), axis=-1, keepdims=True)


def _masses(who, target, weight, label_smoothing):
    masses, classes = target, target.shape[-1]
    if label_smoothing:
        number(who, "label_smoothing", label_smoothing, low=0, high=1)
        masses = masses * (1 - label_smoothing) + label_smoothing / classes
    if weight is None:
        return masses
    weight = as_variable(weight)
    if tuple(weight.shape) != (classes,):
        raise ShapeError(
            f"{who}: weight has shape {tuple(weight.shape)}, needed ({classes},)"
        )
    return masses * weight


def _counted(xp, logits, masses):
    """Return the logits, 0 in samples without a mass."""
    return xp.zero_unless(xp.any(masses != 0, axis=-1, keepdims=True), logits)

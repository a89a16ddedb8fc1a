"""What every operation is compared with: NumPy, SciPy and scikit-learn, by its name."""

import numpy as np
import scipy.special

from tests.support import (
    references_activation,
    references_arrange,
    references_attention,
    references_conv,
    references_conv_more,
    references_ctc,
    references_elementary,
    references_loss,
    references_products,
    references_recurrent,
)


def _filled(template, indices):
    """Return an index with its arrays in place of the placeholders."""
    arrays = iter(indices)
    return tuple(next(arrays) if type(p) is object else p for p in template)


def _getitem(x, *indices, template):
    return x[_filled(template, indices)]


def _index_add(x, value, *indices, template):
    y = x.copy()
    np.add.at(y, _filled(template, indices), value)
    return y


def _clip(x, min=None, max=None):
    return np.clip(x, min, max)


def _linear(x, weight, bias):
    return np.matmul(x, weight) + (0 if bias is None else bias)


def log_softmax(x, axis=-1):
    """Subtract the largest first: SciPy's does not where that is infinite."""
    shifted = x - np.max(x, axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis, keepdims=True))


def _cross_entropy(
    logits,
    target,
    weight=None,
    ignore_index=None,
    label_smoothing=0.0,
    reduction="mean",
):
    classes = logits.shape[-1]
    weight = np.ones(classes) if weight is None else weight
    counts = target != ignore_index
    one_hot = np.eye(classes)[np.where(counts, target, 0)]
    masses = (1 - label_smoothing) * one_hot + label_smoothing / classes
    masses = np.where((masses != 0) & counts[..., None], masses * weight, 0)
    losses = np.where(masses != 0, -masses * log_softmax(logits), 0).sum(axis=-1)
    total = np.sum(weight[target[counts]])
    by_name = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / (total or 1)}
    return by_name[reduction]


REFERENCES = {
    "Abs": np.abs,
    "Add": np.add,
    "All": np.all,
    "Any": np.any,
    "ArgMax": np.argmax,
    "ArgMin": np.argmin,
    "Astype": lambda x, dtype: x.astype(dtype),
    "BroadcastTo": lambda x, target: np.broadcast_to(x, target),
    "Clip": _clip,
    "Concat": lambda *xs, axis=0: np.concatenate(xs, axis),
    "Divide": np.divide,
    "Equal": np.equal,
    "Exp": np.exp,
    "ExpandDims": np.expand_dims,
    "Expm1": np.expm1,
    "FloorDivide": np.floor_divide,
    "GetItem": _getitem,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "IndexAdd": _index_add,
    "IsFinite": np.isfinite,
    "IsInf": np.isinf,
    "IsNan": np.isnan,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Linear": _linear,
    "Log": np.log,
    "Log1p": np.log1p,
    "LogSoftmax": log_softmax,
    "LogSumExp": scipy.special.logsumexp,
    "LogicalAnd": np.logical_and,
    "LogicalNot": np.logical_not,
    "LogicalOr": np.logical_or,
    "Matmul": np.matmul,
    "Max": np.max,
    "Maximum": np.maximum,
    "Mean": np.mean,
    "Min": np.min,
    "Minimum": np.minimum,
    "Multiply": np.multiply,
    "Negative": np.negative,
    "NotEqual": np.not_equal,
    "PermuteDims": np.transpose,
    "Positive": np.positive,
    "Power": np.power,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, 0),
    "Remainder": np.remainder,
    "Reshape": lambda x, target: np.reshape(x, target),
    "Sigmoid": scipy.special.expit,
    "Sign": np.sign,
    "Softmax": lambda x, axis=-1: scipy.special.softmax(x, axis),
    "SoftmaxCrossEntropy": _cross_entropy,
    "Sqrt": np.sqrt,
    "Square": np.square,
    "Squeeze": np.squeeze,
    "Subtract": np.subtract,
    "Sum": np.sum,
    "Take": lambda x, indices, axis=0: np.take(x, indices, axis),
    "Tanh": np.tanh,
    "WeightedSoftmaxCrossEntropy": _cross_entropy,
    "Where": np.where,
}

# From an operation's name to the reason why nothing outside xdl computes the same.
NO_REFERENCE = {}

# The gradients of the sum of the output, for the case of an operation that is not
# smooth: what PyTorch 2.13 computes for the same numbers.
GRADIENTS_AT_KINKS = {
    "Abs": [[-1.0, 0.0, 1.0]],
    "Clip": [[0.0, 1.0, 1.0, 0.0]],
    "LogSoftmax": [[[-1.0, 1.0], [0.0, 0.0]]],
    "LogSumExp": [[0.5, 0.0, 0.5]],
    "Max": [[0.0, 0.5, 0.5]],
    "Maximum": [[0.5, 0.0], [0.5, 1.0]],
    "Min": [[0.5, 0.5, 0.0]],
    "Minimum": [[0.5, 1.0], [0.5, 0.0]],
    "Power": [[[0.0, 0.0, 0.0, 12.0]], [[0.0, 0.0, np.log(2), np.nan]]],
    "Relu": [[0.0, 0.0, 1.0]],
    "Softmax": [[[0.0, 0.0], [0.0, 0.0]]],
    "SoftmaxCrossEntropy": [[[0.0, 0.0], [0.25, -0.25]]],
}

REFERENCES |= references_products.REFERENCES
REFERENCES |= references_elementary.REFERENCES
GRADIENTS_AT_KINKS |= references_elementary.GRADIENTS_AT_KINKS
REFERENCES |= references_loss.REFERENCES
GRADIENTS_AT_KINKS |= references_loss.GRADIENTS_AT_KINKS
REFERENCES |= references_arrange.REFERENCES
GRADIENTS_AT_KINKS |= references_arrange.GRADIENTS_AT_KINKS
REFERENCES |= references_activation.REFERENCES
GRADIENTS_AT_KINKS |= references_activation.GRADIENTS_AT_KINKS
REFERENCES |= references_attention.REFERENCES
REFERENCES |= references_recurrent.REFERENCES
GRADIENTS_AT_KINKS |= references_recurrent.GRADIENTS_AT_KINKS
REFERENCES |= references_conv.REFERENCES
REFERENCES |= references_conv_more.REFERENCES
REFERENCES |= references_ctc.REFERENCES
GRADIENTS_AT_KINKS |= references_ctc.GRADIENTS_AT_KINKS
GRADIENTS_AT_KINKS |= references_conv.GRADIENTS_AT_KINKS

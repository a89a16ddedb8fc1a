"""What the losses are compared with: SciPy, scikit-learn and sums of logarithms."""

import numpy as np
import scipy.spatial.distance
import scipy.special

from tests.ops.activation.references import log_softmax
from tests.ops.loss.ctc_paths import ctc_loss


def _reduced(losses, reduction="mean", divisor=None):
    losses = np.asarray(losses)
    if reduction == "none":
        return losses
    return losses.sum() / {
        "sum": 1,
        "batchmean": len(losses) if losses.ndim else 1,
    }.get(reduction, divisor or losses.size)


def _squared_distance(x, target):
    return scipy.spatial.distance.sqeuclidean(x.ravel(), target.ravel())


def _half_squared_distance_per_sample(x, target):
    return 0.5 * _squared_distance(x, target) / (len(x) if x.ndim else 1)


def _huber(x, target, delta=1.0, reduction="mean"):
    return _reduced(scipy.special.huber(delta, x - target), reduction)


def _smooth_l1(x, target, beta=1.0, reduction="mean"):
    return _reduced(scipy.special.huber(beta, x - target) / beta, reduction)


def _binary(x, target, weight=None, reduction="mean"):
    right = np.maximum(np.log(x), -100)
    wrong = np.maximum(np.log1p(-x), -100)
    losses = -target * right - (1 - target) * wrong
    return _reduced(_weighed(1 if weight is None else weight, losses), reduction)


def _weighed(weight, values):
    """Return the products, 0 where the weight is 0."""
    return np.where(weight == 0, 0, weight * values)


def _binary_with_logits(x, target, weight=None, pos_weight=None, reduction="mean"):
    positive = 1 if pos_weight is None else pos_weight
    right, wrong = scipy.special.log_expit(x), scipy.special.log_expit(-x)
    losses = _weighed(positive * target, -right) + _weighed(1 - target, -wrong)
    return _reduced(_weighed(1 if weight is None else weight, losses), reduction)


def _kl_div(x, target, log_target=False, reduction="mean"):
    mass, logarithm = target, np.log(target)
    if log_target:
        mass, logarithm = np.exp(target), target
    losses = np.where(mass == 0, 0, mass * (logarithm - x))
    return _reduced(losses, reduction)


def _nll(x, target, weight=None, ignore_index=None, reduction="mean"):
    classes = x.shape[-1]
    weight = np.ones(classes) if weight is None else weight
    counts = target != ignore_index
    labels = np.where(counts, target, 0)
    factors = np.where(counts, weight[labels], 0)
    picked = np.take_along_axis(x, labels[..., None], -1)[..., 0]
    losses = np.where(factors != 0, -picked * factors, 0)
    return _reduced(losses, reduction, factors.sum() or 1)


def _hinge(x, target, margin=1.0, reduction="mean"):
    return _reduced(np.maximum(margin - target * x, 0), reduction)


def _cosine(x1, x2, target, margin=0.0, reduction="mean"):
    rows = zip(x1.reshape(-1, x1.shape[-1]), x2.reshape(-1, x2.shape[-1]), strict=True)
    far = [scipy.spatial.distance.cosine(a, b) for a, b in rows]
    cosine = 1 - np.reshape(far, target.shape)
    unlike = np.maximum(cosine - margin, 0)
    return _reduced(np.where(target == 1, 1 - cosine, unlike), reduction)


def _triplet(anchor, positive, negative, margin=1.0, swap=False, reduction="mean"):
    near = np.linalg.norm(anchor - positive + 1e-6, axis=-1)
    far = np.linalg.norm(anchor - negative + 1e-6, axis=-1)
    if swap:
        far = np.minimum(far, np.linalg.norm(positive - negative + 1e-6, axis=-1))
    return _reduced(np.maximum(margin + near - far, 0), reduction)


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


def _mass_cross_entropy(logits, masses):
    with np.errstate(invalid="ignore"):
        each = np.where(masses == 0, 0.0, masses * log_softmax(logits))
    return -each.sum(axis=-1)


REFERENCES = {
    "BinaryCrossEntropy": _binary,
    "BinaryCrossEntropyWithLogits": _binary_with_logits,
    "CosineEmbeddingLoss": _cosine,
    "CtcLoss": ctc_loss,
    "HingeLoss": _hinge,
    "HuberLoss": _huber,
    "KlDiv": _kl_div,
    "L1Loss": lambda x, target, **options: _reduced(np.abs(x - target), **options),
    "MeanSquaredError": lambda x, target, **options: _reduced(
        (x - target) ** 2, **options
    ),
    "NllLoss": _nll,
    "SmoothL1Loss": _smooth_l1,
    "SoftmaxCrossEntropy": _cross_entropy,
    "SquareError": _half_squared_distance_per_sample,
    "TripletLoss": _triplet,
    "MassCrossEntropy": _mass_cross_entropy,
    "WeightedSoftmaxCrossEntropy": _cross_entropy,
}

"""What in xdl says the same as PyTorch's modules that are losses."""

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut
from tests.oracle.twins import Twin, function_twin

nn = xdl.nn


def _loss(layer):
    """Return the twin of a loss of an output and a target."""

    def call(output, target):
        layer.forward(output)
        return layer.loss(target)

    return Twin(call)


def _array(tensor):
    return None if tensor is None else tensor.numpy(force=True)


def _classes_last(x):
    return xdl.moveaxis(x, 1, -1) if x.ndim > 1 else x


def _nll(m):
    layer = nn.NLLLoss(_array(m.weight), m.ignore_index, m.reduction)
    return Twin(lambda x, target: _said(layer, _classes_last(x), target))


def _said(layer, output, target):
    layer.forward(output)
    return layer.loss(target)


def _cross_entropy(m):
    def call(x, target):
        if target.shape == x.shape:  # probabilities
            target = _classes_last(target)
            options = _array(m.weight), None, m.label_smoothing, m.reduction
            return xdl.softmax_cross_entropy(_classes_last(x), target, *options)
        return _entropy(m, _classes_last(x), _labels(target))

    return Twin(call)


def _labels(target):
    if isinstance(target, xdl.Variable) or target.dtype.kind == "f":
        raise LeftOut("xdl takes labels, not probabilities")
    return target


def _entropy(m, logits, target):
    weight = _array(m.weight)
    if m.reduction == "mean" and (target == m.ignore_index).all():
        raise LeftOut("PyTorch's mean over ignored labels alone is NaN, xdl's is 0")
    if weight is None and (target != m.ignore_index).all() and not m.label_smoothing:
        return xdl.softmax_cross_entropy(logits, target, reduction=m.reduction)
    return xdl.softmax_cross_entropy(
        logits, target, weight, m.ignore_index, m.label_smoothing, m.reduction
    )


def _linear_cross_entropy(m):
    classes = (m.num_classes, *m.out_features)

    def call(w, x, target):
        prefix = "" if "weight" in w else "linear."
        bias = w.get(f"{prefix}bias")
        logits = xdl.linear(x, xdl.transpose(w[f"{prefix}weight"]), bias)
        logits = xdl.reshape(logits, (*x.shape[:-1], *classes))
        if m.out_features:
            logits = _classes_last(logits)
        return _entropy(m, logits, _labels(target))

    return function_twin(m, call)


def _ctc(m):
    layer = nn.CTCLoss(m.blank, m.reduction, m.zero_infinity)

    def call(x, targets, times, counts):
        times, counts = np.atleast_1d(times), np.atleast_1d(counts)
        is_alone = x.ndim == 2
        x = xdl.expand_dims(x, 1) if is_alone else x
        if targets.ndim == 1:
            ends = np.cumsum(counts)
            rows = np.split(targets, ends[:-1])
            targets = np.zeros((len(counts), max(counts.max(), 1)), targets.dtype)
            for i, row in enumerate(rows):
                targets[i, : counts[i]] = row[: counts[i]]
        x = xdl.log_softmax(x)  # PyTorch's gradient is that of the scores before it
        loss = _said(layer, x, (targets, times, counts))
        return loss[0] if is_alone and m.reduction == "none" else loss

    return Twin(call)


def _cosine(m):
    layer = nn.CosineEmbeddingLoss(m.margin, m.reduction)

    def call(a, b, target):
        labels = target.numpy() if isinstance(target, xdl.Variable) else target
        if not np.isin(labels, (-1, 1)).all():
            raise LeftOut("xdl takes labels that are -1 or 1")
        return _said(layer, (a, b), labels.astype("int64"))

    return Twin(call)


def _kl_div(m):
    layer = nn.KLDivLoss(m.reduction, m.log_target)

    def call(output, target):
        if m.reduction == "batchmean" and not output.ndim:
            raise LeftOut("xdl refuses the mean over a batch of a single number")
        return _said(layer, output, target)

    return Twin(call)


def _huber(m):
    return _loss(nn.HuberLoss(m.delta, m.reduction))


LOSSES = {
    "BCELoss": lambda m: _loss(nn.BCELoss(_array(m.weight), m.reduction)),
    "BCEWithLogitsLoss": lambda m: _loss(
        nn.BCEWithLogitsLoss(_array(m.weight), _array(m.pos_weight), m.reduction)
    ),
    "CTCLoss": _ctc,
    "CosineEmbeddingLoss": _cosine,
    "CrossEntropyLoss": _cross_entropy,
    "HuberLoss": _huber,
    "KLDivLoss": _kl_div,
    "L1Loss": lambda m: _loss(nn.L1Loss(m.reduction)),
    "LinearCrossEntropyLoss": _linear_cross_entropy,
    "MSELoss": lambda m: _loss(nn.MSELoss(m.reduction)),
    "NLLLoss": _nll,
    "SmoothL1Loss": lambda m: _loss(nn.SmoothL1Loss(m.beta, m.reduction)),
}

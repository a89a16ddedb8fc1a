"""PyTorch's calls for the family loss."""

import warnings

import numpy as np
import pytest

import xdl
from tests.ops.loss.ctc_paths import paths
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
_NO_PATH = "an empty sum has no gradient; PyTorch's own loss gives NaN, as xdl does"
_KINK = {"case 10 second_gradient": "the slope jumps there; each takes one side's"}
_WARNS = "PyTorch warns that its mean is not the divergence"


def _xdl_ctc_loss(x, *args, **options):
    """Call xdl; PyTorch's gradient is that of the scores before ``log_softmax``."""
    return xdl.ctc_loss(xdl.log_softmax(x), *args, **options)


def _torch_ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """Add up every path, so that PyTorch differentiates the loss as it is written."""
    losses = []
    for i, (time, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        found = paths(time, log_probs.shape[2], targets[i, :count].tolist(), blank)
        times = torch.arange(int(time))
        sums = [log_probs[times, i, list(path)].sum() for path in found]
        least = 0.0 if zero_infinity else torch.inf
        loss = -torch.stack(sums).logsumexp(0) if found else log_probs.new_tensor(least)
        losses.append(loss)
    losses = torch.stack(losses)
    if reduction == "mean":
        return (losses / target_lengths.clamp_min(1)).mean()
    return losses.sum() if reduction == "sum" else losses


def _torch_binary(x, target, weight=None, **options):
    if weight is not None and weight.requires_grad:
        reduction = options.pop("reduction", "mean")
        losses = F.binary_cross_entropy(x, target, reduction="none") * weight
        return losses if reduction == "none" else getattr(losses, reduction)()
    return F.binary_cross_entropy(x, target, weight, **options)


def _torch_binary_with_logits(x, target, weight=None, pos_weight=None, **options):
    return F.binary_cross_entropy_with_logits(
        x, target, weight, pos_weight=pos_weight, **options
    )


def _xdl_cosine(x1, x2, target, **options):
    labels = target.numpy() if isinstance(target, xdl.Variable) else target
    if not np.isin(labels, (-1, 1)).all():
        pytest.skip("PyTorch takes labels that are neither -1 nor 1, for no loss")
    return xdl.cosine_embedding_loss(x1, x2, labels.astype("int64"), **options)


def _torch_cosine(x1, x2, target, margin=0.0, reduction="mean"):
    rows = x1.reshape(-1, x1.shape[-1]), x2.reshape(-1, x2.shape[-1])
    loss = F.cosine_embedding_loss(
        *rows, target.reshape(-1), margin, reduction=reduction
    )
    return loss.reshape(target.shape) if reduction == "none" else loss


def _torch_hinge(x, target, margin=1.0, reduction="mean"):
    losses = F.relu(margin - target * x)
    return losses if reduction == "none" else getattr(losses, reduction)()


def _torch_kl_div(x, target, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its mean is not the divergence
        return F.kl_div(x, target, **options)


def _torch_nll(x, target, weight=None, ignore_index=-100, **options):
    if (target == ignore_index).all():
        pytest.skip("PyTorch's mean over ignored labels alone is NaN, xdl's is 0")
    rows = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x
    labels = target.reshape(rows.shape[:-1])
    loss = F.nll_loss(rows, labels, weight, ignore_index=ignore_index, **options)
    return loss.reshape(target.shape) if options.get("reduction") == "none" else loss


def _xdl_nll(x, target, weight=None, ignore_index=-100, reduction="mean"):
    counted = target[target != ignore_index]
    if counted.size == 0 or (weight is not None and not weight[counted].any()):
        pytest.skip("PyTorch's mean over no samples is NaN, xdl refuses it or gives 0")
    order = (0, *range(2, x.ndim), 1) if x.ndim > 1 else (0,)
    x = xdl.permute_dims(x, order)
    return xdl.nll_loss(x, target, weight, ignore_index, reduction)


def _xdl_cross_entropy(x, target, **options):
    order = (0, *range(2, x.ndim), 1) if x.ndim > 1 else (0,)
    if target.shape == x.shape:  # probabilities
        target = xdl.permute_dims(target, order)
        options.pop("ignore_index", None)  # PyTorch ignores it
    return xdl.softmax_cross_entropy(xdl.permute_dims(x, order), target, **options)


def _xdl_masses(x, masses):
    return xdl.softmax_cross_entropy(x, masses, reduction="none")


def _torch_masses(x, masses):
    return -(masses * F.log_softmax(x, -1)).sum(-1)


def torch_cross_entropy(logits, target, weight=None, ignore_index=-100, **options):
    """Call PyTorch with the classes on the last axis, as xdl has them."""
    if (target == ignore_index).all():
        pytest.skip("PyTorch's mean over ignored labels alone is NaN, xdl's is 0")
    rows = logits.reshape(-1, logits.shape[-1]) if logits.ndim > 1 else logits
    loss = F.cross_entropy(
        rows,
        target.reshape(rows.shape[:-1]),
        weight,
        ignore_index=ignore_index,
        **options,
    )
    return loss.reshape(target.shape) if options.get("reduction") == "none" else loss


ROWS = (
    Row("binary_cross_entropy", as_torch=_torch_binary),
    Row(
        "binary_cross_entropy_with_logits",
        as_torch=_torch_binary_with_logits,
        constant=("weight", "pos_weight"),
    ),
    Row("cosine_embedding_loss", as_torch=_torch_cosine, as_xdl=_xdl_cosine),
    Row(
        "ctc_loss",
        as_torch=_torch_ctc_loss,
        as_xdl=_xdl_ctc_loss,
        differs={
            "case 6 gradient": _NO_PATH,
            "case 6 second_gradient": _NO_PATH,
            "nn.functional.ctc_loss second_gradient": "PyTorch has none",
        },
    ),
    Row("hinge_loss", samples=(), as_torch=_torch_hinge),
    Row("huber_loss", differs=_KINK),
    Row(
        "kl_div",
        as_torch=_torch_kl_div,
        differs={f"nn.functional.kl_div-{i}": _WARNS for i in (2, 3, 10, 11)},
    ),
    Row("nll_loss", as_torch=_torch_nll, as_xdl=_xdl_nll, constant=("weight",)),
    Row("smooth_l1_loss", differs=_KINK),
    Row(
        "softmax_cross_entropy", as_torch=torch_cross_entropy, as_xdl=_xdl_cross_entropy
    ),
    Row(
        "softmax_cross_entropy",
        op="WeightedSoftmaxCrossEntropy",
        samples=(),
        as_torch=torch_cross_entropy,
        constant=("weight",),
    ),
    Row(
        "softmax_cross_entropy",
        op="MassCrossEntropy",
        samples=(),
        as_torch=_torch_masses,
        as_xdl=_xdl_masses,
    ),
    Row(
        "square_error",
        samples=(),
        as_torch=lambda x, t: (
            0.5 * F.mse_loss(x, t, reduction="sum") / len(torch.atleast_1d(x))
        ),
    ),
    Row("triplet_loss", op="TripletLoss"),
)

"""softmax_cross_entropy with all its options, beside PyTorch's cross_entropy."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import ORDERS, VALUE, assert_same, in_torch, in_xdl, torch
from tests.oracle.torch_calls.loss import torch_cross_entropy

LABELS = [0, 3, 1, 1, 2, 0]
WEIGHT = [0.5, 0.0, 2.0, 1.25]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("ignored", [None, 1, -1])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_loss_with_options(
    weight, ignored, smoothing, reduction, dtype, order, rng, count_sample
):
    logits = torch.tensor(rng.normal(0, 3, (6, 4)), dtype=dtype, requires_grad=True)
    labels = torch.tensor(LABELS)
    labels[2] = labels[2] if ignored is None else ignored
    options = {"label_smoothing": smoothing, "reduction": reduction}
    options["weight"] = None if weight is None else torch.tensor(weight, dtype=dtype)
    count_sample("softmax_cross_entropy")

    actual = in_xdl(
        order,
        xdl.softmax_cross_entropy,
        *(logits, labels),
        ignore_index=ignored,
        **options,
    )

    if ignored is not None:
        options["ignore_index"] = ignored
    assert_same(in_torch(order, torch_cross_entropy, logits, labels, **options), actual)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("logits", [[[1e4, -1e4]], [[1000.0, 1000.0]], [[0.0, np.nan]]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_of_extreme_logits(dtype, logits, order, count_sample):
    x = torch.tensor(logits, dtype=dtype, requires_grad=True)
    labels = torch.tensor([1])
    count_sample("softmax_cross_entropy")

    actual = in_xdl(order, xdl.softmax_cross_entropy, x, labels)

    assert_same(in_torch(order, torch_cross_entropy, x, labels), actual)


def test_mean_over_ignored_labels_alone_is_0_where_torch_gives_nan(count_sample):
    x, labels = torch.ones(2, 3), torch.tensor([-1, -1])
    count_sample("softmax_cross_entropy")

    actual = in_xdl(VALUE, xdl.softmax_cross_entropy, x, labels, ignore_index=-1)

    theirs = torch.nn.functional.cross_entropy(x, labels, ignore_index=-1)
    assert (0.0, True) == (actual[0].item(), theirs.isnan().item())

"""PyTorch's database of modules: its samples, given to xdl's layers and losses."""

import collections
import functools
import warnings

import pytest

from tests.oracle.nodes.call import LeftOut
from tests.oracle.twins import (
    DTYPES,
    MODES,
    assert_twins_agree,
    default_dtype,
    made,
    module_db,
    samples,
)
from tests.oracle.twins_layers import LAYERS
from tests.oracle.twins_losses import LOSSES
from tests.oracle.twins_sequences import SEQUENCES

TWINS = LAYERS | LOSSES | SEQUENCES
USES = [
    (info.name, mode, dtype, i)
    for info in module_db
    for mode in (MODES if info.train_and_eval_differ else ["train"])
    for dtype in DTYPES
    for i in range(len(samples(info.name, mode, dtype)))
]
_BLOCK = "xdl's block is GPT's; test_transformer.py compares it"
OTHERWISE = {
    "MultiheadAttention": "xdl's attends to its input alone; test_attention_layer.py",
    "TransformerEncoder": _BLOCK,
    "TransformerEncoderLayer": _BLOCK,
}
# PyTorch's own sums over 50 times are 6e-5 off in float32, as ours are.
ATOL = {("nn.CTCLoss", "float32"): 2e-4}
LEFT_OUT = {
    "PyTorch's mean over ignored labels alone is NaN, xdl's is 0": 2,
    "xdl has no AdaptiveAvgPool3d": 10,
    "xdl has no AdaptiveMaxPool1d": 4,
    "xdl has no AdaptiveMaxPool2d": 8,
    "xdl has no AdaptiveMaxPool3d": 12,
    "xdl has no AvgPool3d": 30,
    "xdl has no BatchNorm3d": 28,
    "xdl has no CircularPad1d": 8,
    "xdl has no CircularPad2d": 8,
    "xdl has no CircularPad3d": 8,
    "xdl has no FractionalMaxPool2d": 10,
    "xdl has no FractionalMaxPool3d": 12,
    "xdl has no GaussianNLLLoss": 10,
    "xdl has no HingeEmbeddingLoss": 20,
    "xdl has no LPPool1d": 6,
    "xdl has no LPPool2d": 6,
    "xdl has no LPPool3d": 6,
    "xdl has no LocalResponseNorm": 6,
    "xdl has no MarginRankingLoss": 10,
    "xdl has no MaxPool3d": 8,
    "xdl has no MultiLabelMarginLoss": 16,
    "xdl has no MultiLabelSoftMarginLoss": 10,
    "xdl has no MultiMarginLoss": 14,
    "xdl has no PoissonNLLLoss": 14,
    "xdl has no SoftMarginLoss": 8,
    "xdl has no Transformer": 128,
    "xdl has no TransformerDecoderLayer": 134,
    "xdl has no transposed convolution of volumes": 4,
    "xdl refuses the mean of an empty batch": 4,
    "xdl refuses the mean over a batch of a single number": 2,
    "xdl takes labels, not probabilities": 144,
    "xdl's LSTM has no projection": 64,
    "xdl's attends to its input alone; test_attention_layer.py": 256,
    "xdl's block is GPT's; test_transformer.py compares it": 296,
    "xdl's convolution takes numbers for its padding": 12,
    "xdl's instance_norm follows no statistics": 24,
    "xdl's layer follows the statistics always": 8,
    "xdl's layer has no plain average of all batches": 8,
    "xdl's layers are told their channels": 36,
    "xdl's mean divides by the size of the window": 6,
    "xdl's pooling has no ceil_mode and tells no positions": 4,
    "xdl's softplus is never cut to the line": 4,
}


@functools.cache
def compared(name, mode, dtype, number):
    """Compare one sample; return None, or why it is left out."""
    kind = name.removeprefix("nn.")
    if kind not in TWINS:
        return OTHERWISE.get(kind, f"xdl has no {kind}")
    try:
        theirs, args, kwargs = made(name, mode, dtype, number)
        with default_dtype(dtype):
            twin = TWINS[kind](theirs)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="torch")
            atol = ATOL.get((name, dtype))
            assert_twins_agree(theirs, twin, args, kwargs, dtype, atol)
    except LeftOut as reason:
        return str(reason)
    return None


@pytest.mark.parametrize(("name", "mode", "dtype", "number"), USES)
def test_sample_gives_what_torch_gives(name, mode, dtype, number):
    reason = compared(name, mode, dtype, number)

    if reason:
        pytest.skip(reason)


def test_every_sample_is_compared_or_left_out_for_a_stated_reason():
    found = {use: compared(*use) for use in USES}
    reasons = collections.Counter(reason for reason in found.values() if reason)
    numbers = {(name, i) for (name, _, _, i), reason in found.items() if not reason}

    assert LEFT_OUT == dict(reasons)
    assert len(numbers) >= 506

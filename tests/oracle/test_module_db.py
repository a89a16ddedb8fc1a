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
LEFT_OUT = {}


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
            assert_twins_agree(theirs, twin, args, kwargs, dtype)
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

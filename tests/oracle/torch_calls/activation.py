"""PyTorch's calls for the family activation."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
_KINK = "the slope jumps there; each takes one side's"
_EMPTY_AXIS = "xdl refuses a softmax over an empty axis"


def _torch_hard_sigmoid(x):
    """Spell it out: PyTorch's own rounds 1 / 6 to float32, and has one gradient."""
    return F.relu6(x + 3) / 6


def _xdl_softplus(x, beta=1.0, threshold=20.0):
    if threshold != 20:
        pytest.skip("xdl.softplus takes no threshold: it never overflows")
    return xdl.softplus(x, beta)


ROWS = (
    Row("celu", differs={"case 4 second_gradient": _KINK}),
    Row("elu", differs={"case 4 second_gradient": _KINK}),
    Row("hard_sigmoid", samples=(), as_torch=_torch_hard_sigmoid),
    Row("hard_swish", differs={"case 4 second_gradient": _KINK}),
    Row("log_softmax", differs={"log_softmax-5": _EMPTY_AXIS}),
    Row("prelu", differs={"case 6 second_gradient": _KINK}),
    Row("selu", differs={"case 3 second_gradient": _KINK}),
    Row("softmax", differs={"softmax-5": _EMPTY_AXIS}),
    Row("softplus", as_xdl=_xdl_softplus),
)

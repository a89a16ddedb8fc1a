"""An infinite gradient: where PyTorch passes on 0, xdl does not make it NaN."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.test_against_torch import USES, tensors_of

# From an operation to why 0 times infinity, NaN, comes out where PyTorch has no NaN.
_UNDERFLOW = "the slope, computed from the output, rounds to 0; PyTorch's does not"
EXCUSED = {
    "CELU-4": _UNDERFLOW,
    "CumulativeProd-7": "a product with zeros has exact zeros among its factors",
    "ELU-4": _UNDERFLOW,
    "SELU-3": _UNDERFLOW,
    "SiLU-3": _UNDERFLOW,
    "Sigmoid-3": _UNDERFLOW,
}


def _gradients(row, case, gy_of):
    """Return the gradients of both frameworks from the gradient of the output."""
    tensors = tensors_of(row, case)
    y = row.call_torch(*tensors, **case.options)
    if not y.requires_grad or not y.numel():
        pytest.skip("no gradient flows")
    gy = gy_of(np.ones(y.shape))
    leaves = [t for t in tensors if t is not None and t.requires_grad]
    seed = torch.tensor(gy)
    theirs = torch.autograd.grad([y], leaves, [seed], allow_unused=True)
    inputs = [None if t is None else t.numpy(force=True) for t in tensors]
    inputs = [
        xdl.Variable(x) if x is not None and t.requires_grad else x
        for x, t in zip(inputs, tensors, strict=True)
    ]
    row.op_class(**case.options)(*inputs).backward(gy)
    ours = [x.grad for x in inputs if isinstance(x, xdl.Variable)]
    return theirs, ours


def _everywhere(gy):
    return gy * np.inf


def _at_the_first(gy):
    gy.reshape(-1)[0] = np.inf
    return gy


def _name(row, case):
    return f"{row.op_class.__name__}-{row.op_class.cases.index(case)}"


COMPARED = [param for param in USES if _name(*param.values) not in EXCUSED]


@pytest.mark.parametrize("gy_of", [_everywhere, _at_the_first])
@pytest.mark.parametrize(("row", "case"), COMPARED)
def test_infinite_gradient_makes_no_nan_where_pytorch_makes_none(row, case, gy_of):
    with np.errstate(all="ignore"):
        theirs, ours = _gradients(row, case, gy_of)

    added = [
        np.isnan(our) & ~np.isnan(their.numpy())
        for our, their in zip(ours, theirs, strict=True)
        if their is not None and our is not None
    ]
    assert not any(map(np.any, added))

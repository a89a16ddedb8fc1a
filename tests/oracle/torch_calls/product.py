"""PyTorch's calls for the family product."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
_ELLIPSIS = "xdl and NumPy refuse to sum over the axes of an ellipsis"
_ONE_FOR_MORE = "xdl and NumPy refuse axes of the lengths 1 and 2"


def _xdl_linear(x, weight, bias=None):
    if weight.ndim != 2:
        pytest.skip("xdl.linear takes a weight of two axes")
    return xdl.linear(x, xdl.transpose(weight), bias)


ROWS = (
    Row("dot", differs={"error dot-1": "xdl and NumPy multiply matrices too"}),
    Row(
        "einsum",
        as_torch=lambda *operands, subscripts: torch.einsum(subscripts, *operands),
        as_xdl=lambda operands, subscripts: xdl.einsum(subscripts, *operands),
        differs={"einsum-10": _ELLIPSIS},
    ),
    Row(
        "linear", as_torch=lambda x, w, b=None: F.linear(x, w.mT, b), as_xdl=_xdl_linear
    ),
    Row("tensordot", differs={"tensordot-2": _ONE_FOR_MORE}),
    Row("vecdot", as_xdl=lambda x1, x2, dim=-1: xdl.vecdot(x1, x2, dim)),
)

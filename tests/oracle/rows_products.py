"""The rows of further products, for the table in ``torch_counterparts.py``."""

import xdl
from tests.oracle.comparison import torch
from tests.oracle.counterpart import Counterpart as Row

_ONE_FOR_MORE = "xdl and NumPy refuse axes of the lengths 1 and 2"
_ELLIPSIS = "xdl and NumPy refuse to sum over the axes of an ellipsis"

ROWS = (
    Row("dot", differs={"error dot-1": "xdl and NumPy multiply matrices too"}),
    Row(
        "einsum",
        as_torch=lambda *operands, subscripts: torch.einsum(subscripts, *operands),
        as_xdl=lambda operands, subscripts: xdl.einsum(subscripts, *operands),
        differs={"einsum-10": _ELLIPSIS},
    ),
    Row("outer"),
    Row("tensordot", options={"axes": "dims"}, differs={"tensordot-2": _ONE_FOR_MORE}),
    Row(
        "vecdot",
        "linalg.vecdot",
        as_xdl=lambda x1, x2, dim=-1: xdl.vecdot(x1, x2, dim),
    ),
)

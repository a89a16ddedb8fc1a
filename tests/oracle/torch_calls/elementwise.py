"""PyTorch's calls for the family elementwise."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
_AT_THE_ORIGIN = "PyTorch's second gradient at the origin is NaN"
_IS_NAN = "PyTorch's gradient at the origin is NaN, xdl's is 0, as that of norm"
_FAR_APART = "PyTorch's second gradient is NaN where exp(x2 - x1) overflows"
_AT_0_TO_THE_0 = "PyTorch's second gradient of power is NaN at 0**0"


def _xdl_clip(x, min=None, max=None):
    if getattr(min, "ndim", 0) or getattr(max, "ndim", 0):
        pytest.skip("xdl.clip takes numbers as its ends")
    return xdl.clip(x, min, max)


ROWS = (
    Row("atan2", differs={"case 6 second_gradient": _AT_THE_ORIGIN}),
    Row("clip", as_xdl=_xdl_clip),
    Row(
        "hypot",
        differs={
            "case 6 gradient": _IS_NAN,
            "case 6 second_gradient": _IS_NAN,
        },
    ),
    Row("logaddexp", differs={"case 6 second_gradient": _FAR_APART}),
    Row("power", differs={"case 6 second_gradient": _AT_0_TO_THE_0}),
    Row(
        "where",
        as_torch=lambda condition, x, y: torch.where(condition != 0, x, y),
        as_xdl=lambda x, condition, y: xdl.where(condition, x, y),
    ),
)

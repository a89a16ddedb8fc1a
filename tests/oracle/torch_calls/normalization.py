"""PyTorch's calls for the family normalization."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional
_NO_WEIGHT = "PyTorch fails on a bias without a weight"


def _skip_negative(eps):
    if eps is not None and eps < 0:
        pytest.skip("xdl refuses a negative eps")


def _xdl_batch_norm(x, mean, var, weight=None, bias=None, training=False, **options):
    options.pop("momentum", None)
    _skip_negative(options.get("eps"))
    if x.ndim < 2 or x.size == 0:
        pytest.skip("xdl needs an axis of channels, and a batch")
    if training:
        mean = var = None
    return xdl.batch_norm(x, mean, var, weight, bias, **options)


def _torch_batch_norm(x, weight, bias, eps=1e-5):
    return F.batch_norm(x, None, None, weight, bias, True, eps=eps)


def _xdl_group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    _skip_negative(eps)
    return xdl.group_norm(x, groups, weight, bias, eps)


def _xdl_instance_norm(x, weight=None, bias=None, **options):
    _skip_negative(options.get("eps"))
    if not options.get("use_input_stats", True):
        pytest.skip("xdl.instance_norm takes no statistics")
    return xdl.instance_norm(x, weight, bias, options.get("eps", 1e-5))


def _xdl_layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    _skip_negative(eps)
    return xdl.layer_norm(x, shape, weight, bias, eps)


def _torch_layer_norm(x, weight, bias, features, eps=1e-5):
    shape = (features,) if isinstance(features, int) else features
    return F.layer_norm(x, shape, weight, bias, eps)


def _xdl_rms_norm(x, shape, weight=None, eps=None):
    _skip_negative(eps)
    eps = torch.finfo(torch.float64).eps if eps is None else eps
    return xdl.rms_norm(x, shape, weight, eps)


def _torch_rms_norm(x, weight, features, eps=1e-5):
    shape = (features,) if isinstance(features, int) else features
    return F.rms_norm(x, shape, weight, eps)


ROWS = (
    Row(
        "batch_norm",
        as_torch=_torch_batch_norm,
        as_xdl=_xdl_batch_norm,
        differs={"case 3 second_gradient": _NO_WEIGHT},
    ),
    Row("group_norm", as_xdl=_xdl_group_norm),
    Row("instance_norm", as_xdl=_xdl_instance_norm),
    Row(
        "layer_norm",
        as_torch=_torch_layer_norm,
        as_xdl=_xdl_layer_norm,
        differs={"case 3 second_gradient": _NO_WEIGHT},
    ),
    Row("rms_norm", as_torch=_torch_rms_norm, as_xdl=_xdl_rms_norm),
)

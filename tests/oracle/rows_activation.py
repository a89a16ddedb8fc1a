"""The rows of the activations, the normalizations and dropout.

They belong to the table in ``torch_counterparts.py``.
"""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.counterpart import Counterpart as Row
from tests.support.references_activation import dropout_mask

F = torch.nn.functional
_KINK = "the slope jumps there; each takes one side's"
_NO_WEIGHT = "PyTorch fails on a bias without a weight"


def _row(name, theirs=None, **options):
    return Row(name, f"nn.functional.{theirs or name}", **options)


def _skip_negative(eps):
    if eps is not None and eps < 0:
        pytest.skip("xdl refuses a negative eps")


def _xdl_layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    _skip_negative(eps)
    return xdl.layer_norm(x, shape, weight, bias, eps)


def _xdl_group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    _skip_negative(eps)
    return xdl.group_norm(x, groups, weight, bias, eps)


def _xdl_batch_norm(x, mean, var, weight=None, bias=None, training=False, **options):
    options.pop("momentum", None)
    _skip_negative(options.get("eps"))
    if x.ndim < 2 or x.size == 0:
        pytest.skip("xdl needs an axis of channels, and a batch")
    if training:
        mean = var = None
    return xdl.batch_norm(x, mean, var, weight, bias, **options)


def _xdl_instance_norm(x, weight=None, bias=None, **options):
    _skip_negative(options.get("eps"))
    if not options.get("use_input_stats", True):
        pytest.skip("xdl.instance_norm takes no statistics")
    return xdl.instance_norm(x, weight, bias, options.get("eps", 1e-5))


def _xdl_rms_norm(x, shape, weight=None, eps=None):
    _skip_negative(eps)
    eps = torch.finfo(torch.float64).eps if eps is None else eps
    return xdl.rms_norm(x, shape, weight, eps)


def _torch_layer_norm(x, weight, bias, features, eps=1e-5):
    shape = (features,) if isinstance(features, int) else features
    return F.layer_norm(x, shape, weight, bias, eps)


def _torch_rms_norm(x, weight, features, eps=1e-5):
    shape = (features,) if isinstance(features, int) else features
    return F.rms_norm(x, shape, weight, eps)


def _torch_batch_norm(x, weight, bias, eps=1e-5):
    return F.batch_norm(x, None, None, weight, bias, True, eps=eps)


def _torch_dropout(x, **options):
    return x * torch.tensor(dropout_mask(x.shape, **options)).to(x.dtype)


def _torch_hard_sigmoid(x):
    """Spell it out: PyTorch's own rounds 1 / 6 to float32, and has one gradient."""
    return F.relu6(x + 3) / 6


def _xdl_softplus(x, beta=1.0, threshold=20.0):
    if threshold != 20:
        pytest.skip("xdl.softplus takes no threshold: it never overflows")
    return xdl.softplus(x, beta)


ROWS = (
    _row(
        "batch_norm",
        as_torch=_torch_batch_norm,
        as_xdl=_xdl_batch_norm,
        differs={"case 3 second_gradient": _NO_WEIGHT},
    ),
    _row("celu", differs={"case 4 second_gradient": _KINK}),
    Row("dropout", samples=(), as_torch=_torch_dropout),
    _row("elu", differs={"case 4 second_gradient": _KINK}),
    _row("gelu"),
    _row("glu", options={"axis": "dim"}),
    _row("group_norm", as_xdl=_xdl_group_norm),
    _row("hard_sigmoid", samples=(), as_torch=_torch_hard_sigmoid),
    _row("hard_swish", "hardswish", differs={"case 4 second_gradient": _KINK}),
    _row("hard_tanh", "hardtanh", options={"min": "min_val", "max": "max_val"}),
    _row("instance_norm", as_xdl=_xdl_instance_norm),
    _row(
        "layer_norm",
        as_torch=_torch_layer_norm,
        as_xdl=_xdl_layer_norm,
        differs={"case 3 second_gradient": _NO_WEIGHT},
    ),
    _row("leaky_relu"),
    _row("mish"),
    _row("relu6"),
    _row("rms_norm", as_torch=_torch_rms_norm, as_xdl=_xdl_rms_norm),
    _row("selu", differs={"case 3 second_gradient": _KINK}),
    _row("silu"),
    _row("softplus", as_xdl=_xdl_softplus),
    _row("softsign"),
)

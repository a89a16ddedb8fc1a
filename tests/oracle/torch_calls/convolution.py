"""PyTorch's calls for the family convolution."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional


def xdl_conv(name, ndim):
    def call(x, *args, **options):
        if x.ndim != ndim:
            pytest.skip(f"xdl.{name} takes a batch")
        if any(isinstance(a, str) for a in (*args, *options.values())):
            pytest.skip(f"xdl.{name} takes its padding as numbers")
        return getattr(xdl, name)(x, *args, **options)

    return call


def _torch_by_input(g, weight, size, **options):
    channels = weight.shape[1] * options.get("groups", 1)
    function = getattr(torch.nn.grad, f"conv{g.ndim - 2}d_input")
    return function((len(g), channels, *size), weight, g, **options)


def _torch_by_weight(x, g, window, **options):
    shape = (g.shape[1], x.shape[1] // options.get("groups", 1), *window)
    function = getattr(torch.nn.grad, f"conv{g.ndim - 2}d_weight")
    return function(x, shape, g, **options)


def _xdl_interpolate(x, size=None, recompute_scale_factor=None, **options):
    if recompute_scale_factor:
        pytest.skip("xdl.interpolate takes the step from the factor that is given")
    options["align_corners"] = bool(options["align_corners"])
    return xdl.interpolate(x, size, **options)


def _torch_interpolate(x, size, steps=None, mode="nearest", align_corners=None):
    options = {"mode": mode, "align_corners": align_corners}
    if steps is None:
        return F.interpolate(x, size, **options)
    factors = [1 / step for step in steps]
    return F.interpolate(x, scale_factor=factors, **options)


def _torch_resized_back(g, size, **options):
    x = torch.zeros(*g.shape[:2], *size, dtype=g.dtype, requires_grad=True)
    y = _torch_interpolate(x, g.shape[2:], **options)
    return torch.autograd.grad(y, x, g, create_graph=True)[0]


ROWS = (
    Row("conv1d", as_xdl=xdl_conv("conv1d", 3)),
    Row("conv2d", as_xdl=xdl_conv("conv2d", 4)),
    Row("conv2d", op="Conv2dByInput", samples=(), as_torch=_torch_by_input),
    Row("conv2d", op="Conv2dByWeight", samples=(), as_torch=_torch_by_weight),
    Row("conv3d", as_xdl=xdl_conv("conv3d", 5)),
    Row("conv3d", op="Conv3dByInput", samples=(), as_torch=_torch_by_input),
    Row("conv3d", op="Conv3dByWeight", samples=(), as_torch=_torch_by_weight),
    Row("conv_transpose1d", as_xdl=xdl_conv("conv_transpose1d", 3)),
    Row("conv_transpose2d", as_xdl=xdl_conv("conv_transpose2d", 4)),
    Row("interpolate", as_torch=_torch_interpolate, as_xdl=_xdl_interpolate),
    Row(
        "interpolate", op="InterpolateByInput", samples=(), as_torch=_torch_resized_back
    ),
)

"""The rows of transposed and 3-D convolution, 1-D pooling and resizing."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.counterpart import Counterpart as Row
from tests.oracle.rows_conv import xdl_conv

F = torch.nn.functional


def _torch_by_input(g, weight, size, **options):
    channels = weight.shape[1] * options.get("groups", 1)
    return torch.nn.grad.conv3d_input((len(g), channels, *size), weight, g, **options)


def _torch_by_weight(x, g, window, **options):
    shape = (g.shape[1], x.shape[1] // options.get("groups", 1), *window)
    return torch.nn.grad.conv3d_weight(x, shape, g, **options)


def _xdl_max_pool1d(x, kernel_size=None, stride=None, padding=0, **options):
    if options.pop("ceil_mode", False) or options.pop("dilation", 1) not in (1, (1,)):
        pytest.skip("xdl.max_pool1d has no ceil_mode and no dilation")
    if options.pop("return_indices", False) or x.ndim == 2:
        pytest.skip("xdl.max_pool1d returns no indices and takes a batch")
    return xdl.max_pool1d(x, kernel_size, stride, padding)


def _xdl_avg_pool1d(x, kernel_size=None, stride=None, padding=0, **options):
    if options.get("ceil_mode") or not options.get("count_include_pad", True):
        pytest.skip("xdl.avg_pool1d has no ceil_mode and counts what is padded")
    return xdl.avg_pool1d(x, kernel_size, stride, padding)


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


_RESIZED = tuple(
    f"nn.functional.interpolate:{mode}"
    for mode in ("nearest", "linear", "bilinear", "trilinear")
)

ROWS = (
    Row("avg_pool1d", "nn.functional.avg_pool1d", as_xdl=_xdl_avg_pool1d),
    Row("conv3d", "nn.functional.conv3d", as_xdl=xdl_conv("conv3d", 5)),
    Row("conv3d", op="Conv3dByInput", samples=(), as_torch=_torch_by_input),
    Row("conv3d", op="Conv3dByWeight", samples=(), as_torch=_torch_by_weight),
    Row(
        "conv_transpose1d",
        "nn.functional.conv_transpose1d",
        as_xdl=xdl_conv("conv_transpose1d", 3),
    ),
    Row(
        "conv_transpose2d",
        "nn.functional.conv_transpose2d",
        as_xdl=xdl_conv("conv_transpose2d", 4),
    ),
    Row(
        "interpolate",
        samples=_RESIZED,
        as_xdl=_xdl_interpolate,
        as_torch=_torch_interpolate,
    ),
    Row(
        "interpolate", op="InterpolateByInput", samples=(), as_torch=_torch_resized_back
    ),
    Row("max_pool1d", "nn.functional.max_pool1d", as_xdl=_xdl_max_pool1d),
)

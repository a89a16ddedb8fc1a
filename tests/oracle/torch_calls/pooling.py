"""PyTorch's calls for the family pooling."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row

F = torch.nn.functional


def _xdl_adaptive(x, output_size):
    if x.ndim != 4 or (isinstance(output_size, tuple) and None in output_size):
        pytest.skip("xdl.adaptive_avg_pool2d takes a batch and two numbers")
    return xdl.adaptive_avg_pool2d(x, output_size)


def _xdl_avg_pool2d(x, kernel_size=None, stride=None, padding=0, *args, **options):
    counts = options.get("count_include_pad", True)
    if args or options.get("ceil_mode") or not counts:
        pytest.skip("xdl.avg_pool2d has no ceil_mode and counts what is padded")
    if options.get("divisor_override") or x.ndim != 4:
        pytest.skip("xdl.avg_pool2d takes the mean, and a batch")
    return xdl.avg_pool2d(x, kernel_size, stride or None, padding)


def _torch_shared(g, size, window, **options):
    x = torch.zeros(*g.shape[:2], *size, dtype=g.dtype, requires_grad=True)
    pooled = F.avg_pool2d(x, window, **options)
    return torch.autograd.grad(pooled, x, g, create_graph=True)[0]


def _xdl_max_pool2d(x, kernel_size=None, stride=None, padding=0, **options):
    if options.pop("ceil_mode", False) or options.pop("dilation", 1) not in (1, (1, 1)):
        pytest.skip("xdl.max_pool2d has no ceil_mode and no dilation")
    if options.pop("return_indices", False) or x.ndim != 4:
        pytest.skip("xdl.max_pool2d returns no indices and takes a batch")
    return xdl.max_pool2d(x, kernel_size, stride or None, padding)


def _torch_picked(x, winners, window, stride=None, padding=0):
    """Pick among the columns that PyTorch unfolds."""
    n, channels = x.shape[:2]
    columns = F.unfold(x, window, stride=stride or window, padding=padding)
    area = torch.nn.modules.utils._pair(window)
    columns = columns.reshape(n, channels, area[0] * area[1], -1)
    places = winners.reshape(n, channels, 1, -1)
    return columns.gather(2, places).reshape(winners.shape)


def _torch_unpicked(g, winners, size, **options):
    x = torch.zeros(*g.shape[:2], *size, dtype=g.dtype, requires_grad=True)
    picked = _torch_picked(x, winners, **options)
    return torch.autograd.grad(picked, x, g, create_graph=True)[0]


def _xdl_avg_pool1d(x, kernel_size=None, stride=None, padding=0, **options):
    if options.get("ceil_mode") or not options.get("count_include_pad", True):
        pytest.skip("xdl.avg_pool1d has no ceil_mode and counts what is padded")
    return xdl.avg_pool1d(x, kernel_size, stride, padding)


def _xdl_max_pool1d(x, kernel_size=None, stride=None, padding=0, **options):
    if options.pop("ceil_mode", False) or options.pop("dilation", 1) not in (1, (1,)):
        pytest.skip("xdl.max_pool1d has no ceil_mode and no dilation")
    if options.pop("return_indices", False) or x.ndim == 2:
        pytest.skip("xdl.max_pool1d returns no indices and takes a batch")
    return xdl.max_pool1d(x, kernel_size, stride, padding)


ROWS = (
    Row("adaptive_avg_pool2d", as_xdl=_xdl_adaptive),
    Row("avg_pool1d", as_xdl=_xdl_avg_pool1d),
    Row("avg_pool2d", as_xdl=_xdl_avg_pool2d),
    Row("avg_pool2d", op="AvgUnpool2d", samples=(), as_torch=_torch_shared),
    Row("max_pool1d", as_xdl=_xdl_max_pool1d),
    Row("max_pool2d", as_xdl=_xdl_max_pool2d),
    Row("max_pool2d", op="MaxPick2d", samples=(), as_torch=_torch_picked),
    Row("max_pool2d", op="MaxUnpool2d", samples=(), as_torch=_torch_unpicked),
)

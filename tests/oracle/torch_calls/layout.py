"""PyTorch's calls for the family layout."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row, no_single_numbers

F = torch.nn.functional
_LONG_AXIS_SAMPLES = ("squeeze-5", "squeeze-6", "squeeze:multiple-4")
_LONG_AXIS = "xdl and NumPy refuse to squeeze an axis that is longer than 1"


def _torch_flip(x, dims=None):
    axes = range(x.ndim) if dims is None else dims
    return x.flip((axes,) if isinstance(axes, int) else tuple(axes))


def _torch_pad(x, widths, value=0):
    pairs = widths if not isinstance(widths, int) else (widths, widths)
    pairs = pairs if pairs and isinstance(pairs[0], tuple) else (pairs,) * x.ndim
    flat = [width for pair in reversed(pairs) for width in pair]
    return F.pad(x, flat, value=value) if flat else x.clone()


def _xdl_pad(x, pad, mode="constant", value=0):
    if min(pad, default=0) < 0:
        pytest.skip("xdl.pad takes no negative widths")
    if mode not in ("constant", "reflect", "replicate"):
        pytest.skip(f"xdl.pad has no mode {mode}")
    pairs = [tuple(pad[i : i + 2]) for i in range(0, len(pad), 2)][::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    return xdl.pad(x, pairs, mode, value or 0)


def _xdl_repeat_interleave(x, repeats, dim=None, output_size=None):
    if x.ndim == 0:
        pytest.skip("a single number has no axis in xdl")
    return xdl.repeat(x, repeats, dim)


def _torch_part(x, cuts, axis, part):
    return x.clone() if part is None else torch.tensor_split(x, cuts, axis)[part]


def _xdl_tensor_split(x, sections, dim=0):
    if getattr(sections, "shape", None) == ():
        sections = int(sections)
    if isinstance(sections, int) and x.shape[dim] % sections:
        pytest.skip("xdl.split makes equal parts")
    if not isinstance(sections, int):
        sections = [int(n) for n in sections]
        if sections != sorted(sections) or min(sections, default=0) < 0:
            pytest.skip("xdl.split takes positions from 0 on in order")
    return xdl.split(x, sections, dim)


def _xdl_repeat(x, repetitions):
    return xdl.tile(x, repetitions)


@no_single_numbers
def _xdl_unbind(x, dim=0):
    return xdl.unstack(x, dim)


def _torch_unsqueeze(x, dim):
    for axis in sorted(dim) if isinstance(dim, tuple) else (dim,):
        x = x.unsqueeze(axis)
    return x


def _cast_to(dtype):
    return lambda x, memory_format=None: xdl.astype(x, dtype)


def _xdl_expand(x, shape):
    added = len(shape) - x.ndim
    kept = [x.shape[i - added] if n == -1 else n for i, n in enumerate(shape)]
    return xdl.broadcast_to(x, kept)


def _xdl_swap(x, axis1, axis2):
    if x.ndim == 0:
        pytest.skip("a single number has no axes to swap in xdl")
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return xdl.transpose(x, axes)


ROWS = (
    Row("astype", samples=(), as_torch=lambda x, dtype: x.to(getattr(torch, dtype))),
    Row(
        "concat",
        as_torch=lambda *xs, dim=0: torch.cat(xs, dim),
        differs={"cat-5": "xdl and NumPy do not skip arrays of shape (0,)"},
    ),
    Row("expand_dims", as_torch=_torch_unsqueeze),
    Row("flip", as_torch=_torch_flip),
    Row("pad", as_torch=_torch_pad, as_xdl=_xdl_pad),
    Row("repeat", as_xdl=_xdl_repeat_interleave),
    Row(
        "split",
        as_torch=lambda x, sections, axis=0, part=None: _torch_part(
            x, sections, axis, part
        ),
        as_xdl=_xdl_tensor_split,
    ),
    Row("squeeze", differs=dict.fromkeys(_LONG_AXIS_SAMPLES, _LONG_AXIS)),
    Row("stack", as_torch=lambda *xs, dim=0: torch.stack(xs, dim)),
    Row("swapaxes", as_xdl=no_single_numbers(xdl.swapaxes)),
    Row("tile", as_xdl=_xdl_repeat),
    Row("transpose", differs={"error t-0": "xdl reverses any number of axes"}),
    Row(
        "unstack",
        as_torch=lambda x, axis=0, part=None: (
            x.clone() if part is None else x.unbind(axis)[part]
        ),
        as_xdl=_xdl_unbind,
    ),
)


FURTHER_SAMPLES = (
    Row("astype", samples=("double",), as_xdl=_cast_to("float64")),
    Row("astype", samples=("float",), as_xdl=_cast_to("float32")),
    Row("astype", samples=("half",), as_xdl=_cast_to("float16")),
    Row("broadcast_to", samples=("expand",), as_xdl=_xdl_expand),
    Row("transpose", samples=("transpose",), as_xdl=_xdl_swap),
)

"""Which function of PyTorch each function of xdl.ops equals, and how it is called.

One row a function. A row says how the data of a ``Case`` call PyTorch (``options``
renames keywords, ``as_torch`` where that is not enough) and how the samples of
PyTorch's own operator database call xdl (``options`` backwards, or ``as_xdl``).
"""

import pytest

import xdl
from tests.oracle import (
    rows_activation,
    rows_arrange,
    rows_attention,
    rows_conv,
    rows_conv_more,
    rows_ctc,
    rows_elementary,
    rows_loss,
    rows_products,
    rows_recurrent,
)
from tests.oracle.comparison import torch
from tests.oracle.counterpart import Counterpart as Row

F = torch.nn.functional
_AXIS = {"axis": "dim"}
_AXES = {"axis": "dim", "keepdims": "keepdim"}
_TARGET = {"target": "shape"}
_SIZE = {"target": "size"}
_EMPTY_AXIS = "xdl refuses a softmax over an empty axis"
_LONG_AXIS_SAMPLES = ("squeeze-5", "squeeze-6", "squeeze:multiple-4")
_AT_0_TO_THE_0 = "PyTorch's second gradient of power is NaN at 0**0"
_LONG_AXIS = "xdl and NumPy refuse to squeeze an axis that is longer than 1"


def _filled(template, indices):
    """Return the index of a ``Case``: placeholders are plain objects."""
    arrays = iter(indices)
    return tuple(next(arrays) if type(part) is object else part for part in template)


def _torch_logsumexp(x, dim=None, keepdim=False):
    return x.logsumexp(tuple(range(x.ndim)) if dim is None else dim, keepdim)


def _torch_index_add(x, value, *indices, template):
    places = torch.arange(x.numel()).reshape(x.shape)[_filled(template, indices)]
    added = value.expand(places.shape).reshape(-1)
    return x.reshape(-1).index_add(0, places.reshape(-1), added).reshape(x.shape)


def _torch_unsqueeze(x, dim):
    for axis in sorted(dim) if isinstance(dim, tuple) else (dim,):
        x = x.unsqueeze(axis)
    return x


def _along(x, axis, index):
    """Return the index that picks along one axis."""
    return (slice(None),) * (axis % x.ndim) + (index,)


def _xdl_index_add(x, axis, index, source, alpha=1):
    if x.ndim == 0:
        pytest.skip("a single number has no axis to index in xdl")
    return xdl.index_add(x, _along(x, axis, index), alpha * source)


def _xdl_index_put(x, indices, values, accumulate=False):
    if not accumulate:
        pytest.skip("xdl.index_add always adds")
    return xdl.index_add(x, indices, values)


def _torch_take(x, indices, axis=0):
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis % x.ndim + 1 :])
    indices = indices.flatten() % x.shape[axis]  # negative ones are refused there
    return x.index_select(axis, indices).reshape(shape)


def _xdl_take(x, axis, index, out=None):
    if x.ndim == 0 or out is not None:
        pytest.skip("xdl.take takes no single number and no out")
    return xdl.take(x, index, axis)


def _xdl_cross_entropy(x, target, **options):
    if target.dtype.kind == "f":
        pytest.skip("xdl takes labels, not probabilities")
    order = (0, *range(2, x.ndim), 1) if x.ndim > 1 else (0,)
    return xdl.softmax_cross_entropy(xdl.permute_dims(x, order), target, **options)


def torch_cross_entropy(logits, target, weight=None, ignore_index=-100, **options):
    """Call PyTorch with the classes on the last axis, as xdl has them."""
    if (target == ignore_index).all():
        pytest.skip("PyTorch's mean over ignored labels alone is NaN, xdl's is 0")
    rows = logits.reshape(-1, logits.shape[-1]) if logits.ndim > 1 else logits
    loss = F.cross_entropy(
        rows,
        target.reshape(rows.shape[:-1]),
        weight,
        ignore_index=ignore_index,
        **options,
    )
    return loss.reshape(target.shape) if options.get("reduction") == "none" else loss


def _xdl_linear(x, weight, bias=None):
    if weight.ndim != 2:
        pytest.skip("xdl.linear takes a weight of two axes")
    return xdl.linear(x, xdl.transpose(weight), bias)


def _xdl_clip(x, min=None, max=None):
    if getattr(min, "ndim", 0) or getattr(max, "ndim", 0):
        pytest.skip("xdl.clip takes numbers as its ends")
    return xdl.clip(x, min, max)


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


def _cast_to(dtype):
    return lambda x, memory_format=None: xdl.astype(x, dtype)


COUNTERPARTS = (
    Row("abs"),
    Row("add"),
    Row("all", options=_AXES),
    Row("any", options=_AXES),
    Row("argmax", options=_AXES),
    Row("argmin", options=_AXES),
    Row("astype", samples=(), as_torch=lambda x, dtype: x.to(getattr(torch, dtype))),
    Row("broadcast_to", options=_SIZE),
    Row("clip", "clamp", as_xdl=_xdl_clip),
    Row(
        "concat",
        "cat",
        _AXIS,
        as_torch=lambda *xs, dim=0: torch.cat(xs, dim),
        differs={"cat-5": "xdl and NumPy do not skip arrays of shape (0,)"},
    ),
    Row("divide", "div", samples=("div:no_rounding_mode", "true_divide")),
    Row("equal", "eq"),
    Row("exp"),
    Row("expand_dims", "unsqueeze", _AXIS, as_torch=_torch_unsqueeze),
    Row("expm1"),
    Row("floor_divide"),
    Row(
        "getitem",
        samples=("__getitem__",),
        as_torch=lambda x, *i, template: x[_filled(template, i)],
    ),
    Row("greater", "gt"),
    Row("greater_equal", "ge"),
    Row(
        "index_add",
        samples=("index_add",),
        as_torch=_torch_index_add,
        as_xdl=_xdl_index_add,
        differs={"error index_add-0": "xdl broadcasts what is added"},
    ),
    Row("isfinite"),
    Row("isinf"),
    Row("isnan"),
    Row("less", "lt"),
    Row("less_equal", "le"),
    Row(
        "linear",
        "nn.functional.linear",
        as_torch=lambda x, w, b=None: F.linear(x, w.mT, b),
        as_xdl=_xdl_linear,
    ),
    Row("log"),
    Row("log1p"),
    Row(
        "log_softmax",
        options=_AXIS,
        as_torch=lambda x, dim=-1: x.log_softmax(dim),
        differs={"log_softmax-5": _EMPTY_AXIS},
    ),
    Row("logical_and"),
    Row("logical_not"),
    Row("logical_or"),
    Row("logsumexp", options=_AXES, as_torch=_torch_logsumexp),
    Row("matmul", samples=("matmul", "mm", "bmm", "mv", "dot")),
    Row("matrix_transpose", samples=("mT",)),
    Row("max", "amax", _AXES, samples=("amax", "max:reduction_no_dim")),
    Row("maximum", samples=("maximum", "max:binary")),
    Row("mean", options=_AXES),
    Row("mean_squared_error", "nn.functional.mse_loss"),
    Row("min", "amin", _AXES, samples=("amin", "min:reduction_no_dim")),
    Row("minimum", samples=("minimum", "min:binary")),
    Row("multiply", "mul"),
    Row("negative", "neg"),
    Row("not_equal", "ne"),
    Row("permute_dims", "permute", {"axes": "dims"}),
    Row("positive"),
    Row("power", "pow", differs={"case 4 second_gradient": _AT_0_TO_THE_0}),
    Row("reciprocal"),
    Row("relu", "nn.functional.relu"),
    Row("remainder"),
    Row("reshape", options=_TARGET, samples=("reshape", "view")),
    Row("sigmoid"),
    Row("sign"),
    Row(
        "softmax",
        options=_AXIS,
        as_torch=lambda x, dim=-1: x.softmax(dim),
        differs={"softmax-5": _EMPTY_AXIS},
    ),
    Row(
        "softmax_cross_entropy",
        "nn.functional.cross_entropy",
        as_torch=torch_cross_entropy,
        as_xdl=_xdl_cross_entropy,
    ),
    Row(
        "softmax_cross_entropy",
        op="WeightedSoftmaxCrossEntropy",
        samples=(),
        as_torch=torch_cross_entropy,
        constant=("weight",),
    ),
    Row("sqrt"),
    Row("square"),
    Row(
        "square_error",
        samples=(),
        as_torch=lambda x, t: (
            0.5 * F.mse_loss(x, t, reduction="sum") / len(torch.atleast_1d(x))
        ),
    ),
    Row(
        "squeeze",
        options=_AXIS,
        samples=("squeeze", "squeeze:multiple"),
        differs=dict.fromkeys(_LONG_AXIS_SAMPLES, _LONG_AXIS),
    ),
    Row("subtract", "sub"),
    Row("sum", options=_AXES),
    Row(
        "take",
        samples=("index_select",),
        as_torch=_torch_take,
        as_xdl=_xdl_take,
    ),
    Row("tanh"),
    Row(
        "transpose",
        samples=("T", "t"),
        differs={"error t-0": "xdl reverses any number of axes"},
    ),
    Row(
        "where",
        as_torch=lambda condition, x, y: torch.where(condition != 0, x, y),
        as_xdl=lambda x, condition, y: xdl.where(condition, x, y),
    ),
)

COUNTERPARTS += rows_products.ROWS
COUNTERPARTS += rows_elementary.ROWS + rows_arrange.ROWS
COUNTERPARTS += rows_attention.ROWS
COUNTERPARTS += rows_recurrent.ROWS
COUNTERPARTS += rows_conv.ROWS + rows_conv_more.ROWS + rows_ctc.ROWS
COUNTERPARTS += rows_activation.ROWS
COUNTERPARTS += rows_loss.ROWS

# Entries of the operator database that xdl calls in another way than the one above.
FURTHER_SAMPLES = (
    Row("astype", samples=("double",), as_xdl=_cast_to("float64")),
    Row("astype", samples=("float",), as_xdl=_cast_to("float32")),
    Row("astype", samples=("half",), as_xdl=_cast_to("float16")),
    Row("broadcast_to", samples=("expand",), as_xdl=_xdl_expand),
    Row("getitem", samples=("select",), as_xdl=lambda x, d, i: x[_along(x, d, i)]),
    Row("index_add", samples=("index_put",), as_xdl=_xdl_index_put),
    Row("transpose", samples=("transpose",), as_xdl=_xdl_swap),
)
FURTHER_SAMPLES += rows_arrange.FURTHER_SAMPLES

# Functions of xdl.ops that PyTorch has none for.
WITHOUT = ("from_dlpack",)  # tested in test_dlpack.py

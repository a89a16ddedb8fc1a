"""The rows of reductions, cumulations, sorting, shape and indexing."""

import warnings

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.counterpart import Counterpart as Row

F = torch.nn.functional
_AXIS = {"axis": "dim"}
_AXES = {"axis": "dim", "keepdims": "keepdim"}


def _filled(template, indices):
    arrays = iter(indices)
    return tuple(next(arrays) if type(part) is object else part for part in template)


def _torch_prod(x, dim=None, keepdim=False):
    axes = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    if not x.ndim:  # the axis 0 or -1 of a number
        return x.prod()
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = x.prod(axis, keepdim)
    return x


def _torch_flip(x, dims=None):
    axes = range(x.ndim) if dims is None else dims
    return x.flip((axes,) if isinstance(axes, int) else tuple(axes))


def _torch_moment(name):
    def call(x, axis=None, keepdims=False, correction=0):
        with warnings.catch_warnings():  # of variances of nothing, here none
            warnings.simplefilter("ignore")
            function = getattr(torch, name)
            return function(x, dim=axis, correction=correction, keepdim=keepdims)

    return call


def _torch_norm(x, dim=None, keepdim=False):
    return torch.linalg.vector_norm(x, 2, dim, keepdim)


def _torch_index_update(x, value, *indices, template):
    index = _filled(template, indices)
    places = torch.arange(x.numel()).reshape(x.shape)[index]
    value = value.expand(places.shape).reshape(-1)
    flat = places.reshape(-1).tolist()
    last = [len(flat) - 1 - flat[::-1].index(place) for place in dict.fromkeys(flat)]
    return (
        x.reshape(-1)
        .index_put((torch.tensor([flat[i] for i in last]),), value[last])
        .reshape(x.shape)
    )


def _torch_part(x, cuts, axis, part):
    return x.clone() if part is None else torch.tensor_split(x, cuts, axis)[part]


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


def _refusing_single_numbers(function):
    def call(x, *arguments, **options):
        if x.ndim == 0:
            pytest.skip("a single number has no axis in xdl and NumPy")
        return function(x, *arguments, **options)

    return call


@_refusing_single_numbers
def _xdl_argsort(x, dim=-1, descending=False, stable=True):
    return xdl.argsort(x, dim, descending)


@_refusing_single_numbers
def _xdl_sort(x, dim=-1, descending=False, stable=True):
    order = xdl.argsort(x, dim, descending)
    return xdl.sort(x, dim, descending, stable=True), order


@_refusing_single_numbers
def _xdl_topk(x, k, dim=-1, largest=True, sorted=True):
    return xdl.topk(x, k, dim, largest)


def _xdl_moment(name):
    def call(x, dim=None, unbiased=None, correction=None, keepdim=False):
        if x.ndim == 0 and dim is not None:
            pytest.skip("a single number has no axis in xdl and NumPy")
        if correction is None:
            correction = 1 if unbiased is None else int(unbiased)
        if dim is True or dim is False:
            dim, correction = None, int(dim)
        axis = None if dim in ((), []) else dim
        return getattr(xdl, name)(x, axis, keepdim, correction)

    return call


def _xdl_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    if ord not in (1, 2, float("inf")):
        pytest.skip("xdl.norm takes the orders 1, 2 and inf")
    if dtype is not None:
        pytest.skip("xdl.norm takes no dtype")
    if x.ndim == 0 and dim is not None:
        pytest.skip("a single number has no axis in xdl and NumPy")
    return xdl.norm(x, None if dim in ((), []) else dim, keepdim, ord)


def _xdl_repeat(x, repetitions):
    return xdl.tile(x, repetitions)


def _xdl_repeat_interleave(x, repeats, dim=None, output_size=None):
    if x.ndim == 0:
        pytest.skip("a single number has no axis in xdl")
    return xdl.repeat(x, repeats, dim)


@_refusing_single_numbers
def _xdl_diff(x, n=1, dim=-1, prepend=None, append=None):
    if prepend is not None or append is not None:
        pytest.skip("xdl.diff takes no prepend and append")
    return xdl.diff(x, n, dim)


@_refusing_single_numbers
def _xdl_gather(x, dim, index, sparse_grad=False, out=None):
    if out is not None:
        pytest.skip("xdl.take_along_axis takes no out")
    axis = dim % x.ndim
    if index.ndim != x.ndim:
        pytest.skip("torch.gather takes an empty index of any shape")
    # PyTorch picks from the first rows where the index has fewer of them.
    rows = tuple(
        slice(None) if i == axis else slice(0, n) for i, n in enumerate(index.shape)
    )
    return xdl.take_along_axis(x[rows], index, dim)


def _xdl_take_along(x, index, dim=None):
    if x.ndim == 0 and dim is not None:
        pytest.skip("a single number has no axis in xdl and NumPy")
    index = index.reshape(-1) if dim is None else index
    return xdl.take_along_axis(x, index, dim)


def _xdl_index_put(x, indices, values, accumulate=False):
    if accumulate:
        pytest.skip("xdl.index_update never adds")
    return xdl.index_update(x, indices, values)


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


@_refusing_single_numbers
def _xdl_unbind(x, dim=0):
    return xdl.unstack(x, dim)


ROWS = (
    Row(
        "argsort",
        options=_AXIS,
        as_torch=lambda x, **options: torch.argsort(x, stable=True, **options),
        as_xdl=_xdl_argsort,
    ),
    Row("cumulative_prod", "cumprod", _AXIS),
    Row("cumulative_sum", "cumsum", _AXIS),
    Row(
        "diagonal",
        options={"axis1": "dim1", "axis2": "dim2"},
        samples=("diagonal", "diagonal_copy"),
    ),
    Row("diff", as_xdl=_xdl_diff),
    Row("flatten", options={"start_axis": "start_dim", "end_axis": "end_dim"}),
    Row("flip", as_torch=_torch_flip, options={"axis": "dims"}),
    Row(
        "index_update",
        samples=("index_put",),
        as_torch=_torch_index_update,
        as_xdl=_xdl_index_put,
    ),
    Row("moveaxis", "movedim"),
    Row(
        "norm",
        "linalg.vector_norm",
        _AXES,
        as_torch=_torch_norm,
        as_xdl=_xdl_norm,
        differs={"case 9 second_gradient": "PyTorch's second gradient at 0 is NaN"},
    ),
    Row(
        "one_hot",
        samples=(),  # the operator database has it for integers alone
        as_torch=lambda x, size, dtype="float32": F.one_hot(x, size).to(
            getattr(torch, dtype)
        ),
    ),
    Row(
        "pad",
        samples=(
            "nn.functional.pad:constant",
            "nn.functional.pad:reflect",
            "nn.functional.pad:replicate",
        ),
        as_torch=_torch_pad,
        as_xdl=_xdl_pad,
    ),
    Row("prod", options=_AXES, as_torch=_torch_prod),
    Row("repeat", samples=("repeat_interleave",), as_xdl=_xdl_repeat_interleave),
    Row(
        "roll",
        options={"shift": "shifts", "axis": "dims"},
        as_torch=lambda x, shifts, dims=None: x.roll(shifts, dims),
    ),
    Row(
        "sort",
        options=_AXIS,
        as_torch=lambda x, **options: torch.sort(x, **options).values,
        as_xdl=_xdl_sort,
    ),
    Row(
        "split",
        samples=("tensor_split",),
        as_torch=lambda x, sections, axis=0, part=None: _torch_part(
            x, sections, axis, part
        ),
        as_xdl=_xdl_tensor_split,
    ),
    Row(
        "stack",
        options=_AXIS,
        as_torch=lambda *xs, dim=0: torch.stack(xs, dim),
    ),
    Row(
        "std",
        as_torch=_torch_moment("std"),
        as_xdl=_xdl_moment("std"),
        differs={"case 10 second_gradient": "PyTorch's second gradient at 0 is NaN"},
    ),
    Row(
        "swapaxes",
        samples=("transpose",),
        as_xdl=_refusing_single_numbers(xdl.swapaxes),
    ),
    Row(
        "take_along_axis",
        samples=("gather",),
        as_torch=lambda x, i, axis=-1: torch.take_along_dim(x, i % x.shape[axis], axis),
        as_xdl=_xdl_gather,
    ),
    Row("tile", samples=("tile", "repeat"), as_xdl=_xdl_repeat),
    Row("topk", as_xdl=_xdl_topk),
    Row("tril", options={"k": "diagonal"}),
    Row("triu", options={"k": "diagonal"}),
    Row(
        "unstack",
        "unbind",
        as_torch=lambda x, axis=0, part=None: (
            x.clone() if part is None else x.unbind(axis)[part]
        ),
        as_xdl=_xdl_unbind,
    ),
    Row("var", as_torch=_torch_moment("var"), as_xdl=_xdl_moment("var")),
)

FURTHER_SAMPLES = (
    Row("take_along_axis", samples=("take_along_dim",), as_xdl=_xdl_take_along),
)

"""PyTorch's calls for the family indexing."""

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row, no_single_numbers

F = torch.nn.functional


@no_single_numbers
def _xdl_argsort(x, dim=-1, descending=False, stable=True):
    return xdl.argsort(x, dim, descending)


def _filled(template, indices):
    arrays = iter(indices)
    return tuple(next(arrays) if type(part) is object else part for part in template)


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


def _xdl_index_put(x, indices, values, accumulate=False):
    if accumulate:
        pytest.skip("xdl.index_update never adds")
    return xdl.index_update(x, indices, values)


@no_single_numbers
def _xdl_sort(x, dim=-1, descending=False, stable=True):
    order = xdl.argsort(x, dim, descending)
    return xdl.sort(x, dim, descending, stable=True), order


@no_single_numbers
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


@no_single_numbers
def _xdl_topk(x, k, dim=-1, largest=True, sorted=True):
    return xdl.topk(x, k, dim, largest)


def _xdl_take_along(x, index, dim=None):
    if x.ndim == 0 and dim is not None:
        pytest.skip("a single number has no axis in xdl and NumPy")
    index = index.reshape(-1) if dim is None else index
    return xdl.take_along_axis(x, index, dim)


def _xdl_embedding(weight, indices, **options):
    if options:
        pytest.skip("xdl.embedding takes the indices and the weight alone")
    return xdl.embedding(indices, weight)


def _torch_index_add(x, value, *indices, template):
    places = torch.arange(x.numel()).reshape(x.shape)[_filled(template, indices)]
    added = value.expand(places.shape).reshape(-1)
    return x.reshape(-1).index_add(0, places.reshape(-1), added).reshape(x.shape)


def _along(x, axis, index):
    """Return the index that picks along one axis."""
    return (slice(None),) * (axis % x.ndim) + (index,)


def _xdl_index_add(x, axis, index, source, alpha=1):
    if x.ndim == 0:
        pytest.skip("a single number has no axis to index in xdl")
    return xdl.index_add(x, _along(x, axis, index), alpha * source)


def _torch_take(x, indices, axis=0):
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis % x.ndim + 1 :])
    indices = indices.flatten() % x.shape[axis]  # negative ones are refused there
    return x.index_select(axis, indices).reshape(shape)


def _xdl_take(x, axis, index, out=None):
    if x.ndim == 0 or out is not None:
        pytest.skip("xdl.take takes no single number and no out")
    return xdl.take(x, index, axis)


def _xdl_index_put_adding(x, indices, values, accumulate=False):
    if not accumulate:
        pytest.skip("xdl.index_add always adds")
    return xdl.index_add(x, indices, values)


ROWS = (
    Row("argsort", as_xdl=_xdl_argsort),
    Row(
        "embedding",
        as_torch=lambda indices, weight: F.embedding(indices, weight),
        as_xdl=_xdl_embedding,
    ),
    Row("getitem", as_torch=lambda x, *i, template: x[_filled(template, i)]),
    Row(
        "index_add",
        as_torch=_torch_index_add,
        as_xdl=_xdl_index_add,
        differs={"error index_add-0": "xdl broadcasts what is added"},
    ),
    Row("index_update", as_torch=_torch_index_update, as_xdl=_xdl_index_put),
    Row(
        "one_hot",
        as_torch=lambda x, size, dtype="float32": F.one_hot(x, size).to(
            getattr(torch, dtype)
        ),
    ),
    Row(
        "sort",
        as_torch=lambda x, **options: torch.sort(x, **options).values,
        as_xdl=_xdl_sort,
    ),
    Row("take", as_torch=_torch_take, as_xdl=_xdl_take),
    Row(
        "take_along_axis",
        as_torch=lambda x, i, axis=-1: torch.take_along_dim(x, i % x.shape[axis], axis),
        as_xdl=_xdl_gather,
    ),
    Row("topk", as_xdl=_xdl_topk),
)


FURTHER_SAMPLES = (
    Row("getitem", samples=("select",), as_xdl=lambda x, d, i: x[_along(x, d, i)]),
    Row("index_add", samples=("index_put",), as_xdl=_xdl_index_put_adding),
    Row("take_along_axis", samples=("take_along_dim",), as_xdl=_xdl_take_along),
)

"""PyTorch's calls for the family reduction."""

import warnings

import pytest

import xdl
from tests.oracle.comparison import torch
from tests.oracle.row import Row, no_single_numbers

F = torch.nn.functional


@no_single_numbers
def _xdl_diff(x, n=1, dim=-1, prepend=None, append=None):
    if prepend is not None or append is not None:
        pytest.skip("xdl.diff takes no prepend and append")
    return xdl.diff(x, n, dim)


def _xdl_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    if ord not in (1, 2, float("inf")):
        pytest.skip("xdl.norm takes the orders 1, 2 and inf")
    if dtype is not None:
        pytest.skip("xdl.norm takes no dtype")
    if x.ndim == 0 and dim is not None:
        pytest.skip("a single number has no axis in xdl and NumPy")
    return xdl.norm(x, None if dim in ((), []) else dim, keepdim, ord)


def _torch_prod(x, dim=None, keepdim=False):
    axes = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    if not x.ndim:  # the axis 0 or -1 of a number
        return x.prod()
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = x.prod(axis, keepdim)
    return x


def _torch_moment(name):
    def call(x, **options):
        with warnings.catch_warnings():  # of variances of nothing, here none
            warnings.simplefilter("ignore")
            return getattr(torch, name)(x, **options)

    return call


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


def _torch_logsumexp(x, dim=None, keepdim=False):
    return x.logsumexp(tuple(range(x.ndim)) if dim is None else dim, keepdim)


ROWS = (
    Row("diff", as_xdl=_xdl_diff),
    Row("logsumexp", as_torch=_torch_logsumexp),
    Row(
        "norm",
        as_xdl=_xdl_norm,
        differs={"case 9 second_gradient": "PyTorch's second gradient at 0 is NaN"},
    ),
    Row("prod", as_torch=_torch_prod),
    Row(
        "std",
        as_torch=_torch_moment("std"),
        as_xdl=_xdl_moment("std"),
        differs={"case 10 second_gradient": "PyTorch's second gradient at 0 is NaN"},
    ),
    Row("var", as_torch=_torch_moment("var"), as_xdl=_xdl_moment("var")),
)

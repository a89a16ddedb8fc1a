"""Operators and methods of Variable: written out, documented, and those of xdl.ops."""

import inspect

import numpy as np
import pytest

import xdl
from xdl import Variable
from xdl.core.methods import Methods
from xdl.core.operators import Operators

OWN = {name: method for name, method in vars(Methods).items() if name[0] != "_"}
CALLED = {"cumsum": "cumulative_sum", "cumprod": "cumulative_prod", "T": "transpose"}
CALLED |= {"mT": "matrix_transpose", "ravel": "flatten"}
# NumPy's arrays have these too: arguments are in NumPy's order, or packed otherwise.
AS_IN_NUMPY = {"sum", "mean", "prod", "max", "min", "all", "any", "argmax", "argmin"}
AS_IN_NUMPY |= {"var", "std", "take", "reshape", "flatten", "ravel", "transpose"}
AS_IN_NUMPY |= {"T", "mT"}
SHARED = sorted(set(OWN) - AS_IN_NUMPY)
OF_ONE_ARRAY = [n for n in SHARED if len(inspect.signature(OWN[n]).parameters) == 1]
# Those of PyTorch's tensors whose functions xdl has by the same name.
EXPECTED = [
    "abs",
    "acos",
    "acosh",
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "broadcast_to",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "diagonal",
    "diff",
    "dot",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logical_not",
    "logsumexp",
    "matmul",
    "max",
    "mean",
    "min",
    "moveaxis",
    "norm",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "repeat",
    "reshape",
    "roll",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "tan",
    "tanh",
    "tile",
    "topk",
    "transpose",
    "tril",
    "triu",
    "var",
]


def _arguments(function):
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [(p.name, p.default, p.annotation) for p in parameters]


@pytest.mark.parametrize("name", EXPECTED)
def test_what_users_of_numpy_and_pytorch_expect_is_a_method(name):
    assert name in OWN


@pytest.mark.parametrize("name", SHARED)
def test_a_method_takes_the_arguments_of_its_function(name):
    function = getattr(xdl, CALLED.get(name, name))
    names = {"other": "x2"}

    taken = [(names.get(n, n), d, a) for n, d, a in _arguments(OWN[name])]

    assert _arguments(function) == taken


@pytest.mark.parametrize("name", OF_ONE_ARRAY)
def test_a_method_of_one_array_gives_what_its_function_gives(name):
    values = np.array([0.25, 0.5, 0.75]) + (name == "acosh")
    x = Variable(values if name != "logical_not" else values > 0.3)

    result = getattr(x, name)()

    expected = getattr(xdl, name)(x)
    assert expected.numpy().tolist() == result.numpy().tolist()
    assert expected.trainable is result.trainable


@pytest.mark.parametrize(
    ("by_method", "by_function"),
    [
        (lambda v: v.softmax(0), lambda v: xdl.softmax(v, 0)),
        (lambda v: v.log_softmax(), lambda v: xdl.log_softmax(v)),
        (lambda v: v.norm(1, ord=1), lambda v: xdl.norm(v, 1, ord=1)),
        (lambda v: v.logsumexp(0), lambda v: xdl.logsumexp(v, 0)),
        (lambda v: v.cumsum(1), lambda v: xdl.cumulative_sum(v, 1)),
        (lambda v: v.cumprod(1), lambda v: xdl.cumulative_prod(v, 1)),
        (lambda v: v.diff(axis=0), lambda v: xdl.diff(v, axis=0)),
        (lambda v: v.sort(descending=True), lambda v: xdl.sort(v, descending=True)),
        (lambda v: v.topk(2)[1], lambda v: xdl.topk(v, 2)[1]),
        (lambda v: v.matmul(v.T), lambda v: xdl.matmul(v, xdl.transpose(v))),
        (lambda v: v.moveaxis(0, 1), lambda v: xdl.moveaxis(v, 0, 1)),
        (lambda v: v.broadcast_to((2, 2, 3)), lambda v: xdl.broadcast_to(v, (2, 2, 3))),
        (lambda v: v.tile(2), lambda v: xdl.tile(v, 2)),
        (lambda v: v.flip(0), lambda v: xdl.flip(v, 0)),
        (lambda v: v.roll(1, 1), lambda v: xdl.roll(v, 1, 1)),
        (lambda v: v.tril(1), lambda v: xdl.tril(v, 1)),
        (lambda v: v.triu(1), lambda v: xdl.triu(v, 1)),
        (lambda v: v.split(2)[0], lambda v: xdl.split(v, 2)[0]),
        (lambda v: v.unstack(1)[2], lambda v: xdl.unstack(v, 1)[2]),
    ],
)
def test_a_method_with_options_gives_what_its_function_gives(by_method, by_function):
    v = Variable([[0.5, 2.0, -1.0], [3.0, 0.25, 1.0]])

    assert by_function(v).numpy().tolist() == by_method(v).numpy().tolist()


@pytest.mark.parametrize(
    "name", ["__add__", "__rsub__", "__pow__", "__eq__", "__neg__"]
)
def test_an_operator_keeps_its_signature_and_documentation_when_it_is_used(name):
    x = Variable([1.0, 2.0])
    x + x, 1 - x, x**2, x == x, -x

    written, used = getattr(Operators, name), getattr(Variable, name)

    assert inspect.signature(written) == inspect.signature(used)
    assert inspect.getdoc(written) == inspect.getdoc(used)


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_method_is_annotated_and_documented(name):
    method = getattr(OWN[name], "fget", OWN[name])
    signature = inspect.signature(method)

    given = [p.annotation for p in list(signature.parameters.values())[1:]]
    assert inspect.Parameter.empty not in [*given, signature.return_annotation]
    assert inspect.getdoc(method)

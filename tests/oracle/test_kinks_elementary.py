"""Elementary functions at the ends of where they are defined, beside PyTorch's."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import (
    GRADIENT,
    VALUE,
    assert_same,
    in_torch,
    in_xdl,
    torch,
)

INF, NAN = float("inf"), float("nan")
SPECIAL = (-INF, -1e200, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 1e200, INF)
UNARY = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh"),
    *("erf", "exp2", "floor", "log10", "log2", "round", "rsqrt", "sin", "sinh", "tan"),
)
BINARY = ("atan2", "logaddexp")

both_orders = pytest.mark.parametrize("order", [VALUE, GRADIENT])


def _leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def _check(order, name, *arguments):
    is_finite = all(torch.isfinite(argument).all() for argument in arguments)
    with np.errstate(**({} if is_finite else {"invalid": "ignore"})):
        actual = in_xdl(order, getattr(xdl, name), *arguments)

    assert_same(in_torch(order, getattr(torch, name), *arguments), actual)


@both_orders
@pytest.mark.parametrize("value", SPECIAL)
@pytest.mark.parametrize("name", UNARY)
def test_function_at(name, value, order, count_sample):
    count_sample(name)

    _check(order, name, _leaf(value))


@both_orders
@pytest.mark.parametrize("second", SPECIAL)
@pytest.mark.parametrize("first", SPECIAL)
@pytest.mark.parametrize("name", BINARY)
def test_function_of_two_at(name, first, second, order, count_sample):
    count_sample(name)

    _check(order, name, _leaf(first), _leaf(second))


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_nan_gives_the_value_that_torch_gives(name, count_sample):
    arguments = [_leaf([NAN, 1.0]), _leaf([1.0, NAN])][: 1 if name in UNARY else 2]
    count_sample(name)

    _check(VALUE, name, *arguments)

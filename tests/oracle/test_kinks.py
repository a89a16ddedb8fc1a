"""Values and gradients at kinks and singular points, beside PyTorch's."""

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
SPECIAL = [-INF, -2.0, -1.0, -0.0, 0.0, 1.0, 2.0, INF]
TIES = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [-INF, INF, INF]]

# Name of the function in xdl, the same in PyTorch, and where it is evaluated.
UNARY = {
    "abs": torch.abs,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "isfinite": torch.isfinite,
    "isinf": torch.isinf,
    "isnan": torch.isnan,
    "log": torch.log,
    "log1p": torch.log1p,
    "negative": torch.neg,
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tanh": torch.tanh,
}
BINARY = {
    "add": torch.add,
    "divide": torch.div,
    "equal": torch.eq,
    # PyTorch refuses to differentiate it; in xdl nothing flows back.
    "floor_divide": lambda x1, x2: torch.floor_divide(x1.detach(), x2.detach()),
    "greater": torch.gt,
    "less_equal": torch.le,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "multiply": torch.mul,
    "power": torch.pow,
    "remainder": torch.remainder,
    "subtract": torch.sub,
}
REDUCTIONS = {
    "all": torch.all,
    "any": torch.any,
    "argmax": torch.argmax,
    "argmin": torch.argmin,
    "log_softmax": torch.log_softmax,
    "logsumexp": torch.logsumexp,
    "max": torch.amax,
    "mean": torch.mean,
    "min": torch.amin,
    "softmax": torch.softmax,
    "sum": torch.sum,
}
ROWS = {
    "ties": TIES,
    "minus infinity": [[0.0, -INF], [-INF, 1.0]],
    "plus infinity": [[0.0, INF], [INF, INF]],
    "both infinities": [[-INF, INF]],
    "not a number": [[NAN, 1.0], [1.0, NAN]],
    "large": [[1e4, -1e4], [1000.0, 1000.0]],
}
# PyTorch takes roots for these exponents, which tell -0 from 0; C's pow does not.
ROOTS = [(base, n) for base in (-2.0, 0.0, 1.0, 2.0, INF) for n in (-0.5, 0.5)]
WHOLE = [(base, n) for base in SPECIAL for n in (-2, -1, 0, 1, 2, 3)]
ENDS = {
    "both": (-1.0, 1.0),
    "low": (-1.0, None),
    "high": (None, 1.0),
    "one": (1.0, 1.0),
}

both_orders = pytest.mark.parametrize("order", [VALUE, GRADIENT])


def _leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def _check(order, ours, theirs, *arguments):
    with np.errstate(**_told_of(arguments)):
        actual = in_xdl(order, ours, *arguments)

    assert_same(in_torch(order, theirs, *arguments), actual)


def _told_of(arguments):
    """Return what NumPy may tell of: nothing, unless infinities or NaN go in."""
    is_finite = all(torch.isfinite(argument).all() for argument in arguments)
    return {} if is_finite else {"invalid": "ignore"}


@both_orders
@pytest.mark.parametrize("value", SPECIAL)
@pytest.mark.parametrize("name", UNARY)
def test_unary_function_at(name, value, order, count_sample):
    count_sample(name)

    _check(order, getattr(xdl, name), UNARY[name], _leaf(value))


@both_orders
@pytest.mark.parametrize("second", SPECIAL)
@pytest.mark.parametrize("first", SPECIAL)
@pytest.mark.parametrize("name", BINARY)
def test_binary_function_at(name, first, second, order, count_sample):
    count_sample(name)

    _check(order, getattr(xdl, name), BINARY[name], _leaf(first), _leaf(second))


@both_orders
@pytest.mark.parametrize(("base", "exponent"), WHOLE + ROOTS)
def test_power_of_a_number_at(base, exponent, order, count_sample):
    count_sample("power")

    _check(order, lambda x: x**exponent, lambda x: x**exponent, _leaf(base))


@both_orders
@pytest.mark.parametrize("exponent", SPECIAL)
@pytest.mark.parametrize("base", [0, 1, 2, 0.5, 0.0])
def test_power_of_a_number_to_an_array_at(base, exponent, order, count_sample):
    count_sample("power")

    _check(order, lambda x: base**x, lambda x: base**x, _leaf(exponent))


@both_orders
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_of(name, rows, order, count_sample):
    x = _leaf(ROWS[rows])
    count_sample(name)
    if (name in ("max", "min"), rows, order) == (True, "not a number", GRADIENT):
        pytest.skip("the NaN that wins gets the gradient; in PyTorch all get NaN")

    _check(
        order,
        lambda x: getattr(xdl, name)(x, axis=1),
        lambda x: REDUCTIONS[name](x, dim=1),
        x,
    )


@both_orders
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("value", SPECIAL)
def test_clip_at(value, ends, order, count_sample):
    count_sample("clip")

    _check(
        order,
        lambda x: xdl.clip(x, *ENDS[ends]),
        lambda x: torch.clamp(x, *ENDS[ends]),
        _leaf(value),
    )


@both_orders
@pytest.mark.parametrize("value", [INF, NAN])
@pytest.mark.parametrize("condition", [True, False])
def test_where_keeps_the_other_branch_out(condition, value, order, count_sample):
    x, y = _leaf([value, 1.0]), _leaf([1.0, value])
    chosen = torch.tensor([condition, condition])
    count_sample("where")

    _check(order, xdl.where, torch.where, chosen, x, y)


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_nan_gives_the_value_that_torch_gives(name, count_sample):
    if name == "sign":
        pytest.skip("sign(NaN) is NaN in NumPy and xdl, 0 in PyTorch")
    arguments = [_leaf([NAN, 1.0]), _leaf([1.0, NAN])][: 1 if name in UNARY else 2]
    count_sample(name)

    _check(VALUE, getattr(xdl, name), {**UNARY, **BINARY}[name], *arguments)


@pytest.mark.parametrize("name", ["log_softmax", "logsumexp", "softmax"])
def test_value_of_minus_infinities_alone(name, count_sample):
    count_sample(name)

    _check(
        VALUE,
        lambda x: getattr(xdl, name)(x, axis=0),
        lambda x: REDUCTIONS[name](x, dim=0),
        _leaf([-INF, -INF]),
    )


def test_logsumexp_of_minus_infinities_has_gradient_0_where_torch_gives_nan():
    x = _leaf([-INF, -INF])

    (actual,) = in_xdl(GRADIENT, xdl.logsumexp, x)

    (theirs,) = in_torch(GRADIENT, lambda x: x.logsumexp(0), x)
    assert ([0.0, 0.0], True) == (actual.tolist(), np.isnan(theirs).all())

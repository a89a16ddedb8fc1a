"""Conditions and masks: booleans, or numbers by their truth, wherever one is taken."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor
from tests.support.strict import CPU
from xdl.backend import to_numpy

KINDS = {
    "booleans": np.array,
    "a list": np.ndarray.tolist,
    "integers": lambda mask: mask * 3,
    "small integers": lambda mask: mask.astype(np.uint8),
    "negative numbers": lambda mask: mask * -0.5,
    "NaN": lambda mask: np.where(mask, np.nan, 0.0),
    "a Variable": lambda mask: xdl.Variable(mask * 2.0, trainable=False),
    "a trainable Variable": lambda mask: xdl.Variable(mask * 2.0),
}
_STEPS = np.array([[True, True], [True, False], [False, False]])
_STATE = [[0.5, -0.5], [0.1, 0.2]]


def _multi_head(x, mask):
    xdl.seed(0)
    return xdl.nn.MultiHeadAttention(4, 2).to(x.device)(x, mask)


def _block(x, mask):
    xdl.seed(0)
    return xdl.nn.TransformerBlock(4, 2).to(x.device)(x, mask)


# From a name to: a function of an array and a condition, the shape of the array, the
# condition, and whether floating conditions are conditions too.
TAKERS = {
    "where": (
        lambda x, c: xdl.where(c, x * x, 1.0),
        (2, 3),
        np.array([True, False, True]),
        True,
    ),
    "where of the others": (
        lambda x, c: xdl.where(c, 1.0, x * x),
        (2, 3),
        np.array([[True], [False]]),
        True,
    ),
    "logical_and": (
        lambda x, c: x * xdl.astype(xdl.logical_and(c, x > 0), x.dtype),
        (3,),
        np.array([True, False, True]),
        True,
    ),
    "logical_or": (
        lambda x, c: x * xdl.astype(xdl.logical_or(c, x > 0), x.dtype),
        (3,),
        np.array([True, False, True]),
        True,
    ),
    "logical_not": (
        lambda x, c: x * xdl.astype(xdl.logical_not(c), x.dtype),
        (3,),
        np.array([True, False, True]),
        True,
    ),
    "lstm": (
        lambda x, c: xdl.lstm(x, _STATE, _STATE, [[0.3] * 8], [[0.1] * 8] * 2, mask=c)[
            0
        ],
        (3, 2, 1),
        _STEPS,
        True,
    ),
    "gru": (
        lambda x, c: xdl.gru(x, _STATE, [[0.3] * 6], [[0.1] * 6] * 2, mask=c)[0],
        (3, 2, 1),
        _STEPS,
        True,
    ),
    "rnn": (
        lambda x, c: xdl.rnn(x, _STATE, [[0.3] * 2], [[0.1] * 2] * 2, mask=c)[0],
        (3, 2, 1),
        _STEPS,
        True,
    ),
    "attention": (
        lambda x, c: xdl.scaled_dot_product_attention(x, x, x, c),
        (3, 4),
        np.array([[True, True, False]]),
        False,
    ),
    "causal attention": (
        lambda x, c: xdl.scaled_dot_product_attention(x, x, x, c, causal=True),
        (3, 4),
        np.array([[False, True, True]]),
        False,
    ),
    "MultiHeadAttention": (_multi_head, (2, 3, 4), np.tri(3, dtype=bool), False),
    "TransformerBlock": (_block, (2, 3, 4), np.tri(3, dtype=bool), False),
}
_FLOATING = {"negative numbers", "NaN", "a Variable", "a trainable Variable"}
USES = [
    (taker, kind)
    for taker, (*_, takes_floats) in TAKERS.items()
    for kind in KINDS
    if takes_floats or kind not in _FLOATING
]


def _called(taker, condition, device="cpu"):
    function, shape, *_ = TAKERS[taker]
    drawn = np.random.default_rng(0).standard_normal(shape).astype("float32")
    x = xdl.Variable(drawn).to(device)
    if isinstance(condition, xdl.Variable):
        condition = condition.to(device)
    y = function(x, condition)
    y.backward(np.ones(y.shape, "float32"))
    return [y.numpy(), to_numpy(x.grad)]


@pytest.mark.parametrize("device", ["cpu", CPU])
@pytest.mark.parametrize(("taker", "kind"), USES)
def test_numbers_are_taken_by_their_truth(taker, kind, device):
    mask = TAKERS[taker][2]
    expected = _called(taker, mask)

    actual = _called(taker, KINDS[kind](mask), device)

    for wanted, found in zip(expected, actual, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@every_executor
@pytest.mark.parametrize("taker", [t for t in TAKERS if TAKERS[t][3] or "att" in t])
def test_numbers_are_taken_by_their_truth_in_a_program(taker, executor):
    function, shape, mask, _ = TAKERS[taker]
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    compiled = xdl.compile(function, executor=executor)

    for number in (1, 2, 3):
        given = mask * number
        expected = function(x, mask).numpy()

        np.testing.assert_allclose(compiled(x, given).numpy(), expected, 1e-5, 1e-6)


@pytest.mark.parametrize("number", [1.0, 2, True, np.float64(0.5), np.array(-1)])
def test_a_number_is_a_condition(number):
    x, y = xdl.Variable([1.0, 2.0]), xdl.Variable([3.0, 4.0])

    chosen = xdl.where(number, x, y)
    chosen.backward([1.0, 1.0])

    assert [1.0, 2.0] == chosen.numpy().tolist()
    assert [[1.0, 1.0], [0.0, 0.0]] == [x.grad.tolist(), y.grad.tolist()]


def test_no_gradient_flows_to_a_condition():
    condition, x = xdl.Variable([1.0, 0.0]), xdl.Variable([1.0, 2.0])

    xdl.sum(xdl.where(condition, x, 0.0)).backward()

    assert condition.grad is None
    assert [1.0, 0.0] == x.grad.tolist()
    assert not xdl.where(condition, 1.0, 2.0).trainable


def test_an_operation_of_yours_gets_booleans():
    class Kept(xdl.Op):
        conditions = ("mask",)

        def compute(self, xp, x, mask):
            assert "bool" == mask.dtype
            return xp.zero_unless(mask, x)

        def gradient(self, xp, gy, mask):
            return xp.zero_unless(mask, gy), None

    x = xdl.Variable([1.0, np.nan])

    Kept()(x, [2, 0]).backward([1.0, 1.0])

    assert [1.0, 0.0] == x.grad.tolist()

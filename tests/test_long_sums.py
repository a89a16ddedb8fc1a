"""float32 sums of a million terms: right along every axis, eager and compiled."""

import numpy as np
import pytest

import xdl
from tests.support.strict import CPU
from xdl.backend import numpy as host
from xdl.backend.summation import CHAIN, long_matmul, long_sum

MANY = 1_000_000
# A tenth has no finite sum of powers of two: rounding errors of a running sum add up.
TENTH = np.full((MANY, 3), 0.1, np.float32)


def _normal(shape, mean=5.0):
    return np.random.default_rng(0).normal(mean, 1, shape).astype(np.float32)


def _gradient(function, shape, rows=MANY):
    """Return the gradient of a Variable of zeros by outputs that all count a tenth."""
    weight = xdl.Variable(np.zeros(shape, np.float32))
    y = function(weight)
    y.backward(np.full(y.shape, 0.1, np.float32))
    return weight.grad * 10 / rows


# name -> (a function that gives a number or numbers, and what they should be)
TRUE = {
    "sum of rows": lambda: xdl.sum(TENTH, axis=0) * (10 / MANY),
    "sum of narrow rows": lambda: xdl.sum(TENTH[:, :1], axis=0) * (10 / MANY),
    "sum of columns of a transposed": lambda: xdl.sum(TENTH.T, axis=1) * (10 / MANY),
    "sum of every other row": lambda: xdl.sum(TENTH[::2], axis=0) * (20 / MANY),
    "sum of rows backwards": lambda: xdl.sum(TENTH[::-1], axis=0) * (10 / MANY),
    "sum of all": lambda: xdl.sum(TENTH) * (10 / 3 / MANY),
    "sum of all of a part": lambda: xdl.sum(TENTH[:, :2]) * (5 / MANY),
    "sum of the outer axes": lambda: (
        xdl.sum(TENTH.reshape(1000, 2, 500, 3), axis=(0, 2)) * (10 / 500_000)
    ),
    "sum of a middle axis": lambda: (
        xdl.sum(TENTH.reshape(2, -1, 3), axis=1) * (20 / MANY)
    ),
    "sum of what was broadcast": lambda: (
        xdl.sum(np.broadcast_to(np.float32(0.1), (MANY, 2)), axis=0) * (10 / MANY)
    ),
    "mean": lambda: xdl.mean(TENTH, axis=0) * 10,
    "mean of two million": lambda: (
        xdl.mean(np.full((2 * MANY, 1), 0.1, np.float32), axis=0) * 10
    ),
    "norm": lambda: xdl.norm(TENTH, axis=0) * (10 / MANY**0.5),
    "softmax": lambda: xdl.sum(xdl.softmax(TENTH * 0, axis=0), axis=0),
    "cumulative sum": lambda: xdl.cumulative_sum(TENTH, axis=0)[-1] * (10 / MANY),
    "dot product": lambda: xdl.vecdot(TENTH[:, 0], np.ones(MANY, "f4")) * (10 / MANY),
    "product with a vector": lambda: (
        xdl.matmul(TENTH.T, np.ones(MANY, "f4")) * (10 / MANY)
    ),
    "product with a column": lambda: (
        xdl.matmul(TENTH.T, np.ones((MANY, 1), "f4")) * (10 / MANY)
    ),
    "einsum": lambda: xdl.einsum("ij,i->j", TENTH, np.ones(MANY, "f4")) * (10 / MANY),
    "mean of a large window": lambda: (
        xdl.avg_pool2d(np.full((1, 1, 100, 100), 0.1, np.float32), 100) * 10
    ),
    "bias gradient": lambda: _gradient(
        lambda b: xdl.linear(np.ones((MANY, 2), "f4"), np.zeros((2, 3), "f4"), b), 3
    ),
    "weight gradient": lambda: _gradient(
        lambda w: xdl.linear(np.ones((MANY, 2), "f4"), w), (2, 1)
    ),
    "gradient over a broadcast": lambda: _gradient(
        lambda w: w + np.zeros((MANY, 3), "f4"), (1, 3)
    ),
    "gradient of one row taken often": lambda: _gradient(
        lambda w: xdl.take(w, np.zeros(MANY, int), axis=0), 1
    ),
    "gradient of an embedding": lambda: _gradient(
        lambda w: xdl.embedding(np.zeros(MANY, int), w), (1, 2)
    ),
    "variance": lambda: (
        xdl.var(_normal((MANY, 2)), axis=0) / _normal((MANY, 2)).astype("f8").var(0)
    ),
    "log of a sum of exponentials": lambda: (
        xdl.logsumexp(np.zeros((MANY, 2), "f4"), axis=0) / np.log(MANY)
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_a_million_float32_add_up(name):
    ratio = np.asarray(TRUE[name]())

    assert ratio.dtype in (np.float32, np.float64)
    np.testing.assert_allclose(ratio, 1, rtol=5e-6)


def test_batch_norm_of_a_million_rows_has_mean_0_and_variance_1():
    y = xdl.batch_norm(_normal((MANY, 2)), eps=0).numpy().astype("f8")

    np.testing.assert_allclose(y.mean(0), 0, atol=5e-6)
    np.testing.assert_allclose(y.var(0), 1, rtol=5e-6)


def test_strict_backend_adds_a_million_rows():
    x = xdl.Variable(TENTH[:, :1]).to(CPU)

    mean = xdl.mean(x, axis=0)

    np.testing.assert_allclose(mean.numpy(), 0.1, rtol=5e-6)


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_replay_adds_as_eager(axis):
    def step(x):
        return xdl.sum(x * 2.0, axis=axis), xdl.mean(xdl.exp(x), axis=axis)

    compiled = xdl.compile(step)
    for seed in range(3):
        x = np.random.default_rng(seed).random((3 * CHAIN, 5)).astype("f4")

        expected, actual = step(x), compiled(x)

        assert [y.numpy().tobytes() for y in expected] == [
            y.numpy().tobytes() for y in actual
        ]


def test_replay_multiplies_long_vectors_as_eager():
    def step(x):
        return xdl.matmul(x, np.ones((5000, 1), "f4")), xdl.vecdot(x, x)

    compiled = xdl.compile(step)
    for seed in range(3):
        x = np.random.default_rng(seed).random((3, 5000)).astype("f4")

        expected, actual = step(x), compiled(x)

        assert [y.numpy().tobytes() for y in expected] == [
            y.numpy().tobytes() for y in actual
        ]


@pytest.mark.parametrize("seed", range(40))
def test_long_sum_is_that_of_float64_for_any_layout(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.choice([1, 2, 3, 30, 600, 1000], rng.integers(1, 5))
    while np.prod(lengths) > 200_000:
        lengths = np.minimum(lengths, np.max(lengths) // 2)
    x = rng.normal(1, 1, lengths).astype("f4").transpose(rng.permutation(len(lengths)))
    x = x[tuple(slice(None, None, int(rng.choice([1, 1, -1, 2]))) for _ in lengths)]
    count = rng.integers(1, x.ndim + 1)
    axes = tuple(int(a) for a in rng.choice(x.ndim, count, replace=False))
    axes = (axes, axes[0], axes[0] - x.ndim, None)[seed % 4]
    keepdims = bool(seed % 3)

    y = long_sum(x, axes, None, None, keepdims)

    expected = np.sum(x, axes, np.float64, keepdims=keepdims)
    size = np.sum(np.abs(x), axes, np.float64, keepdims=keepdims)
    assert (expected.shape, np.float32) == (y.shape, y.dtype)
    assert np.all(np.abs(y - expected) <= 2e-6 * size)


@pytest.mark.parametrize(
    ("shape1", "shape2"),
    [
        ((5000,), (5000,)),
        ((5000,), (5000, 3)),
        ((3, 5000), (5000,)),
        ((1, 9001), (9001, 4)),
        ((4, 9001), (9001, 1)),
        ((2, 3, 5000), (5000,)),
        ((2, 1, 5000), (5000, 3)),
        ((2, 1, 1, 5000), (3, 5000, 1)),
        ((5000,), (2, 5000, 3)),
    ],
)
def test_long_product_is_that_of_float64(shape1, shape2):
    rng = np.random.default_rng(0)
    x1, x2 = (rng.random(shape, dtype="f4") for shape in (shape1, shape2))

    y = host.matmul(x1, x2)

    expected = np.matmul(x1.astype("f8"), x2.astype("f8"))
    assert (expected.shape, np.float32) == (y.shape, y.dtype)
    assert np.array_equal(y, long_matmul(x1, x2))
    np.testing.assert_allclose(y, expected, rtol=2e-6)


def test_numbers_that_are_not_finite_stay_where_they_are():
    x = TENTH.copy()
    x[7, 0], x[8, 1] = np.nan, np.inf

    total = xdl.sum(x, axis=0).numpy()

    assert np.isnan(total[0])
    assert np.isposinf(total[1])
    assert np.isfinite(total[2])

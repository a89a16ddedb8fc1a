"""What nobody named the floating dtype of: computed in float64, shown as float32."""

import math

import numpy as np
import pytest

import xdl
from xdl import Variable

# Results of numbers, lists, integers and booleans, and their value in float64.
OPEN = {
    "sqrt": (lambda: xdl.sqrt(2.0), 2**0.5),
    "of an int": (lambda: xdl.sqrt(2), 2**0.5),
    "chain": (lambda: xdl.sqrt(2.0) * 3 + xdl.exp(1.0), 3 * 2**0.5 + math.e),
    "list": (lambda: xdl.exp([1.0, 2.0]), np.exp([1.0, 2.0])),
    "mean": (lambda: xdl.mean([0.1, 0.2, 0.7]), 1 / 3),
    "division": (lambda: xdl.divide(1, 3), 1 / 3),
    "integers": (lambda: xdl.divide(np.arange(2), 3), np.arange(2) / 3),
    "booleans": (lambda: xdl.mean(np.array([True, False, True])), 2 / 3),
    "int Variable": (lambda: Variable([1, 2]) * 0.1, np.array([0.1, 0.2])),
    "where": (lambda: xdl.where(Variable([True, False]), 0.1, 0.3), [0.1, 0.3]),
    "stack": (lambda: xdl.stack([0.1, 0.3]), [0.1, 0.3]),
    "transpose": (lambda: xdl.transpose([[0.1], [0.3]])[0], [0.1, 0.3]),
    "flatten": (lambda: xdl.flatten([[0.1], [0.3]]), [0.1, 0.3]),
    "item of a list": (lambda: xdl.getitem([0.1, 0.3], 1), 0.3),
    "scalar of NumPy": (lambda: xdl.log(np.float32(3)), math.log(3)),
    "detached": (lambda: xdl.sqrt(2.0).detach(), 2**0.5),
    "not random": (lambda: xdl.dropout([0.1, 0.3], training=False), [0.1, 0.3]),
    "large": (lambda: xdl.exp(100.0), math.exp(100.0)),
}


@pytest.mark.parametrize("name", OPEN)
def test_it_has_the_digits_of_a_float64_variable_that_it_meets(name):
    function, expected = OPEN[name]
    v = Variable(np.array([1.0, 3.0]))

    y = v * function()
    y.sum().backward()

    np.testing.assert_allclose(y.numpy(), [1.0, 3.0] * np.asarray(expected), rtol=4e-16)
    np.testing.assert_allclose(v.grad, np.zeros(2) + expected, rtol=4e-16)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", sorted(OPEN.keys() - {"large"}))
def test_it_is_rounded_once_to_the_dtype_that_it_meets(name, dtype):
    function, expected = OPEN[name]

    y = Variable([1.0, 1.0], dtype=dtype) * function()

    assert dtype == str(y.dtype)
    assert (np.ones(2) * expected).astype(dtype).tolist() == y.numpy().tolist()


@pytest.mark.parametrize("name", OPEN)
def test_it_is_shown_in_the_default_dtype(name):
    y = OPEN[name][0]()

    assert "float32" == str(y.dtype) == str(y.numpy().dtype)


def test_a_dtype_that_was_named_stays():
    exact = xdl.astype(xdl.sqrt(2.0), "float64")

    assert (np.float64, 2**0.5) == (exact.dtype, exact.item())
    assert np.float64 == xdl.astype([0.1], "float64").dtype
    assert np.float32 == xdl.exp(np.ones(2, np.float32)).dtype


def test_a_variable_made_of_it_takes_all_digits_of_its_dtype():
    assert 2**0.5 == Variable(xdl.sqrt(2.0), dtype="float64").item()

    v = Variable(np.zeros(1))
    v.value = xdl.sqrt([2.0])

    assert 2**0.5 == v.item()


def test_a_new_value_replaces_all_digits():
    data = xdl.exp([0.0, 0.0])
    data.value = [3.0, 4.0]

    assert [3.0, 4.0] == (data * Variable(np.ones(2))).numpy().tolist()


def test_it_is_trained_in_the_dtype_that_is_shown():
    w = xdl.exp([0.0, 0.0])
    w.trainable = True
    (w * w).sum().backward()
    xdl.SGD([w], lr=0.5).update()

    assert [0.0, 0.0] == (w * 1).numpy().tolist()


def test_pooling_to_a_size_has_the_accuracy_of_float64():
    x = np.random.default_rng(0).standard_normal((1, 2, 7, 5))

    y = xdl.adaptive_avg_pool2d(Variable(x), (3, 2))

    expected = [
        [[p[a:b, c:d].mean() for c, d in ((0, 3), (2, 5))] for a, b in
         ((0, 3), (2, 5), (4, 7))]
        for p in x[0]
    ]  # fmt: skip
    np.testing.assert_allclose(y.numpy()[0], expected, rtol=1e-13)


def test_an_additive_mask_given_as_a_list_has_the_accuracy_of_float64():
    q = np.random.default_rng(0).standard_normal((2, 3))

    y = xdl.scaled_dot_product_attention(Variable(q), q, q, [[0.1, 0.3]])

    scores = q @ q.T / math.sqrt(3) + [[0.1, 0.3]]
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(y.numpy(), weights @ q, rtol=1e-14)


def test_an_initializer_that_returns_a_list_keeps_the_digits_of_float64():
    w = xdl.Parameter().get_variable("w", [2], lambda shape: [0.1, 0.3], "float64")

    assert [0.1, 0.3] == w.numpy().tolist()


def test_it_has_the_digits_of_float64_in_a_compiled_step():
    v = Variable(np.array([1.0, 3.0]))

    def function(x):
        return v * (xdl.sqrt(2.0) * 3 + xdl.exp([1.0, 2.0])) * x

    step = xdl.compile(function, v)
    results = [step(np.ones(2)).numpy() for _ in range(3)]

    expected = np.array([1.0, 3.0]) * (3 * 2**0.5 + np.exp([1.0, 2.0]))
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=4e-16)


# Variables in lists.


LISTS = {
    "add": lambda a, c: xdl.add([a, 1.0], np.ones(2)),
    "multiply": lambda a, c: xdl.multiply([a, a], [c, 2.0]),
    "with an array": lambda a, c: xdl.multiply([a, np.array(2.0)], [c, 2.0]),
    "nested": lambda a, c: xdl.sum([[a, 1.0], [2.0, c]]),
    "tuple": lambda a, c: xdl.sum((a, c)),
    "stack": lambda a, c: xdl.stack([[a, c]]),
    "concat": lambda a, c: xdl.concat([[a, c], [a]]),
    "mean": lambda a, c: xdl.mean([a, c]),
    "softmax": lambda a, c: xdl.softmax([a, c]),
    "index_update": lambda a, c: xdl.index_update(np.zeros(3), slice(0, 2), [a, c]),
    "reshape": lambda a, c: xdl.reshape([a, c], (2, 1)),
    "transpose": lambda a, c: xdl.transpose([[a, c]]),
    "flatten": lambda a, c: xdl.flatten([[a], [c]]),
    "einsum": lambda a, c: xdl.einsum("i,i->", [a, c], [1.0, 2.0]),
    "matmul": lambda a, c: xdl.matmul([[a, c]], [[1.0], [2.0]]),
    "dot": lambda a, c: xdl.dot([a, c], [1.0, c]),
    "linear": lambda a, c: xdl.linear([[a, c]], np.ones((2, 2), np.float32)),
    "where": lambda a, c: xdl.where([True, False], [a, a], [c, c]),
    "clip": lambda a, c: xdl.clip([a, c], -9, 9),
    "loss": lambda a, c: xdl.mean_squared_error([a, c], [1.0, 1.0]),
    "cross entropy": lambda a, c: xdl.softmax_cross_entropy([[a, c]], [0]),
    "operator": lambda a, c: a * [c, 2.0],
    "np.multiply": lambda a, c: np.multiply(a, [c, a]),
    "np.stack": lambda a, c: np.stack([a, c]),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_variable_in_a_list_gets_its_gradient(name):
    a, c = Variable(0.5, dtype="float64"), Variable(2.0, dtype="float64")

    def value(x1, x2):
        with xdl.no_grad():
            y = LISTS[name](*(Variable(x, dtype="float64") for x in (x1, x2)))
        return np.sum(y.numpy() * weights)

    y = LISTS[name](a, c)
    weights = np.random.default_rng(0).uniform(1, 2, y.shape)
    y.backward(weights)

    step = 1e-6
    slopes = [
        (value(0.5 + step, 2.0) - value(0.5 - step, 2.0)) / (2 * step),
        (value(0.5, 2.0 + step) - value(0.5, 2.0 - step)) / (2 * step),
    ]
    found = [0.0 if v.grad is None else v.grad for v in (a, c)]
    np.testing.assert_allclose(found, slopes, rtol=1e-7, atol=1e-9)


def test_variables_of_two_shapes_in_a_list_are_refused():
    with pytest.raises(xdl.ShapeError, match=r"\(2,\) and \(3,\)"):
        xdl.sum([Variable([1.0, 2.0]), Variable([1.0, 2.0, 3.0])])


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.max])
def test_numpys_functions_refuse_a_list_of_trainable_variables(function):
    a, c = Variable([1.0, 2.0], "a"), Variable([3.0, 4.0], "c")

    with pytest.raises(xdl.GraphError, match=r'Variable "a" \(2,\): .*xdl.stack'):
        function([a, c])

    assert function([[1.0, 2.0], [3.0, 4.0]]) == function([a.detach(), c.detach()])


def test_a_trainable_variable_is_still_an_array_for_those_who_ask_for_one():
    a = Variable([1.0, 2.0])

    np.testing.assert_array_equal(a, [1.0, 2.0])
    assert [[1.0, 2.0]] == np.array([a]).tolist()

"""What does not count does not matter, whatever stands in it, in gradients too."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor
from tests.support.strict import CPU
from xdl.backend import to_numpy
from xdl.ops import special

GARBAGE = [np.nan, np.inf, -np.inf]
_ON = [[True, True], [True, False], [False, False]]  # steps by sequences
_LAST = [[True, True, False]]
_PACKED = [[True, False, False], [False, True, True], [False, True, True]]


def _recurrent(function, states):
    def call(x, weight, hidden_weight):
        zeros = [[[0.1, -0.2], [0.3, 0.4]]] * states
        y, *last = function(x, *zeros, weight, hidden_weight, mask=_ON, reverse=True)
        return xdl.sum(y * y) + xdl.sum(last[0])

    return call


def _attention(**options):
    def call(q, k, v):
        return xdl.scaled_dot_product_attention(q, k, v, **options)

    return call


# From a name to: a function, the shapes of its inputs, and for each input the places
# that do not count, as an index (None: all do).
CASES = {
    "rows with an ignored label in softmax_cross_entropy": (
        lambda x: xdl.softmax_cross_entropy(x, [0, -1, 2], ignore_index=-1),
        [(3, 3)],
        [1],
    ),
    "rows with an ignored label in a smoothed softmax_cross_entropy": (
        lambda x: xdl.softmax_cross_entropy(
            x, [0, -1, 2], [1.0, 2.0, 0.5], -1, 0.1, "none"
        ),
        [(3, 3)],
        [1],
    ),
    "rows of a class of weight 0 in softmax_cross_entropy": (
        lambda x: xdl.softmax_cross_entropy(x, [0, 1, 2], [1.0, 0.0, 2.0]),
        [(3, 3)],
        [1],
    ),
    "rows with an ignored label in nll_loss": (
        lambda x: xdl.nll_loss(x, [[0, 3], [1, 3]], ignore_index=3, reduction="sum"),
        [(2, 2, 3)],
        [(slice(None), 1)],
    ),
    "classes that are not the label in nll_loss": (
        lambda x: xdl.nll_loss(x, [0, 0, 0]),
        [(3, 3)],
        [(slice(None), slice(1, None))],
    ),
    "rows of a class of weight 0 in nll_loss": (
        lambda x: xdl.nll_loss(x, [0, 1, 2], [1.0, 0.0, 2.0]),
        [(3, 3)],
        [1],
    ),
    "elements of weight 0 in binary_cross_entropy_with_logits": (
        lambda x: xdl.binary_cross_entropy_with_logits(
            x, [0.0, 1.0, 0.5], [1.0, 0.0, 2.0]
        ),
        [(3,)],
        [1],
    ),
    "elements of weight 0 in binary_cross_entropy": (
        lambda x: xdl.binary_cross_entropy(x, [0.0, 1.0, 0.5], [1.0, 0.0, 2.0]),
        [(3,)],
        [1],
    ),
    "elements of probability 0 in kl_div": (
        lambda x: xdl.kl_div(x, [[0.5, 0.0, 0.5]]),
        [(1, 3)],
        [(0, 1)],
    ),
    "elements of log-probability -inf in kl_div": (
        lambda x: xdl.kl_div(x, [[-1.0, -np.inf, 0.0]], "sum", log_target=True),
        [(1, 3)],
        [(0, 1)],
    ),
    "times beyond the length in ctc_loss": (
        lambda x: xdl.ctc_loss(x, [[1, 2], [1, 0]], [4, 2], [2, 1]),
        [(4, 2, 3)],
        [(slice(2, None), 1)],
    ),
    "steps beyond the length in lstm": (
        _recurrent(xdl.lstm, 2),
        [(3, 2, 2), (2, 8), (2, 8)],
        [(slice(1, None), 1), None, None],
    ),
    "steps beyond the length in gru": (
        _recurrent(xdl.gru, 1),
        [(3, 2, 2), (2, 6), (2, 6)],
        [(slice(1, None), 1), None, None],
    ),
    "steps beyond the length in rnn": (
        _recurrent(xdl.rnn, 1),
        [(3, 2, 2), (2, 2), (2, 2)],
        [(slice(1, None), 1), None, None],
    ),
    "masked keys and their values": (
        _attention(mask=_LAST),
        [(2, 4), (3, 4), (3, 2)],
        [None, 2, 2],
    ),
    "masked keys by an integer mask": (
        _attention(mask=[[1, 1, 0]]),
        [(2, 4), (3, 4), (3, 2)],
        [None, 2, 2],
    ),
    "masked keys by a floating mask": (
        _attention(mask=[[0.0, 0.5, -np.inf]]),
        [(2, 4), (3, 4), (3, 2)],
        [None, 2, 2],
    ),
    "keys after the last query": (
        _attention(causal=True),
        [(2, 4), (3, 4), (3, 2)],
        [None, 2, 2],
    ),
    "queries without a key": (
        _attention(mask=[[True, True, True], [False, False, False]]),
        [(2, 4), (3, 4), (3, 2)],
        [1, None, None],
    ),
    "what is dropped": (
        lambda x: xdl.ops.random.Dropout(0.5)(x),
        [(4,)],
        [
            [
                i
                for i, y in enumerate(xdl.ops.random.Dropout(0.5)(np.ones(4)).numpy())
                if not y
            ]
        ],
    ),
    "all that is dropped": (lambda x: xdl.dropout(x, 1.0), [(4,)], [slice(None)]),
    "what where does not choose": (
        lambda x, y: xdl.where([1, 0, 2], x, y),
        [(3,), (3,)],
        [1, [0, 2]],
    ),
    "the other triangle": (lambda x: xdl.tril(x), [(3, 3)], [(0, slice(1, None))]),
    "pixels of weight 0 in interpolate": (
        lambda x: xdl.interpolate(x, 4, mode="linear", align_corners=True)[..., :3],
        [(1, 1, 10)],
        [(0, 0, slice(7, None))],
    ),
    "pixels of other windows in adaptive_avg_pool2d": (
        lambda x: xdl.adaptive_avg_pool2d(x, 3)[..., :2, :],
        [(1, 1, 8, 4)],
        [(0, 0, slice(6, None))],
    ),
}


def _inputs(name, garbage):
    """Return the arrays of a case, with garbage in the places that do not count."""
    rng = np.random.default_rng(2)
    _, shapes, places = CASES[name]
    arrays = [rng.uniform(0.1, 0.9, shape) for shape in shapes]
    for array, place in zip(arrays, places, strict=True):
        if place is not None and garbage is not None:
            array[place] = garbage
    return arrays


def _results(name, variables):
    """Return value and gradients as NumPy arrays."""
    y = CASES[name][0](*variables)
    y.backward(_gy(y))
    return [y.numpy(), *(to_numpy(v.grad) for v in variables)]


def _gy(y):
    return np.random.default_rng(1).uniform(0.5, 1.5, y.shape)


def _second_results(name, variables):
    """Return the gradients of a sum of squares of the gradients."""
    y = CASES[name][0](*variables)
    y.backward(xdl.Variable(_gy(y)), create_graph=True)
    total = sum(xdl.sum(v.grad * v.grad) for v in variables)
    for variable in variables:
        variable.clear_grad()
    if total.trainable:
        total.backward()
    return [v.grad for v in variables if v.grad is not None]


def _assert_equal(expected, actual):
    assert len(expected) == len(actual)
    for wanted, found in zip(expected, actual, strict=True):
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("device", ["cpu", CPU])
@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("name", CASES)
def test_what_does_not_count_changes_no_value_and_no_gradient(name, garbage, device):
    clean, dirty = (
        [xdl.Variable(a).to(device) for a in _inputs(name, value)]
        for value in (None, garbage)
    )

    _assert_equal(_results(name, clean), _results(name, dirty))


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("name", CASES)
def test_what_does_not_count_changes_no_second_gradient(name, garbage):
    clean, dirty = (
        [xdl.Variable(a) for a in _inputs(name, value)] for value in (None, garbage)
    )

    _assert_equal(_second_results(name, clean), _second_results(name, dirty))


@every_executor
@pytest.mark.parametrize("name", CASES)
def test_what_does_not_count_changes_nothing_in_a_program(name, executor):
    variables = [xdl.Variable(a) for a in _inputs(name, None)]
    expected = _results(name, variables)

    def step():
        y = CASES[name][0](*variables)
        y.backward(_gy(y))
        gradients = [v.grad for v in variables]
        for variable in variables:
            variable.clear_grad()
        return y, gradients

    for variable in variables:
        variable.clear_grad()
    compiled = xdl.compile(step, *variables, executor=executor)
    for garbage in (None, None, *GARBAGE):
        for variable, array in zip(variables, _inputs(name, garbage), strict=True):
            variable.value = array
        y, gradients = compiled()

        _assert_equal(expected, [y.numpy(), *gradients])


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("kind", [xdl.nn.LSTM, xdl.nn.GRU, xdl.nn.RNN])
def test_steps_beyond_the_lengths_reach_no_weight_of_a_layer(kind, garbage):
    x = np.random.default_rng(0).standard_normal((3, 4, 2)).astype("float32")
    dirty = x.copy()
    dirty[1, 2:] = dirty[2] = garbage
    xdl.seed(0)
    layer = kind(2, 3, layers=2, bidirectional=True, batch_first=True)

    found = []
    for given in (x, dirty):
        y, _ = layer(given, lengths=[4, 2, 0])
        xdl.sum(y * y).backward()
        weights = layer.parameter.variable_dict.values()
        found.append([y.numpy(), *(w.grad.copy() for w in weights)])
        layer.parameter.clear_grads()

    _assert_equal(*found)


# What counts, but with a factor of 0: from a name to a function, its inputs, the value
# and the gradients.
INF = np.inf
VALUES = {
    "a class of probability 0 beside ignore_index": (
        lambda x: xdl.softmax_cross_entropy(x, [0, 2], ignore_index=-1),
        [[[1.0, -INF, 2.0], [-INF, -INF, 0.0]]],
        np.log1p(np.e) / 2,
        [[[-0.3655293, 0.0, 0.3655293], [0.0, 0.0, 0.0]]],
    ),
    "a class of probability 0 beside weights": (
        lambda x: xdl.softmax_cross_entropy(x, [0], [2.0, 1.0, 1.0]),
        [[[1.0, -INF, 2.0]]],
        np.log1p(np.e),
        [[[-0.7310586, 0.0, 0.7310586]]],
    ),
    "the label itself with probability 0": (
        lambda x: xdl.softmax_cross_entropy(x, [1], ignore_index=-1),
        [[[0.0, -INF]]],
        INF,
        [[[1.0, -1.0]]],
    ),
    "a class of probability 0 that gets mass by smoothing": (
        lambda x: xdl.softmax_cross_entropy(x, [0], label_smoothing=0.5),
        [[[0.0, -INF]]],
        INF,
        [[[0.25, -0.25]]],
    ),
    "sure scores in binary_cross_entropy_with_logits": (
        lambda x: xdl.binary_cross_entropy_with_logits(
            x, [1.0, 0.0, 0.0, 1.0], reduction="none"
        ),
        [[INF, -INF, INF, -INF]],
        [0.0, 0.0, INF, INF],
        [[0.0, 0.0, 1.0, -1.0]],
    ),
    "sure scores beside pos_weight": (
        lambda x: xdl.binary_cross_entropy_with_logits(
            x, [1.0, 0.0, 0.0, 1.0], pos_weight=2.0, reduction="none"
        ),
        [[INF, -INF, INF, -INF]],
        [0.0, 0.0, INF, INF],
        [[0.0, 0.0, 1.0, -2.0]],
    ),
    "kl_div of two probabilities of 0": (
        lambda x, t: xdl.kl_div(x, t, "sum", log_target=True),
        [[0.0, -INF], [0.0, -INF]],
        0.0,
        [[-1.0, 0.0], [1.0, 0.0]],
    ),
    "a negative sample that is infinitely far": (
        xdl.triplet_loss,
        [[[0.0, 0.0]], [[1.0, 1.0]], [[INF, 0.0]]],
        0.0,
        [[[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]],
    ),
    "a leaky_relu without a leak": (
        lambda x: xdl.leaky_relu(x, 0.0),
        [[-INF, -1.0, 2.0]],
        [0.0, 0.0, 2.0],
        [[0.0, 0.0, 1.0]],
    ),
    "windows of -inf alone in max_pool2d": (
        lambda x: xdl.max_pool2d(x, 3, 2, 1),
        [[[[[-INF] * 4] * 4]]],
        [[[[-INF, -INF], [-INF, -INF]]]],
        [[[[[1.0, 1.0, 0.0, 0.0]] * 2 + [[0.0] * 4] * 2]]],
    ),
    "a floating mask that leaves no key": (
        lambda q, k, v, mask: xdl.scaled_dot_product_attention(q, k, v, mask),
        [[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]], [[-INF]]],
        [[0.0, 0.0]],
        [[[0.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]], [[0.0]]],
    ),
    "causal and a floating mask that leave no key": (
        lambda q, k, v, mask: xdl.scaled_dot_product_attention(q, k, v, mask, True),
        [[[1.0], [2.0]], [[3.0], [4.0]], [[5.0], [6.0]], [[-INF, 9.0], [-INF, 0.0]]],
        [[0.0], [6.0]],
        [[[0.0], [0.0]], [[0.0], [0.0]], [[0.0], [1.0]], [[0.0, 0.0], [0.0, 0.0]]],
    ),
    "rel_entr and its logarithm": (
        special.xlogy,
        [[0.0, 0.0, 0.0, 2.0], [0.0, INF, np.e, 1.0]],
        [0.0, 0.0, 0.0, 0.0],
        [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 2.0]],
    ),
}


@pytest.mark.parametrize("device", ["cpu", CPU])
@pytest.mark.parametrize("name", VALUES)
def test_a_factor_of_0_leaves_out(name, device):
    function, inputs, value, gradients = VALUES[name]
    variables = [xdl.Variable(np.array(x)).to(device) for x in inputs]

    y = function(*variables)
    y.backward(np.ones(y.shape))

    np.testing.assert_allclose(y.numpy(), value, rtol=1e-6, atol=1e-7)
    for variable, gradient in zip(variables, gradients, strict=True):
        np.testing.assert_allclose(to_numpy(variable.grad), gradient, 1e-6, 1e-7)


@pytest.mark.parametrize(
    ("function", "shape", "count"),
    [
        (lambda x: xdl.interpolate(x, 200, mode="linear"), (1, 1, 100), 4),
        (lambda x: xdl.interpolate(x, 100, mode="linear"), (1, 1, 100), 1),
        (lambda x: xdl.interpolate(x, 300, mode="linear"), (1, 1, 100), 5),
        (lambda x: xdl.interpolate(x, (20, 20), mode="bilinear"), (1, 1, 10, 10), 16),
        (lambda x: xdl.interpolate(x, (5, 5), mode="bilinear"), (1, 1, 10, 10), 1),
        (lambda x: xdl.adaptive_avg_pool2d(x, 3), (1, 1, 10, 10), 1),
        (lambda x: xdl.adaptive_avg_pool2d(x, 3), (1, 1, 7, 7), 1),
    ],
)
def test_one_pixel_reaches_the_pixels_that_are_made_of_it(function, shape, count):
    x = np.zeros(shape)
    x[(0, 0) + (shape[-1] // 2,) * (len(shape) - 2)] = np.nan

    assert count == np.isnan(function(x).numpy()).sum()

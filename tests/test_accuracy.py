"""Every elementwise function and gradient, over all exponents, against mpmath.

A few units in the last place are allowed, or what PyTorch itself is off by where that
is more (docs/accuracy.md): there the formula is the same.
"""

import numpy as np
import pytest

import xdl
from tests.support.accuracy import DTYPES, worst
from tests.support.accuracy_functions import FUNCTIONS

BOUND = 4.0  # ulp
LOST = 2.0**54  # of a number that is not 0 every digit may be lost
# Other bounds of a value or a gradient: float32's (float16's too) and float64's.
VALUE = {
    "gelu": (2.0**24, LOST),  # the lower tail of 1 + erf
    "gelu by tanh": (150.0, 1000.0),  # the rounding of a cubic, in an exponent
    "softmax": (40.0, 40.0),  # the rounding of a difference, in an exponent
    "log_softmax": (2.0**24, LOST),  # the logarithm of 1 and little
}
GRADIENT = {
    "tanh": (2.0**27, LOST),  # 1 - y**2: three operations instead of an exponential
    "rsqrt": (4.5, BOUND),
    "asin": (5.0, BOUND),  # 1 - x**2: a product's second derivative is NaN at 1
    "acos": (5.0, BOUND),
    "acosh": (2.0**24, LOST),  # x**2 overflows
    "atanh": (15.0, 5.0),
    "atan": (2.0**24, 2.0**24),  # 1 + x**2 overflows where the gradient is subnormal
    "atan2": (2.0**24, 2.0**24),
    "asinh": (2.0**24, LOST),  # x**2 overflows
    "erf": (80.0, 500.0),  # the rounding of x**2, in an exponent
    "logaddexp": (40.0, 40.0),  # that of a difference
    "logsumexp": (40.0, 40.0),
    "softmax": (2.0**24, LOST),  # y - y**2
    "log_softmax": (2.0**24, LOST),
    "celu of 0.7": (100.0, 500.0),  # that of a quotient
    "gelu": (2.0**20, 2.0**47),
    "gelu by tanh": (150.0, 1000.0),
}

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_wide_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def _bound(bounds, name, dtype):
    return bounds.get(name, (BOUND, BOUND))[dtype == "float64"]


@every_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_right_to_few_units_at_every_exponent(name, dtype):
    value, gradient = worst(name, dtype)

    assert value <= _bound(VALUE, name, dtype)
    assert gradient <= _bound(GRADIENT, name, dtype)


# What a formula with a cancellation gave: 0, or a number with few digits left.


@every_wide_dtype
@pytest.mark.parametrize("score", [-5.0, -12.0, -17.0, -20.0, -22.0])
def test_loss_of_a_probability_is_that_of_its_score(score, dtype):
    x = xdl.Variable(np.array(score, dtype))

    loss = xdl.binary_cross_entropy(xdl.sigmoid(x), np.array(1, dtype))
    loss.backward()

    expected = np.log1p(np.exp(score)) - score
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert float(x.grad) == pytest.approx(np.exp(score) / (1 + np.exp(score)) - 1)


@pytest.mark.parametrize("score", [-11.0, -40.0, -87.0, -100.0, 20.0, 88.0, 100.0])
@pytest.mark.parametrize(
    "function",
    [xdl.sigmoid, xdl.softplus, xdl.silu, xdl.mish, xdl.elu, xdl.celu, xdl.selu],
)
def test_gradient_is_no_zero_where_the_dtype_has_a_number_for_it(function, score):
    x = xdl.Variable(np.array(score, "float32"))

    function(x).backward()

    assert float(x.grad) != 0


@pytest.mark.parametrize("score", [-80.0, -40.0, -20.0, 20.0, 40.0, 80.0])
@pytest.mark.parametrize("gate", ["i", "f", "o"])
def test_gate_of_an_lstm_that_is_shut_or_open_still_learns(gate, score):
    scores = dict.fromkeys("ifgo", 0.5) | {gate: score}
    x = xdl.Variable(np.array([list(scores.values())], "float32"))
    none = np.zeros((1, 4), "float32")
    h, _ = xdl.lstm_cell([[1.0]], [[0.0]], [[0.5]], x, none)

    h.backward(np.ones((1, 1), "float32"))

    i, f, o = (1 / (1 + np.exp(-scores[name])) for name in "ifo")
    g = np.tanh(scores["g"])
    c = 0.5 * f + i * g
    within = o * (1 - np.tanh(c) ** 2)
    factor = {"i": within * g, "f": within * 0.5, "o": np.tanh(c)}[gate]
    density = np.exp(-abs(score)) / (1 + np.exp(-abs(score))) ** 2
    expected = pytest.approx(factor * density, rel=1e-5)
    assert float(x.grad[0, "ifgo".index(gate)]) == expected


@pytest.mark.parametrize("score", [-80.0, -20.0, 20.0, 80.0])
@pytest.mark.parametrize("gate", ["r", "z"])
def test_gate_of_a_gru_that_is_shut_or_open_still_learns(gate, score):
    scores = dict.fromkeys("rzn", 0.5) | {gate: score}
    x = xdl.Variable(np.array([list(scores.values())], "float32"))
    hidden_bias = np.array([0.0, 0.0, 0.25], "float32")
    none = np.zeros((1, 3), "float32")
    h = xdl.gru_cell([[1.0]], [[0.75]], x, none, None, hidden_bias)

    h.backward(np.ones((1, 1), "float32"))

    r, z = (1 / (1 + np.exp(-scores[name])) for name in "rz")
    n = np.tanh(scores["n"] + r * 0.25)
    rest = 1 / (1 + np.exp(scores["z"]))
    factor = {"r": rest * (1 - n**2) * 0.25, "z": 0.75 - n}[gate]
    density = np.exp(-abs(score)) / (1 + np.exp(-abs(score))) ** 2
    expected = pytest.approx(factor * density, rel=1e-5)
    assert float(x.grad[0, "rzn".index(gate)]) == expected


@every_wide_dtype
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("x", [0.0, 0.5, -3.0])
def test_sigmoid_has_derivatives_of_every_order(x, order, dtype):
    variable = xdl.Variable(np.array(x, dtype))
    derivative = xdl.sigmoid(variable)
    for _ in range(order):
        variable.clear_grad()
        derivative.backward(create_graph=True)
        derivative = variable.grad

    s = 1 / (1 + np.exp(-x))
    slope = s * (1 - s)
    expected = (slope, slope * (1 - 2 * s), slope * (1 - 6 * s + 6 * s * s))[order - 1]
    assert float(derivative) == pytest.approx(expected, rel=1e-5, abs=1e-7)

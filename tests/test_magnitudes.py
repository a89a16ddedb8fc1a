"""Every operation on very large and very small numbers: nothing overflows on the way.

Where the true result is a normal number of float32, the result in float32 is finite,
and it is not 0. The true one is computed in float64, whose range holds all squares.
"""

import numpy as np
import pytest

import xdl
from tests.support.operations import with_cases
from xdl.backend import is_floating
from xdl.core.case import Case
from xdl.testing import draw_inputs

# Operations that overflow on the way, and why they may. PyTorch's do, too.
AS_FAST = "a second pass over the rows would cost a third of its time"
SUMS = "scores that are infinite of both signs, from products that are"
WEIGHTS = "products of a loss with a weight as large as it"
OVERFLOWING = {
    "BatchNorm": AS_FAST,
    "BinaryCrossEntropy": WEIGHTS,
    "BinaryCrossEntropyWithLogits": WEIGHTS,
    "CumulativeProd": "products of more elements than the gradient has",
    "GELU": "the cube of the form by tanh",
    "Gru": SUMS,
    "LayerNorm": AS_FAST,
    "Lstm": SUMS,
    "NllLoss": WEIGHTS,
    "RMSNorm": AS_FAST,
    "Rnn": SUMS,
    "ScaledDotProductAttention": SUMS,
    "WeightedSoftmaxCrossEntropy": WEIGHTS,
}
LARGEST, SMALLEST = 3.4e38, 2.0**-120


def _float_cases():
    return [
        pytest.param(op_class, case, id=f"{op_class.__name__}-{i}")
        for op_class in with_cases()
        if op_class.__name__ not in OVERFLOWING
        for i, case in enumerate(op_class.cases)
        if type(case) is Case and _has_floats(case)
    ]


def _has_floats(case):
    return any(a is not None and is_floating(a) for a in draw_inputs(case))


def _results(op, arrays, dtype):
    """Return the value and the gradients of a call in a dtype, as float64."""
    variables = [
        a if a is None or not is_floating(a) else xdl.Variable(a, dtype=dtype)
        for a in arrays
    ]
    y = op(*variables)
    if y.trainable:
        y.backward(np.random.default_rng(1).uniform(0.5, 1, y.shape))
    leaves = [v for v in variables if isinstance(v, xdl.Variable)]
    found = [y.numpy(), *(v.grad for v in leaves if v.grad is not None)]
    return [np.asarray(array, np.float64) for array in found]


@pytest.mark.parametrize("scale", [2.0**-75, 2.0**100], ids=["small", "large"])
@pytest.mark.parametrize(("op_class", "case"), _float_cases())
def test_results_that_float32_holds_are_reached(op_class, case, scale):
    op = op_class(**case.options)
    arrays = [
        np.float32(a * scale) if a is not None and is_floating(a) else a
        for a in draw_inputs(case)
    ]
    with np.errstate(all="ignore"):
        expected = _results(op, arrays, "float64")

        actual = _results(op, arrays, "float32")

    for wanted, found in zip(expected, actual, strict=True):
        largest = np.max(np.abs(wanted), initial=0.0)
        counts = np.isfinite(wanted) & (np.abs(wanted) < LARGEST)
        assert np.isfinite(found[counts]).all()
        if SMALLEST < largest < LARGEST:
            counts &= np.abs(wanted) > max(SMALLEST, 1e-6 * largest)
            assert (found[counts] != 0).all()

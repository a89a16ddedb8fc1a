"""More of every operation on a GPU than `tests/gpu` asks: 16 bits, layouts, twice."""

import numpy as np
import pytest

import xdl
from tests.gpu.test_on_gpu import NO_GRADIENT, assert_same, cases, value_and_gradients
from xdl import backend
from xdl.core.case import Case
from xdl.testing import draw_inputs

pytestmark = pytest.mark.gpu
CLOSE = {"float16": 2e-3, "bfloat16": 2e-2}

every_case = pytest.mark.parametrize(("op_class", "case"), cases(Case))
every_smooth_case = pytest.mark.parametrize(
    ("op_class", "case"),
    [
        param
        for param in cases(Case)
        if param.values[0].gradient is not None and param.values[1].is_smooth
    ],
)


def _in_float64(arrays):
    """Return arrays of 16 bits, which NumPy's assertions do not compare, as float64."""
    return [a.astype("f8") if backend.is_floating(a) else a for a in arrays]


@pytest.mark.parametrize("dtype", CLOSE)
@every_case
def test_16_bits_give_the_numbers_of_the_cpu(op_class, case, dtype):
    expected = value_and_gradients(op_class, case, dtype, "cpu")

    actual = value_and_gradients(op_class, case, dtype, "cuda")

    assert [a.dtype for a in expected] == [a.dtype for a in actual]
    assert_same(_in_float64(expected), _in_float64(actual), CLOSE[dtype])


def _second(op_class, case, device, order="C"):
    """Return the gradients of the sum of squared gradients of a case, on a device."""
    op = op_class(**case.options)
    inputs = draw_inputs(case)
    with xdl.use_device(device):
        variables = [
            None
            if array is None
            else xdl.Variable(
                np.array(array, order=order), name, _is_trainable(op, name, array)
            )
            for name, array in zip(op.names_for(inputs), inputs, strict=True)
        ]
    y = op(*variables)
    if not y.trainable:
        return [y.numpy()]
    (y * y).sum().backward(create_graph=True)
    trained = [v for v in variables if v is not None and v.trainable]
    slopes = [v.grad for v in trained if v.grad is not None]
    for variable in trained:
        variable.clear_grad()
    for slope in slopes:
        if slope.trainable:
            (slope * slope).sum().backward(retain_graph=True)
    found = [v.grad for v in trained if v.grad is not None]
    return [backend.to_numpy(getattr(g, "value", g)) for g in [*slopes, *found]]


def _is_trainable(op, name, array):
    constant = name in op.own_dtype or name in op.conditions
    return (
        backend.is_floating(array)
        and not constant
        and name != NO_GRADIENT.get(type(op).__name__)
    )


@every_smooth_case
def test_gradients_of_gradients_are_those_of_the_cpu(op_class, case):
    expected = _second(op_class, case, "cpu")

    actual = _second(op_class, case, "cuda")

    assert_same(expected, actual, 1e-9)


@every_smooth_case
def test_arrays_in_the_order_of_fortran_give_the_same(op_class, case):
    expected = _second(op_class, case, "cuda")

    actual = _second(op_class, case, "cuda", "F")

    assert_same(expected, actual, 1e-9)

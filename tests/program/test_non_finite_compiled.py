"""NaN and infinities in compiled steps: they come out where they come out of eager."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor
from tests.support.operations import cases_of, with_cases
from tests.support.trained import operation
from tests.test_every_op import _takes_floats
from tests.test_every_op_non_finite import BAD, non_finite
from xdl.core.case import Case
from xdl.testing import draw_inputs


def _assert_same(expected, actual):
    assert len(expected) == len(actual)
    for wanted, found in zip(expected, actual, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def _in_single(inputs):
    return [
        a.astype("float32") if a is not None and a.dtype == "float64" else a
        for a in inputs
    ]


@pytest.mark.parametrize(("op_class", "case"), cases_of(has=_takes_floats))
def test_a_compiled_operation_passes_on_what_eager_does(op_class, case):
    op = operation(op_class, case)
    calls = [draw_inputs(case, "float32")] * 2
    calls += [_in_single(inputs) for _, inputs in non_finite(case)][:12]
    compiled = xdl.compile(op)

    for inputs in calls:
        with np.errstate(all="ignore"):
            xdl.seed(3)
            expected = op(*inputs)
            xdl.seed(3)
            actual = compiled(*inputs)

        _assert_same([expected.numpy()], [actual.numpy()])


def _of_one_array():
    """Return an operation of every class that has a case of one array (2, 3)."""
    found = {}
    for op_class in with_cases():
        for case in op_class.cases:
            if isinstance(case, Case) and case.inputs == [(2, 3)]:
                found.setdefault(op_class.__name__, op_class(**case.options))
    return {name: op for name, op in found.items() if name not in ("Dropout", "Astype")}


@every_executor
def test_values_and_gradients_of_many_operations_pass_on_what_eager_does(executor):
    ops = _of_one_array()
    x = xdl.Variable(np.full((2, 3), 0.5, "float32"))

    def step():
        found = []
        for op in ops.values():
            y = op(x)
            found.append(y)
            if y.trainable:
                y.backward(np.ones(y.shape, "float32"))
                found.append(x.grad)
                x.clear_grad()
        return found

    compiled = xdl.compile(step, x, executor=executor)
    numbers = [0.5, 0.5, -1.0, 0.0, *BAD, -30.0, 30.0]
    for number in numbers:
        x.value = np.array([[0.5, number, -0.25], [0.75, -0.5, 0.1]])
        with np.errstate(all="ignore"):
            expected = [np.asarray(xdl.Variable(y)) for y in step()]
            actual = [np.asarray(xdl.Variable(y)) for y in compiled()]

        _assert_same(expected, actual)

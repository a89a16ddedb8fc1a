"""Every function of xdl.ops beside PyTorch's, on the cases in its class."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import ORDERS, VALUE, assert_same, in_torch, in_xdl, torch
from tests.oracle.torch_counterparts import COUNTERPARTS, WITHOUT
from tests.support.operations import with_cases
from xdl.core.case import Case
from xdl.testing import draw_inputs

USES = [
    pytest.param(row, case, id=f"{row.op or row.name}-{i}")
    for row in COUNTERPARTS
    for i, case in enumerate(row.op_class.cases if row.op_class else ())
    if isinstance(case, Case)
]
DTYPES = ("float16", "float32", "float64")


def tensors_of(row, case, dtype="float64"):
    """Return the inputs of a case: those that have a gradient in xdl require one."""
    arrays = draw_inputs(case, dtype)
    op = row.op_class(**case.options)
    constant = (*op.own_dtype, *row.constant)
    return [
        _tensor(array, name not in constant and op.gradient is not None)
        for array, name in zip(arrays, op.names_for(arrays), strict=True)
    ]


def _tensor(array, is_differentiable):
    if array is None:
        return None
    tensor = torch.tensor(array)
    return tensor.requires_grad_(is_differentiable and tensor.is_floating_point())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("row", "case"), USES)
def test_case_gives_what_torch_gives(row, case, order, count_sample):
    inputs = tensors_of(row, case)
    count_sample(row.name)
    place = f"case {row.op_class.cases.index(case)} {order}"
    if place in row.differs:
        pytest.skip(row.differs[place])

    actual = in_xdl(order, row.op_class(**case.options), *inputs)

    assert_same(in_torch(order, row.call_torch, *inputs, **case.options), actual)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("row", "case"), USES)
def test_result_has_the_dtype_that_torch_gives(row, case, dtype, count_sample):
    inputs = tensors_of(row, case, dtype)
    count_sample(row.name)

    (actual,) = in_xdl(VALUE, row.op_class(**case.options), *inputs)

    (expected,) = in_torch(VALUE, row.call_torch, *inputs, **case.options)
    assert expected.dtype == actual.dtype


@pytest.mark.parametrize("numbers", [1.5, [1.0, 2.0], 3, [1, 2], True, [True, False]])
def test_python_numbers_get_the_dtype_that_torch_gives_them(numbers):
    expected = torch.tensor(numbers).numpy().dtype

    assert expected == xdl.Variable(numbers).dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", [2, 2.5, True, np.float64(2.5)])
@pytest.mark.parametrize("name", ["add", "multiply", "divide", "power", "maximum"])
def test_a_number_widens_no_array(name, number, dtype):
    x = np.ones(3, dtype)

    assert dtype == getattr(xdl, name)(x, number).dtype


def test_every_function_stands_in_the_table_or_is_excused():
    named = {row.name for row in COUNTERPARTS} | set(WITHOUT)

    assert set(xdl.ops.__all__) == named


def test_every_operation_is_compared_on_its_cases():
    compared = {row.op_class for row in COUNTERPARTS}

    assert set(with_cases()) <= compared

"""Data follows the model: how inputs of different kinds are brought together."""

import numpy as np
import pytest

import xdl
from xdl import DtypeError, Op, Variable


def test_numbers_alone_become_arrays_and_none_stays():
    class Shift(Op):
        def compute(self, xp, x, z=None):
            return x if z is None else x + z

    results = Shift()(1.5, None), Shift()(1.5, 2)

    assert [1.5, 3.5] == [r.item() for r in results]


@pytest.mark.parametrize("items", [[], [None], [None, None]], ids=str)
def test_an_operation_on_nothing_is_refused(items):
    with pytest.raises(xdl.XdlError, match="Concat"):
        xdl.concat(items)


def test_a_missing_item_of_a_list_is_refused():
    with pytest.raises(DtypeError, match=r"Concat: xs\[1\] is None"):
        xdl.concat([Variable([1.0]), None])


def test_negating_signed_integers_is_allowed():
    assert [-1] == (-Variable([1])).numpy().tolist()


@pytest.mark.parametrize(
    "data",
    [
        np.ones(2),
        np.ones(2, np.float16),
        np.ones(2, np.int64),
        np.ones(2, bool),
        np.ones(2, ">f4"),
        [1, 2],
        (1.0, 2.0),
        3,
        True,
        np.float64(2),
        np.bool(True),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_data_takes_the_dtype_of_the_variable_it_meets(data, dtype):
    w = Variable([1.0, 2.0], dtype=dtype)

    results = w * data, data * w, w / data

    assert [dtype] * 3 == [str(r.dtype) for r in results]


def test_what_was_computed_from_data_alone_is_still_data():
    w = Variable([1.0, 2.0])
    features = xdl.exp(np.zeros(2)) + 1

    y = features * w

    assert (np.float64, np.float32) == (features.dtype, y.dtype)


def test_two_variables_of_two_floating_dtypes_are_refused_by_name():
    a, b = Variable([1.0], name="a"), Variable(np.ones(1), name="b")

    with pytest.raises(DtypeError, match='"a" is float32, .*"b" is float64'):
        a + b


def test_two_frozen_variables_of_two_floating_dtypes_are_refused_too():
    a = Variable([1.0], trainable=False)

    with pytest.raises(DtypeError, match="float32.*float64"):
        xdl.maximum(a, Variable(np.ones(1), trainable=False))


def test_integer_variables_follow_a_floating_one():
    w, counts = Variable([1.0, 2.0]), Variable([3, 4])

    (w * counts).sum().backward()

    assert [3.0, 4.0] == w.grad.tolist()


@pytest.mark.parametrize(
    ("x1", "x2", "dtype"),
    [
        (1, 2, "int64"),
        (1, 2.0, "float32"),
        ([1, 2], [3, 4], "int64"),
        ([1, 2], 0.5, "float32"),
        (np.ones(2), 1, "float64"),
        (np.ones(2, np.float16), np.ones(2, np.float32), "float32"),
        (np.ones(2, np.int8), np.ones(2, np.float16), "float16"),
        (True, 2, "int64"),
    ],
    ids=repr,
)
def test_data_alone_widens_to_the_widest_floating_dtype(x1, x2, dtype):
    assert dtype == str(xdl.add(x1, x2).dtype)


@pytest.mark.parametrize("x", [3, [1, 2], np.ones(2, np.uint8), True])
def test_a_floating_operation_takes_integers_as_float32(x):
    assert "float32" == str(xdl.exp(x).dtype)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint64"])
def test_negating_an_unsigned_dtype_is_refused(dtype):
    with pytest.raises(DtypeError, match=f"Negative: x is {dtype}, needed a signed"):
        -Variable(np.ones(2, dtype))


def test_labels_keep_their_own_dtype():
    picked = xdl.take(Variable([1.0, 2.0]), np.array([1], np.int8), axis=0)

    assert (np.float32, [2.0]) == (picked.dtype, picked.numpy().tolist())


def test_an_optional_input_may_be_none():
    y = xdl.linear([[1.0, 2.0]], Variable([[3.0], [4.0]]), None)

    assert [[11.0]] == y.numpy().tolist()


def test_a_missing_input_where_one_is_needed_is_refused():
    with pytest.raises(xdl.XdlError, match="x2"):
        xdl.matmul(Variable([[1.0]]), None)


@pytest.mark.parametrize("other", [1.5, [1.5], np.array([1.5])], ids=repr)
def test_an_integer_variable_meets_floating_data_in_floating_numbers(other):
    assert [4.5] == (Variable([3]) * other).numpy().tolist()

"""Operators and methods of Variable, and NumPy's functions on Variables."""

import operator

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, ShapeError, Variable

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
]
COMPARISONS = [
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]
LEFT, RIGHT = (
    np.array([3.0, 5.0, 2.0], np.float32),
    np.array([2.0, 2.0, 4.0], np.float32),
)


@pytest.mark.parametrize("operate", [*BINARY, operator.matmul, *COMPARISONS])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Variable(LEFT), Variable(RIGHT)),
        (Variable(LEFT), RIGHT),
        (LEFT, Variable(RIGHT)),
    ],
    ids=["variables", "array_right", "array_left"],
)
def test_an_operator_gives_what_numpy_gives(operate, left, right):
    result = operate(left, right)

    assert type(result) is Variable
    assert operate(LEFT, RIGHT).tolist() == result.numpy().tolist()


@pytest.mark.parametrize("operate", [*BINARY, *COMPARISONS])
@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.float64(2), np.int64(2)])
def test_an_operator_takes_numbers_on_both_sides_and_keeps_float32(operate, number):
    results = operate(Variable(LEFT), number), operate(number, Variable(LEFT))

    expected = operate(LEFT, np.float32(2)), operate(np.float32(2), LEFT)
    assert [e.tolist() for e in expected] == [r.numpy().tolist() for r in results]
    assert [e.dtype for e in expected] == [r.dtype for r in results]


def test_a_list_takes_part_on_both_sides():
    x = Variable([1.0, 2.0])

    sums = x + [1, 2], [1, 2] + x

    assert [[2.0, 4.0]] * 2 == [s.numpy().tolist() for s in sums]


@pytest.mark.parametrize("operate", [operator.neg, operator.pos, abs])
def test_a_unary_operator_gives_what_numpy_gives(operate):
    array = np.array([-1.0, 0.0, 2.0], np.float32)

    result = operate(Variable(array))

    assert operate(array).tolist() == result.numpy().tolist()


@pytest.mark.parametrize("operate", [operator.and_, operator.or_])
def test_logic_on_booleans_gives_what_numpy_gives(operate):
    left, right = np.array([True, True, False]), np.array([True, False, False])

    results = operate(Variable(left), right), operate(left, Variable(right))

    assert [operate(left, right).tolist()] * 2 == [r.numpy().tolist() for r in results]
    assert [False, True] == (~Variable([True, False])).numpy().tolist()


@pytest.mark.parametrize(
    "left", [Variable([6]), Variable([6.0])], ids=["int64", "float32"]
)
def test_logic_on_numbers_is_refused_and_no_silent_truth(left):
    with pytest.raises(xdl.DtypeError):
        left & 3


def test_comparison_with_none_is_an_answer_and_no_array():
    x = Variable([1.0])

    assert (False, True) == (x == None, x != None)  # noqa: E711


def test_an_operator_refuses_shapes_that_do_not_broadcast():
    with pytest.raises(ShapeError, match=r"Add: shapes \(2,\) and \(3,\)"):
        Variable([1.0, 2.0]) + Variable([1.0, 2.0, 3.0])


@pytest.mark.parametrize("other", [None, object(), "a", {"a": 1}])
def test_an_operator_refuses_what_is_no_number(other):
    with pytest.raises(xdl.DtypeError):
        Variable([1.0]) + other


@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "min", "argmax", "argmin", "all", "any"]
)
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": -1, "keepdims": True}])
def test_a_reduction_is_a_method_too(name, options):
    array = np.array([[3.0, 1.0], [2.0, 5.0]], np.float32)

    result = getattr(Variable(array), name)(**options)

    assert np.array_equal(getattr(array, name)(**options), result.numpy())


@pytest.mark.parametrize("option", [{"dtype": np.float64}, {"out": np.zeros(())}])
def test_a_reduction_takes_no_dtype_and_no_out(option):
    with pytest.raises(ArgumentError, match="dtype and out are not taken"):
        Variable([1.0]).sum(**option)


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a.reshape(3, 2),
        lambda a: a.reshape((3, 2)),
        lambda a: a.reshape(-1),
        lambda a: a.flatten(),
        lambda a: a.ravel(),
        lambda a: a.T,
        lambda a: a.mT,
        lambda a: a.transpose(),
        lambda a: a.transpose(None),
        lambda a: a.transpose(1, 0),
        lambda a: a.transpose((1, 0)),
        lambda a: a.reshape(1, 6).squeeze(),
        lambda a: a.reshape(1, 6, 1).squeeze(axis=0),
        lambda a: a.astype("float64"),
        lambda a: a.clip(2, 4),
        lambda a: a.clip(min=3),
        lambda a: a.dot(a.T),
        lambda a: a[1],
        lambda a: a[..., 0],
        lambda a: a[:, ::2],
        lambda a: a[[0, 1, 1], [0, 2, 2]],
        lambda a: a[a > 2],
        lambda a: a[None, 0, -1],
    ],
    ids=range(23),
)
def test_a_method_or_index_gives_what_numpy_gives_and_passes_gradients(use):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = Variable(array)

    y = use(x)
    y.sum().backward()

    expected = use(array)
    assert (expected.dtype, expected.tolist()) == (y.dtype, y.numpy().tolist())
    assert array.shape == x.grad.shape


def test_reshape_takes_c_order_alone():
    x = Variable([1.0, 2.0])

    assert (2, 1) == x.reshape(2, 1, order="C").shape
    with pytest.raises(ArgumentError, match="order 'F' came"):
        x.reshape(2, 1, order="F")


def test_array_namespace_is_the_operations():
    assert xdl.ops is Variable([1.0]).__array_namespace__()


@pytest.mark.parametrize(
    "use",
    [
        np.exp,
        np.sum,
        np.mean,
        np.max,
        np.amin,
        np.abs,
        np.transpose,
        np.square,
        lambda v: np.sum(v, axis=0, keepdims=True),
        lambda v: np.concatenate([v, v], axis=1),
        lambda v: np.concatenate([np.ones((1, 2), np.float32), v]),
        lambda v: np.where(v > 1.5, v, 0.0),
        lambda v: np.clip(v, 1, 2),
        lambda v: np.matmul(v, np.ones((2, 1), np.float32)),
        lambda v: np.reshape(v, (4,)),
        lambda v: np.maximum(v, 2),
        lambda v: np.true_divide(v, 2),
        lambda v: np.ones(2, np.float32) * v,
    ],
    ids=range(18),
)
def test_numpys_function_gives_a_variable_with_a_gradient(use):
    array = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    x = Variable(array)

    y = use(x)
    y.sum().backward()

    np.testing.assert_allclose(y.numpy(), use(array), rtol=1e-6)
    assert (2, 2) == x.grad.shape


@pytest.mark.parametrize(
    "use",
    [
        np.linalg.inv,
        np.add.reduce,
        np.sinc,
        np.fft.fft,
        lambda v: np.exp(v, out=np.zeros(2, np.float32)),
        lambda v: np.zeros(2, np.float32).__iadd__(v),
        lambda v: np.add.at(np.zeros(2, np.float32), [0], v),
    ],
    ids=["inv", "reduce", "sinc", "fft", "out", "iadd", "at"],
)
def test_numpys_function_without_a_counterpart_is_refused_with_the_way_out(use):
    with pytest.raises(TypeError, match=r"use .numpy\(\) or .value"):
        use(Variable([1.0, 2.0]))


@pytest.mark.parametrize(
    ("read", "told"), [(np.shape, (2,)), (np.ndim, 1), (np.size, 2)]
)
def test_numpy_reads_shape_ndim_and_size(read, told):
    assert told == read(Variable([1.0, 2.0]))


def test_numpy_asserts_work_on_variables():
    np.testing.assert_array_equal(Variable([1.0, 2.0]), [1.0, 2.0])

"""Indices of every kind, against NumPy's: value, gradient, what is set and added."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor
from tests.support.strict import CPU
from xdl import DtypeError, GraphError, IndexRangeError, Variable

X = np.arange(24.0).reshape(2, 3, 4) + 1
ROWS = [1, 0]
INDICES = {
    "True": True,
    "False": False,
    "NumPy's True": np.True_,
    "NumPy's False": np.False_,
    "a 0-d mask": np.array(True),
    "a false 0-d mask": np.array(False),
    "a mask and an int": (np.True_, 0),
    "an int and a mask": (1, True),
    "a mask behind a slice": (slice(None), True),
    "a mask between slices": (slice(1), np.array(True), slice(1, 3)),
    "a mask behind an ellipsis": (..., True),
    "a mask before an ellipsis": (False, ..., 1),
    "a mask and a new axis": (None, True, None),
    "two masks": (True, True),
    "masks that differ": (True, slice(None), False),
    "a mask and an array": (True, ROWS),
    "an array and a mask": (ROWS, slice(None), True),
    "a false mask and one index": (False, [1]),
    "a mask of an axis and one of none": (np.array([True, False]), True),
    "a 0-d array": np.array(1),
    "a 0-d array, unsigned": np.array(1, np.uint8),
    "an int of NumPy": (np.int64(1), np.int8(-1)),
    "a 0-d array behind a slice": (slice(None), np.array(-1)),
    "0-d arrays around a slice": (np.array(1), slice(None), np.array(-4)),
    "a 0-d array and an int": (0, slice(1, 3), np.array(2)),
    "a 0-d array and a mask": (np.array(1), True),
    "a 0-d array and an array": (np.array(1), slice(None), ROWS),
    "a 0-d array and a new axis": (None, np.array(0), ..., None),
    "a 0-d array for every axis": (np.array(1), np.array(0), np.array(3)),
    "a slice of NumPy's ints": (slice(np.int64(1), None), slice(np.array(1), None)),
}
every_index = pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)


def _as_variables(index):
    """Return an index with Variables in the place of NumPy's arrays and scalars."""
    if isinstance(index, tuple):
        return tuple(map(_as_variables, index))
    return Variable(index) if hasattr(index, "dtype") else index


def _added(index, value):
    y = np.zeros_like(X)
    np.add.at(y, index, value)
    return y


def _set(index, value):
    y = X.copy()
    y[index] = value
    return y


@pytest.mark.parametrize("given", [lambda index: index, _as_variables])
@every_index
def test_an_index_picks_what_it_picks_in_numpy(index, given):
    x = Variable(X)
    expected = X[index]

    y = x[given(index)]
    y.backward(np.ones(y.shape))

    assert expected.shape == y.shape
    assert np.array_equal(expected, y.value)
    assert np.array_equal(_added(index, 1.0), x.grad)


@every_index
def test_an_index_says_where_to_add_and_set(index):
    picked = X[index]
    values = np.arange(100.0, 100.0 + picked.size).reshape(picked.shape)
    x, value = Variable(X), Variable(values)

    added, updated = xdl.index_add(x, index, value), xdl.index_update(x, index, value)
    (added + updated * 2.0).sum().backward()

    assert np.array_equal(X + _added(index, values), added.value)
    assert np.array_equal(_set(index, values), updated.value)
    assert np.array_equal(np.where(_set(index, 0.0) == 0, 1.0, 3.0), x.grad)
    assert np.array_equal(np.full(picked.shape, 3.0), value.grad)


@every_index
def test_a_number_is_added_and_set_at_an_index(index):
    added, updated = xdl.index_add(X, index, 5.0), xdl.index_update(X, index, 5.0)

    assert np.array_equal(X + _added(index, 5.0), added.value)
    assert np.array_equal(_set(index, 5.0), updated.value)


# The standard has no index of arrays beside ints, nor several arrays with slices.
STRICT = [
    "True",
    "False",
    "a 0-d mask",
    "a mask behind a slice",
    "a mask between slices",
    "a mask behind an ellipsis",
    "a mask and a new axis",
    "a 0-d array",
    "a 0-d array behind a slice",
    "a 0-d array and a new axis",
    "a 0-d array for every axis",
]


@pytest.mark.parametrize("name", STRICT)
def test_a_namespace_of_the_standard_picks_the_same(name):
    index = INDICES[name]
    on_device = [
        Variable(part).to(CPU) if hasattr(part, "dtype") else part
        for part in (index if isinstance(index, tuple) else (index,))
    ]
    x = Variable(X).to(CPU)

    y = x[tuple(on_device)]
    y.backward(np.ones(y.shape))

    assert np.array_equal(X[index], y.numpy())
    assert np.array_equal(_added(index, 1.0), np.asarray(x.grad))


def test_a_computed_truth_value_is_a_mask():
    v = Variable([10.0, 11.0, 12.0])

    some, none = v[xdl.any(v > 11)], v[xdl.all(v > 11)]

    assert ((1, 3), (0, 3)) == (some.shape, none.shape)
    assert [10, 11, 12] == xdl.index_update(v, xdl.all(v > 11), 7.0).numpy().tolist()
    assert [7, 7, 7] == xdl.index_update(v, xdl.any(v > 11), 7.0).numpy().tolist()
    assert [11, 12, 13] == xdl.index_add(v, v[0] == 10, 1.0).numpy().tolist()


@pytest.mark.parametrize("indices", [True, np.True_, [True, False], np.array(False)])
def test_take_refuses_truth_values(indices):
    with pytest.raises(DtypeError, match="indices are bool, needed integers"):
        xdl.take(Variable([1.0, 2.0]), indices)


@pytest.mark.parametrize(
    "index",
    [
        1.5,
        np.float64(1),
        np.array(1.0),
        Variable(1.0),
        "a",
        slice(1.5),
        slice(Variable(True), None),
        slice(np.array(True), None),
        (0, slice(None, "b")),
    ],
    ids=repr,
)
def test_what_is_no_index_is_refused(index):
    with pytest.raises(DtypeError, match="came"):
        Variable(X)[index]


def test_a_boolean_is_no_number_of_a_place():
    with pytest.raises(DtypeError, match="dtype bool is no index"):
        [1, 2][Variable(True)]


# Computed integers while a step is recorded: an index that is another one each time.


PICKS = {
    "first": lambda v, i: v[i],
    "negative": lambda v, i: v[i - 3],
    "behind a slice": lambda v, i: v[:, i],
    "behind an ellipsis": lambda v, i: v[..., i],
    "around a slice": lambda v, i: v[i, 1:, i],
    "beside an int": lambda v, i: v[i, :, 1],
    "beside an array": lambda v, i: v[i, :, [0, 2]],
    "beside a mask": lambda v, i: v[i, True],
    "every axis": lambda v, i: v[i, i, i],
    "set": lambda v, i: xdl.index_update(v, (i, 1), v[0, 0] * 2.0),
    "set to a number": lambda v, i: xdl.index_update(v, (slice(None), i), 5.0),
    "added": lambda v, i: xdl.index_add(v, i, v[0]),
    "taken": lambda v, i: xdl.take(v, i, axis=1),
}


@pytest.fixture(autouse=True)
def _cached(monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS)
@every_executor
def test_a_computed_index_follows_the_inputs_of_a_compiled_step(executor, pick):
    v = Variable(np.arange(27.0).reshape(3, 3, 3))

    def step(x):
        y = pick(v, xdl.argmax(x))
        xdl.sum(y * y).backward()
        gradient, v.grad = v.grad, None
        return y, gradient

    compiled = xdl.compile(step, v, executor=executor)
    for place in (0, 2, 1, 2, 0, 1):
        x = np.zeros(3)
        x[place] = 1.0
        expected = [a.numpy() if isinstance(a, Variable) else a for a in step(x)]

        y, gradient = compiled(x)

        assert expected[0].shape == y.shape
        np.testing.assert_allclose(expected[0], y.value)
        np.testing.assert_allclose(expected[1], gradient)


@every_executor
def test_a_computed_index_that_is_outside_is_refused_at_replay(executor):
    v = Variable([1.0, 2.0, 3.0])
    compiled = xdl.compile(lambda i: v[i], v, executor=executor)
    for place in (0, 1, 2, 1):
        compiled(np.array(place))

    with pytest.raises(IndexRangeError, match="out of bounds"):
        compiled(np.array(3))


def test_a_constant_truth_value_is_recorded():
    v = Variable([1.0, 2.0, 3.0])
    compiled = xdl.compile(lambda x: (v[True] * x, v[np.False_]), v)

    for factor in (1.0, 2.0, 3.0):
        y, nothing = compiled(np.array([factor]))

    assert [[3.0, 6.0, 9.0]] == y.numpy().tolist()
    assert (0, 3) == nothing.shape


def test_a_truth_value_that_varies_is_refused_while_recording():
    v = Variable([1.0, 2.0, 3.0])

    with pytest.raises(GraphError, match="a mask picks another number of elements"):
        xdl.compile(lambda x: v[xdl.any(v > x)], v)(np.array([2.0]))

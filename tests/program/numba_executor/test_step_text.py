"""The text of native steps, read by Python: the numbers of eager."""

import numpy as np
import pytest

import xdl
from tests.program.numba_executor.in_python import InPython
from tests.program.test_every_op_compiled import (
    _called,
    every_case,
    every_gradient,
)
from tests.support.compared import arrays_of
from tests.support.trained import SEEDS, Trained, operation
from xdl.program.numba_executor.whole_step import text as step_text
from xdl.program.numba_executor.whole_step.places import LoopNest, Place
from xdl.program.numpy_executor import executor as numpy_executor
from xdl.testing import draw_inputs


@pytest.fixture(autouse=True)
def _in_python(monkeypatch):
    """Let the text be what ``numba`` runs."""
    runs = "tests.program.numba_executor.in_python:in_python"
    monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", runs)
    compile = xdl.compile
    monkeypatch.setattr(
        xdl, "compile", lambda f, *state: compile(f, *state, executor="numba")
    )


def assert_alike(expected, actual):
    """Assert that arrays agree in all but what another order of a sum may change."""
    for a, b in zip(expected, actual, strict=True):
        if not hasattr(a, "dtype") or a.dtype.kind != "f":
            assert np.array_equal(a, b)
            continue
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        tolerance = 256 * float(np.finfo(a.dtype).eps)
        scale = np.abs(a[np.isfinite(a)]).max(initial=1.0)
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * scale)


@every_case
def test_arrays_as_arguments_give_the_numbers_of_eager(op_class, case):
    op = operation(op_class, case)
    expected, _ = _called(op, lambda seed: draw_inputs(case, "float32", seed), False)

    actual, _ = _called(op, lambda seed: draw_inputs(case, "float32", seed), True)

    assert_alike(expected, actual)


def _trained(op_class, case, is_compiled):
    xdl.seed(3)
    trained, returned = Trained(op_class, case, "float64"), []
    step = xdl.compile(trained.step, *trained.state) if is_compiled else trained.step
    for seed in SEEDS:
        trained.take(draw_inputs(case, "float64", seed))
        returned += arrays_of(step(trained.weight))
    return returned


@every_gradient
def test_value_and_gradients_of_state_are_those_of_eager(op_class, case):
    expected = _trained(op_class, case, False)

    actual = _trained(op_class, case, True)

    assert_alike(expected, actual)


# Functions of x (3, 4) that no operation's cases are, and those of a pair.
FUNCTIONS = {
    "x and its transpose": lambda x: (x[:, :3] + x[:, :3].T) * 2,
    "x and its reverse": lambda x: x - x[::-1] * x[:, ::-1],
    "a part of a part": lambda x: xdl.sum(x[1:, ::2][:, 0]),
    "the sum of each column": lambda x: xdl.sum(x * x, axis=0) + 1,
    "the largest of all but one": lambda x: xdl.max(x.reshape((3, 2, 2)), axis=(0, 2)),
    "products in a batch": lambda x: xdl.matmul(x.reshape((3, 2, 2)), x[:2, :2]),
    "a product with a vector": lambda x: x @ x[0] + (x[0] @ x.T),
    "a product of vectors": lambda x: x[0] @ x[1],
    "a product of columns": lambda x: x[:, ::2] @ x[:2, ::-2],
    "a large product": lambda x: xdl.tile(x, (8, 4)) @ xdl.tile(x, (8, 4)).T,
    "rows by number": lambda x: xdl.take(x, np.array([2, 0, -1]), axis=0) * 2,
    "columns by number": lambda x: xdl.take(x, np.array([[2, 0], [1, -1]]), axis=1) * 2,
    "a long sum": lambda x: xdl.sum(xdl.tile(x, (40, 20)) + 1),
    "a choice": lambda x: xdl.where(x > 0, x, x * x),
    "stacked": lambda x: xdl.stack([x, x.T.reshape((3, 4))], axis=1) + 0,
    "numbers alone": lambda x: xdl.exp(xdl.sum(x)) * 0.5 - xdl.max(x),
    "any and all": lambda x: [xdl.any(x > 1), xdl.all(x > -9, axis=1)],
    "converted": lambda x: (x > 0).astype("int64") + 3,
}


def _replay_of(function, *arguments, state=()):
    """Return a compiled step after its first replay, and the executor of it."""
    step = xdl.compile(function, *state)
    step(*arguments)
    step(*arguments)
    return step, next(iter(step._replays.values())).executor


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_what_eager_gives(name, rng):
    x, again = rng.standard_normal((2, 3, 4))
    step, executor = _replay_of(FUNCTIONS[name], x)

    actual = arrays_of(step(again))

    assert isinstance(executor, InPython)
    assert_alike(
        arrays_of(FUNCTIONS[name](xdl.Variable(again, trainable=False))), actual
    )


def test_numbers_of_every_dtype_are_read_and_written(rng):
    x = rng.integers(0, 2, (2, 3)).astype(bool)
    step, executor = _replay_of(lambda x: (xdl.logical_not(x), x.astype("uint8")), x)

    negated, bytes_ = step(~x)

    assert isinstance(executor, InPython)
    assert x.tolist() == negated.numpy().tolist()
    assert (~x).astype("uint8").tolist() == bytes_.numpy().tolist()


def test_state_is_written_after_what_is_returned_of_it(rng):
    weight = xdl.Variable(rng.standard_normal(5), name="weight")

    def step(x):
        before = weight.detach() * 1
        weight.value = weight.value + x.value
        return before

    compiled, executor = _replay_of(step, np.ones(5), state=[weight])
    before = weight.numpy()
    returned = compiled(np.ones(5)).numpy()

    assert isinstance(executor, InPython)
    assert before.tolist() == returned.tolist()
    assert (before + 1).tolist() == weight.numpy().tolist()


@pytest.mark.parametrize(
    "function",
    [
        xdl.dropout,
        xdl.sort,
        lambda x: xdl.tile(x, (200, 100)),
        lambda x: x.astype("f2"),
    ],
)
def test_what_has_no_text_is_left_to_another_executor(function, rng):
    x = rng.standard_normal((3, 4))

    _, executor = _replay_of(function, x)

    assert not isinstance(executor, InPython)


def test_a_step_that_computes_nothing_is_left_to_another_executor():
    step, executor = _replay_of(lambda x: 5, np.ones(2))

    assert not isinstance(executor, InPython)
    assert 5 == step(np.ones(2))


def test_arguments_that_a_step_does_not_read_may_change(rng):
    x = rng.random(4)
    step, executor = _replay_of(lambda x, y: x + 1, x, np.ones((2, 3)))

    assert isinstance(executor, InPython)
    assert (x + 1).tolist() == step(x, np.ones((3, 5))).numpy().tolist()


def test_state_of_one_number_is_written(rng):
    count = xdl.Variable(np.float64(2), name="count", dtype="float64")

    def step():
        count.value = count.value * 1.5
        return count * 2

    compiled, executor = _replay_of(step, state=[count])

    assert isinstance(executor, InPython)
    assert 13.5 == compiled().item()


def test_a_long_program_is_left_to_another_executor(rng, monkeypatch):
    monkeypatch.setattr(step_text, "LONGEST", 2)

    _, executor = _replay_of(lambda x: xdl.sum(x * 2) + xdl.max(x), rng.random(4))

    assert not isinstance(executor, InPython)


def test_loops_over_dense_arrays_are_one():
    place = Place.dense("a", (2, 3, 4), np.dtype("f4"), (0, 1, 2), 8)

    nest = LoopNest(place.shape, [place])

    assert [24] == nest.sizes
    assert "a@8@8[i0]" == place.element(nest.steps(place))


def test_loops_over_a_column_and_a_matrix_are_two():
    matrix = Place.dense("a", (2, 3), np.dtype("f4"), (0, 1))
    column = Place.dense("b", (2, 1), np.dtype("f4"), (0, 1)).spread((2, 3))

    nest = LoopNest((2, 3), [matrix, column])

    assert [2, 3] == nest.sizes
    assert "a[i0 * $3 + i1]" == matrix.element(nest.steps(matrix))
    assert "b[i0]" == column.element(nest.steps(column))


def test_the_innermost_loop_is_that_of_the_smallest_stride():
    place = Place.dense("a", (2, 3), np.dtype("f4"), (1, 0))
    flipped = place.view(lambda array: array[:, ::-1])

    nest = LoopNest((2, 3), [flipped, Place.dense("b", (2, 3), np.dtype("f4"), (0, 1))])

    assert [3, 2] == nest.sizes
    assert "a[i0 * $-2 + i1 + $4]" == flipped.element(nest.steps(flipped))

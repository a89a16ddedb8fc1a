"""The Numba executor: the numbers of eager, whatever is put into a native loop."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

import xdl
from tests.program.test_models_compiled import MODELS, Training
from tests.support.compared import arrays_of
from xdl import optim
from xdl.program.numba_executor import executor
from xdl.program.numpy_executor import executor as numpy_executor

ROWS, COLUMNS = 6, 21  # more than a register, and a rest
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-40, 88.5, -104.0]
UNARY = {
    "negative": xdl.negative,
    "abs": xdl.abs,
    "square": xdl.square,
    "sqrt": xdl.sqrt,
    "reciprocal": xdl.reciprocal,
    "exp": xdl.exp,
    "expm1": xdl.expm1,
    "log": xdl.log,
    "log1p": xdl.log1p,
    "tanh": xdl.tanh,
    "sigmoid": xdl.sigmoid,
    "erf": xdl.erf,
    "floor": xdl.floor,
    "ceil": xdl.ceil,
    "round": xdl.round,
    "sign": xdl.sign,
    "cube": lambda x: x**3,
    "is NaN": lambda x: xdl.where(xdl.isnan(x), 1.0, x),
    "is infinite": lambda x: xdl.where(xdl.isinf(x), 1.0, x),
    "is finite": lambda x: xdl.where(xdl.isfinite(x), x, 0.0),
    "relu": xdl.relu,
    "gelu": xdl.gelu,
    "softmax": xdl.softmax,
    "log softmax": xdl.log_softmax,
    "largest": lambda x: x - xdl.max(x, axis=-1, keepdims=True),
    "smallest": lambda x: x - xdl.min(x, axis=-1, keepdims=True),
}
BINARY = {
    "add": xdl.add,
    "subtract": xdl.subtract,
    "multiply": xdl.multiply,
    "divide": xdl.divide,
    "remainder": xdl.remainder,
    "maximum": xdl.maximum,
    "minimum": xdl.minimum,
    "less": lambda x, y: xdl.where(x < y, x, y),
    "equal": lambda x, y: xdl.where(x == y, 1.0, y),
    "both": lambda x, y: xdl.where(xdl.logical_and(x > 0, y > 0), x, 0.5),
    "either": lambda x, y: xdl.where(xdl.logical_or(x > 0, y >= 0), x, 0.5),
    "not": lambda x, y: xdl.where(xdl.logical_not(x <= 0), x, y),
}
INTEGERS = {
    "add": xdl.add,
    "multiply": xdl.multiply,
    "maximum": xdl.maximum,
    "minimum": xdl.minimum,
    "converted": lambda x, y: x.astype("f4") * y.astype("f4"),
    "and": lambda x, y: x.value & y.value,
    "or": lambda x, y: x.value | y.value,
    "xor": lambda x, y: x.value ^ y.value,
    "equal": xdl.equal,
}


@pytest.fixture(autouse=True)
def _every_group_is_native(monkeypatch, tmp_path_factory):
    """Let a loop of any size be native, and no program be one function."""
    groups = "xdl.program.numba_executor.executor:NumbaExecutor"
    monkeypatch.setitem(numpy_executor.EXECUTORS, "numba", groups)
    monkeypatch.setattr(executor, "is_worth", lambda group: True)
    monkeypatch.setattr(
        "xdl.program.numba_executor.whole_step.text.LONGEST", 0
    )  # no whole steps
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


def replayed(function, *arguments, state=()):
    """Return what the replay of a function returns, and what eager does."""
    step = xdl.compile(function, *state, executor="numba", verify=False)
    step(*arguments)
    return arrays_of(step(*arguments)), arrays_of(function(*map(given_as, arguments)))


def given_as(argument):
    """Return an argument as a compiled function gets it."""
    return xdl.Variable(argument, trainable=False)


def special(dtype, seed=0):
    """Return an array of every special number, and others."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, COLUMNS)).astype(dtype) * 3
    x.flat[: len(SPECIAL)] = SPECIAL
    return rng.permutation(x.reshape(-1)).reshape(x.shape).astype(dtype)


def finite(seed, shape=(ROWS, COLUMNS), dtype=np.float32):
    """Return an array of numbers of about one."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_alike(expected, actual, ulp=12):
    """Assert that arrays agree in all but their last places."""
    for a, b in zip(expected, actual, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        eps = np.finfo(a.dtype).eps if a.dtype.kind == "f" else 0
        np.testing.assert_allclose(b, a, rtol=ulp * eps, atol=ulp * eps)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_one_array_is_what_eager_gives(name, dtype):
    x = special(dtype)

    actual, expected = replayed(lambda x: UNARY[name](x) * 1.5, x)

    assert_alike(expected, actual)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_arrays_is_what_eager_gives(name, dtype):
    x, y = special(dtype), special(dtype, seed=1)

    actual, expected = replayed(lambda x, y: BINARY[name](x, y) * 1.5, x, y)

    assert_alike(expected, actual)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "i8"])
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_wrap_and_convert_as_in_eager(name, dtype):
    rng, limits = np.random.default_rng(0), np.iinfo(dtype)
    x, y = rng.integers(
        limits.min, limits.max, (2, ROWS, COLUMNS), dtype, endpoint=True
    )

    actual, expected = replayed(INTEGERS[name], x, y)

    assert_alike(expected, actual)


def test_a_group_is_one_native_call():
    step = xdl.compile(lambda x: xdl.tanh(x) * x + 1, executor="numba", verify=False)

    step(finite(0))
    step(finite(1))

    body = step._replays[next(iter(step._replays))].executor.source
    assert 1 == body.count("group0(")
    assert "tanh" not in body


# What a random group is made of: operands by how they lie to rows of three axes.
SHAPES = {
    "whole": (2, 3, COLUMNS),
    "row": (COLUMNS,),
    "rows": (3, COLUMNS),
    "column": (2, 3, 1),
    "outer column": (2, 1, 1),
    "inner column": (3, 1),
    "single": (1, 1),
}
STEPS = {
    "add": xdl.add,
    "multiply": xdl.multiply,
    "subtract": xdl.subtract,
    "maximum": xdl.maximum,
    "tanh of sum": lambda x, y: xdl.tanh(x + y),
    "quotient": lambda x, y: x / (1 + y * y),
    "less the row's largest": lambda x, y: x - xdl.max(x * y, axis=-1, keepdims=True),
    "plus the row's sum": lambda x, y: x + 0.1 * xdl.sum(x * y, axis=-1, keepdims=True),
    "times the row's mean": lambda x, y: y * xdl.mean(x + y, axis=-1, keepdims=True),
    "normalised": lambda x, y: (
        (x - y) / xdl.sqrt(xdl.sum(x * x, axis=-1, keepdims=True) + 1.0)
    ),
    "chosen": lambda x, y: xdl.where(x > y, x, 0.5 * y),
}
ENDS = {
    "itself": lambda x: x,
    "sum over rows": lambda x: xdl.sum(x, axis=(0, 1)),
    "sum over all": xdl.sum,
    "sum of rows": lambda x: xdl.sum(x, axis=-1),
    "reshaped": lambda x: xdl.reshape(x, (6, -1)) * 2,
}


@st.composite
def programs(draw):
    """Draw the steps of a function: names of functions and numbers of operands."""
    count = draw(st.integers(2, 7))
    kinds = draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=3))
    steps = [
        (
            draw(st.sampled_from(sorted(STEPS))),
            draw(st.integers(0, len(kinds) + i)),
            draw(st.integers(0, len(kinds) + i)),
        )
        for i in range(count)
    ]
    ends = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(ENDS)), st.integers(0, count - 1)),
            min_size=1,
            max_size=3,
        )
    )
    return kinds, steps, ends


def function_of(steps, ends):
    """Return the function that takes the steps; every value is a whole array."""

    def function(*operands):
        values, made = list(operands), []
        for name, first, second in steps:
            made.append(STEPS[name](values[first] + operands[0] * 0, values[second]))
            values.append(made[-1])
        return [ENDS[name](made[i]) for name, i in ends]

    return function


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(programs())
def test_any_chain_of_instructions_is_what_eager_gives(program):
    kinds, steps, ends = program
    shapes = [SHAPES["whole"], *[SHAPES[kind] for kind in kinds]]
    operands = [finite(i, shape, "f8") for i, shape in enumerate(shapes)]

    actual, expected = replayed(function_of(steps, ends), *operands)

    for a, b in zip(expected, actual, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9 * max(1, np.abs(a).max()))


def test_new_state_is_written_over_what_is_read_again():
    weight = xdl.Variable(finite(0), name="weight")

    def step(x):
        largest = xdl.max(weight, axis=-1, keepdims=True)
        changed = (weight - largest) * x
        weight.value = changed.value - weight.value
        return xdl.sum(changed)

    x, before = finite(1), weight.numpy()
    compiled = xdl.compile(step, weight, executor="numba", verify=False)
    compiled(x)
    first = weight.numpy()
    compiled(x)

    changed = (before - before.max(-1, keepdims=True)) * x - before
    np.testing.assert_allclose(first, changed, rtol=1e-5)
    again = (first - first.max(-1, keepdims=True)) * x - first
    np.testing.assert_allclose(weight.numpy(), again, rtol=1e-5)


def test_a_transposed_input_is_read_as_it_is_meant():
    x = finite(0, (COLUMNS, ROWS))
    step = xdl.compile(lambda x: xdl.tanh(x) * 2 + x, executor="numba", verify=False)
    step(np.ascontiguousarray(x.T))

    actual = step(x.T).numpy()

    np.testing.assert_allclose(actual, np.tanh(x.T) * 2 + x.T, rtol=1e-5)


def test_a_flipped_array_is_read_as_it_is_meant():
    actual, expected = replayed(lambda x: xdl.tanh(xdl.flip(x) * 2) + x, finite(0))

    assert_alike(expected, actual)


def test_rows_named_twice_add_up():
    def step(indices, weight):
        return xdl.index_add(weight * 0.5, indices, xdl.tanh(weight[indices]))

    indices, weight = np.array([3, 1, 3, 3, 0]), finite(0, (4, COLUMNS))

    actual, expected = replayed(step, indices, weight)

    assert_alike(expected, actual)


def test_a_row_that_is_not_there_is_eager_s_error():
    step = xdl.compile(
        lambda i, x: xdl.index_add(x * 0.5, i, x[:2]), executor="numba", verify=False
    )
    step(np.array([1, 2]), finite(0))
    step(np.array([1, 2]), finite(0))

    with pytest.raises(IndexError):
        step(np.array([1, ROWS]), finite(0))


def test_what_is_read_in_pieces_is_what_eager_gives():
    def gates(z, state):
        opened = 0.5 * xdl.tanh(z[:3]) + 0.5
        new = opened[1] * state + opened[0] * xdl.tanh(z[3])
        return opened[2] * xdl.tanh(new), new, xdl.tanh(z)[1:3]

    z, state = finite(0, (4, 64, 64)), finite(1, (64, 64))

    actual, expected = replayed(gates, z, state)

    assert_alike(expected, actual)


def test_the_pieces_of_a_cell_are_one_native_call():
    def gates(z, state):
        opened = 0.5 * xdl.tanh(z[:3]) + 0.5
        return opened[2] * (opened[1] * state + opened[0] * xdl.tanh(z[3]))

    step = xdl.compile(gates, executor="numba", verify=False)
    given = finite(0, (4, 64, 64)), finite(1, (64, 64))
    step(*given)
    step(*given)

    source = step._replays[next(iter(step._replays))].executor.source
    assert 1 == source.count("group0(")
    assert "group1" not in source


@pytest.mark.parametrize(
    "turn",
    [
        lambda x: xdl.permute_dims(x, (0, 2, 1)),
        lambda x: x[:, ::2],
        lambda x: x[1:],
        lambda x: x[:, :, 8:],
        lambda x: xdl.flip(x, axis=0),
        lambda x: xdl.permute_dims(x, (1, 0, 2))[2:],
    ],
)
def test_views_are_read_where_they_lie(turn):
    x = finite(0, (4, 6, 32))

    actual, expected = replayed(
        lambda x: (turn(x * 2) + xdl.tanh(turn(x)), xdl.sum(turn(x), axis=-1)), x
    )

    assert_alike(expected, actual)


def test_sums_of_images_that_lie_channels_last_are_those_of_eager():
    def step(x):
        y = xdl.permute_dims(x, (0, 3, 1, 2)) * 2
        return xdl.sum(y, axis=(0, 2, 3)), xdl.sum(y, axis=1), xdl.sum(xdl.relu(y))

    actual, expected = replayed(step, finite(0, (3, 4, 5, 16), "f8"))

    assert_alike(expected, actual, ulp=200)


def test_a_long_sum_keeps_its_digits():
    x = np.random.default_rng(0).random(2**20, np.float32)

    (actual,), _ = replayed(lambda x: xdl.sum(xdl.sqrt(x) * 2), x)

    np.testing.assert_allclose(actual, np.sum(np.sqrt(x, dtype="f8") * 2), rtol=1e-6)


def test_an_unknown_executor_is_refused_by_name():
    with pytest.raises(xdl.GraphError, match="'numba'"):
        xdl.compile(lambda x: x, executor="nimba")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_as_in_eager(name):
    make, draw = MODELS[name]

    eager = Training(make, draw, lambda m: optim.SGD(m, lr=0.05), False).train(6)
    native = Training(make, draw, lambda m: optim.SGD(m, lr=0.05), False)
    native.call = xdl.compile(
        native.step, native.model, native.optimizer, executor="numba"
    )
    native.train(6)

    np.testing.assert_allclose(native.losses, eager.losses, rtol=1e-4, atol=1e-6)

"""The table of instructions: every name has a row, and every executor an answer."""

import numpy as np
import pytest

import xdl
from tests.program.numba_executor.in_python import InPython
from tests.support.executors import needs_numba
from tests.support.interpreter import run
from tests.support.operations import cases_of
from tests.support.saved import loaded
from tests.support.trained import Trained
from xdl.backend import numpy as host
from xdl.backend import random
from xdl.program.errors import Ineligible
from xdl.program.numpy_executor.executor import NumpyExecutor
from xdl.program.passes.pipeline import improved
from xdl.program.record.recorder import record
from xdl.program.record.state import State
from xdl.tracing.instructions import TABLE, Kind
from xdl.tracing.namespace import trace

X = np.linspace(0.1, 0.9, 12, dtype="f4").reshape(3, 4)
Y = np.linspace(0.8, 0.2, 12, dtype="f4").reshape(3, 4)
ROWS = np.array([2, 0, 1])
STACKS = np.linspace(0.1, 0.9, 24, dtype="f4").reshape(2, 3, 4)
IMAGES = np.linspace(-1, 1, 256, dtype="f4").reshape(2, 4, 4, 8)
TAPS = np.linspace(-1, 1, 216, dtype="f4").reshape(3, 3, 8, 3)
OPTIONS = (1, 1), (1, 1), (1, 1), 1
# What no step is made of: it computes nothing, or the namespace asks it by itself.
NOT_RECORDED = {"asarray", "has_non_finite", "is_within", "owns", "quiet", "read_only"}
NOT_RECORDED |= {"refuse_index", "reserve", "is_long_dot", "long_matmul", "long_sum"}
NOT_RECORDED |= {"long_vecdot", "erf_by_polynomials"}


def _set(xp, x, y):
    z = xp.copy(x)
    z[1:] = y[1:]
    return z


def _checked(xp, x):
    rows = xp.asarray(ROWS.copy())
    xp.check_indices(rows, 3, "Test", xdl.LabelError)
    return xp.take(x, rows, 0)


def _finite(xp, x):
    return x if xp.has_non_finite(x) else x + 1


# What makes an instruction: a kernel and its inputs.
EXAMPLES = {
    "astype": (lambda xp, x: xp.astype(x, xp.float64), X),
    "where": (lambda xp, x, y: xp.where(x > y, x, y), X, Y),
    "zero_unless": (lambda xp, x, y: xp.zero_unless(x > y, x), X, Y),
    "matmul": (lambda xp, x, y: xp.matmul(x, y), X, Y.T.copy()),
    "matmul_sum": (lambda xp, x, y: xp.sum(xp.matmul(x, y), 0), STACKS, STACKS.mT),
    "vecdot": (lambda xp, x, y: xp.vecdot(x, y), X, Y),
    "reshape": (lambda xp, x: xp.reshape(x, (4, 3)) + 1, X),
    "expand_dims": (lambda xp, x: xp.expand_dims(x, 0) + 1, X),
    "squeeze": (lambda xp, x: xp.squeeze(x, 0) + 1, X[None]),
    "permute_dims": (lambda xp, x: xp.permute_dims(x, (1, 0)) + 1, X),
    "matrix_transpose": (lambda xp, x: xp.matrix_transpose(x) + 1, X),
    "broadcast_to": (lambda xp, x: xp.broadcast_to(x, (2, 3, 4)) + 1, X),
    "getitem": (lambda xp, x: x[1:] + 1, X),
    "take": (lambda xp, x: xp.take(x, xp.asarray(ROWS.copy()), 0), X),
    "set_at": (_set, X, Y),
    "scatter_add": (
        lambda xp, x, y: xp.scatter_add(x, xp.asarray(ROWS.copy()), y),
        X,
        Y,
    ),
    "scatter_set": (
        lambda xp, x, y: xp.scatter_set(x, xp.asarray(ROWS.copy()), y),
        X,
        Y,
    ),
    "concat": (lambda xp, x, y: xp.concat([x, y], 0), X, Y),
    "stack": (lambda xp, x, y: xp.stack([x, y], 1), X, Y),
    "copy": (lambda xp, x: xp.copy(x.T) + 1, X),
    "new_zeros": (lambda xp, x: x + xp.new_zeros(x, (3, 4)), X),
    "new_ones": (lambda xp, x: x + xp.new_ones(x, (3, 4)), X),
    "new_arange": (lambda xp, x: x + xp.astype(xp.new_arange(x, 4), xp.float32), X),
    "full": (lambda xp, x: x + xp.full((3, 4), xp.sum(x)), X),
    "random_bits": (lambda xp, x: xp.random_bits(x, (3, 4), 32, *_stream()), X),
    "check_indices": (_checked, X),
    "refuse_non_finite": (_finite, X),
    "convolution": (
        lambda xp, x, w: xp.convolution(x, w, w[0, 0, 0, :], OPTIONS),
        IMAGES,
        TAPS,
    ),
    "convolution_by_input": (
        lambda xp, g, w: xp.convolution_by_input(g, w, (4, 4), OPTIONS),
        IMAGES[..., :3].copy(),
        TAPS,
    ),
    "convolution_by_weight": (
        lambda xp, x, g: xp.convolution_by_weight(x, g, (3, 3), OPTIONS),
        IMAGES,
        IMAGES[..., :3].copy(),
    ),
    "take_along_axis": (
        lambda xp, x: xp.take_along_axis(x, xp.asarray(ROWS[:, None].copy()), 0),
        X,
    ),
}
for _name in ("all", "any"):
    EXAMPLES[_name] = (lambda xp, x, y, f=_name: getattr(xp, f)(x > y, 1), X, Y)
for _name in ("sum", "prod", "max", "min", "argmax", "argmin", "argsort", "sort"):
    EXAMPLES[_name] = (lambda xp, x, f=_name: getattr(xp, f)(x, 1), X)
for _name in ("cumulative_sum", "cumulative_prod"):
    EXAMPLES[_name] = (lambda xp, x, f=_name: getattr(xp, f)(x, axis=1), X)
for _name in ("tril", "triu"):
    EXAMPLES[_name] = (lambda xp, x, f=_name: getattr(xp, f)(x, k=0), X)


def _stream():
    return random.next_draw(1)


class Kernel(xdl.Op):
    """An operation that a test gives its kernel."""

    def __init__(self, kernel):
        self.kernel = kernel

    def compute(self, xp, *inputs):
        return self.kernel(xp, *inputs)


def _example(name):
    """Return a kernel that makes an instruction, and its inputs."""
    row = TABLE[name]
    if name in EXAMPLES:
        kernel, *inputs = EXAMPLES[name]
        return kernel, inputs
    of_truths = row.floats is None and row.truths is not None
    inputs = [X > 0.5, Y > 0.5] if of_truths else [X, Y]
    inputs = inputs[: row.arity]
    if row.ufunc == "arccosh":
        inputs = [X + 1]
    return lambda xp, *xs: getattr(trace if xp is trace else host, name)(*xs), inputs


def _program(name):
    """Return the Program of a row's example, its inputs and what it gives."""
    xdl.seed(7)
    kernel, inputs = _example(name)
    function = Kernel(kernel)
    program, eager = record(lambda *xs: function(*xs), State(()), tuple(inputs))
    return program, inputs, eager.returned.numpy()


def _names(program):
    return {one.name for one in program.flat()}


def _given_by(executor, program, inputs):
    step = executor.bind([])
    executor.set_numbers([])
    return np.asarray(step(*inputs, 7, 0)[0])


every_row = pytest.mark.parametrize(
    "name", sorted(TABLE.keys() - {"group", "matmul_sum"})
)


def test_every_function_of_the_namespace_has_a_row():
    found = {
        name
        for name, function in vars(host).items()
        if callable(function) and not isinstance(function, type) and name[0] != "_"
    }

    assert found - TABLE.keys() == NOT_RECORDED


@pytest.mark.parametrize("name", ["long_sum", "refuse_non_finite", "exponential"])
def test_what_kernels_cannot_call_is_refused_by_name(name):
    with pytest.raises(AttributeError, match=f"there is no instruction '{name}'"):
        getattr(trace, name)


@pytest.mark.parametrize(("op_class", "case"), cases_of())
def test_every_instruction_of_an_operation_has_a_row(op_class, case):
    xdl.seed(3)
    trained = Trained(op_class, case, "float32")
    program, _ = record(trained.step, State(trained.state), (trained.weight,))

    names = _names(program) | _names(improved(program, host))

    assert names <= TABLE.keys()


@every_row
def test_a_row_s_example_makes_the_instruction(name):
    program, _, _ = _program(name)

    assert name in _names(program)


@every_row
def test_the_interpreter_answers_a_row(name):
    program, inputs, expected = _program(name)
    given = dict(zip(program.inputs, inputs, strict=True))

    found = run(program, host, {**given, "draw": (7, 0)})

    assert np.array_equal(expected, found[program.outputs.value])


@every_row
def test_the_numpy_executor_answers_a_row(name):
    program, inputs, expected = _program(name)

    assert np.array_equal(expected, _given_by(NumpyExecutor(program), program, inputs))


@every_row
def test_a_saved_file_answers_a_row(name, tmp_path):
    program, inputs, expected = _program(name)
    draws = {"key": 7, "draw": 0} if TABLE[name].kind == Kind.RANDOM else {}

    module = loaded(improved(program, host), tmp_path / "step.py")

    np.testing.assert_allclose(module.step(*inputs, **draws), expected, rtol=1e-6)


@needs_numba
@every_row
def test_native_groups_answer_a_row(name):
    from xdl.program.numba_executor.executor import NumbaExecutor

    program, inputs, expected = _program(name)

    found = _given_by(NumbaExecutor(improved(program, host)), program, inputs)

    np.testing.assert_allclose(found, expected, rtol=1e-5)


@needs_numba
@every_row
def test_a_native_step_answers_a_row_or_refuses_it_by_name(name):
    program, inputs, expected = _program(name)

    try:
        found = _given_by(InPython(improved(program, host)), program, inputs)
    except Ineligible as refusal:
        assert name in str(refusal) or TABLE[name].kind in str(refusal)
        return

    np.testing.assert_allclose(found, expected, rtol=1e-5)

"""Each pass by itself: a shorter program, and the same numbers to the bit."""

import numpy as np
import pytest

import xdl
from tests.support.compared import differing
from tests.support.interpreter import run
from xdl.backend import numpy as host
from xdl.program.numpy_executor.executor import NumpyExecutor
from xdl.program.passes.common_subexpressions import shared
from xdl.program.passes.dead_code import needed
from xdl.program.passes.fold import folded
from xdl.program.passes.labels import flattened
from xdl.program.passes.pipeline import improved
from xdl.program.passes.repeated import unrepeated
from xdl.program.passes.rows import as_rows
from xdl.program.passes.tidy import tidied
from xdl.program.record.recorder import record
from xdl.program.record.state import State
from xdl.tracing.values import Instruction

_ALL = folded, flattened, as_rows, tidied, unrepeated, shared, needed
PASSES = {f.__name__: f for f in _ALL}


class Kernel(xdl.Op):
    """An operation that a test gives its kernel."""

    def __init__(self, kernel):
        self.kernel = kernel

    def compute(self, xp, *inputs):
        return self.kernel(xp, *inputs)


def _recorded(function, *arrays, state=()):
    program, _ = record(function, State(state), arrays)
    return program


def _of_kernel(kernel, *arrays):
    """Return the program of a kernel alone."""
    return _recorded(Kernel(kernel), *arrays)


def _names(program):
    return [instruction.name for instruction in program.instructions]


def _results(program, arrays):
    """Return what a program makes of arrays, by the interpreter."""
    given = {v: a for v, a in zip(program.inputs, arrays, strict=True) if v is not None}
    slots = program.state.slots
    for instruction in program.instructions:
        for value in instruction.operands():
            if value.origin == "state":
                given[value] = slots[value.data].get()
            elif value.origin == "number":
                given[value] = program.state.read_numbers()[value.data]
    given = run(program, host, {**given, "draw": (0, 0)})
    return [
        value.data if value.origin == "constant" else given[value]
        for value in program.results()
    ]


X = np.linspace(-2, 2, 12, dtype="f4").reshape(3, 4)
C = np.linspace(1, 3, 4, dtype="f4")


# What each pass leaves out.


def test_folded_computes_constants_once():
    program = _of_kernel(lambda xp, x: x * xp.exp(xp.negative(xp.asarray(C.copy()))), X)

    folded(program, host)

    (instruction,) = program.instructions
    assert np.array_equal(np.exp(-C), instruction.arguments[1].data)


def test_folded_makes_zeros_and_counts_of_what_is_not_constant():
    def kernel(xp, x):
        return x + xp.new_zeros(x, (4,)) + xp.astype(xp.new_arange(x, 4), x.dtype)

    program = _of_kernel(kernel, X)

    folded(program, host)

    assert ["add", "add"] == _names(program)


def test_folded_leaves_random_bits_and_checks():
    def kernel(xp, x):
        labels = xp.asarray(np.array([0, 1]))
        xp.check_indices(labels, 2, "test", IndexError)
        bits = xp.random_bits(x, (3, 4), 16, *xdl.backend.random.next_draw())
        return x * xp.astype(bits, x.dtype)

    program = _of_kernel(kernel, X)

    folded(program, host)

    assert ["check_indices", "random_bits", "astype", "multiply"] == _names(program)


SAME = {
    "transposed twice": lambda xp, x: xp.matrix_transpose(xp.matrix_transpose(x)),
    "axes there and back": lambda xp, x: xp.permute_dims(
        xp.permute_dims(x, (1, 2, 0)), (2, 0, 1)
    ),
    "times 1": lambda xp, x: x * 1,
    "times a constant 1": lambda xp, x: x * xp.asarray(np.ones((), "f4")),
    "divided by 1": lambda xp, x: x / 1.0,
    "copied": lambda xp, x: xp.copy(x),
    "of the same shape": lambda xp, x: xp.reshape(x, x.shape),
    "broadcast to its shape": lambda xp, x: xp.broadcast_to(x, x.shape),
    "positive": lambda xp, x: xp.positive(x),
}


@pytest.mark.parametrize("name", SAME)
def test_tidied_leaves_out_what_changes_nothing(name):
    x = X.reshape(3, 2, 2)
    program = _of_kernel(lambda xp, x: xp.exp(SAME[name](xp, x)), x)

    tidied(program, host)
    needed(program, host)

    assert ["exp"] == _names(program)


DIFFERENT = {
    "transposed once": lambda xp, x: xp.matrix_transpose(x),
    "other axes": lambda xp, x: xp.permute_dims(
        xp.permute_dims(xp.reshape(x, (2, 2, 3)), (1, 2, 0)), (1, 2, 0)
    ),
    "times 1 of another shape": lambda xp, x: x * xp.asarray(np.ones((1, 1, 1), "f4")),
    "times -1": lambda xp, x: x * -1,
    "1 by it": lambda xp, x: 1 / x,
    "dense copy": lambda xp, x: xp.copy(xp.matrix_transpose(x)),
    "cast": lambda xp, x: xp.astype(x, xp.float64),
    "broadcast": lambda xp, x: xp.broadcast_to(x, (2, 3, 4)),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_tidied_keeps_what_changes_something(name):
    program = _of_kernel(lambda xp, x: DIFFERENT[name](xp, x), X)
    before = _names(program)

    tidied(program, host)

    assert before == _names(program)


def test_flattened_picks_labels_by_their_place_in_memory():
    scores = xdl.Variable(X, "scores")

    def step(target):
        xdl.softmax_cross_entropy(scores, target).backward()
        return scores.grad

    program = _recorded(step, np.array([1, 3, 0]), state=[scores])
    folded(program, host)
    expected = _results(program, [np.array([1, 3, 0])])

    flattened(program, host)
    actual = _results(program, [np.array([1, 3, 0])])

    picks = [i for i in program.instructions if i.name in ("getitem", "scatter_add")]
    shapes = [i.arguments[0].shape for i in picks if i.arguments[1] != (..., 0)]
    assert [(12,), (12,)] == shapes
    assert [] == differing(expected, actual)


def test_flattened_leaves_labels_that_were_not_checked():
    program = _recorded(lambda x, labels: x[[0, 1, 2], labels], X, np.array([1, 3, 0]))
    folded(program, host)
    before = _names(program)

    flattened(program, host)

    assert before == _names(program)


def test_as_rows_multiplies_all_rows_at_once():
    program = _recorded(lambda x, w: xdl.matmul(x, w), X.reshape(3, 2, 2), X[:2])

    as_rows(program, host)

    products = [i for i in program.instructions if i.name == "matmul"]
    assert [(6, 2)] == [product.arguments[0].shape for product in products]


def test_unrepeated_reads_numbers_before_they_are_repeated():
    program = _of_kernel(lambda xp, x: x * xp.broadcast_to(xp.sum(x), (3, 4)), X)

    unrepeated(program, host)
    needed(program, host)

    assert _names(program) == ["sum", "multiply"]
    (found,) = _results(program, (X,))
    assert np.array_equal(X * np.add.reduce(X, None), found)


def test_unrepeated_leaves_what_gives_the_result_its_shape():
    program = _of_kernel(lambda xp, x: xp.exp(xp.broadcast_to(x, (2, 3, 4))), X)

    unrepeated(program, host)

    assert program.instructions[-1].arguments[0].shape == (2, 3, 4)


def test_shared_computes_once_what_is_asked_for_twice():
    program = _recorded(lambda x: xdl.exp(x) * 2 + xdl.exp(x) * 2, X)

    shared(program, host)

    assert ["exp", "multiply", "add"] == _names(program)


def test_shared_tells_numbers_apart():
    def kernel(xp, x):
        parts = [x * 0.0, x * -0.0, x + 1, x + 1.0, x + True, x + 1]
        return xp.stack(parts)

    program = _of_kernel(kernel, X)

    shared(program, host)

    assert ["multiply"] * 2 + ["add"] * 3 + ["stack"] == _names(program)


def test_shared_draws_anew():
    program = _recorded(lambda x: xdl.dropout(x) + xdl.dropout(x), X)

    shared(program, host)

    assert 2 == _names(program).count("random_bits")


def test_needed_leaves_out_what_nothing_reads_but_checks():
    def step(x, labels):
        xdl.sum(xdl.embedding(labels, x))
        return x * 2

    program = _recorded(step, X, np.array([0]))

    needed(program, host)

    assert ["check_indices", "multiply"] == _names(program)


def test_needed_keeps_what_the_state_becomes():
    weight = xdl.Variable(X, "weight")

    def step():
        weight.value = xdl.exp(weight)

    program = _recorded(step, state=[weight])

    needed(program, host)

    assert ["exp"] == _names(program)


# All of them, on whole steps.


def _steps():
    """Yield (name, function, state, arrays)."""
    mlp = xdl.models.MLP([4, 6, 3], dropout=0.2)
    adam = xdl.optim.Adam(mlp, weight_decay=0.1)

    def step(x, target):
        mlp.forward(x)
        loss = mlp.loss(target)
        mlp.backward()
        adam.update()
        return loss, adam.lr

    yield "MLP", step, (mlp, adam), (X, np.array([0, 2, 1]))
    gpt = xdl.models.GPT(5, 4, 8, 2, 1)
    sgd = xdl.SGD(gpt, 0.1, 0.9)

    def train(tokens, target):
        gpt.forward(tokens)
        loss = gpt.loss(target)
        gpt.backward()
        sgd.update()
        return loss

    tokens = np.arange(8).reshape(2, 4) % 5
    yield "GPT", train, (gpt, sgd), (tokens, tokens)
    resnet = xdl.models.ResNet(1, 3, 2, (1, 1))

    def classify(x):
        xdl.sum(xdl.square(resnet(x))).backward()
        return resnet.output

    images = np.linspace(-1, 1, 72, dtype="f4").reshape(2, 1, 6, 6)
    yield "ResNet", classify, (resnet,), (images,)


@pytest.mark.parametrize("change", [*PASSES, "improved"])
@pytest.mark.parametrize("which", range(3), ids=["MLP", "GPT", "ResNet"])
def test_a_pass_changes_no_number_of_a_step(which, change):
    xdl.seed(1)
    _, function, state, arrays = list(_steps())[which]
    program = _recorded(function, *arrays, state=state)
    count = len(program.instructions)
    expected = _results(program, arrays)

    (PASSES.get(change) or improved)(program, host)

    assert [] == differing(expected, _results(program, arrays))
    may_grow = change in ("flattened", "as_rows")
    assert may_grow or len(program.instructions) <= count


def _executed(program, arrays):
    """Return what ``_results`` does, by the NumPy executor."""
    executor = NumpyExecutor(program)
    state = [slot.get() for slot in program.state.slots]
    state = [None if array is None else array.copy() for array in state]
    step = executor.bind(state)
    executor.set_numbers(program.state.read_numbers())
    replaced = [state[i] for i in executor.given_slots]
    results = iter(step(*arrays, *replaced, 0, 0))
    outputs = [next(results) for o in program.returned() if o.kind != "constant"]
    return outputs + [
        state[update.slot] if update.in_place else next(results)
        for update in program.updates
        if update.value is not None
    ]


@pytest.mark.parametrize("which", range(3), ids=["MLP", "GPT", "ResNet"])
def test_the_numpy_executor_gives_the_numbers_of_the_interpreter(which):
    xdl.seed(1)
    _, function, state, arrays = list(_steps())[which]
    program = improved(_recorded(function, *arrays, state=state), host)
    expected = _results(program, arrays)

    assert [] == differing(expected, _executed(program, arrays))


def test_every_instruction_is_made_before_it_is_read():
    for _, function, state, arrays in _steps():
        program = improved(_recorded(function, *arrays, state=state), host)
        known = set()
        for instruction in program.instructions:
            unknown = [
                value
                for value in instruction.operands()
                if isinstance(value.origin, Instruction) and value not in known
            ]
            assert [] == unknown
            known.add(instruction.result)

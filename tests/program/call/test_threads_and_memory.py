"""Compiled steps in threads, and the memory that they take and give back."""

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, batch, differing
from tests.support.executors import every_executor
from xdl import models, optim

STEPS = 40


def _in_threads(*functions):
    """Call functions at the same time, each in a thread; return their results."""
    results, start = [None] * len(functions), threading.Barrier(len(functions))

    def work(i, function):
        start.wait()
        results[i] = function()

    threads = [
        threading.Thread(target=work, args=pair) for pair in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _training(seed, executor):
    """Return a function that trains a model, compiled, and returns all of it."""

    def train():
        xdl.seed(seed)
        model = models.MLP([4, 6, 3], dropout=0.3)
        optimizer = optim.Adam(model, lr=0.01)

        def step(x, target):
            model.forward(x)
            loss = model.loss(target)
            model.backward()
            optimizer.update()
            return loss

        compiled = xdl.compile(step, model, optimizer, executor=executor)
        losses = [compiled(*batch(i)).item() for i in range(STEPS)]
        return [*losses, *all_of(model, optimizer)]

    return train


@every_executor
def test_fault_54_threads_replay_different_steps_as_if_alone(executor):
    training = [_training(seed, executor) for seed in (0, 1, 2, 2)]
    expected = [train() for train in training]

    actual = _in_threads(*training)

    assert [[]] * 4 == [differing(e, a) for e, a in zip(expected, actual, strict=True)]


@every_executor
def test_threads_that_share_a_step_take_turns(executor):
    weight = xdl.Variable(np.zeros(1000, "f4"))
    optimizer = xdl.SGD([weight], lr=1.0)

    def step(x):
        xdl.sum(weight * x).backward()
        optimizer.update()
        return xdl.sum(x)

    compiled = xdl.compile(step, weight, optimizer, executor=executor)

    def train():
        return {compiled(np.ones(1000, "f4")).item() for _ in range(STEPS)}

    assert [{1000.0}] * 3 == _in_threads(train, train, train)
    assert {-3.0 * STEPS} == set(weight.numpy().tolist())


def test_two_steps_of_one_model_share_its_weights(model, optimizer, step):
    train = xdl.compile(step, model, optimizer)
    predict = xdl.compile(lambda x: model.forward(x), model)
    x, target = batch()

    for _ in range(4):
        train(x, target)
        model.eval()
        assert [] == differing([model.forward(x).numpy()], [predict(x).numpy()])
        model.train()


# While one thread records.


def _recorded_meanwhile(model, optimizer, use):
    """Record a step in a thread, and call ``use`` in another one in the middle of it.

    Returns:
        What came of the two: what they returned, or the XdlErrors that they raised.
    """
    is_inside, may_end = threading.Event(), threading.Event()

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        is_inside.set()
        may_end.wait(10)
        optimizer.update()
        return loss

    compiled = xdl.compile(step, model, optimizer)

    def meanwhile():
        is_inside.wait(10)
        try:
            return _tried(use)
        finally:
            may_end.set()

    def recording():
        xdl.seed(3)
        return _tried(lambda: compiled(*batch()))

    return _in_threads(recording, meanwhile)


def _tried(function):
    try:
        return function()
    except xdl.XdlError as error:
        return error


def _set_value(model, optimizer, predict):
    model.layers[0].weight.value = np.zeros((4, 6), "f4")


USES = {
    "forward": lambda model, optimizer, predict: model.forward(batch()[0]),
    "another step": lambda model, optimizer, predict: predict(batch()[0]),
    "many": lambda model, optimizer, predict: predict.over(batch()[0][None]),
    "a weight": lambda model, optimizer, predict: model.layers[0].weight.numpy(),
    "an array": lambda model, optimizer, predict: model.layers[0].weight.value + 1,
    "a gradient": lambda model, optimizer, predict: model.layers[0].weight.grad * 2,
    "all weights": lambda model, optimizer, predict: model.parameter.state_dict(),
    "the optimizer": lambda model, optimizer, predict: optimizer.state_dict(),
    "a rate": lambda model, optimizer, predict: optimizer.lr * 2,
    "setting": _set_value,
    "clipping": lambda model, optimizer, predict: optim.clip_grad_norm(model, 1.0),
    "an update": lambda model, optimizer, predict: optimizer.update(),
}


@pytest.mark.parametrize("name", USES)
def test_a_model_cannot_be_used_while_another_thread_records(
    name, model, optimizer, step
):
    weights, state = model.parameter.state_dict(), optimizer.state_dict()
    xdl.seed(3)
    loss = step(*batch()).item()
    expected = all_of(model, optimizer)[:-1]
    model.parameter.load_state_dict(weights)
    model.parameter.clear_grads()
    optimizer.load_state_dict(state)
    predict = xdl.compile(lambda x: model.forward(x), model)
    model.eval()
    for _ in range(4):
        predict(batch()[0])
    model.train()

    recorded, used = _recorded_meanwhile(
        model, optimizer, lambda: USES[name](model, optimizer, predict)
    )

    assert isinstance(used, xdl.GraphError)
    assert loss == recorded.item()
    assert [] == differing(expected, all_of(model, optimizer)[:-1])


@pytest.mark.parametrize(
    "use",
    [lambda model, optimizer: setattr(optimizer, "lr", 0.5), lambda m, o: m.eval()],
    ids=["a rate", "eval"],
)
def test_what_another_thread_sets_while_one_records_is_refused(use, model, optimizer):
    before = all_of(model, optimizer)[:-1]

    recorded, _ = _recorded_meanwhile(model, optimizer, lambda: use(model, optimizer))

    assert isinstance(recorded, xdl.GraphError)
    assert [] == differing(before, all_of(model, optimizer)[:-1])


def test_a_step_that_another_thread_records_is_waited_for(model, optimizer, step):
    model.eval()
    is_inside = threading.Event()

    def slow(x, target):
        is_inside.set()
        return step(x, target)

    compiled = xdl.compile(slow, model, optimizer)

    def second():
        is_inside.wait(10)
        return compiled(*batch()).item()

    first, then = _in_threads(lambda: compiled(*batch()).item(), second)

    assert then < first


HIDDEN = 128 * 256 * 4  # bytes of each hidden layer's numbers


def _large():
    """Return a compiled step of an MLP with two hidden layers, and a batch."""
    model = models.MLP([64, 256, 256, 10])
    optimizer = optim.Adam(model)
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((128, 64)).astype("f4"), rng.integers(0, 10, 128)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return xdl.compile(step, model, optimizer), x, target


@pytest.fixture
def memory():
    """Return a function that gives the bytes that are allocated, and their peak."""
    tracemalloc.start()

    def allocated():
        gc.collect()
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        return now, peak

    yield allocated
    tracemalloc.stop()


def test_a_replay_allocates_no_arrays(memory):
    step, x, target = _large()
    for _ in range(4):
        step(x, target)
    before, _ = memory()

    for _ in range(3):
        step(x, target)

    # NumPy converts between dtypes in pieces of 32 KB.
    assert memory()[1] - before < HIDDEN / 2


def test_replays_of_two_programs_do_not_grow(memory):
    step, x, target = _large()
    for i in range(8):
        step(x[i % 2 :], target[i % 2 :])
    before, _ = memory()

    for i in range(20):
        step(x[i % 2 :], target[i % 2 :])

    assert memory()[0] - before < HIDDEN / 4


def test_a_step_that_is_deleted_is_freed(memory):
    before, _ = memory()
    step, x, target = _large()
    for _ in range(4):
        step(x, target)
    state, model = weakref.ref(step.state), weakref.ref(step.state.sources[0])

    del step, x, target

    assert memory()[0] - before < HIDDEN
    assert (None, None) == (state(), model())


# The most that is held while a step is recorded, and by a program.


def _training_of(name):
    """Return a function of no arguments that trains a model once, and what it uses."""
    rng = np.random.default_rng(0)
    xdl.seed(0)
    if name == "wide layers":
        model = models.MLP([256, 512, 512, 10])
        given = rng.standard_normal((1536, 256)).astype("f4"), rng.integers(0, 10, 1536)
    else:
        model = models.ResNet(width=16, blocks=(1, 1))
        images = rng.standard_normal((32, 3, 32, 32)).astype("f4")
        given = images, rng.integers(0, 10, 32)
    optimizer = optim.Adam(model)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return step, given, (model, optimizer)


def _most_of(call, given):
    """Return how many bytes of arrays more than before were held during a call."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    call(*given)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("name", ["wide layers", "convolutions"])
def test_recording_holds_about_as_much_as_eager(name):
    step, given, _ = _training_of(name)
    eager = _most_of(step, given)
    step, given, state = _training_of(name)
    record = xdl.compile(step, *state, verify=False)

    recorded = _most_of(record, given)

    assert recorded < 1.3 * eager


def test_a_program_holds_no_more_than_eager_to_compute_nothing_twice():
    step, given, _ = _training_of("convolutions")
    eager = _most_of(step, given)
    step, given, state = _training_of("convolutions")
    compiled = xdl.compile(step, *state, verify=False)
    compiled(*given)

    taken = _most_of(compiled, given)

    assert taken < 1.3 * eager


def test_views_of_the_state_see_what_the_step_writes_into_it():
    weight = xdl.Variable(np.ones((2, 3)), name="weight")
    held = weight.value

    def step(x):
        part = weight.value.T
        before = part * 1.0
        weight.value[0] = x.value
        return before, part * 1.0, held.sum()

    compiled = xdl.compile(step, weight)
    before, after, meanwhile = compiled(np.zeros(3))

    assert (6, 3, 6) == (before.sum(), after.sum(), meanwhile)
    assert 3 == held.sum() == weight.numpy().sum()

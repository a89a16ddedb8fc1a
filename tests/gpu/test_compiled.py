"""Steps that are compiled into one CUDA graph, against eager on the CPU."""

import gc
import importlib
import signal

import numpy as np
import pytest

import xdl
from tests import test_interrupted as interrupted
from tests.host_gpu.watch import is_there, watching
from tests.optim.every import every_optimizer
from tests.program.test_models_compiled import MODELS, NoBias, Training, _adam, _rows
from tests.support.classifier import classifier, state_of
from tests.support.interrupting import interrupt
from xdl.backend.cuda.products import Products

pytestmark = pytest.mark.gpu
STEPS = 30
INTERRUPTED = range(1, 1200, 20)  # instructions of Python's, of a call


def _losses(make, draw, make_optimizer, device, executor=None):
    with xdl.use_device(device):
        training = Training(make, draw, make_optimizer, executor)
        return training.train(STEPS).losses


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_as_eager_does_on_the_cpu(name):
    make, draw = MODELS[name]
    expected = _losses(make, draw, _adam, "cpu")

    actual = _losses(make, draw, _adam, "cuda", "cuda")

    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=1e-4)


@every_optimizer
def test_every_optimizer_trains_as_eager_does_on_the_cpu(make):
    def make_optimizer(model):
        return make(model, lr=0.01)

    expected = _losses(NoBias, _rows, make_optimizer, "cpu")

    actual = _losses(NoBias, _rows, make_optimizer, "cuda", "cuda")

    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=1e-4)


X = np.random.default_rng(0).standard_normal((6, 4)).astype("float32")
TARGET = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("calls", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("x", "target", "error"),
    [
        (X, np.array([0, 1, 3, 0, 1, 2]), xdl.LabelError),
        (X, np.array([0, 1, -1, 0, 1, 2]), xdl.LabelError),
        (np.full_like(X, np.nan), TARGET, xdl.NonFiniteError),
    ],
    ids=["a label above", "a label below", "NaN"],
)
def test_a_refused_step_says_why_and_changes_nothing(calls, x, target, error):
    model, optimizer, step = classifier("cuda")
    for _ in range(calls):
        step(X, TARGET)
    before = state_of(model, optimizer)

    with pytest.raises(error):
        step(x, target)

    for a, b in zip(before, state_of(model, optimizer), strict=True):
        np.testing.assert_array_equal(a, b)
    expected = [step(X, TARGET).item() for _ in range(3)]
    assert sorted(expected, reverse=True) == expected


@pytest.mark.parametrize("calls", [0, 1])
def test_a_step_without_memory_changes_nothing_and_goes_on_with_more(calls):
    cupy = importlib.import_module("cupy")
    pool = cupy.get_default_memory_pool()
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((4096, 4), "float32"), rng.integers(0, 3, 4096)
    model, optimizer, step = classifier("cuda", make=_wide)
    expected = [step(x, target).item() for _ in range(4)]
    model, optimizer, step = classifier("cuda", make=_wide)
    losses = [step(x, target).item() for _ in range(calls)]
    before = state_of(model, optimizer)
    gc.collect()
    pool.free_all_blocks()

    pool.set_limit(pool.total_bytes() + 4096)
    try:
        with pytest.raises(MemoryError):
            step(x, target)
    finally:
        pool.set_limit(0)

    for a, b in zip(before, state_of(model, optimizer), strict=True):
        np.testing.assert_array_equal(a, b)
    losses += [step(x, target).item() for _ in range(4 - calls)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def _wide():
    return xdl.models.MLP([4, 1024, 3])


def test_what_changes_between_the_calls_is_read_anew():
    losses = []
    for device, executor in (("cpu", None), ("cuda", "cuda")):
        with xdl.use_device(device):
            model, optimizer, step = classifier(executor)
            found = [step(X, TARGET).item() for _ in range(4)]
            optimizer.lr = 0.01
            found += [step(X, TARGET).item() for _ in range(3)]
            found += [step(X[:4], TARGET[:4]).item() for _ in range(4)]
            model.parameter[next(iter(model.parameter))].value *= 0.5
            found += [step(X, TARGET).item() for _ in range(3)]
        losses.append(found)

    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_arrays_of_the_gpu_and_of_the_host_give_the_same():
    model, optimizer, step = classifier("cuda")
    where = xdl.backend.usable("cuda")
    x, target = (xdl.backend.asarray(a, where) for a in (X, TARGET))
    of_host = [step(X, TARGET).item() for _ in range(5)]

    model, optimizer, step = classifier("cuda")
    of_gpu = [step(x, target).item() for _ in range(5)]

    assert of_host == of_gpu


def test_results_stay_what_they_are_when_the_step_goes_on():
    _, _, step = classifier("cuda")
    first = [step(X, TARGET) for _ in range(5)]
    losses = [loss.item() for loss in first]

    for _ in range(3):
        step(X, TARGET)

    assert losses == [loss.item() for loss in first]
    assert len(set(losses)) == 5


def test_gradients_that_are_kept_add_up_as_in_eager():
    found = []
    for device, executor in (("cpu", None), ("cuda", "cuda")):
        with xdl.use_device(device):
            weight = xdl.Variable(np.ones((4, 2), "float32"), "w")

            def step(x, weight=weight):
                loss = xdl.sum(xdl.tanh(x @ weight))
                loss.backward()
                return loss

            call = xdl.compile(step, weight, executor=executor) if executor else step
            for _ in range(4):
                call(X)
            found.append(xdl.backend.to_numpy(weight.grad))

    np.testing.assert_allclose(*found, rtol=1e-5)


def test_products_of_two_graphs_do_not_share_memory(monkeypatch):
    given, call = [], Products._call

    def note(self, name, *arguments):
        if name == "cublasSetWorkspace_v2":
            given.append(arguments[1].value)
        return call(self, name, *arguments)

    monkeypatch.setattr(Products, "_call", note)
    steps = [classifier("cuda")[2] for _ in range(2)]
    for step in steps:
        for _ in range(3):
            step(X, TARGET)

    assert len(given) >= 2
    assert len(given) == len(set(given))


def test_an_executor_of_the_cpu_refuses_a_model_on_the_gpu():
    _, _, step = classifier("numpy")

    with pytest.raises(xdl.DeviceError, match='on cuda:0, needed the CPU .*"cuda"'):
        step(X, TARGET)


def test_the_executor_of_a_gpu_refuses_a_model_on_the_cpu():
    with xdl.use_device("cpu"):
        _, _, step = classifier("cuda")

        with pytest.raises(xdl.DeviceError, match='on cpu, needed a GPU .*"numpy"'):
            step(X, TARGET)


@pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
def test_a_replay_is_one_launch_of_a_graph_and_waits_once():
    _, _, step = classifier("cuda")
    where = xdl.backend.usable("cuda")
    x, target = (xdl.backend.asarray(a, where) for a in (X, TARGET))
    for _ in range(4):
        step(x, target)

    with watching() as seen:
        step(x, target)

    assert 1 == seen.counts["wait"], str(seen)
    assert seen.counts["launch"] <= 4, str(seen)  # the graph; copies of two and of one


READS = {
    "a part": lambda table, i: table[i],
    "a part of two axes": lambda table, i: table[:, i],
    "take": lambda table, i: xdl.take(table, i, axis=0),
    "take_along_axis": lambda table, i: xdl.take_along_axis(
        table, i.reshape((-1, 1)), axis=0
    ),
}


@pytest.mark.parametrize("wrong", [5, -6])
@pytest.mark.parametrize("name", READS)
def test_an_index_that_is_out_of_range_is_refused_at_every_call(name, wrong):
    table = xdl.Variable(np.arange(25.0).reshape(5, 5), "table")

    def step(i):
        y = xdl.sum(READS[name](table, i) ** 2)
        y.backward()
        table.value = table - 0.1 * table.grad
        table.clear_grad()
        return y

    call = xdl.compile(step, table, executor="cuda")
    for _ in range(3):
        call(np.array([0, 4, -5, 2]))
    before = table.numpy().copy()

    with pytest.raises(xdl.IndexRangeError, match="out of bounds"):
        call(np.array([0, 4, wrong, 2]))

    np.testing.assert_array_equal(before, table.numpy())


def test_deferred_checks_are_heard_at_the_next_read_and_nothing_has_changed():
    model, optimizer, step = classifier("cuda")
    for _ in range(3):
        step(X, TARGET)
    before = state_of(model, optimizer)
    xdl.set_checks("deferred")
    try:
        step(np.full_like(X, np.inf), TARGET)
        loss = step(X, TARGET)

        with pytest.raises(xdl.NonFiniteError, match=r"replay \(step 1 of those"):
            loss.item()

        after = state_of(model, optimizer)
        first, second = step(X, TARGET).item(), step(X, TARGET).item()
    finally:
        xdl.set_checks("immediate")
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert second < first


@pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
def test_a_replay_waits_for_nothing_where_checks_are_deferred():
    _, _, step = classifier("cuda")
    where = xdl.backend.usable("cuda")
    x, target = (xdl.backend.asarray(a, where) for a in (X, TARGET))
    xdl.set_checks("deferred")
    try:
        for _ in range(4):
            step(x, target)

        with watching() as seen:
            step(x, target)
    finally:
        xdl.set_checks("immediate")

    assert 0 == seen.counts["wait"] + seen.counts["copy to the host"], str(seen)


@pytest.mark.parametrize("where", ["host", "GPU"])
def test_an_array_of_others_is_read_as_it_is_at_each_call(where):
    weight = xdl.Variable(np.ones(3, "float32"), "w")
    factors = np.ones(3, "float32")
    if where == "GPU":
        factors = xdl.backend.asarray(factors, xdl.backend.usable("cuda"))

    def step(x):
        y = xdl.sum(weight * factors * x)
        y.backward()
        weight.clear_grad()
        return y

    call, found = xdl.compile(step, weight), []
    for _ in range(5):
        found.append(call(np.ones(3, "float32")).item())
        factors *= 2

    assert [3.0, 6.0, 12.0, 24.0, 48.0] == found


def test_a_step_of_more_numbers_than_a_launch_takes_gives_those_of_the_cpu():
    found = []
    for device in ("cpu", "cuda"):
        with xdl.use_device(device):
            weights = [xdl.Variable(np.ones(1, "float32"), f"w{i}") for i in range(600)]

            def step(x, weights=weights):
                return [w * x for w in weights]

            call = xdl.compile(step, *weights)
            found.append([[y.item() for y in call(np.full(1, n))] for n in range(4)])

    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_step_is_done_whole_or_not_at_all():
    make = interrupted.TRAININGS["MLP, momentum"]
    expected, training = (interrupted.Training(*make, "cuda") for _ in range(2))
    expected.restore()
    states = [expected.bits()]
    for _ in INTERRUPTED:
        expected.do()
        states.append(expected.bits())
    training.restore()  # the seed, too
    training.do()
    done = 1

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for number in INTERRUPTED[1:]:
            interrupt(number, training.do)
            done += training.bits() != states[done]
            assert training.bits() == states[done]
    finally:
        signal.signal(signal.SIGINT, usual)

    assert 1 < done < len(INTERRUPTED)


def test_a_checkpoint_goes_on_to_the_bit(tmp_path):
    model, optimizer, step = classifier("cuda")
    for _ in range(4):
        step(X, TARGET)
    path = tmp_path / "a.safetensors"
    xdl.save(path, model=model, optimizer=optimizer)
    expected = [step(X, TARGET).item() for _ in range(4)]

    model, optimizer, step = classifier("cuda")
    xdl.load(path, model=model, optimizer=optimizer)

    assert expected == [step(X, TARGET).item() for _ in range(4)]


class Remembers(xdl.Model):
    """A layer, what it made, and the weight that it made it with."""

    def __init__(self):
        super().__init__()
        self.layer, self.loss_ops = xdl.nn.Linear(4, 3), xdl.nn.SoftmaxLoss()

    def forward(self, x):
        self.old = self.layer.weight * 1
        self.output = self.layer(x)
        self.hidden = xdl.relu(self.output)
        return self.output


def test_an_attribute_is_that_of_the_replay_or_is_said_to_be_gone():
    model, _, step = classifier("cuda", make=Remembers)
    for _ in range(4):
        step(X, TARGET)

    positive = np.maximum(model.output.numpy(), 0)
    np.testing.assert_array_equal(model.hidden.numpy(), positive)
    with pytest.raises(xdl.GraphError, match=r"Remembers\.old was set .* is gone"):
        model.old.numpy()

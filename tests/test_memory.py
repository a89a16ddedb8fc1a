"""What is kept, and for how long: everything goes by reference count alone."""

import gc
import resource
import sys
import weakref

import numpy as np
import pytest

import xdl
from xdl import SGD, LinearModel, Variable


@pytest.fixture
def no_collector():
    """Switch Python's collector of reference cycles off; count from a clean start."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Watched(np.ndarray):
    """An array whose end can be watched: plain ones have no weak references."""


def _chain(x, length):
    y, nodes = x, []
    for _ in range(length):
        y = y * 1.0
        nodes.append(weakref.ref(y._node))
    return y, nodes


def test_a_chain_of_100_000_operations_runs_backward_and_is_freed(no_collector):
    x = Variable(3.0)
    y, nodes = _chain(x, 100_000)

    y.backward()
    del y

    assert 1.0 == x.grad.item()
    assert 0 == sum(node() is not None for node in nodes)


def test_a_chain_without_a_backward_is_freed_without_recursion(no_collector):
    y, nodes = _chain(Variable(3.0), 100_000)

    del y

    assert 0 == sum(node() is not None for node in nodes)


def test_the_walk_frees_nodes_as_it_goes(no_collector):
    alive_below = []

    class Probe(xdl.Op):
        def compute(self, xp, x):
            return x + 0

        def gradient(self, xp, gy):
            alive_below.append(above() is not None and above().kept is not None)
            return (gy,)

    x = Variable([1.0, 2.0])
    y = xdl.exp(Probe()(x))
    above = weakref.ref(y._node)

    y.sum().backward()

    assert [False] == alive_below


def test_a_retained_graph_keeps_its_nodes(no_collector):
    y, nodes = _chain(Variable(3.0), 10)

    y.backward(retain_graph=True)

    assert 10 == sum(node() is not None for node in nodes)


@pytest.mark.parametrize(
    "consume",
    [
        lambda h: h + 1.0,
        lambda h: -h,
        lambda h: h - 1.0,
        lambda h: xdl.sum(h),
        lambda h: h * 2.0,
    ],
    ids=["add", "negative", "subtract", "sum", "multiply by a number"],
)
def test_an_array_that_no_gradient_needs_is_gone_after_its_last_use(
    consume, no_collector
):
    x = Variable(np.ones((100, 100), np.float32))
    hidden = x * 3.0
    array = weakref.ref(hidden._value)

    hidden = consume(hidden)

    assert hidden.trainable
    assert array() is None


@pytest.mark.parametrize(
    "consume",
    [xdl.tanh, lambda h: h * h, xdl.log],
    ids=["output of exp", "both factors", "input of log"],
)
def test_an_array_that_a_gradient_needs_lives_until_the_backward(consume, no_collector):
    hidden = xdl.exp(Variable([1.0, 2.0]))
    array = weakref.ref(hidden._value)

    hidden = consume(hidden).sum()
    needed = array() is not None
    hidden.backward()

    assert needed
    assert array() is None


def test_the_other_factor_is_not_kept_for_a_constant(no_collector):
    w, x = Variable([1.0, 2.0]), Variable([3.0, 4.0], trainable=False)
    scaled = w * 2.0
    array = weakref.ref(scaled._value)

    product = scaled * x
    del scaled

    assert product.trainable
    assert array() is None


def test_data_is_not_kept_where_nothing_is_trainable(no_collector):
    x = Variable([1.0, 2.0], trainable=False)
    hidden = xdl.exp(x)
    array = weakref.ref(hidden._value)

    hidden = xdl.tanh(hidden)

    assert array() is None


def _model_and_step():
    model = LinearModel(64, 10)
    optimizer = SGD(model, lr=0.01, momentum=0.9)
    x, target = np.ones((8, 64), np.float32), np.arange(8)

    def step():
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return model, step


def test_a_training_step_leaves_no_reference_cycle(no_collector):
    _, step = _model_and_step()
    step()
    gc.collect()

    for _ in range(10):
        step()

    assert 0 == gc.collect()


@pytest.mark.parametrize(
    "use",
    [
        lambda x: xdl.Graph((x * x).sum()).summary(),
        lambda x: xdl.Graph((x * x).sum()).draw(),
        lambda x: (x * x).sum().backward(create_graph=True) or x.clear_grad(),
        lambda x: pytest.raises(xdl.ShapeError, lambda: x + np.ones(7)) and None,
        lambda x: xdl.softmax_cross_entropy(xdl.reshape(x, (1, 2)), [1]).backward(),
    ],
    ids=["summary", "draw", "create_graph", "refusal", "loss"],
)
def test_no_use_of_a_graph_leaves_a_cycle_of_nodes(use, no_collector):
    x = Variable([1.0, 2.0])

    use(x)
    x.clear_grad()
    gc.collect()
    left = [
        type(o).__name__
        for o in gc.get_objects()
        if type(o).__module__ == "xdl.core.node"
    ]

    use(x)
    x.clear_grad()
    after = [
        type(o).__name__
        for o in gc.get_objects()
        if type(o).__module__ == "xdl.core.node"
    ]

    assert left == after


def test_a_step_leaves_as_many_objects_as_it_found(no_collector):
    _, step = _model_and_step()
    for _ in range(3):
        step()
    gc.collect()
    before = len(gc.get_objects())

    for _ in range(100):
        step()

    assert len(gc.get_objects()) - before < 10


@pytest.mark.skipif(
    sys.platform != "linux", reason="the unit of ru_maxrss is Linux's KiB"
)
def test_1_000_training_steps_do_not_grow_the_process(no_collector):
    _, step = _model_and_step()
    for _ in range(100):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for _ in range(1000):
        step()

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 5 * 1024

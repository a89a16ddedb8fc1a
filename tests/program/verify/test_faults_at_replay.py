"""Faults at a replay, and what a replay would not repeat: nothing changes."""

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, arrays_of, batch, differing
from tests.support.counted import Counted
from xdl import GraphError, LabelError, NonFiniteError, Variable, optim

# Faults at a replay.


def test_fault_9_a_gradient_that_is_not_finite_is_refused_by_a_replay(
    model, optimizer, step
):
    compiled = xdl.compile(step, model, optimizer)
    for seed in range(3):
        compiled(*batch(seed))
    before = arrays_of([*model.parameter.values(), *optimizer.state.values()])
    x, target = batch()
    x[2, 1] = np.nan

    with pytest.raises(NonFiniteError) as found:
        compiled(x, target)
    after = arrays_of([*model.parameter.values(), *optimizer.state.values()])
    model.parameter.clear_grads()
    with pytest.raises(NonFiniteError) as expected:
        step(x, target)

    assert [] == differing(before, after)
    assert str(expected.value) == str(found.value)


@pytest.mark.parametrize("calls", [0, 1, 4])
def test_debug_mode_runs_a_step_as_it_is_and_names_the_operation(
    calls, model, optimizer, step
):
    compiled = xdl.compile(step, model, optimizer)
    for seed in range(calls):
        compiled(*batch(seed))
    before = arrays_of([*model.parameter.values(), *optimizer.state.values()])
    x, target = batch()
    x[2, 1] = np.nan
    xdl.set_debug(True)

    try:
        with pytest.raises(NonFiniteError, match="Linear: NaN came out of x"):
            compiled(x, target)
    finally:
        xdl.set_debug(False)
    after = arrays_of([*model.parameter.values(), *optimizer.state.values()])
    assert [] == differing(before, after)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_large_gradient_that_is_not_finite_is_refused(wrong):
    weight = Variable(np.zeros(10_000, "f4"), "weight")
    optimizer = xdl.SGD([weight], 0.5)

    def step(x):
        xdl.sum(weight * x).backward()
        optimizer.update()

    compiled, x = xdl.compile(step, weight, optimizer), np.ones(10_000, "f4")
    for _ in range(3):
        compiled(x)
    x[::7] = wrong
    x[3] = -wrong

    with pytest.raises(NonFiniteError, match='gradient of Variable "weight"'):
        compiled(x)
    assert {-1.5} == set(weight.numpy().tolist())


def test_large_gradients_whose_sum_overflows_are_taken():
    weight = Variable(np.zeros(10_000, "f4"), "weight")
    optimizer = xdl.SGD([weight], 1.0)

    def step(x):
        xdl.sum(weight * x).backward()
        optimizer.update()

    compiled = xdl.compile(step, weight, optimizer)
    for _ in range(4):
        compiled(np.full(10_000, 1e37, "f4"))

    assert [np.float32(-4e37)] == np.unique(weight.numpy()).tolist()


def test_fault_3_labels_out_of_range_are_refused_by_a_replay(model, optimizer, step):
    compiled = xdl.compile(step, model, optimizer)
    for seed in range(3):
        compiled(*batch(seed))
    before = all_of(model, optimizer)[:-1]
    x, target = batch()
    target[1] = 3

    with pytest.raises(LabelError, match="position 1 holds 3"):
        compiled(x, target)
    assert [] == differing(before, all_of(model, optimizer)[:-1])


def test_fault_24_an_index_out_of_range_is_refused_by_a_replay():
    table = Variable(np.ones((4, 2)))
    step = xdl.compile(lambda i: (table[i], xdl.take(table, i, 0)), table)
    for _ in range(3):
        step(np.array([0, 3]))

    with pytest.raises(xdl.IndexRangeError):
        step(np.array([0, 4]))


@pytest.mark.parametrize("width", [4, 5000])
def test_fault_69_a_replay_under_raised_warnings_gives_eager_s_infinities(width):
    x = np.full((2, width), 3.0, "f4")
    step = xdl.compile(lambda x: (xdl.exp(x), xdl.mean(x, axis=1, keepdims=True) / x))
    for _ in range(3):
        step(x)
    x[0, 0], x[1, 1] = 1000.0, 0.0
    expected = xdl.exp(x).numpy()

    exponential, quotient = step(x)  # the tests raise on overflow and division by 0

    assert expected.tolist() == exponential.numpy().tolist()
    assert np.isinf(quotient.numpy()[1, 1])


def test_an_error_of_the_function_leaves_the_state(model, optimizer, step):
    def failing(x, target):
        step(x, target)
        raise KeyError("mine")

    before = all_of(model, optimizer)

    with pytest.raises(KeyError, match="mine"):
        xdl.compile(failing, model, optimizer)(*batch())
    assert [] == differing(before, all_of(model, optimizer))
    assert 0.01 == optimizer.lr


# What a replay would not repeat.


def test_a_step_that_draws_from_numpy_fails_its_verification(rng):
    step = xdl.compile(lambda x: x * rng.standard_normal(3))
    step(np.ones(3))

    with pytest.raises(GraphError, match="differs from the eager step in what it retu"):
        step(np.ones(3))


def test_a_step_that_counts_fails_its_verification():
    weight, calls = Variable([1.0], "weight"), []

    def step():
        calls.append(1)
        weight.value = weight * len(calls)

    compiled = xdl.compile(step, weight)
    compiled()

    with pytest.raises(GraphError, match="differs from the eager step in weight"):
        compiled()


def test_verification_may_be_left_out():
    counted = Counted(lambda x: x + 1)
    step = xdl.compile(counted, verify=False)

    assert [2.0, 2.0, 2.0] == [step(np.array(1.0)).item() for _ in range(3)]
    assert 1 == counted.calls


SETTINGS = {
    "a learning rate": (lambda m, o, s: setattr(o, "lr", 0.5), r"Adam\.lr was set"),
    "a flag": (lambda m, o, s: setattr(o, "amsgrad", False), r"amsgrad was set"),
    "a schedule": (lambda m, o, s: s.step(), r"Adam\.lr was set"),
    "eval": (lambda m, o, s: m.eval(), r"eval\(\) was called in the step"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_set_in_the_step_is_refused(name, model, optimizer, step):
    schedule = optim.StepLR(optimizer, 1)
    change, says = SETTINGS[name]

    def setting(x, target):
        loss = step(x, target)
        change(model, optimizer, schedule)
        return loss

    before = all_of(model, optimizer)

    with pytest.raises(GraphError, match=says):
        xdl.compile(setting, model, optimizer)(*batch())
    assert [] == differing(before, all_of(model, optimizer))
    assert 0.01 == optimizer.lr


def test_a_compiled_step_inside_another_is_refused():
    inner = xdl.compile(lambda x: x * 2)
    constant = np.ones(3)
    for _ in range(3):
        inner(constant)

    with pytest.raises(GraphError, match="called while"):
        xdl.compile(lambda x: x + inner(constant))(np.ones(3))
    with pytest.raises(GraphError, match="called while"):
        xdl.compile(lambda x: inner(x))(np.ones(3))
    assert [2.0, 2.0, 2.0] == inner(constant).numpy().tolist()

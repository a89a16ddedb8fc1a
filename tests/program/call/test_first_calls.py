"""The first two calls: an error anywhere leaves state and draws as they were."""

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, batch, differing
from tests.support.executors import every_executor, needs_numba
from xdl.program.call import compiled
from xdl.program.call.replay import Replay


class Mine(Exception):  # noqa: N818 (it stands for any error)
    """An error that a test raises."""


def _raising_after(function):
    def call(*arguments):
        function(*arguments)
        raise Mine

    return call


# What raises the error, and in which call of which executor it comes up.
BOTH = ("numpy", "numba")
MOMENTS = [
    (compiled, "record", 1, BOTH),
    (compiled, "improved", 1, BOTH),
    (Replay, "bind", 1, ("numba",)),
    (Replay, "bind", 2, BOTH),
    (Replay, "run", 1, ("numba",)),
    (Replay, "run", 2, BOTH),
    (compiled, "compared", 1, ("numba",)),
    (compiled, "compared", 2, BOTH),
]
MARKS = {"numpy": (), "numba": (needs_numba,)}


@pytest.mark.parametrize(
    ("owner", "name", "call", "executor"),
    [
        pytest.param(owner, name, call, executor, marks=MARKS[executor])
        for owner, name, call, executors in MOMENTS
        for executor in executors
    ],
)
def test_an_error_of_a_first_call_changes_nothing(
    owner, name, call, executor, model, optimizer, step, monkeypatch
):
    fast_step = xdl.compile(step, model, optimizer, executor=executor)
    for i in range(1, call):
        fast_step(*batch(i))
    before = all_of(model, optimizer)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, _raising_after(getattr(owner, name)))
        with pytest.raises(Mine):
            fast_step(*batch(call))

    assert [] == differing(before, all_of(model, optimizer))
    fast_step(*batch(call))
    assert [] != differing(before, all_of(model, optimizer))


@every_executor
@pytest.mark.parametrize("call", [1, 2])
def test_an_error_of_the_function_changes_nothing(
    call, executor, model, optimizer, step
):
    calls = []

    def failing(x, target):
        loss = step(x, target)
        calls.append(loss)
        if len(calls) == call:
            raise Mine
        return loss

    fast_step = xdl.compile(failing, model, optimizer, executor=executor)
    for i in range(1, call):
        fast_step(*batch(i))
    before = all_of(model, optimizer)

    with pytest.raises(Mine):
        fast_step(*batch())

    assert [] == differing(before, all_of(model, optimizer))


@every_executor
def test_a_step_that_does_something_else_each_time_changes_nothing(
    executor, model, optimizer, step
):
    rng = np.random.default_rng(0)

    def noisy(x, target):
        return step(x + rng.standard_normal(x.shape).astype("f4"), target)

    fast_step = xdl.compile(noisy, model, optimizer, executor=executor)
    fast_step(*batch())
    before = all_of(model, optimizer)

    for _ in range(3):
        with pytest.raises(xdl.GraphError, match="differs from the eager step in what"):
            fast_step(*batch())
    assert [] == differing(before, all_of(model, optimizer))


@every_executor
def test_a_weight_that_the_step_changes_at_times_is_found_and_put_back(executor):
    weight, other = xdl.Variable([1.0, 2.0], "weight"), xdl.Variable([3.0], "other")
    calls = []

    def step(x):
        calls.append(1)
        if len(calls) > 1:
            other.value = other + 1
        weight.value = weight * x
        return xdl.sum(weight)

    fast_step = xdl.compile(step, weight, other, executor=executor)
    fast_step(np.array([2.0, 2.0], "f4"))

    with pytest.raises(xdl.GraphError, match="in other: 3.0 came, eager gives 4.0"):
        fast_step(np.array([2.0, 2.0], "f4"))
    assert ([2.0, 4.0], [3.0]) == (weight.numpy().tolist(), other.numpy().tolist())

"""Comparisons of replays with eager: right ones are taken, planted errors found."""

from types import SimpleNamespace

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor, needs_numba
from tests.support.planted import ROUNDINGS, Planted
from tests.support.verifying import CASES, Verifying

LEARNED = ["linear", "MLP with dropout", "digits by heart", "labels all zero"]
PLANTS = 10


@needs_numba
@pytest.mark.parametrize("name", LEARNED)
def test_right_replays_are_taken_before_and_after_learning(name):
    verifying = Verifying(CASES[name])

    for seed in range(3):
        batches = verifying.begin(seed)
        verifying.verify(*batches[0])
        verifying.train(batches)
        verifying.verify(*batches[0])


@pytest.mark.parametrize("in_code", [False, True], ids=["program", "code"])
@pytest.mark.parametrize("name", ["regression", "digits by heart", "RNN"])
def test_planted_errors_are_found(name, in_code, monkeypatch):
    verifying = Verifying(CASES[name], "numpy")

    planted = [
        Planted(verifying, verifying.begin(seed), seed, monkeypatch, in_code)
        for seed in range(PLANTS)
    ]

    must_be_found = [one for one in planted if one.roundings > ROUNDINGS]
    assert len(must_be_found) > PLANTS / 4
    assert [] == [one.what for one in must_be_found if not one.is_found]


# What rounds otherwise in native code, or nearly cancels: it is taken.


def _cancelling(x):
    return xdl.sum(xdl.exp(x)) - xdl.sum(xdl.exp(x + 1e-7)), xdl.exp(x) - x - 1


def _saturated(x):
    p = xdl.sigmoid(20 * x)
    return xdl.mean(xdl.log(p + 1e-30)), xdl.log(1.0000001 - p), 1 - xdl.tanh(9 * x)


def _tied(x):
    noise = xdl.exp(x) - xdl.exp(x + 0)
    return xdl.argmax(noise + 1), xdl.relu(xdl.tanh(x) - xdl.tanh(x)), xdl.sign(noise)


def _beside_a_kink(x):
    y = xdl.exp(x) * xdl.exp(-x) - 1  # nothing but rounding errors
    return xdl.relu(y) * 1e6, xdl.abs(y), xdl.argmax(y), y > 0, xdl.sum(y * y)


def _divided(x):
    y = xdl.tanh(x) - (1 - 2 / (xdl.exp(2 * x) + 1))
    return y / xdl.sqrt(xdl.square(y) + 1e-30), y / (xdl.abs(y) + 1e-8)


def _subnormal(x):
    return xdl.exp(-95 + x), xdl.square(xdl.exp(-48 + x)), xdl.exp(-200 + x)


def _overflowing(x):
    return xdl.exp(88.7 + xdl.tanh(x) / 50), xdl.exp(60 + xdl.exp(x)) / xdl.exp(9 * x)


RIGHT = [_cancelling, _saturated, _tied, _beside_a_kink, _divided, _subnormal]
RIGHT += [_overflowing]


@every_executor
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("function", RIGHT, ids=lambda f: f.__name__[1:])
def test_a_right_replay_of_values_that_nearly_cancel_is_taken(
    function, dtype, executor, rng
):
    step = xdl.compile(function, executor=executor)

    for _ in range(3):
        step(rng.uniform(-4, 4, (40, 70)).astype(dtype))


# What a replay would get wrong, by little: it is found.


@every_executor
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_number_that_changes_by_little_is_found(dtype, executor, rng):
    settings = SimpleNamespace(factor=1.0)

    def step(x):
        return xdl.mean(xdl.tanh(x * settings.factor))

    fast_step = xdl.compile(step, executor=executor)
    x = rng.uniform(1, 2, (40, 70)).astype(dtype)
    fast_step(x)
    settings.factor += 500 * np.finfo(dtype).eps

    with pytest.raises(xdl.GraphError, match="Does the step read something that chan"):
        fast_step(x)


@every_executor
def test_an_update_that_is_off_by_little_is_found_in_a_large_weight(executor, rng):
    weight = xdl.Variable(rng.uniform(1, 2, 3000), "weight", dtype="f4")
    settings = SimpleNamespace(rate=1e-3)

    def step(x):
        weight.value = weight - settings.rate * xdl.tanh(weight * x)

    fast_step, x = xdl.compile(step, weight, executor=executor), np.full(1, 0.5, "f4")
    fast_step(x)
    settings.rate *= 1.005  # 40 units in the last place of the weights

    with pytest.raises(xdl.GraphError, match="differs from the eager step in weight"):
        fast_step(x)


@every_executor
def test_what_is_returned_may_be_no_number_or_not_a_number(executor):
    step = xdl.compile(lambda x: (x * 2, float("nan"), "text", None), executor=executor)

    for _ in range(3):
        _, number, *others = step(np.ones(3, "f4"))

    assert number != number
    assert ["text", None] == others


@needs_numba
def test_native_code_that_is_wrong_is_said_to_be(monkeypatch, rng):
    from xdl.program.call.replay import Replay

    run = Replay.run

    def wrong(self, given):
        returned = run(self, given)
        returned._value[3] *= 1.001
        return returned

    monkeypatch.setattr(Replay, "run", wrong)
    step = xdl.compile(lambda x: xdl.tanh(x) * 2, executor="numba")

    with pytest.raises(xdl.GraphError, match="its compiled code is not: please report"):
        step(rng.uniform(1, 2, 9).astype("f4"))

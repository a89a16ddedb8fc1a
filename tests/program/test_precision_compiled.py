"""Precision in compiled steps: it is part of a program, and of what it is known by."""

import numpy as np
import pytest

import xdl
from tests.program.test_models_compiled import MODELS, Training, _adam
from tests.support.compared import differing
from tests.support.executors import every_executor, needs_numba
from tests.support.precisions import NAMES, asked, nasty, same_bits
from tests.support.saved import loaded, numbers_of
from xdl import Variable
from xdl.backend import numpy as host
from xdl.core import mode

every_name = pytest.mark.parametrize("name", NAMES)
A, B = (np.random.default_rng(i).standard_normal((6, 6), "f4") for i in (0, 1))


@pytest.fixture(autouse=True)
def _usual_mode():
    yield
    mode._mode.set(None)


class _Round(xdl.Op):
    def __init__(self, name):
        self.name = name

    def compute(self, xp, x):
        return getattr(xp, f"round_to_{self.name}")(x)


@every_executor
@every_name
def test_every_executor_rounds_to_the_bit(name, executor):
    x, op = nasty(), _Round(name)
    step = xdl.compile(lambda x: xdl.abs(op(x)), Variable([0.0]), executor=executor)
    expected = np.abs(getattr(host, f"round_to_{name}")(x))

    results = [step(x).numpy() for _ in range(3)]

    assert [True] * 3 == [same_bits(expected, found) for found in results]


@every_executor
@every_name
def test_a_compiled_product_is_that_of_eager(name, executor):
    w = Variable(B)
    step = xdl.compile(lambda x: xdl.tanh(x @ w), w, executor=executor)

    with asked(name):
        expected = xdl.tanh(Variable(A) @ w)
        results = [step(A) for _ in range(3)]

    for found in results:
        np.testing.assert_allclose(expected.numpy(), found.numpy(), rtol=1e-5)


@every_executor
def test_a_step_is_recorded_anew_for_another_precision_and_found_again(executor):
    w = Variable(B)
    step = xdl.compile(lambda x: x @ w, w, executor=executor)
    programs, results = [], []

    for name in (None, *NAMES, None, *NAMES):
        with asked(name) if name else xdl.autocast(enabled=False):
            results.append(step(A).numpy())
        programs.append(step.program)

    assert programs[:4] == programs[4:]
    assert 4 == len(set(map(id, programs)))
    np.testing.assert_allclose(results[:4], results[4:], rtol=1e-5, atol=1e-6)


@every_executor
def test_a_fast_path_does_not_outlast_its_precision(executor):
    w = Variable(B)
    step = xdl.compile(lambda x: x @ w, w, executor=executor)
    for _ in range(4):
        step(A)

    with xdl.autocast():
        found = step(A)

    with xdl.autocast():
        np.testing.assert_allclose((Variable(A) @ w).numpy(), found.numpy(), rtol=1e-6)
    np.testing.assert_allclose(A @ B, step(A).numpy(), rtol=1e-5, atol=1e-6)


def test_a_program_shows_what_is_rounded():
    w = Variable(B)
    step = xdl.compile(xdl.autocast()(lambda x: x @ w), w)
    step(A)

    assert 2 == str(step.program).count("round_to_bfloat16(")


@every_name
def test_a_saved_program_rounds_by_itself(name, tmp_path):
    w = Variable(B)
    step = xdl.compile(lambda x: xdl.tanh(x @ w), w)
    with asked(name):
        expected = step(A)

    saved = loaded(step.program, tmp_path / "step.py")

    (found,) = numbers_of(saved.step(A))
    np.testing.assert_array_equal(expected.numpy(), found)


@every_name
@pytest.mark.parametrize("model", MODELS)
def test_models_train_to_the_bits_of_eager(model, name):
    make, draw = MODELS[model]

    with asked(name):
        expected = Training(make, draw, _adam).train(6).everything()
        found = Training(make, draw, _adam, "numpy").train(6).everything()

    assert [] == differing(expected, found)


@needs_numba
@pytest.mark.parametrize("model", ["linear", "MLP", "LeNet", "LSTM", "GPT"])
def test_models_train_natively_as_eager_does(model):
    make, draw = MODELS[model]

    with xdl.autocast("bfloat16"):
        expected = Training(make, draw, _adam).train(12).losses
        found = Training(make, draw, _adam, "numba").train(12).losses

    np.testing.assert_allclose(expected, found, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("executor", [None, "numpy"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("model", ["MLP", "LeNet", "LSTM", "GPT"])
def test_losses_end_near_those_of_float32(model, name, executor):
    make, draw = MODELS[model]
    expected = Training(make, draw, _adam, executor).train(40).losses

    with asked(name):
        found = Training(make, draw, _adam, executor).train(40).losses

    assert abs(np.mean(expected[-10:]) - np.mean(found[-10:])) < 0.02
    assert not np.array_equal(expected, found)


@needs_numba
@pytest.mark.parametrize("name", NAMES)
def test_a_false_product_is_still_found(name, monkeypatch):
    w = Variable(B)
    fast = xdl.compile(lambda x: xdl.tanh(x @ w), w, executor="numba")
    with asked(name):
        fast(A)
        replay = next(iter(fast._replays.values()))
        run = replay.run
        monkeypatch.setattr(replay, "run", lambda given: run(given) * 1.5)
        replay.is_verified = False

        with pytest.raises(xdl.GraphError, match="differs"):
            fast(A)

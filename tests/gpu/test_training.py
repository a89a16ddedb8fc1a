"""Optimizers, averages, clipping, files and programs, where weights are on a GPU."""

import numpy as np
import pytest

import xdl
from tests.host_gpu.watch import is_there, watching
from tests.optim.every import every_optimizer
from xdl import Variable
from xdl.optim import EMA, clip_grad_norm

pytestmark = pytest.mark.gpu


def _weights(device):
    rng = np.random.default_rng(0)
    shapes = [(4, 3), (2, 5)]
    with xdl.use_device(device):
        return [Variable(rng.normal(size=s), dtype="float32") for s in shapes]


def _trained(optimizer, weights):
    """Take steps down a bowl, and return the weights."""
    for _ in range(8):
        for weight in weights:
            weight.grad = 2 * weight.numpy() + 0.5
        optimizer.update()
    return [weight.numpy() for weight in weights]


def _assert_close(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, 1e-3, 2e-5)  # Muon amplifies


@every_optimizer
def test_an_optimizer_gives_the_numbers_of_the_cpu(make):
    here, there = _weights("cpu"), _weights("cuda")
    expected = _trained(make(here, lr=0.1), here)

    actual = _trained(make(there, lr=0.1), there)

    _assert_close(expected, actual)


@every_optimizer
def test_a_model_that_moves_is_trained_on(make):
    stays, moves = _weights("cpu"), _weights("cpu")
    expected, optimizer = make(stays, lr=0.1), make(moves, lr=0.1)
    _trained(expected, stays)
    _trained(optimizer, moves)

    optimizer.parameter.to("cuda:0")
    there = _trained(optimizer, moves)
    kinds = {type(v.value).__module__.split(".")[0] for v in optimizer.state.values()}
    optimizer.parameter.to("cpu")
    back = _trained(optimizer, moves)

    assert {"cupy"} == kinds
    _assert_close(_trained(expected, stays), there)
    _assert_close(_trained(expected, stays), back)


def test_averages_follow_a_model_that_moves():
    weight = Variable([1.0]).to("cpu")
    ema = EMA([weight], decay=0.5)
    weight.value = [2.0]

    weight.to("cuda:0")
    ema.update()
    with ema.swapped():
        there = weight.item()
    weight.to("cpu")
    ema.update()

    assert (1.5, 1.75) == (there, ema.average["0"].item())


@pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
def test_clipping_waits_once():
    weights = [Variable([0.0]), Variable([0.0])]
    weights[0].grad, weights[1].grad = [3.0], [4.0]
    clip_grad_norm(weights, 9.0)

    with watching() as seen:
        norm = clip_grad_norm(weights, 1.0)

    assert 1 == seen.counts["wait"]
    assert 5.0 == norm.item()


def test_a_model_is_saved_from_a_gpu_and_loaded_onto_it(tmp_path):
    model, other = xdl.LinearModel(3, 2), xdl.LinearModel(3, 2)
    xdl.save(tmp_path / "model", model=model)

    xdl.load(tmp_path / "model", model=other)

    assert "cuda:0" == str(other.W.device)
    np.testing.assert_array_equal(model.W.numpy(), other.W.numpy())


def test_a_step_compiled_for_the_cpu_is_refused_on_a_gpu_and_changes_nothing():
    model = xdl.LinearModel(3, 2)
    optimizer = xdl.SGD(model)
    before = model.W.numpy()

    def step(x, target):
        model.forward(x)
        model.loss(target)
        model.backward()
        optimizer.update()

    with pytest.raises(xdl.DeviceError, match="the state is on cuda:0, needed the"):
        call = xdl.compile(step, model, optimizer, executor="numpy")
        call(np.ones((1, 3)), np.array([0]))

    np.testing.assert_array_equal(before, model.W.numpy())

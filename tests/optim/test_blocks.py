"""What an optimizer changes block by block is what it changes at once."""

import numpy as np
import pytest

import xdl
from tests.optim.every import EVERY
from xdl.backend import blocks

ELEMENTWISE = {n: m for n, m in EVERY.items() if n not in ("LAMB", "Muon")}


def _trained(make, dtype, gradients):
    weight = xdl.Variable(np.linspace(-1, 1, 77).reshape(7, 11).astype(dtype))
    optimizer = make([weight], lr=0.1)
    for grad in gradients:
        weight.grad = grad.astype(dtype)
        optimizer.update()
    state = {name: one.numpy() for name, one in optimizer.state.items()}
    return {"weight": weight.numpy(), **state}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("make", ELEMENTWISE.values(), ids=ELEMENTWISE)
def test_weights_and_state_are_the_same_in_blocks(make, dtype, rng, monkeypatch):
    gradients = rng.standard_normal((3, 7, 11))
    whole = _trained(make, dtype, gradients)
    monkeypatch.setattr(blocks, "SIZE", 10)
    monkeypatch.setattr(blocks, "LEAST", 16)

    parts = _trained(make, dtype, gradients)

    for name, expected in whole.items():
        np.testing.assert_allclose(
            parts[name], expected, rtol=4 * np.finfo(dtype).eps, err_msg=name
        )


def test_an_optimizer_of_whole_weights_is_given_whole_weights(monkeypatch):
    class Centred(xdl.optim.SGD):
        def change(self, xp, value, grad, *state):
            value -= xp.sum(value) / value.size

    monkeypatch.setattr(blocks, "LEAST", 2)
    monkeypatch.setattr(blocks, "SIZE", 1)
    weight = xdl.Variable([1.0, 2.0, 3.0, 6.0])
    weight.grad = np.ones(4, np.float32)

    Centred([weight]).update()

    np.testing.assert_array_equal(weight.numpy(), [-2.0, -1.0, 0.0, 3.0])

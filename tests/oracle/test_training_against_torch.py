"""Whole training runs beside PyTorch's, from the same weights."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

SETTINGS = {
    "plain": {},
    "weight decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.9},
    "momentum and weight decay": {"momentum": 0.9, "weight_decay": 0.1},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "nesterov and weight decay": {
        "momentum": 0.5,
        "nesterov": True,
        "weight_decay": 0.01,
    },
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_20_steps_of_sgd(setting, dtype, rng):
    start, goal = rng.normal(size=(2, 5, 3)).astype(dtype)
    ours, theirs = xdl.Variable(start), torch.tensor(start, requires_grad=True)
    optimizer = xdl.SGD([ours], lr=0.05, **SETTINGS[setting])
    reference = torch.optim.SGD([theirs], lr=0.05, **SETTINGS[setting])

    for _ in range(20):
        xdl.sum(xdl.square(ours - goal) + xdl.exp(ours * 0.1)).backward()
        optimizer.update()
        reference.zero_grad()
        ((theirs - torch.tensor(goal)) ** 2 + (theirs * 0.1).exp()).sum().backward()
        reference.step()

    tolerance = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), 0, tolerance)


def test_100_steps_of_the_linear_model_a_sample_each(rng):
    samples = rng.normal(size=(100, 1, 64)).astype(np.float32)
    labels = rng.integers(0, 10, (100, 1))
    model = xdl.LinearModel(64, 10)
    optimizer = xdl.SGD(model.parameter, lr=0.1)
    weight = torch.tensor(model.W.numpy(), requires_grad=True)
    reference = torch.optim.SGD([weight], lr=0.1)
    losses, reference_losses = [], []

    for x, label in zip(samples, labels, strict=True):
        model.forward(x)
        losses.append(model.loss(label).item())
        model.backward()
        optimizer.update()
        loss = torch.nn.functional.cross_entropy(
            torch.tensor(x) @ weight, torch.tensor(label)
        )
        reference_losses.append(loss.item())
        reference.zero_grad()
        loss.backward()
        reference.step()

    np.testing.assert_allclose(losses, reference_losses, 1e-4, 1e-6)
    np.testing.assert_allclose(model.W.numpy(), weight.detach().numpy(), 1e-4, 1e-6)

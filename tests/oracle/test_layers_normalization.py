"""The normalization layers beside PyTorch's: 20 steps from the same weights."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

nn = torch.nn
LAYERS = {
    "LayerNorm": (
        lambda: xdl.nn.LayerNorm(6),
        lambda: nn.LayerNorm(6),
        (5, 4, 6),
    ),
    "LayerNorm of two axes": (
        lambda: xdl.nn.LayerNorm((4, 6), eps=0.1),
        lambda: nn.LayerNorm((4, 6), eps=0.1),
        (5, 4, 6),
    ),
    "RMSNorm": (
        lambda: xdl.nn.RMSNorm(6),
        lambda: nn.RMSNorm(6, eps=1e-5),
        (5, 4, 6),
    ),
    "GroupNorm": (
        lambda: xdl.nn.GroupNorm(2, 4),
        lambda: nn.GroupNorm(2, 4),
        (5, 4, 3, 2),
    ),
    "BatchNorm1d of features": (
        lambda: xdl.nn.BatchNorm1d(4),
        lambda: nn.BatchNorm1d(4),
        (7, 4),
    ),
    "BatchNorm1d of sequences": (
        lambda: xdl.nn.BatchNorm1d(4, momentum=0.3),
        lambda: nn.BatchNorm1d(4, momentum=0.3),
        (7, 4, 3),
    ),
    "BatchNorm2d": (
        lambda: xdl.nn.BatchNorm2d(4, eps=1e-3),
        lambda: nn.BatchNorm2d(4, eps=1e-3),
        (5, 4, 3, 2),
    ),
    "BatchNorm2d without weights": (
        lambda: xdl.nn.BatchNorm2d(4, affine=False),
        lambda: nn.BatchNorm2d(4, affine=False),
        (5, 4, 3, 2),
    ),
}


def _trained(layer, batches, goal, start):
    """Return the states of 20 steps of both layers, behind a trained scale."""
    ours, theirs = layer[0](), layer[1]()
    scale, torch_scale = xdl.Variable(start), torch.tensor(start, requires_grad=True)
    optimizer = xdl.SGD([scale, *ours.parameter.values()], lr=0.1)
    reference = torch.optim.SGD([torch_scale, *theirs.parameters()], lr=0.1)
    for x in batches:
        xdl.mean(xdl.square(ours(scale * x) - goal)).backward()
        optimizer.update()
        reference.zero_grad()
        y = theirs(torch_scale * torch.tensor(x))
        ((y - torch.tensor(goal)) ** 2).mean().backward()
        reference.step()
    return ours, theirs, scale.numpy(), torch_scale.detach().numpy()


@pytest.mark.parametrize("name", LAYERS)
def test_20_steps_give_the_weights_and_statistics_of_torch(name, rng):
    shape = LAYERS[name][2]
    batches = rng.normal(1.0, 2.0, (20, *shape)).astype(np.float32)
    goal, start = rng.normal(size=(2, *shape)).astype(np.float32)

    ours, theirs, scale, torch_scale = _trained(LAYERS[name], batches, goal, start)

    state = theirs.state_dict()
    state.pop("num_batches_tracked", None)
    np.testing.assert_allclose(scale, torch_scale, 1e-5, 1e-6)
    assert set(state) == set(ours.parameter)
    for key, expected in state.items():
        actual = ours.parameter[key].numpy()
        np.testing.assert_allclose(actual, expected.numpy(), 1e-5, 1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_prediction_after_20_steps_is_that_of_torch(name, rng):
    shape = LAYERS[name][2]
    batches = rng.normal(1.0, 2.0, (20, *shape)).astype(np.float32)
    goal, start = rng.normal(size=(2, *shape)).astype(np.float32)
    ours, theirs, _, _ = _trained(LAYERS[name], batches, goal, start)
    x = rng.normal(size=shape).astype(np.float32)

    y = ours.eval()(x)

    expected = theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(y.numpy(), expected, 1e-5, 1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_keeps_what_torch_keeps_on_average(training):
    ours, theirs = xdl.nn.Dropout(0.3), nn.Dropout(0.3)
    ones = np.ones(40_000, np.float32)
    if not training:
        ours.eval()
        theirs.eval()

    y = ours(ones).numpy()

    expected = theirs(torch.tensor(ones)).numpy()
    np.testing.assert_allclose(np.unique(y), np.unique(expected), 1e-6)
    assert expected.mean() == pytest.approx(y.mean(), abs=0.03)

"""The weights of a Module beside those of PyTorch's: names, states, frozen layers."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch
from xdl.nn import BatchNorm1d, Linear, Sequential

X = np.random.default_rng(0).standard_normal((6, 3)).astype("f4")


@pytest.fixture
def twins():
    """Return a model and PyTorch's, with the same weights."""
    ours = Sequential(Linear(3, 4), BatchNorm1d(4), xdl.tanh, Linear(4, 2))
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)
    )
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            weight.copy_(torch.tensor(_turned(ours.parameter[_name(name)].numpy())))
    return ours, theirs


def _name(theirs):
    return "layers/" + theirs.replace(".", "/")


def _turned(weight):
    return weight.T if weight.ndim == 2 else weight


def test_parameters_are_those_of_pytorch(twins):
    ours, theirs = twins
    ours.layers[0].trainable = False
    theirs[0].requires_grad_(False)

    expected = [(_name(n), w.requires_grad) for n, w in theirs.named_parameters()]
    assert expected == [(n, w.trainable) for n, w in ours.named_parameters()]


def test_a_state_that_is_taken_in_part_misses_what_pytorch_misses(twins):
    ours, theirs = twins
    kept = [n for n in theirs.state_dict() if not n.startswith("3") and "num" not in n]

    expected = theirs.load_state_dict(
        {n: theirs.state_dict()[n] for n in kept} | {"4.weight": torch.ones(1)},
        strict=False,
    )
    came = ours.load_state_dict(
        {_name(n): ours.state_dict()[_name(n)] for n in kept} | {"layers/4/weight": 1},
        strict=False,
    )

    missing = [_name(n) for n in expected.missing_keys if "num" not in n]
    assert missing == came.missing_keys
    assert list(map(_name, expected.unexpected_keys)) == came.unexpected_keys


@pytest.mark.parametrize("frozen", [0, 1, 3])
def test_a_model_with_a_frozen_layer_trains_as_in_pytorch(twins, frozen):
    ours, theirs = twins
    optimizer = xdl.optim.Adam(ours.parameters(), lr=0.05)
    other = torch.optim.Adam(theirs.parameters(), lr=0.05)
    ours.layers[frozen].trainable = False
    theirs[frozen].requires_grad_(False)

    for _ in range(10):
        xdl.mean(xdl.square(ours(X) - 1.0)).backward()
        optimizer.update()
        other.zero_grad()
        ((theirs(torch.tensor(X)) - 1.0) ** 2).mean().backward()
        other.step()

    for name, weight in theirs.named_parameters():
        value = ours.parameter[_name(name)].numpy()
        expected = _turned(weight.numpy(force=True))
        # Where batch norm takes a bias away, its gradient is rounding alone.
        if name != "0.bias":
            np.testing.assert_allclose(value, expected, rtol=2e-4, atol=2e-5)

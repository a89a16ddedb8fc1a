"""Initializers beside PyTorch's: bounds and deviations of the same weights.

PyTorch keeps a linear weight as (out, in), xdl as (in, out); convolution weights are
(out, in, height, width) in both.
"""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

SHAPES = [(200, 300), (64, 32, 3, 3)]


def _theirs(name, shape, **options):
    torch.manual_seed(0)
    weight = torch.empty(*(shape[::-1] if len(shape) == 2 else shape))
    return getattr(torch.nn.init, name)(weight, **options).double().numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("xavier_uniform", {}, {}),
        ("xavier_uniform", {"gain": 2.0}, {"gain": 2.0}),
        ("xavier_normal", {"gain": 2.0}, {"gain": 2.0}),
        ("kaiming_uniform", {"slope": 0.5}, {"a": 0.5}),
        ("kaiming_uniform", {"mode": "fan_out"}, {"mode": "fan_out"}),
        ("kaiming_normal", {}, {}),
        ("kaiming_normal", {"mode": "fan_out"}, {"mode": "fan_out"}),
    ],
)
def test_initializer_is_spread_as_torchs(name, ours, theirs, shape):
    xdl.seed(0)

    values = getattr(xdl.init, name)(shape, **ours)

    expected = _theirs(f"{name}_", shape, **theirs)
    assert expected.std() == pytest.approx(values.std(), rel=0.02)
    if name.endswith("uniform"):
        assert abs(expected).max() == pytest.approx(abs(values).max(), rel=1e-3)


def test_truncated_normal_is_spread_as_torchs():
    xdl.seed(0)

    values = xdl.init.truncated_normal((200, 300), 1.0, 2.0, -1.0, 4.0)

    expected = _theirs("trunc_normal_", (200, 300), mean=1.0, std=2.0, a=-1.0, b=4.0)
    np.testing.assert_allclose(
        [values.mean(), values.std(), values.min(), values.max()],
        [expected.mean(), expected.std(), expected.min(), expected.max()],
        atol=0.02,
    )


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (6, 2, 3, 3)])
def test_orthogonal_has_the_lengths_of_torchs(shape):
    values = xdl.init.orthogonal(shape, gain=3.0).reshape(shape[0], -1)

    weight = torch.nn.init.orthogonal_(torch.empty(*shape), gain=3.0).numpy()
    expected = np.linalg.svd(weight.reshape(shape[0], -1), compute_uv=False)
    actual = np.linalg.svd(values, compute_uv=False)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)

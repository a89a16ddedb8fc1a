"""Weights of samples beside scikit-learn and PyTorch; probabilities beside PyTorch."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

F = torch.nn.functional
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 3.0])
LABELS = np.array([0, 2, 1, 2, 0])


def _drawn(*shape, low=-1.0, high=1.0):
    return np.random.default_rng(0).uniform(low, high, shape)


def test_the_losses_of_scikit_learn_weigh_samples_alike():
    metrics = pytest.importorskip("sklearn.metrics")
    y, x = _drawn(5, 3), _drawn(5, 3)[::-1].copy()
    scores, signs = _drawn(5), np.array([1, -1, 1, 1, -1])
    chances = xdl.softmax(_drawn(5, 3)).numpy()

    actual = [
        xdl.mean_squared_error(x, y, sample_weight=WEIGHT),
        xdl.l1_loss(x, y, sample_weight=WEIGHT),
        xdl.hinge_loss(scores, signs, sample_weight=WEIGHT),
        xdl.softmax_cross_entropy(_drawn(5, 3), LABELS, sample_weight=WEIGHT),
        xdl.nll_loss(np.log(chances), LABELS, sample_weight=WEIGHT),
    ]

    options = {"sample_weight": WEIGHT}
    expected = [
        metrics.mean_squared_error(y, x, **options),
        metrics.mean_absolute_error(y, x, **options),
        metrics.hinge_loss(signs, scores, **options),
        metrics.log_loss(LABELS, chances, **options),
        metrics.log_loss(LABELS, chances, **options),
    ]
    np.testing.assert_allclose([loss.item() for loss in actual], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "reduction"),
    [
        *((name, "mean") for name in ("mse_loss", "l1_loss")),
        # PyTorch divides the mean of this one by the number of elements.
        *(("huber_loss", reduction) for reduction in ("sum", "none")),
        *((name, "none") for name in ("mse_loss", "l1_loss")),
        *((name, "sum") for name in ("mse_loss", "l1_loss")),
    ],
)
def test_the_regression_losses_of_pytorch_weigh_elements_alike(name, reduction):
    weight = np.abs(_drawn(5, 3))
    arrays = _drawn(5, 3), _drawn(5, 3)[::-1].copy()
    x = xdl.Variable(arrays[0])
    theirs = torch.tensor(arrays[0], requires_grad=True)
    options = {"reduction": reduction}

    function = getattr(xdl, {"mse_loss": "mean_squared_error"}.get(name, name))
    loss = function(x, arrays[1], sample_weight=weight, **options)
    xdl.sum(loss).backward()
    given = theirs, torch.tensor(arrays[1])
    expected = getattr(F, name)(*given, weight=torch.tensor(weight), **options)
    expected.sum().backward()

    np.testing.assert_allclose(loss.numpy(), expected.numpy(force=True), rtol=1e-12)
    np.testing.assert_allclose(x.grad, theirs.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weight", [None, [0.5, 0.0, 2.0]])
def test_probabilities_cost_what_they_cost_in_pytorch(weight, smoothing, reduction):
    arrays = _drawn(5, 3), xdl.softmax(_drawn(5, 3)[::-1].copy()).numpy()
    ours = [xdl.Variable(array) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    options = {"label_smoothing": smoothing, "reduction": reduction}

    loss = xdl.softmax_cross_entropy(*ours, weight=weight, **options)
    xdl.sum(loss).backward()
    factors = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    expected = F.cross_entropy(*theirs, weight=factors, **options)
    expected.sum().backward()

    np.testing.assert_allclose(loss.numpy(), expected.numpy(force=True), rtol=1e-6)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), atol=1e-7)

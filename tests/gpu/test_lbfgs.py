"""LBFGS, weights of samples and probabilities on the GPU: as on the CPU."""

import numpy as np
import pytest

import xdl


def _fitted(device):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((20, 4)), rng.integers(0, 3, 20)
    weight = rng.uniform(0, 2, 20)
    with xdl.use_device(device):
        w = xdl.Variable(np.zeros((4, 3)))
        optimizer = xdl.optim.LBFGS([w], max_iter=8)

        def closure():
            loss = xdl.softmax_cross_entropy(x @ w, target, sample_weight=weight)
            loss = loss + 0.1 * xdl.softmax_cross_entropy(x @ w, np.eye(3)[target])
            loss = loss + 0.01 * xdl.sum(w * w)
            loss.backward()
            return loss

        losses = [optimizer.update(closure).item() for _ in range(3)]
    return losses, w.numpy()


@pytest.mark.gpu
def test_weighted_samples_are_fitted_as_on_the_cpu():
    losses, weights = _fitted("cuda")

    expected, known = _fitted("cpu")
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(weights, known, rtol=1e-5, atol=1e-8)

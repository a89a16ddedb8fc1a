"""LBFGS beside PyTorch's, with a strong Wolfe line search and with fixed steps."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((40, 6))
TARGET = RNG.standard_normal(40)


def _rosenbrock(w):
    return (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


def _least_squares(w):
    matrix, target = DATA, TARGET
    if isinstance(w, torch.Tensor):
        matrix, target = torch.tensor(DATA), torch.tensor(TARGET)
    return ((matrix @ w - target) ** 2).sum() / 40 + 0.01 * (w**2).sum()


def _ours(function, start, updates, **options):
    w, calls = xdl.Variable(start), []
    optimizer = xdl.optim.LBFGS([w], **options)

    def closure():
        loss = function(w)
        loss.backward()
        calls.append(loss.item())
        return loss

    for _ in range(updates):
        optimizer.update(closure)
    return w.numpy(), calls


def _theirs(function, start, updates, **options):
    w, calls = torch.tensor(start, requires_grad=True), []
    optimizer = torch.optim.LBFGS([w], **options)

    def closure():
        optimizer.zero_grad()
        loss = function(w)
        loss.backward()
        calls.append(loss.item())
        return loss

    for _ in range(updates):
        optimizer.step(closure)
    return w.numpy(force=True), calls


@pytest.mark.parametrize("history", [3, 10])
@pytest.mark.parametrize("updates", [1, 4])
def test_steps_of_a_fixed_length_are_those_of_pytorch(updates, history):
    options = {"lr": 0.2, "history_size": history, "max_iter": 12}
    options |= {"tolerance_change": 0.0, "line_search_fn": None}
    start = np.ones(6)

    ours, calls = _ours(_least_squares, start, updates, **options)
    theirs, expected = _theirs(_least_squares, start, updates, **options)

    # PyTorch computes the loss no more at the end of the last step of an update.
    np.testing.assert_allclose(
        calls[: len(expected) // updates], expected[: len(expected) // updates]
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("function", [_least_squares, _rosenbrock])
def test_the_line_search_finds_what_pytorchs_finds_in_about_as_many_calls(function):
    options = {"history_size": 10, "max_iter": 20, "line_search_fn": "strong_wolfe"}
    options |= {"tolerance_change": 1e-14, "tolerance_grad": 1e-9}
    start = np.full(6, -0.5)

    ours, calls = _ours(function, start, 8, **options)
    theirs, expected = _theirs(function, start, 8, **options)

    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert len(calls) <= 1.3 * len(expected) + 8

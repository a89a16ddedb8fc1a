"""A model, its optimizer and its step: what the tests of compiled steps start from."""

import pytest

from xdl import models, optim


@pytest.fixture
def model():
    """Return a small classifier of four features and three classes."""
    return models.MLP([4, 6, 3], dropout=0.3)


@pytest.fixture
def optimizer(model):
    """Return an optimizer of the model with state of its own."""
    return optim.Adam(model, lr=0.01, amsgrad=True)


@pytest.fixture
def step(model, optimizer):
    """Return a training step, not compiled."""

    def train(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return train

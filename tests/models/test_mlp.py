"""The multilayer perceptron."""

import numpy as np
import pytest

import xdl


def test_mlp_learns_what_no_line_separates():
    xdl.seed(1)
    model = xdl.models.MLP([2, 16, 2])
    optimizer = xdl.SGD(model, lr=0.5)
    x, target = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), [0, 1, 1, 0]

    for _ in range(300):
        model.forward(x)
        model.loss(target)
        model.backward()
        optimizer.update()

    assert target == model.forward(x).argmax(axis=1).numpy().tolist()


def test_mlp_drops_features_in_training_alone():
    model = xdl.models.MLP([3, 50, 2], dropout=0.5)
    x = np.ones((1, 3), "f4")

    first, second = (model.forward(x).numpy() for _ in range(2))
    model.eval()
    third, fourth = (model.forward(x).numpy() for _ in range(2))

    assert (first != second).any()
    assert (third == fourth).all()


def test_mlp_refuses_samples_of_another_size():
    with pytest.raises(xdl.ShapeError, match="x has 4 features"):
        xdl.models.MLP([3, 2]).forward(np.ones((1, 4), "f4"))

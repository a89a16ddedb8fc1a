"""What estimators are built around in these tests."""

import numpy as np

import xdl
from xdl.sklearn import Classifier


def network(n_features, n_outputs, hidden=16, dropout=0.0):
    return xdl.models.MLP([n_features, hidden, n_outputs], dropout=dropout)


def convolutions(input_shape, n_outputs, channels=4):
    rows, columns = input_shape[1:]
    return xdl.nn.Sequential(
        xdl.nn.Conv2d(input_shape[0], channels, 3),
        xdl.nn.ReLU(),
        xdl.nn.Flatten(),
        xdl.nn.Linear(channels * (rows - 2) * (columns - 2), n_outputs),
    )


def recurrent(n_features, n_outputs, hidden=12):
    return xdl.models.RNNClassifier(n_features, hidden, n_outputs)


class Words(xdl.Module):
    def __init__(self, n_outputs):
        super().__init__()
        self.embedding = xdl.nn.Embedding(10, 6)
        self.last = xdl.nn.Linear(6, n_outputs)

    def forward(self, x):
        return self.last(xdl.mean(self.embedding(x), axis=1))


def line(n_features, n_outputs):
    return xdl.nn.Linear(n_features, n_outputs)


def nothing():
    return None


def wide(n_features):
    return xdl.nn.Linear(n_features, 7)


def absolute(output, target):
    return xdl.mean(xdl.abs(output - target))


def small(**options):
    options = {"max_iter": 30, "random_state": 0, "optimizer__lr": 0.01} | options
    return Classifier(network, **options)


def equal(one, other):
    """Tell whether the weights of two estimators are the same."""
    one, other = one.module_.state_dict(), other.module_.state_dict()
    return all(np.array_equal(one[name], other[name]) for name in one)

"""The CTC layer: forward, loss, backward."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError
from xdl.nn import CTCLoss

LABELS = ([[2, 0], [0, 1]], [4, 3], [1, 2])


def test_the_layer_gives_the_loss_and_the_gradient_of_the_function(rng):
    scores = rng.standard_normal((4, 2, 4))
    by_layer, by_function = xdl.Variable(scores), xdl.Variable(scores)
    layer = CTCLoss(blank=3, reduction="sum")

    layer.forward(xdl.log_softmax(by_layer))
    loss = layer.loss(LABELS)
    layer.backward()

    log_probs = xdl.log_softmax(by_function)
    expected = xdl.ctc_loss(log_probs, *LABELS, blank=3, reduction="sum")
    expected.backward()
    assert expected.item() == loss.item()
    assert by_function.grad.tolist() == by_layer.grad.tolist()


def test_the_layer_leaves_infinite_losses_out_where_it_is_told_to():
    layer = CTCLoss(zero_infinity=True)

    layer.forward(xdl.log_softmax(np.zeros((1, 1, 2))))

    assert 0.0 == layer.loss(([[1, 1]], [1], [2])).item()


def test_the_layer_refuses_an_unknown_reduction():
    with pytest.raises(ArgumentError, match="'max'"):
        CTCLoss(reduction="max")

"""Loss layers: forward, loss, backward."""

import math

import numpy as np
import pytest

import xdl
from xdl import GraphError, Variable
from xdl.nn import Loss, SoftmaxLoss, SquareLoss


def test_softmax_loss_is_the_mean_in_natural_logarithms():
    scores = Variable([[0.0, 0.0], [0.0, math.log(3.0)]])
    layer = SoftmaxLoss()

    layer.forward(scores)
    loss = layer.loss([0, 1])
    layer.backward()

    assert (math.log(2) + math.log(4 / 3)) / 2 == pytest.approx(loss.item())
    np.testing.assert_allclose(scores.grad, [[-0.25, 0.25], [0.125, -0.125]], rtol=1e-6)


def test_square_loss_is_half_the_squared_distance_over_the_batch():
    prediction = Variable([[1.0, 3.0], [0.0, 0.0]])
    layer = SquareLoss()

    layer.forward(prediction)
    loss = layer.loss([[1.0, 1.0], [0.0, 2.0]])
    layer.backward()

    assert 2.0 == loss.item()
    assert [[0.0, 1.0], [0.0, -1.0]] == prediction.grad.tolist()


def test_forward_returns_what_it_is_given():
    output = Variable([[1.0]])

    assert output is SquareLoss()(output)


def test_backward_forgets_the_loss():
    layer = SquareLoss()
    layer.forward(Variable([[1.0]]))
    layer.loss([[0.0]])
    layer.backward()

    with pytest.raises(
        GraphError, match=r"SquareLoss.backward: call loss\(target\) first"
    ):
        layer.backward()
    with pytest.raises(
        GraphError, match=r"SquareLoss.loss: call forward\(output\) first"
    ):
        layer.loss([[0.0]])


def test_a_loss_of_constants_has_no_backward():
    layer = SquareLoss()
    layer.forward(Variable([[1.0]], trainable=False))
    layer.loss([[0.0]])

    with pytest.raises(GraphError, match="nothing that led to it is trainable"):
        layer.backward()


def test_a_refused_target_leaves_the_output_for_another():
    layer = SoftmaxLoss()
    layer.forward(Variable([[0.0, 0.0]]))

    pytest.raises(xdl.LabelError, layer.loss, [2])

    assert math.log(2) == pytest.approx(layer.loss([1]).item())


def test_a_loss_without_compute_says_so():
    layer = Loss()
    layer.forward(1.0)

    with pytest.raises(NotImplementedError, match="Loss: compute is not defined"):
        layer.loss(1.0)

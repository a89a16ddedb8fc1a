"""Loss layers: forward, loss, backward."""

import math

import numpy as np
import pytest

import xdl
from xdl import GraphError, Variable, nn
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


# Layers beside their functions.

TARGET = [[1.0, 0.0], [0.0, 1.0]]
SIGNS = [[1, -1], [-1, 1]]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(
    ("layer", "options", "function", "target"),
    [
        (nn.MSELoss, {}, xdl.mean_squared_error, TARGET),
        (nn.L1Loss, {}, xdl.l1_loss, TARGET),
        (nn.HuberLoss, {"delta": 0.2}, xdl.huber_loss, TARGET),
        (nn.SmoothL1Loss, {"beta": 0.2}, xdl.smooth_l1_loss, TARGET),
        (nn.BCELoss, {"weight": [1.0, 2.0]}, xdl.binary_cross_entropy, TARGET),
        (
            nn.BCEWithLogitsLoss,
            {"weight": [1.0, 2.0], "pos_weight": [3.0, 1.0]},
            xdl.binary_cross_entropy_with_logits,
            TARGET,
        ),
        (nn.NLLLoss, {"weight": [1.0, 3.0], "ignore_index": -1}, xdl.nll_loss, [1, -1]),
        (nn.KLDivLoss, {"log_target": True}, xdl.kl_div, TARGET),
        (nn.HingeLoss, {"margin": 0.7}, xdl.hinge_loss, SIGNS),
    ],
)
def test_layer_is_its_function(layer, options, function, target, reduction):
    x, same = Variable([[0.3, 0.6], [0.2, 0.9]]), Variable([[0.3, 0.6], [0.2, 0.9]])
    loss_ops = layer(**options, reduction=reduction)

    loss_ops.forward(x)
    loss = loss_ops.loss(target)
    loss_ops.backward()

    expected = function(same, target, **options, reduction=reduction)
    expected.backward()
    assert expected.item() == loss.item()
    assert same.grad.tolist() == x.grad.tolist()


def test_cosine_embedding_loss_takes_a_pair_of_outputs():
    x1, x2 = Variable([[1.0, 0.0], [1.0, 1.0]]), Variable([[0.0, 1.0], [1.0, 1.0]])
    layer = nn.CosineEmbeddingLoss(margin=0.25, reduction="sum")

    layer.forward((x1, x2))
    loss = layer.loss([1, -1])
    layer.backward()

    assert 1.75 == pytest.approx(loss.item())
    np.testing.assert_allclose(x1.grad, [[0.0, -1.0], [0.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(x2.grad, [[-1.0, 0.0], [0.0, 0.0]], atol=1e-6)


def test_triplet_loss_takes_three_outputs_and_no_target():
    anchor, positive = Variable([[0.0, 0.0]]), Variable([[0.0, 2.0]])
    layer = nn.TripletLoss()

    layer.forward((anchor, positive, [[2.0, 0.0]]))
    loss = layer.loss()
    layer.backward()

    assert 1.0 == pytest.approx(loss.item())
    np.testing.assert_allclose(anchor.grad, [[1.0, -1.0]], atol=1e-5)


def test_triplet_loss_with_a_target_is_refused():
    layer = nn.TripletLoss()
    layer.forward(([1.0], [1.0], [1.0]))

    with pytest.raises(xdl.ArgumentError, match="a target came, needed none"):
        layer.loss([1])


def test_a_loss_without_its_target_says_so():
    layer = nn.MSELoss()
    layer.forward(Variable([1.0]))

    with pytest.raises(xdl.DtypeError, match="target is None"):
        layer.loss()


@pytest.mark.parametrize("layer", [nn.MSELoss, nn.HingeLoss, nn.KLDivLoss])
def test_layer_with_another_reduction_is_refused(layer):
    with pytest.raises(xdl.ArgumentError, match=f"{layer.__name__}: reduction 'max'"):
        layer(reduction="max")


# Extreme values.


def test_binary_cross_entropy_of_certain_probabilities_is_finite():
    x, target = Variable([0.0, 1.0, 0.0, 1.0]), [0.0, 1.0, 1.0, 0.0]

    losses = xdl.binary_cross_entropy(x, target, reduction="none")
    xdl.sum(losses).backward()

    assert [0.0, 0.0, 100.0, 100.0] == losses.numpy().tolist()
    np.testing.assert_allclose(x.grad, [0.0, 0.0, -1e12, 1e12])


def test_binary_cross_entropy_of_certain_halves_has_a_gradient():
    x = Variable(np.array([0.0, 1.0], "float16"))

    xdl.binary_cross_entropy(x, [0.0, 1.0]).backward()

    assert [0.0, 0.0] == x.grad.tolist()


def test_binary_cross_entropy_of_no_probability_is_nan():
    assert np.isnan(xdl.binary_cross_entropy([1.5], [1.0]).item())


@pytest.mark.parametrize("pos_weight", [None, 1.0])
@pytest.mark.parametrize(
    ("x", "target", "expected"),
    [(1e4, 1, 0.0), (-1e4, 0, 0.0), (1e4, 0, 1e4), (-20.0, 0, 2.0611537e-09)],
)
def test_binary_cross_entropy_of_extreme_scores(x, target, expected, pos_weight):
    score = Variable([x])

    loss = xdl.binary_cross_entropy_with_logits(
        score, [target], pos_weight=pos_weight and [pos_weight]
    )
    loss.backward()

    assert expected == pytest.approx(loss.item(), rel=1e-6)
    assert (x > 0) - target == pytest.approx(float(score.grad[0]), abs=1e-6)


def test_kl_div_from_impossible_classes_is_0_and_not_nan():
    x = Variable([[0.0, -np.inf]])

    loss = xdl.kl_div(x, [[1.0, 0.0]])
    loss.backward()

    assert 0.0 == loss.item()
    assert [[-0.5, 0.0]] == x.grad.tolist()


def test_cosine_of_zeros_has_a_gradient():
    x = Variable([[0.0, 0.0]])

    loss = xdl.cosine_embedding_loss(x, [[0.0, 0.0]], [1])
    loss.backward()

    assert (1.0, [[0.0, 0.0]]) == (loss.item(), x.grad.tolist())


def test_smooth_l1_loss_with_beta_0_is_the_l1_loss():
    assert 3.0 == xdl.smooth_l1_loss([0.0], [3.0], beta=0).item()


def test_nll_loss_with_a_trainable_weight_is_refused():
    with pytest.raises(GraphError, match="weight is trainable"):
        xdl.nll_loss([[0.0, 1.0]], [1], weight=Variable([1.0, 2.0]))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_nll_loss_takes_labels_of_every_integer_dtype(dtype):
    assert 2.0 == xdl.nll_loss([[-1.0, -2.0]], np.array([1], dtype)).item()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_hinge_loss_takes_labels_of_every_integer_dtype(dtype):
    assert 0.5 == xdl.hinge_loss([0.5], np.array([1], dtype)).item()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_hinge_loss_refuses_0_of_every_integer_dtype(dtype):
    with pytest.raises(xdl.LabelError, match="from labels 0 and 1 they are"):
        xdl.hinge_loss([0.5], np.array([0], dtype))


def test_mean_of_an_empty_batch_of_labels_is_refused():
    empty = np.zeros((0, 3), "float32"), np.zeros(0, "int64")

    pytest.raises(xdl.EmptyBatchError, xdl.nll_loss, *empty)
    pytest.raises(
        xdl.EmptyBatchError, xdl.cosine_embedding_loss, empty[0], empty[0], empty[1]
    )

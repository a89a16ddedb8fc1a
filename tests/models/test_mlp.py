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


def _fitted(model, x, target, steps=300, lr=0.05):
    optimizer = xdl.optim.Adam(model, lr=lr)
    for _ in range(steps):
        model.forward(x)
        model.loss(target)
        model.backward()
        optimizer.update()
    return model.eval()


def test_mlp_with_a_loss_of_numbers_learns_a_curve():
    x = np.linspace(-2.0, 2.0, 64, dtype="f4")[:, None]
    model = xdl.models.MLP([1, 32, 1], activation=xdl.tanh, loss=xdl.nn.SquareLoss())

    _fitted(model, x, np.sin(2 * x))

    assert np.abs(model(x).numpy() - np.sin(2 * x)).max() < 0.1


@pytest.mark.parametrize("activation", [xdl.relu, xdl.tanh, xdl.gelu, xdl.nn.SiLU()])
def test_mlp_computes_with_its_activation(activation, rng):
    model = xdl.models.MLP([3, 5, 4, 2], activation=activation)
    x = rng.standard_normal((6, 3)).astype("f4")

    first, second, third = model.layers
    expected = third(activation(second(activation(first(x)))))

    assert expected.numpy().tolist() == model(x).numpy().tolist()


@pytest.mark.parametrize("norm", [xdl.nn.BatchNorm1d, xdl.nn.LayerNorm])
def test_mlp_normalizes_before_each_activation(norm, rng):
    model = xdl.models.MLP([3, 5, 4, 2], norm=norm)
    x = rng.standard_normal((6, 3)).astype("f4")

    first, second, third = model.layers
    before, behind = model.norms
    expected = third(xdl.relu(behind(second(xdl.relu(before(first(x)))))))

    assert expected.numpy().tolist() == model(x).numpy().tolist()
    assert {"norms/0/weight", "norms/1/bias"} <= set(model.parameter)


def test_mlp_without_a_norm_has_the_names_it_had():
    assert [
        "layers/0/weight",
        "layers/0/bias",
        "layers/1/weight",
        "layers/1/bias",
    ] == list(xdl.models.MLP([3, 4, 2]).parameter)


def test_mlp_starts_from_an_initializer_for_all_its_weights():
    model = xdl.models.MLP([3, 4, 2], initializer=xdl.init.ones)

    assert all((layer.weight.numpy() == 1.0).all() for layer in model.layers)
    assert not any(layer.bias.numpy().any() for layer in model.layers)


def test_mlp_uses_the_loss_it_is_given(rng):
    model = xdl.models.MLP([3, 4, 2], loss=xdl.nn.SoftmaxLoss(label_smoothing=0.1))
    x, target = rng.standard_normal((6, 3)).astype("f4"), [0, 1, 0, 1, 1, 0]

    output = model.forward(x)
    loss = model.loss(target)

    expected = xdl.softmax_cross_entropy(output, target, label_smoothing=0.1)
    assert expected.item() == loss.item()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation": "relu"}, "activation: str came, needed a function or a layer"),
        ({"activation": xdl.nn.ReLU}, r"class ReLU came, .*; make one: ReLU\(\)"),
        ({"norm": 3}, "norm: int came, needed a function of a size"),
        ({"loss": xdl.nn.SquareLoss}, r"class SquareLoss came.*make one: SquareLoss"),
        ({"loss": xdl.square_error}, "loss: function came, needed a loss layer"),
        ({"initializer": "he"}, "initializer 'he' came"),
        ({"dropout": 2.0}, "from 0 to 1"),
    ],
)
def test_mlp_refuses_options_that_do_not_fit(options, said):
    with pytest.raises(xdl.ArgumentError, match=said):
        xdl.models.MLP([3, 4, 2], **options)

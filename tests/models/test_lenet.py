"""The first convolutional network."""

import pytest

import xdl


def _images(rng, n=4, size=28):
    return rng.standard_normal((n, 1, size, size)).astype("f4")


def test_lenet_has_the_layers_of_1998():
    shapes = [v.shape for v in xdl.models.LeNet().parameter.values()]

    weights = [(6, 1, 5, 5), (16, 6, 5, 5), (400, 120), (120, 84), (84, 10)]
    assert weights == shapes[::2]
    assert [(s[0] if len(s) == 4 else s[1],) for s in weights] == shapes[1::2]


def test_lenet_learns_the_labels_of_a_few_images(rng):
    model = xdl.models.LeNet()
    optimizer = xdl.optim.Adam(model, lr=0.003)
    x, target = _images(rng), [3, 1, 4, 1]
    losses = []

    for _ in range(15):
        model.forward(x)
        losses.append(model.loss(target).item())
        model.backward()
        optimizer.update()

    assert losses[-1] < 0.1 * losses[0]
    assert target == model.forward(x).argmax(axis=1).numpy().tolist()


def test_lenet_takes_small_images_with_a_small_window(rng):
    model = xdl.models.LeNet(classes=3, size=8, window=3, widths=(4, 8, 10, 6))

    y = model.forward(_images(rng, 2, 8))

    assert (2, 3) == y.shape


def test_lenet_gives_the_same_with_the_weights_of_another(rng):
    one, other = xdl.models.LeNet(), xdl.models.LeNet()
    x = _images(rng)

    other.parameter.load_state_dict(one.parameter.state_dict())

    assert (one.forward(x).numpy() == other.forward(x).numpy()).all()


@pytest.mark.parametrize("options", [{"size": 8}, {"window": 4}])
def test_lenet_refuses_a_window_that_does_not_fit(options):
    with pytest.raises(xdl.ArgumentError, match="needed an odd one of at most"):
        xdl.models.LeNet(**options)


def test_lenet_refuses_images_of_another_size(rng):
    with pytest.raises(xdl.ShapeError, match="Linear"):
        xdl.models.LeNet().forward(_images(rng, 1, 32))

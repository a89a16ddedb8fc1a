"""The residual network."""

import numpy as np
import pytest

import xdl


def _model(**options):
    return xdl.models.ResNet(classes=3, width=4, blocks=(1, 1), **options)


def _images(rng, n=6):
    return rng.standard_normal((n, 3, 8, 8)).astype("f4")


def test_resnet_has_18_layers_by_default():
    shapes = [v.shape for v in xdl.models.ResNet().parameter.values()]

    convolutions = [s for s in shapes if len(s) == 4]
    on_the_way = [s for s in convolutions if s[2:] == (3, 3)]
    assert [64] * 5 + [128] * 4 + [256] * 4 + [512] * 4 == [s[0] for s in on_the_way]
    assert 3 == len(convolutions) - len(on_the_way)  # shortcuts
    assert [(512, 10)] == [s for s in shapes if len(s) == 2]


def test_resnet_halves_the_image_at_each_stage_but_the_first(rng):
    model = _model()

    shapes = [model.blocks[0](np.ones((1, 4, 8, 8), "f4"))]
    shapes.append(model.blocks[1](shapes[0]))

    assert [(1, 4, 8, 8), (1, 8, 4, 4)] == [y.shape for y in shapes]


def test_resnet_learns_the_labels_of_a_few_images(rng):
    model = _model()
    optimizer = xdl.SGD(model, lr=0.1, momentum=0.9)
    x, target = _images(rng), [0, 1, 2, 0, 1, 2]
    losses = []

    for _ in range(15):
        model.forward(x)
        losses.append(model.loss(target).item())
        model.backward()
        optimizer.update()

    assert losses[-1] < 0.1 * losses[0]


def test_resnet_sees_an_image_without_the_others_after_eval_alone(rng):
    model, x = _model(), _images(rng)
    together, alone = (model.forward(part).numpy()[0] for part in (x, x[:1]))
    model.eval()

    both = [model.forward(part).numpy()[0] for part in (x, x[:1])]

    assert abs(together - alone).max() > 0.01
    np.testing.assert_allclose(*both, rtol=1e-4, atol=1e-6)


def test_resnet_gives_the_same_with_the_weights_and_statistics_of_another(rng):
    one, other, x = _model(), _model(), _images(rng)
    one.forward(x)  # moves the running statistics

    other.parameter.load_state_dict(one.parameter.state_dict())

    same = [model.eval().forward(x).numpy() for model in (one, other)]
    assert (same[0] == same[1]).all()


def test_resnet_block_is_the_identity_where_its_convolutions_give_nothing(rng):
    block = _model().blocks[0]
    block.norms[1].weight.value = np.zeros(4, "f4")
    x = abs(rng.standard_normal((2, 4, 5, 5))).astype("f4")

    np.testing.assert_array_equal(x, block(x).numpy())


def test_resnet_refuses_images_of_other_channels():
    with pytest.raises(xdl.ShapeError, match='"stem"'):
        _model().forward(np.ones((1, 1, 8, 8), "f4"))

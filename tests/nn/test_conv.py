"""The layers of convolution and pooling, and what their functions refuse."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, DtypeError, ShapeError
from xdl.nn import AvgPool2d, Conv2d, MaxPool2d


def test_conv2d_adds_up_what_the_window_sees_and_the_bias():
    layer = Conv2d(1, 1, 2, initializer=np.ones)
    layer.bias.value = [10.0]

    y = layer([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])

    assert [[[[22.0, 26.0]]]] == y.numpy().tolist()


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({}, (6, 5)),
        ({"padding": 1}, (8, 7)),
        ({"stride": 2}, (3, 3)),
        ({"dilation": (2, 1)}, (4, 5)),
        ({"groups": 2}, (6, 5)),
    ],
)
def test_conv2d_takes_the_options_of_the_function(options, places):
    layer = Conv2d(4, 6, 3, **options)

    y = layer(np.ones((2, 4, 8, 7)))
    y.sum().backward()

    groups = options.get("groups", 1)
    assert (2, 6, *places) == y.shape
    assert ((6, 4 // groups, 3, 3), (6,)) == (
        layer.weight.grad.shape,
        layer.bias.grad.shape,
    )


def test_conv2d_starts_with_the_variance_of_its_fan_in_and_a_bias_of_0():
    layer = Conv2d(16, 64, 5)

    assert (16 * 25) ** -0.5 == pytest.approx(layer.weight.numpy().std(), rel=0.05)
    assert not layer.bias.numpy().any()


def test_conv2d_without_a_bias_has_one_weight():
    layer = Conv2d(1, 2, 3, bias=False)

    assert (None, ["weight"]) == (layer.bias, list(layer.parameter))
    assert (1, 2, 1, 1) == layer(np.ones((1, 1, 3, 3))).shape


def test_blocks_of_images_give_what_single_images_give(rng):
    x = rng.standard_normal((24, 16, 32, 32))
    layer = Conv2d(16, 3, 3)

    y = layer(x)

    alone = [layer(x[i : i + 1]).numpy() for i in range(24)]
    np.testing.assert_allclose(y.numpy(), np.concatenate(alone), atol=1e-5)


def test_gradients_of_blocks_add_up_those_of_single_images(rng):
    x = rng.standard_normal((24, 16, 32, 32))
    w = xdl.Variable(rng.standard_normal((3, 16, 3, 3)), "w")
    images = xdl.Variable(x, "images")

    xdl.conv2d(images, w).sum().backward()

    together = [w.grad.copy(), images.grad.copy()]
    w.clear_grad()
    single = xdl.Variable(x[:1], "single")
    xdl.conv2d(single, w).sum().backward()
    rest = w.grad.copy()
    w.clear_grad()
    xdl.conv2d(xdl.Variable(x[1:], "others"), w).sum().backward()
    np.testing.assert_allclose(together[0], rest + w.grad, rtol=1e-9)
    np.testing.assert_allclose(together[1][:1], single.grad, rtol=1e-9)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (MaxPool2d(2), [[[[5.0, 7.0]]]]),
        (AvgPool2d(2), [[[[2.5, 4.5]]]]),
        (MaxPool2d((1, 3), stride=1), [[[[2.0, 3.0], [6.0, 7.0]]]]),
        (AvgPool2d(2, padding=1), [[[[0.0, 0.75, 0.75], [1.0, 2.75, 1.75]]]]),
    ],
)
def test_pooling_gives_a_number_for_each_window(layer, expected):
    x = [[[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]]]

    assert expected == layer(x).numpy().tolist()


def test_max_pool_gives_the_gradient_to_the_first_of_equal_ones():
    x = xdl.Variable([[[[1.0, 1.0], [1.0, 1.0]]]], "x")

    xdl.max_pool2d(x, 2).sum().backward()

    assert [[[[1.0, 0.0], [0.0, 0.0]]]] == x.grad.tolist()


def test_reprs_show_what_is_not_usual():
    assert [
        "Conv2d(3, 8, (3, 3))",
        "Conv2d(4, 8, (1, 3), stride=2, padding=1, groups=2)",
        "MaxPool2d(2)",
        "AvgPool2d(3, stride=2, padding=1)",
    ] == [
        repr(Conv2d(3, 8, 3)),
        repr(Conv2d(4, 8, (1, 3), stride=2, padding=1, groups=2)),
        repr(MaxPool2d(2)),
        repr(AvgPool2d(3, 2, 1)),
    ]


def test_wrong_images_are_refused_with_the_layers_name():
    layer = Conv2d(3, 2, 3)

    with pytest.raises(ShapeError, match=r"^Conv2d\(3, 2, \(3, 3\)\): x has 1 chan"):
        layer(np.ones((1, 1, 4, 4)))
    with pytest.raises(ShapeError, match=r"does not fit into images \(2, 2\)"):
        layer(np.ones((1, 3, 2, 2)))
    with pytest.raises(DtypeError, match=r"\(3, 3\)\): x is int64, .*cast to float32"):
        layer(np.ones((1, 3, 4, 4), int))


@pytest.mark.parametrize("groups", [0, 2])
def test_groups_that_do_not_divide_the_channels_are_refused(groups):
    with pytest.raises(ArgumentError, match=f"groups {groups} came"):
        Conv2d(3, 4, 3, groups=groups)


@pytest.mark.parametrize(
    ("x", "weight", "options", "says"),
    [
        ((1, 2, 4, 4), (1, 2, 3), {}, r"Conv1d\(.*\): x"),
        ((1, 2, 2), (1, 2, 3), {}, "does not fit"),
        ((1, 2, 4), (1, 2, 3), {"stride": (1, 1)}, "needed an int"),
        ((1, 2, 4), (1, 2, 3), {"dilation": 0}, "dilation"),
    ],
)
def test_conv1d_refuses_what_does_not_fit(x, weight, options, says):
    with pytest.raises((ShapeError, ArgumentError), match=says):
        xdl.conv1d(np.ones(x), np.ones(weight), **options)


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 2, 0, 4)])
def test_adaptive_pooling_refuses_images_without_elements_or_a_batch(shape):
    with pytest.raises(ShapeError, match="adaptive_avg_pool2d: x"):
        xdl.adaptive_avg_pool2d(np.ones(shape), 2)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 1), [[[[3.0]]]]),
        ((1, 2), [[[[2.0, 4.0]]]]),
        ((1, 5), [[[[1.0, 2.0, 3.0, 4.0, 5.0]]]]),
        ((2, 1), [[[[3.0], [3.0]]]]),
    ],
)
def test_adaptive_pooling_gives_the_size_that_is_asked_for(size, expected):
    x = [[[[1.0, 2.0, 3.0, 4.0, 5.0]]]]

    y = xdl.adaptive_avg_pool2d(x, size)

    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)

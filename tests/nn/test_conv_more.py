"""The layers of one and three axes, and of transposed convolution."""

import numpy as np
import pytest

from xdl import ArgumentError, DtypeError, ShapeError
from xdl.nn import (
    AdaptiveAvgPool2d,
    AvgPool1d,
    Conv1d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    MaxPool1d,
)


@pytest.mark.parametrize(
    ("layer", "size", "places", "weight"),
    [
        (Conv1d(4, 6, 3), (8,), (6,), (6, 4, 3)),
        (Conv1d(4, 6, 3, 2, 1, 2, 2), (8,), (3,), (6, 2, 3)),
        (Conv3d(4, 6, (1, 2, 3)), (4, 5, 6), (4, 4, 4), (6, 4, 1, 2, 3)),
        (Conv3d(4, 6, 3, 2, 1, 1, 2), (4, 5, 6), (2, 3, 3), (6, 2, 3, 3, 3)),
        (ConvTranspose1d(4, 6, 3), (8,), (10,), (4, 6, 3)),
        (ConvTranspose1d(4, 6, 3, 2, 1, 1, 2), (8,), (16,), (4, 3, 3)),
        (ConvTranspose2d(4, 6, 3), (5, 6), (7, 8), (4, 6, 3, 3)),
        (ConvTranspose2d(4, 6, 2, (2, 1), dilation=3), (5, 6), (12, 9), (4, 6, 2, 2)),
    ],
    ids=repr,
)
def test_a_layer_has_a_weight_and_a_bias_that_get_gradients(
    layer, size, places, weight
):
    y = layer(np.ones((2, 4, *size)))
    y.sum().backward()

    assert (2, 6, *places) == y.shape
    assert ["weight", "bias"] == list(layer.parameter)
    assert (weight, (6,)) == (layer.weight.grad.shape, layer.bias.grad.shape)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (Conv1d(64, 64, 5), (4, 64, 100)),
        (Conv3d(32, 64, 3), (1, 32, 10, 10, 10)),
        (ConvTranspose1d(64, 64, 4, stride=2), (4, 64, 100)),
        (ConvTranspose2d(32, 64, 4, stride=2, groups=2), (2, 32, 20, 20)),
    ],
    ids=repr,
)
def test_a_layer_starts_with_the_variance_of_what_comes_in_and_a_bias_of_0(
    layer, x, rng
):
    y = layer(rng.standard_normal(x))

    assert 1.0 == pytest.approx(y.numpy().std(), rel=0.1)
    assert not layer.bias.numpy().any()


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Conv1d(3, 8, 3), "Conv1d(3, 8, 3)"),
        (Conv3d(3, 8, 3, padding=1), "Conv3d(3, 8, (3, 3, 3), padding=1)"),
        (ConvTranspose1d(3, 8, 3, 2), "ConvTranspose1d(3, 8, 3, stride=2)"),
        (
            ConvTranspose2d(4, 8, 3, 2, 1, 1, 2),
            "ConvTranspose2d(4, 8, (3, 3), stride=2, padding=1, output_padding=1, "
            "groups=2)",
        ),
        (MaxPool1d(2), "MaxPool1d(2)"),
        (AvgPool1d(3, 2, 1), "AvgPool1d(3, stride=2, padding=1)"),
        (AdaptiveAvgPool2d((2, 1)), "AdaptiveAvgPool2d((2, 1))"),
    ],
)
def test_reprs_show_what_is_not_usual(layer, expected):
    assert expected == repr(layer)


def test_a_layer_without_a_bias_has_one_weight():
    layer = ConvTranspose2d(1, 2, 3, bias=False, initializer=np.ones)

    assert (None, ["weight"]) == (layer.bias, list(layer.parameter))
    assert np.ones((1, 2, 3, 3)).tolist() == layer([[[[1.0]]]]).numpy().tolist()


@pytest.mark.parametrize(
    ("layer", "x", "expected"),
    [
        (MaxPool1d(2, 1), [[[1.0, 3.0, 2.0]]], [[[3.0, 3.0]]]),
        (AvgPool1d(2, padding=1), [[[1.0, 3.0, 2.0]]], [[[0.5, 2.5]]]),
        (AdaptiveAvgPool2d(1), [[[[1.0, 3.0]]]], [[[[2.0]]]]),
    ],
)
def test_pooling_gives_a_number_for_each_window(layer, x, expected):
    assert expected == layer(x).numpy().tolist()


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (Conv1d, {"window": 0}, "Conv1d: window 0"),
        (Conv3d, {"window": (3, 3)}, "for each of the 3 axes"),
        (Conv3d, {"window": 3, "groups": 2}, "Conv3d: groups 2"),
        (ConvTranspose2d, {"window": 3, "groups": 0}, "ConvTranspose2d: groups 0"),
        (ConvTranspose1d, {"window": 3, "stride": 0}, "ConvTranspose1d: stride 0"),
    ],
)
def test_a_layer_refuses_what_makes_no_weight(kind, options, says):
    with pytest.raises(ArgumentError) as caught:
        kind(3, 4, **options)

    assert says in str(caught.value)


def test_wrong_inputs_are_refused_with_the_layers_name():
    with pytest.raises(ShapeError, match=r"Conv1d\(3, 2, 3\): .*needs 3"):
        Conv1d(3, 2, 3)(np.ones((1, 1, 4)))
    with pytest.raises(ShapeError, match=r"ConvTranspose2d\(3, .*weight needs 3"):
        ConvTranspose2d(3, 2, 3)(np.ones((1, 1, 4, 4)))
    with pytest.raises(DtypeError, match="cast to float32"):
        Conv3d(1, 1, 1)(np.ones((1, 1, 1, 1, 1), int))

"""Transposed convolution beside the gradient of convolution, and what is refused."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, DtypeError, ShapeError, Variable
from xdl.testing import check_gradient


def _draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((5, 6), {}),
        ((5, 6), {"stride": 2, "padding": 1}),
        ((6, 6), {"stride": (2, 3), "padding": (0, 1)}),
        ((7, 6), {"dilation": 2}),
        ((5, 6), {"groups": 2}),
    ],
)
def test_conv_transpose2d_is_the_gradient_of_conv2d_by_its_images(size, options):
    groups = options.get("groups", 1)
    x, weight = _draw((2, 4, *size), (6, 4 // groups, 3, 2))
    images = Variable(x)
    y = xdl.conv2d(images, weight, **options)
    (gy,) = _draw(y.shape)
    y.backward(gy)
    added = [
        n - ((m - 1) * s - 2 * p + d * (w - 1) + 1)
        for n, m, w, s, p, d in zip(
            size,
            y.shape[2:],
            (3, 2),
            *(
                np.broadcast_to(options.get(name, usual), 2).tolist()
                for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1))
            ),
            strict=True,
        )
    ]

    found = xdl.conv_transpose2d(gy, weight, output_padding=added, **options)

    np.testing.assert_allclose(found.numpy(), images.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "output_padding": 1}])
def test_gradients_of_conv_transpose_are_finite_differences(options):
    inputs = _draw((2, 2, 3, 2), (2, 3, 2, 3), (3,))

    check_gradient(lambda *a: xdl.conv_transpose2d(*a, **options), *inputs, order=2)


def test_output_padding_from_the_stride_on_holds_the_bias_alone():
    options = {"stride": 1, "dilation": 3, "output_padding": 2}

    y = xdl.conv_transpose2d([[[[1.0]]]], [[[[1.0, 2.0]]]], [0.5], **options)

    assert [[1.5, 0.5, 0.5, 2.5, 0.5, 0.5]] + [[0.5] * 6] * 2 == y.numpy()[
        0, 0
    ].tolist()


def test_conv_transpose1d_adds_the_weight_at_each_place():
    options = {"stride": 2, "padding": 1, "output_padding": 1}

    y = xdl.conv_transpose1d([[[1.0, 2.0]]], [[[1.0, 10.0, 100.0]]], [0.5], **options)

    assert [[[10.5, 102.5, 20.5, 200.5]]] == y.numpy().tolist()


X, W = (1, 2, 3, 3), (2, 1, 2, 2)
REFUSED = [
    (X[1:], W, {}, ShapeError, "needed (n, channels, height, width)"),
    (X, W[1:], {}, ShapeError, "needed (n, channels, height, width)"),
    ((1, 3, 3, 3), W, {}, ShapeError, "x has 3 channels, weight needs 2"),
    (X, W, {"groups": 3}, ShapeError, "a multiple of groups 3"),
    (X, W, {"groups": 0}, ArgumentError, "groups 0"),
    (X, W, {"groups": 1.5}, ArgumentError, "groups 1.5"),
    (X, W, {"stride": 0}, ArgumentError, "stride 0"),
    (X, W, {"dilation": 0}, ArgumentError, "dilation 0"),
    (X, W, {"padding": -1}, ArgumentError, "padding -1"),
    (X, W, {"padding": 2}, ShapeError, "become (0, 0)"),
    (X, W, {"output_padding": 1}, ArgumentError, "output_padding 1"),
    (X, W, {"bias": np.ones(2)}, ShapeError, "bias has shape (2,), needed (1,)"),
]


@pytest.mark.parametrize(("x", "weight", "options", "error", "says"), REFUSED)
def test_conv_transpose2d_refuses_what_does_not_fit(x, weight, options, error, says):
    with pytest.raises(error) as caught:
        xdl.conv_transpose2d(np.ones(x), np.ones(weight), **options)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("x", "options", "error", "says"),
    [
        ((1, 2, 3, 3), {}, ShapeError, "needed (n, channels, length)"),
        ((1, 2, 3), {"stride": (1, 1)}, ArgumentError, "stride (1, 1)"),
        ((1, 2, 3), {"stride": 0}, ArgumentError, "conv_transpose1d: stride"),
    ],
)
def test_conv_transpose1d_refuses_what_does_not_fit(x, options, error, says):
    with pytest.raises(error) as caught:
        xdl.conv_transpose1d(np.ones(x), np.ones((2, 1, 2)), **options)

    assert says in str(caught.value)


def test_conv_transpose_refuses_integers_beside_floating_weights():
    weight = Variable(np.ones(W, "float32"))

    with pytest.raises(DtypeError, match="cast to float32"):
        xdl.conv_transpose2d(np.ones(X, int), weight)

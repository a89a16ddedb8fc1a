"""The affine layer."""

import numpy as np
import pytest

import xdl
from xdl import DtypeError, ShapeError
from xdl.nn import Linear


def test_linear_computes_x_times_weight_plus_bias():
    layer = Linear(3, 2, initializer=np.ones)
    layer.bias.value = [10.0, 20.0]

    y = layer([[1.0, 2.0, 3.0]])

    assert [[16.0, 26.0]] == y.numpy().tolist()


@pytest.mark.parametrize("shape", [(3,), (4, 3), (5, 4, 3), (0, 3)])
def test_linear_takes_any_number_of_axes_before_the_last(shape):
    layer = Linear(3, 2)

    y = layer(np.ones(shape))
    y.sum().backward()

    assert ((*shape[:-1], 2), (3, 2), (2,)) == (
        y.shape,
        layer.weight.grad.shape,
        layer.bias.grad.shape,
    )


def test_gradients_of_linear_are_those_of_the_formula():
    layer = Linear(2, 1)
    x = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)

    layer(x).sum().backward()

    assert [[4.0], [7.0]] == layer.weight.grad.tolist()
    assert [2.0] == layer.bias.grad.tolist()


def test_linear_starts_with_the_scaled_normal_and_a_bias_of_0():
    layer = Linear(400, 50)

    assert 0.05 == pytest.approx(layer.weight.numpy().std(), rel=0.05)
    assert not layer.bias.numpy().any()


def test_linear_without_a_bias_has_one_weight():
    layer = Linear(3, 2, bias=False)

    assert (None, ["weight"]) == (layer.bias, list(layer.parameter))
    assert (1, 2) == layer(np.ones((1, 3))).shape


def test_repr_shows_sizes_and_the_name_in_the_model():
    class Encoder(xdl.Module):
        def __init__(self):
            super().__init__()
            self.first = Linear(3, 2)

    assert ("Linear(3, 2)", 'Linear(3, 2) "first"') == (
        repr(Linear(3, 2)),
        repr(Encoder().first),
    )


def test_a_wrong_input_is_refused_with_the_layers_name():
    layer = Linear(3, 2)

    with pytest.raises(
        ShapeError, match=r"Linear\(3, 2\): .*x has 5 features, weight needs 3"
    ):
        layer(np.ones((4, 5)))
    with pytest.raises(
        DtypeError, match=r"Linear\(3, 2\): .*x is int64.* cast to float32"
    ):
        layer(np.ones((4, 3), int))


@pytest.mark.parametrize("sizes", [(-1, 2), (3, 2.5), (None, 2)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(xdl.ArgumentError, match="needed non-negative ints"):
        Linear(*sizes)

"""The activation layers."""

import numpy as np
import pytest

import xdl

FUNCTIONS = {
    "CELU": ("celu", {"alpha": 0.5}),
    "ELU": ("elu", {"alpha": 0.5}),
    "GELU": ("gelu", {"approximate": "tanh"}),
    "GLU": ("glu", {"axis": 0}),
    "HardSigmoid": ("hard_sigmoid", {}),
    "HardSwish": ("hard_swish", {}),
    "HardTanh": ("hard_tanh", {"min": -0.5}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": 0.2}),
    "LogSoftmax": ("log_softmax", {"axis": 0}),
    "Mish": ("mish", {}),
    "ReLU": ("relu", {}),
    "ReLU6": ("relu6", {}),
    "SELU": ("selu", {}),
    "SiLU": ("silu", {}),
    "Sigmoid": ("sigmoid", {}),
    "Softmax": ("softmax", {"axis": 0}),
    "Softplus": ("softplus", {"beta": 2.0}),
    "Softsign": ("softsign", {}),
    "Tanh": ("tanh", {}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_layer_computes_the_function_with_its_options(name, rng):
    function, options = FUNCTIONS[name]
    x = rng.normal(size=(4, 6))

    y = getattr(xdl.nn, name)(**options)(x)

    expected = getattr(xdl, function)(x, **options)
    assert expected.numpy().tolist() == y.numpy().tolist()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_layer_without_options_computes_the_function_alone(name, rng):
    x = rng.normal(size=(4, 6))

    y = getattr(xdl.nn, name)()(x)

    expected = getattr(xdl, FUNCTIONS[name][0])(x)
    assert expected.numpy().tolist() == y.numpy().tolist()


def test_layer_has_no_weights():
    assert 0 == len(xdl.nn.ReLU().parameter)


def test_repr_shows_the_options():
    layers = [xdl.nn.ReLU(), xdl.nn.ELU(alpha=0.5), xdl.nn.Activation(xdl.exp)]

    assert ["ReLU()", "ELU(alpha=0.5)", "Activation(Exp)"] == list(map(repr, layers))


def test_an_option_that_the_function_has_not_is_refused_at_once():
    with pytest.raises(TypeError, match="ELU: .*'slope'"):
        xdl.nn.ELU(slope=1.0)


def test_activation_makes_a_layer_of_any_function():
    layer = xdl.nn.Activation(lambda x, factor: x * factor, factor=3.0)

    assert [3.0, 6.0] == layer(xdl.Variable([1.0, 2.0])).numpy().tolist()


def test_a_layer_takes_its_options_in_the_order_of_the_function():
    y = xdl.nn.LeakyReLU(0.2)([-1.0, 2.0])

    np.testing.assert_allclose(y.numpy(), [-0.2, 2.0], rtol=1e-6)


def test_a_layer_refuses_more_options_than_its_function_has():
    with pytest.raises(TypeError, match=r"1 argument came .*, needed none: ReLU\(\)"):
        xdl.nn.ReLU(3)

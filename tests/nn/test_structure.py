"""Dropout, Flatten and Sequential."""

import numpy as np
import pytest

import xdl
from tests.ops.random.references import dropout_mask
from xdl import ArgumentError, ShapeError
from xdl.backend import random
from xdl.nn import Dropout, Flatten, Linear, ReLU, Sequential

ONES = np.ones((50, 40))


def test_dropout_zeroes_that_part_and_keeps_the_mean():
    y = xdl.dropout(np.ones(40_000), 0.3).numpy()

    assert {0.0, 1 / 0.7} == set(y.tolist())
    assert 1.0 == pytest.approx(y.mean(), abs=0.02)


def test_the_gradient_passes_where_elements_stayed():
    x = xdl.Variable(ONES)

    y = xdl.dropout(x, 0.5)
    y.sum().backward()

    assert y.numpy().tolist() == x.grad.tolist()


def test_the_same_seed_gives_the_same_masks():
    def draw():
        xdl.seed(7)
        return [xdl.dropout(ONES).numpy().tolist() for _ in range(2)]

    first, second = draw(), draw()

    assert first == second
    assert first[0] != first[1]


def test_another_seed_gives_another_mask():
    xdl.seed(0)
    first = xdl.dropout(ONES).numpy()

    xdl.seed(1)

    assert first.tolist() != xdl.dropout(ONES).numpy().tolist()


def test_the_mask_is_that_of_numpys_philox():
    xdl.seed(3)
    xdl.dropout(ONES)

    y = xdl.dropout(ONES, 0.25)

    expected = dropout_mask(ONES.shape, 0.25, key=3, number=1)
    np.testing.assert_allclose(y.numpy(), expected, 1e-12)


def test_weights_and_masks_are_drawn_apart():
    xdl.seed(0)
    alone = xdl.dropout(ONES).numpy()
    xdl.seed(0)
    Linear(3, 2)

    assert alone.tolist() == xdl.dropout(ONES).numpy().tolist()


@pytest.mark.parametrize("options", [{"p": 0}, {"training": False}])
def test_dropout_that_does_nothing_returns_the_variable(options):
    x = xdl.Variable([1.0, 2.0])

    assert xdl.dropout(x, **options) is x


def test_dropout_of_everything_gives_zeros():
    assert not xdl.dropout(ONES, 1.0).numpy().any()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("training", [True, False])
def test_what_is_no_probability_is_refused(p, training):
    with pytest.raises(ArgumentError, match="needed a number from 0 to 1"):
        xdl.dropout(ONES, p, training)


def test_dropout_layer_works_in_training_alone():
    layer = Dropout(0.5)

    assert 0.0 in layer(ONES).numpy()
    assert 0.0 not in layer.eval()(ONES).numpy()
    assert "Dropout(0.5)" == repr(layer)


@pytest.mark.parametrize(
    ("start", "shape", "expected"),
    [
        (1, (2, 3, 4), (2, 12)),
        (0, (2, 3), (6,)),
        (2, (2, 3, 4, 5), (2, 3, 20)),
        (1, (0, 3, 4), (0, 12)),
        (1, (2, 0, 4), (2, 0)),
    ],
)
def test_flatten_joins_the_axes_from_start_on(start, shape, expected):
    assert expected == Flatten(start)(np.ones(shape)).shape


def test_flatten_refuses_what_has_no_such_axis():
    with pytest.raises(ShapeError, match=r"Flatten\(1\): x \(3,\) has no axis 1"):
        Flatten()(np.ones(3))
    with pytest.raises(ArgumentError, match="needed an int >= 0"):
        Flatten(-1)


def test_sequential_calls_its_layers_in_turn(rng):
    first, second = Linear(3, 4), Linear(4, 2)
    x = rng.normal(size=(5, 3)).astype(np.float32)

    y = Sequential(first, xdl.relu, second)(x)

    assert second(xdl.relu(first(x))).numpy().tolist() == y.numpy().tolist()


def test_sequential_mounts_its_layers_and_switches_them():
    model = Sequential(Linear(3, 4), Dropout())

    model.eval()

    assert ["layers/0/weight", "layers/0/bias"] == list(model.parameter)
    assert not model[1].is_training


def test_sequential_is_a_sequence():
    model = Sequential(Flatten(), ReLU(), Dropout())

    assert 3 == len(model)
    assert [model[0], model[1], model[2]] == list(model)
    assert "Sequential(ReLU(), Dropout(0.5))" == repr(model[1:])


@pytest.mark.parametrize("layer", [None, "relu", ReLU])
def test_what_cannot_be_called_on_data_is_refused(layer):
    with pytest.raises(ArgumentError, match="needed layers and functions"):
        Sequential(Linear(2, 2), layer)


def test_without_a_seed_masks_start_from_entropy():
    random._stream.set(None)
    first = xdl.dropout(ONES).numpy()
    random._stream.set(None)

    assert first.tolist() != xdl.dropout(ONES).numpy().tolist()

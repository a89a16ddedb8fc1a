"""Initializers: functions of a shape."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, init


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3)])
@pytest.mark.parametrize(
    ("initialize", "value"),
    [(init.zeros, 0.0), (init.ones, 1.0), (lambda shape: init.constant(shape, 3), 3.0)],
    ids=["zeros", "ones", "constant"],
)
def test_constant_initializers_fill_the_shape_with_one_number(initialize, value, shape):
    array = initialize(shape)

    assert np.full(shape, value).tolist() == array.tolist()


def test_uniform_draws_evenly_between_its_ends():
    xdl.seed(0)

    values = init.uniform((10000,), 2.0, 4.0)

    assert 2.0 <= values.min() < 2.01
    assert 3.99 < values.max() < 4.0
    assert 3.0 == pytest.approx(values.mean(), abs=0.02)


def test_normal_has_the_mean_and_deviation_asked_for():
    xdl.seed(0)

    values = init.normal((10000,), mean=2.0, std=0.5)

    assert (2.0, 0.5) == pytest.approx((values.mean(), values.std()), abs=0.02)


def test_uniform_between_equal_ends_and_normal_without_deviation_are_constant():
    assert [2.0] == init.uniform((1,), 2.0, 2.0).tolist()
    assert [2.0] == init.normal((1,), 2.0, 0.0).tolist()


@pytest.mark.parametrize(("low", "high"), [(1, 0), (np.nan, 1), (0, np.nan)])
def test_uniform_with_crossed_ends_is_refused(low, high):
    with pytest.raises(ArgumentError, match="init.uniform: low"):
        init.uniform((2,), low, high)


@pytest.mark.parametrize("std", [-1, np.nan])
def test_normal_with_a_deviation_below_0_is_refused(std):
    with pytest.raises(ArgumentError, match="init.normal: std"):
        init.normal((2,), std=std)


def test_every_initializer_can_make_a_weight():
    parameter = xdl.Parameter()

    shapes = [
        parameter.get_variable(name, [2, 3], initialize).shape
        for name, initialize in vars(init).items()
        if name in init.__all__ and name != "constant"
    ]

    assert [(2, 3)] * (len(init.__all__) - 1) == shapes

"""Initializers: functions of a shape."""

import numpy as np
import pytest
import scipy.stats

import xdl
from xdl import ArgumentError, ShapeError, init


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


# Variances, and where they come from.

SHAPES = [(300, 200), (64, 32, 3, 3)]
FANS = {(300, 200): (300, 200), (64, 32, 3, 3): (32 * 9, 64 * 9)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("initialize", "variance"),
    [
        (init.xavier_uniform, lambda i, o: 2 / (i + o)),
        (init.xavier_normal, lambda i, o: 2 / (i + o)),
        (lambda s: init.xavier_normal(s, gain=3.0), lambda i, o: 18 / (i + o)),
        (lambda s: init.xavier_uniform(s, gain=3.0), lambda i, o: 18 / (i + o)),
        (init.kaiming_uniform, lambda i, o: 2 / i),
        (init.kaiming_normal, lambda i, o: 2 / i),
        (lambda s: init.kaiming_uniform(s, mode="fan_out"), lambda i, o: 2 / o),
        (lambda s: init.kaiming_normal(s, slope=1.0), lambda i, o: 1 / i),
        (init.lecun_normal, lambda i, o: 1 / i),
    ],
)
def test_initializer_has_its_variance(initialize, variance, shape):
    xdl.seed(0)

    values = initialize(shape)

    assert shape == values.shape
    assert variance(*FANS[shape]) == pytest.approx(values.var(), rel=0.03)
    assert 0.0 == pytest.approx(values.mean() / values.std(), abs=0.02)


@pytest.mark.parametrize(
    ("initialize", "end"),
    [
        (init.xavier_uniform, np.sqrt(6 / 500)),
        (init.kaiming_uniform, np.sqrt(6 / 300)),
    ],
)
def test_uniform_initializer_fills_its_range(initialize, end):
    xdl.seed(0)

    values = abs(initialize((300, 200)))

    assert values.max() <= end
    assert end == pytest.approx(values.max(), rel=1e-3)


@pytest.mark.parametrize("shape", [(), (1,), (5000,), (0, 3), (50, 40)])
def test_truncated_normal_stays_between_its_ends(shape):
    xdl.seed(0)

    values = init.truncated_normal(shape, 1.0, 2.0, low=0.0, high=2.0)

    assert shape == values.shape
    assert values.size == ((values >= 0.0) & (values <= 2.0)).sum()


def test_truncated_normal_has_the_moments_of_scipys():
    xdl.seed(0)

    values = init.truncated_normal((100000,), 1.0, 2.0, low=0.0, high=4.0)

    expected = scipy.stats.truncnorm(-0.5, 1.5, 1.0, 2.0)
    assert (expected.mean(), expected.std()) == pytest.approx(
        (values.mean(), values.std()), rel=0.01
    )


@pytest.mark.parametrize(
    "options",
    [
        {"std": -1},
        {"low": 2.0},
        {"low": 9.0, "high": 10.0},
        {"low": np.nan},
        {"std": 0.0, "low": 1.0},
    ],
)
def test_truncated_normal_that_cannot_be_drawn_is_refused(options):
    with pytest.raises(ArgumentError, match="init.truncated_normal"):
        init.truncated_normal((2,), **options)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (8, 2, 3, 3)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    xdl.seed(0)

    values = init.orthogonal(shape, gain=2.0)

    matrix = values.reshape(shape[0], -1)
    product = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
    assert shape == values.shape
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_equally_likely():
    xdl.seed(0)

    corners = np.array([init.orthogonal((3, 3))[0, 0] for _ in range(2000)])

    # A coordinate of a random point on the sphere is spread evenly over [-1, 1].
    assert (0.0, 1 / 3) == pytest.approx((corners.mean(), corners.var()), abs=0.03)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (0, 2)])
def test_eye_has_ones_on_the_diagonal(shape):
    assert np.eye(*shape).tolist() == init.eye(shape).tolist()


@pytest.mark.parametrize(
    "name",
    [
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "lecun_normal",
        "orthogonal",
        "eye",
    ],
)
def test_initializer_of_matrices_refuses_one_axis(name):
    with pytest.raises(ShapeError, match=rf"init.{name}: shape \(3,\) came"):
        getattr(init, name)((3,))


@pytest.mark.parametrize("initialize", [init.kaiming_uniform, init.kaiming_normal])
def test_kaiming_with_another_mode_is_refused(initialize):
    with pytest.raises(ArgumentError, match="mode 'fan' came"):
        initialize((2, 3), mode="fan")


def test_a_seed_repeats_what_is_drawn():
    drawn = []
    for _ in range(2):
        xdl.seed(3)
        drawn.append(init.truncated_normal((1000,)).tolist())

    assert drawn[0] == drawn[1]

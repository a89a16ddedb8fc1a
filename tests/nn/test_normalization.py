"""The normalizations: the functions composed of others, and the layers."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, EmptyBatchError, ShapeError
from xdl.nn import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm
from xdl.testing import check_gradient

IMAGES = (3, 4, 2, 5)


def _standardized(x, axes):
    deviation = np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    return (x - x.mean(axes, keepdims=True)) / deviation


def test_group_norm_standardizes_each_group_of_channels(rng):
    x, weight, bias = rng.normal(size=IMAGES), rng.normal(size=4), rng.normal(size=4)

    y = xdl.group_norm(x, 2, weight, bias)

    groups = _standardized(x.reshape(3, 2, 20), 2).reshape(IMAGES)
    expected = groups * weight[:, None, None] + bias[:, None, None]
    np.testing.assert_allclose(y.numpy(), expected, 1e-12, 1e-12)


def test_instance_norm_standardizes_each_channel_of_each_sample(rng):
    x = rng.normal(size=IMAGES)

    y = xdl.instance_norm(x)

    np.testing.assert_allclose(y.numpy(), _standardized(x, (2, 3)), 1e-12, 1e-12)


def test_batch_norm_takes_statistics_from_elsewhere(rng):
    x, mean, weight, bias = rng.normal(size=IMAGES), *rng.normal(size=(3, 4))
    var = rng.uniform(0.5, 2, 4)

    y = xdl.batch_norm(x, mean, var, weight, bias, eps=0.1)

    scale = (weight / np.sqrt(var + 0.1))[:, None, None]
    expected = (x - mean[:, None, None]) * scale + bias[:, None, None]
    np.testing.assert_allclose(y.numpy(), expected, 1e-12, 1e-12)


COMPOSED = {
    "group_norm": lambda x, w, b: xdl.group_norm(x, 2, w, b),
    "instance_norm": xdl.instance_norm,
    "batch_norm with statistics": lambda x, w, b: xdl.batch_norm(
        x, [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0], w, b
    ),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", COMPOSED)
def test_gradients_match_finite_differences(name, order, rng):
    inputs = rng.normal(size=IMAGES), rng.normal(size=4), rng.normal(size=4)

    check_gradient(COMPOSED[name], *inputs, order=order)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_large_numbers_do_not_overflow_in_between(dtype):
    x = np.array([[3e4, -3e4, 3e4, -3e4]], dtype)

    y = xdl.layer_norm(x, 4)

    assert [[1.0, -1.0, 1.0, -1.0]] == y.numpy().tolist()
    assert dtype == y.dtype


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: xdl.group_norm(np.ones((2, 4)), 3), "needed a divisor of 4"),
        (lambda: xdl.group_norm(np.ones(4), 2), r"needed \(n, channels"),
        (lambda: xdl.group_norm(np.ones((2, 4)), 2, np.ones(3)), "weight has shape"),
        (lambda: xdl.instance_norm(np.ones((2, 4))), "more than one position"),
        (lambda: xdl.instance_norm(np.ones((2, 4, 1))), "more than one position"),
        (lambda: xdl.batch_norm(np.ones(4), [0.0], [1.0]), "needed .samples"),
        (lambda: xdl.batch_norm(np.ones((2, 4)), [0.0], [1.0]), "mean has shape"),
        (lambda: xdl.layer_norm(np.ones(3), ()), "needed at least one"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, says):
    with pytest.raises(ShapeError, match=says):
        call()


def test_a_mean_without_a_variance_is_refused():
    with pytest.raises(ArgumentError, match="needed both or none"):
        xdl.batch_norm(np.ones((2, 4)), mean=np.ones(4))


# The layers.


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (LayerNorm(4), ["weight", "bias"]),
        (LayerNorm(4, bias=False), ["weight"]),
        (LayerNorm((2, 4), affine=False), []),
        (RMSNorm(4), ["weight"]),
        (RMSNorm(4, affine=False), []),
        (GroupNorm(2, 4), ["weight", "bias"]),
        (GroupNorm(2, 4, affine=False), []),
        (BatchNorm1d(4), ["weight", "bias", "running_mean", "running_var"]),
        (BatchNorm2d(4, affine=False), ["running_mean", "running_var"]),
    ],
    ids=str,
)
def test_layer_has_its_weights(layer, names):
    assert names == list(layer.parameter)


def test_running_statistics_are_not_trained():
    layer = BatchNorm1d(4)

    assert not layer.running_mean.trainable
    assert not layer.running_var.trainable
    assert 8 == layer.parameter.size


def test_batch_norm_layer_predicts_with_the_running_statistics(rng):
    layer = BatchNorm1d(2, momentum=1.0)
    batch = rng.normal(size=(8, 2)).astype(np.float32)
    layer(batch)
    before = layer.running_mean.numpy()

    y = layer.eval()(batch[:1])

    scale = np.sqrt(batch.var(0, ddof=1) + 1e-5)
    np.testing.assert_allclose(y.numpy(), (batch[:1] - batch.mean(0)) / scale, 1e-4)
    assert before.tolist() == layer.running_mean.numpy().tolist()


def test_running_statistics_follow_under_no_grad_too(rng):
    layer = BatchNorm2d(4)

    with xdl.no_grad():
        layer(rng.normal(size=IMAGES))

    assert layer.running_mean.numpy().all()


def test_a_refused_batch_leaves_the_running_statistics(rng):
    layer = BatchNorm1d(4)

    with pytest.raises(EmptyBatchError, match=r"BatchNorm1d\(4\): "):
        layer(np.ones((0, 4)))

    assert [0.0] * 4 == layer.running_mean.numpy().tolist()


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (BatchNorm1d(4), (2, 3), r"BatchNorm1d\(4\): x \(2, 3\) came"),
        (BatchNorm1d(4), (2, 4, 1, 1), "has 4 axes, needed 2 or 3"),
        (BatchNorm2d(4), (2, 4), "has 2 axes, needed 4"),
        (BatchNorm1d(4), (1, 4), "one value per channel"),
        (GroupNorm(2, 4), (2, 6), r"GroupNorm\(2, 4\): "),
        (LayerNorm(4), (2, 3), r"LayerNorm\(4\): .*end in"),
        (RMSNorm((2, 4)), (2, 3), r"RMSNorm\(2, 4\): .*end in"),
    ],
    ids=str,
)
def test_a_wrong_input_is_refused_with_the_layers_name(layer, shape, says):
    with pytest.raises(ShapeError, match=says):
        layer(np.ones(shape))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: GroupNorm(3, 4), "needed a divisor of 4"),
        (lambda: BatchNorm1d(4, momentum=1.5), "momentum 1.5 came"),
        (lambda: LayerNorm(4, eps=-1.0), "eps -1.0 came"),
    ],
)
def test_options_outside_their_range_are_refused(make, says):
    with pytest.raises(ArgumentError, match=says):
        make()


def test_repr_shows_the_name_in_the_model():
    model = xdl.nn.Sequential(LayerNorm(4))
    model.norm = BatchNorm2d(3)

    assert 'BatchNorm2d(3) "norm"' == repr(model.norm)

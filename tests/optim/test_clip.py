"""Clipping gradients: the norm, what is left alone, what is refused."""

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from xdl import ArgumentError, NonFiniteError, Variable
from xdl.optim import clip_grad_norm, clip_grad_value


def _weights(*gradients, dtype="float32"):
    weights = [Variable(np.zeros(np.shape(g)), dtype=dtype) for g in gradients]
    for weight, grad in zip(weights, gradients, strict=True):
        weight.grad = grad
    return weights


def test_a_norm_above_the_limit_is_scaled_down_to_it():
    weights = _weights([3.0], [[0.0, 4.0]])

    norm = clip_grad_norm(weights, 1.0)

    assert (5.0, (), False) == (norm.item(), norm.shape, norm.trainable)
    np.testing.assert_allclose(weights[0].grad, [0.6], 1e-6)
    np.testing.assert_allclose(weights[1].grad, [[0.0, 0.8]], 1e-6)


def test_a_norm_below_the_limit_changes_nothing():
    (weight,) = _weights([3.0, 4.0])

    clip_grad_norm([weight], 10.0)

    assert [3.0, 4.0] == weight.grad.tolist()


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_an_array_that_was_fetched_before_stays(clip):
    (weight,) = _weights([3.0, 4.0])
    fetched = weight.grad

    clip([weight], 1.0)

    assert [3.0, 4.0] == fetched.tolist()
    assert 1.0 >= weight.grad.max()


@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
@pytest.mark.parametrize(
    "wrap", [lambda p: p, lambda p: xdl.SGD(p), lambda p: p.values(), lambda p: iter(p)]
)
def test_a_parameter_what_has_one_and_an_iterable_are_taken(clip, wrap):
    parameter = xdl.Parameter()
    weight = parameter.register("w", *_weights([4.0]))
    wrapped = wrap(parameter)
    if not isinstance(wrapped, xdl.Parameter | xdl.SGD) and iter(wrapped) is wrapped:
        wrapped = iter([weight])  # a Parameter is walked by name

    clip(wrapped, 1.0)

    np.testing.assert_allclose(weight.grad, [1.0], 1e-6)


def test_a_tied_weight_counts_once():
    (weight,) = _weights([3.0, 4.0])

    assert 5.0 == clip_grad_norm([weight, weight], 1.0).item()
    np.testing.assert_allclose(weight.grad, [0.6, 0.8], 1e-6)


def test_without_gradients_the_norm_is_0():
    weight = Variable([1.0])

    assert 0.0 == clip_grad_norm([weight], 1.0).item()
    assert weight.grad is None


@pytest.mark.parametrize(
    ("dtype", "large"), [("float16", 1e4), ("float32", 1e30), ("float64", 1e300)]
)
def test_a_norm_whose_square_overflows_is_still_right(dtype, large):
    weights = _weights([3 * large], [4 * large], [], dtype=dtype)

    norm = clip_grad_norm(weights, 1.0)

    np.testing.assert_allclose(norm.item(), 5 * large, 1e-3)
    np.testing.assert_allclose(weights[0].grad, [0.6], 1e-3)
    assert dtype == weights[0].grad.dtype.name


def test_weights_of_two_dtypes_have_one_norm():
    weights = _weights([3.0]) + _weights([4.0], dtype="float64")

    norm = clip_grad_norm(weights, 1.0)

    assert (5.0, np.float64) == (norm.item(), norm.dtype)
    assert [np.float32, np.float64] == [w.grad.dtype for w in weights]


def test_a_gradient_that_is_a_variable_is_clipped():
    w = Variable([3.0, 4.0])
    (w * w).sum().backward(create_graph=True)

    clip_grad_norm([w], 1.0)

    np.testing.assert_allclose(w.grad, [0.6, 0.8], 1e-6)


def test_every_element_is_clipped_into_the_limits():
    (weight,) = _weights([3.0, -2.0, 0.5])

    clip_grad_value([weight], 1.0)

    assert [1.0, -1.0, 0.5] == weight.grad.tolist()


@fault(40, np.nan, np.inf, -np.inf)
@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_a_gradient_that_is_not_finite_is_refused_and_all_stay(clip, case):
    weights = _weights([3.0], [case, 4.0])

    with pytest.raises(NonFiniteError, match="no gradient was changed"):
        clip(weights, 1.0)

    assert [3.0] == weights[0].grad.tolist()
    assert 4.0 == weights[1].grad[1]


@pytest.mark.parametrize("limit", [0, -1, np.nan, np.inf, "1", None, True])
@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_a_wrong_limit_is_refused(clip, limit):
    (weight,) = _weights([3.0])

    with pytest.raises(ArgumentError, match=r"needed a number in \(0, inf\)"):
        clip([weight], limit)

    assert [3.0] == weight.grad.tolist()


@pytest.mark.parametrize("source", [None, 3, Variable([1.0]), [np.ones(1)]])
@pytest.mark.parametrize("clip", [clip_grad_norm, clip_grad_value])
def test_what_holds_no_variables_is_refused(clip, source):
    with pytest.raises(ArgumentError, match="needed a"):
        clip(source, 1.0)

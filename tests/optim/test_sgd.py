"""SGD: the numbers of its updates."""

import numpy as np
import pytest

import xdl
from xdl import SGD, ArgumentError, Variable


def _steps(optimizer, variable, gradients):
    values = []
    for gradient in gradients:
        variable.grad = [gradient]
        optimizer.update()
        values.append(variable.item())
    return values


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({}, [0.5, 0.0]),
        ({"momentum": 0.5}, [0.5, -0.25]),
        ({"momentum": 0.5, "nesterov": True}, [0.25, -0.625]),
        ({"weight_decay": 1.0}, [0.0, -0.5]),
        ({"momentum": 0.5, "weight_decay": 1.0}, [0.0, -1.0]),
    ],
    ids=str,
)
def test_update_follows_the_formula(options, values):
    w = Variable([1.0])
    optimizer = SGD([w], lr=0.5, **options)

    assert values == _steps(optimizer, w, [1.0, 1.0])


def test_the_default_learning_rate_is_a_thousandth():
    w = Variable([1.0], dtype="float64")

    assert [0.999] == _steps(SGD([w]), w, [1.0])


def test_the_learning_rate_can_be_changed_between_steps():
    w = Variable([1.0])
    optimizer = SGD([w], lr=0.5)
    _steps(optimizer, w, [1.0])

    optimizer.lr = 0.25

    assert [0.25] == _steps(optimizer, w, [1.0])


def test_a_learning_rate_of_0_changes_nothing():
    w = Variable([1.0])

    assert [1.0] == _steps(SGD([w], lr=0.0), w, [5.0])


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"weight_decay": 0.1}])
def test_update_writes_in_place_and_keeps_the_dtype(options):
    w = Variable(np.ones(3, np.float16))
    buffer = w.value
    w.grad = np.ones(3)

    SGD([w], lr=np.float64(0.5), **options).update()

    assert buffer is w.value
    assert np.float16 == w.dtype


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}])
def test_step_leaves_the_gradient_as_it_was(options):
    w = Variable([1.0])
    w.grad = [1.0]

    SGD([w], lr=0.5, weight_decay=0.5, **options).step()

    assert [1.0] == w.grad.tolist()


def test_momentum_is_kept_as_state_per_weight():
    parameter = xdl.Parameter()
    w = parameter.get_variable("w", [1], np.ones)
    optimizer = SGD(parameter, lr=0.5, momentum=0.5)
    before = optimizer.state["velocity/w"].item()

    _steps(optimizer, w, [2.0, 1.0])

    assert (0.0, 2.0) == (before, optimizer.state["velocity/w"].item())
    assert not optimizer.state["velocity/w"].trainable


def test_sgd_without_momentum_has_no_state():
    assert 0 == len(SGD([Variable([1.0])]).state)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ArgumentError, match="nesterov came with momentum 0"):
        SGD([Variable([1.0])], nesterov=True)

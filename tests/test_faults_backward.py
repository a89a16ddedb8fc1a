"""Bad input in backward; the numbers go on from ``test_faults.py``."""

import warnings
import weakref

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from xdl import GraphError, Variable


@fault(
    26,
    (lambda x: x + x, 2.0),
    (lambda x: x * x * x, 27.0),
    (lambda x: (x + 1) * (x - 1), 6.0),
    (lambda x: (y := xdl.square(x) - x) * y, 60.0),
    names=("function", "slope"),
)
def test_gradients_of_a_variable_used_more_than_once_add_up(function, slope):
    x = Variable(3.0)

    function(x).backward()

    assert slope == x.grad.item()


@fault(26, 1.0, 2.0)
def test_a_parameter_used_by_two_layers_gets_the_sum_of_both_gradients(case):
    parameter = xdl.Parameter()
    first = parameter.get_variable("w", [1, 1], lambda shape: np.full(shape, case))
    second = parameter.get_variable("w", [1, 1])

    (Variable([[3.0]]) @ first @ second).sum().backward()

    assert 6.0 * case == parameter["w"].grad.item()


@fault(27, 10_000)
def test_a_deep_chain_runs_backward_and_is_freed(case):
    x = y = Variable(1.0)
    for _ in range(case):
        y = y + 1.0
    node = weakref.ref(y._node.inputs[0])

    y.backward()

    assert (1.0, None) == (x.grad.item(), node())


@fault(
    28,
    lambda y: y.backward(),
    lambda y: xdl.Graph(y).backward(),
    lambda y: (y + 1).backward(),
)
def test_a_second_backward_is_refused_unless_the_graph_was_retained(case):
    x = Variable(3.0)
    freed, retained = x * x, x * x
    freed.backward()
    x.clear_grad()
    retained.backward(retain_graph=True)

    with pytest.raises(GraphError, match="pass retain_graph=True"):
        case(freed)
    case(retained)

    assert 12.0 == x.grad.item()


@fault(29, None, np.ones(2), np.ones((3, 1)), 1.0)
def test_a_backward_without_a_seed_that_fits_is_refused(case):
    x = Variable([1.0, 2.0, 3.0])

    with pytest.raises(ValueError, match=r"\(3,\)"):
        (x * 2).backward(case)
    assert x.grad is None


@fault(29, np.nan, np.inf)
def test_a_seed_that_is_not_finite_is_passed_on(case):
    x = Variable([1.0, 2.0])

    (x * 2).backward([1.0, case])

    np.testing.assert_array_equal([2.0, case], x.grad)


def _under_no_grad():
    with xdl.no_grad():
        return Variable(1.0) * 2


@fault(
    30,
    lambda: Variable(1),
    lambda: Variable(1.0, trainable=False) * 2,
    lambda: xdl.exp(1.0),
    lambda: Variable(1.0).detach(),
    lambda: Variable(1.0) > 0,
    _under_no_grad,
)
def test_backward_of_a_constant_is_refused(case):
    with pytest.raises(GraphError, match="nothing that led to it is trainable"):
        case().backward()


@fault(
    31,
    lambda x: x.value.__setitem__(0, 7),
    lambda x: x.value.fill(7),
    lambda x: setattr(x, "value", [7.0, 7.0]),
    lambda x: xdl.Parameter().register("x", x).value.__setitem__(0, 7),
)
def test_a_write_after_the_forward_is_refused_in_backward(case):
    x, w = Variable([1.0, 2.0], name="x"), Variable([3.0, 4.0])
    loss = (x * x * w).sum()

    case(x)

    with pytest.raises(GraphError, match="x.* was changed after"):
        loss.backward()
    assert (None, None) == (x.grad, w.grad)


@fault(31, [3.0, 1.0], np.array([3.0, 1.0]))
def test_a_write_into_the_data_after_the_forward_gives_the_gradient_of_the_old(case):
    x = np.array(case, np.float32)
    w = Variable([1.0, 1.0])
    loss = (w * Variable(x, trainable=False)).sum()

    x[0] = 7
    loss.backward()

    assert [3.0, 1.0] == w.grad.tolist()


@fault(
    32,
    (np.ones((3, 1)), np.ones((1, 4))),
    (np.float32(2.0), np.ones((2, 3))),
    (np.ones(4), np.ones((2, 4))),
    (np.ones((2, 1, 3)), np.ones((4, 1))),
    names=("left", "right"),
)
@pytest.mark.parametrize("name", ["add", "multiply", "divide", "maximum", "power"])
def test_gradients_have_the_shapes_of_what_was_broadcast(name, left, right):
    x, y = Variable(left, dtype="float32"), Variable(right, dtype="float32")

    getattr(xdl, name)(x, y).sum().backward()

    assert (x.shape, y.shape) == (x.grad.shape, y.grad.shape)


@fault(
    33,
    (xdl.relu, [0.0], [0.0]),
    (xdl.abs, [0.0], [0.0]),
    (xdl.sqrt, [0.0], [np.inf]),
    (xdl.log, [0.0], [np.inf]),
    (xdl.sign, [0.0], [0.0]),
    (xdl.max, [2.0, 2.0, 1.0], [0.5, 0.5, 0.0]),
    (xdl.min, [2.0, 1.0, 1.0], [0.0, 0.5, 0.5]),
    (lambda x: xdl.maximum(x, 0.0), [0.0], [0.5]),
    (lambda x: xdl.clip(x, 0.0, 1.0), [0.0, 1.0], [1.0, 1.0]),
    (lambda x: x**0, [0.0], [0.0]),
    (lambda x: x**0.0, [0.0, 2.0], [0.0, 0.0]),
    (lambda x: x**2, [0.0], [0.0]),
    (lambda x: x**1, [0.0], [1.0]),
    (lambda x: 0.0**x, [0.0, 2.0], [0.0, 0.0]),
    (lambda x: 1 / x, [0.0], [-np.inf]),
    names=("function", "value", "slope"),
)
def test_the_gradient_at_a_kink_or_a_pole_is_the_documented_value(
    function, value, slope
):
    x = Variable(value)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(x).sum().backward()

    assert slope == x.grad.tolist()


@fault(35, 2, 3)
def test_gradients_of_backwards_without_a_clear_add_up(case):
    x = Variable([1.0, 2.0])

    for _ in range(case):
        (x * x).sum().backward()

    assert [2.0 * case, 4.0 * case] == x.grad.tolist()

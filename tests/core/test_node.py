"""The walk back through the graph: order, sums, freeing, and what it refuses."""

import numpy as np
import pytest

import xdl
from xdl import GraphError, Variable
from xdl.backend import numpy as host
from xdl.core.node import unbroadcast


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda x: x + x, 2.0),
        (lambda x: x * x * x, 27.0),
        (lambda x: x - x, 0.0),
        (lambda x: (x * 2) + (x * 5), 7.0),
        (lambda x: (y := x * x) * y, 108.0),
        (lambda x: (y := x + 1) * y + y, 9.0),
    ],
    ids=["double", "cube", "zero", "diamond", "shared", "shared twice"],
)
def test_gradients_of_all_paths_add_up(function, slope):
    x = Variable(3.0)

    function(x).backward()

    assert slope == x.grad.item()


def test_gradients_of_two_backwards_add_up():
    x = Variable(3.0)

    (x * x).backward()
    (x * 2).backward()

    assert 8.0 == x.grad.item()


def test_backward_twice_is_refused_and_changes_no_gradient():
    x = Variable(3.0)
    y = x * x
    y.backward()

    with pytest.raises(
        GraphError, match="freed by an earlier backward; pass retain_graph"
    ):
        y.backward()

    assert 6.0 == x.grad.item()


def test_backward_through_a_part_that_was_freed_is_refused():
    x = Variable(3.0)
    y = x * x
    first, second = y * 2, y * 3
    first.backward()

    with pytest.raises(GraphError, match="graph of Multiply was freed"):
        second.backward()


def test_a_retained_graph_gives_the_same_gradients_again():
    x = Variable(3.0)
    y = x * x

    gradients = []
    y.backward(retain_graph=True)
    gradients.append(x.grad.item())
    x.clear_grad()
    y.backward()
    gradients.append(x.grad.item())

    assert [6.0, 6.0] == gradients


def test_a_branch_that_no_gradient_reaches_is_passed_over():
    x = Variable([3.0])
    whole = xdl.floor_divide(x, 1)

    (whole * 0 + x * 2).backward()

    assert [2.0] == x.grad.tolist()


def test_an_operation_that_has_no_gradient_for_its_input_stops_the_walk():
    class Blocked(xdl.Op):
        def compute(self, xp, x):
            return x + 0

        def gradient(self, xp, gy):
            return (None,)

    x = Variable([3.0])
    y = x * 2

    (Blocked()(y) + x).backward()

    assert ([1.0], None) == (x.grad.tolist(), y.grad)


@pytest.mark.parametrize(
    ("gradient", "shape", "summed"),
    [
        (np.ones((3, 4)), (3, 1), [[4.0], [4.0], [4.0]]),
        (np.ones((3, 4)), (1, 4), [[3.0, 3.0, 3.0, 3.0]]),
        (np.ones((2, 3)), (), 6.0),
        (np.ones((2, 4)), (4,), [2.0, 2.0, 2.0, 2.0]),
        (np.ones((2, 3, 2)), (3, 1), [[4.0], [4.0], [4.0]]),
        (np.ones((1, 2)), (2,), [1.0, 1.0]),
        (np.ones((0, 3)), (3,), [0.0, 0.0, 0.0]),
        (np.ones((3, 0)), (3, 1), [[0.0], [0.0], [0.0]]),
    ],
)
def test_unbroadcast_sums_over_what_was_repeated(gradient, shape, summed):
    result = unbroadcast(host, gradient, shape)

    assert (shape, summed) == (result.shape, result.tolist())


@pytest.mark.parametrize("shape", [(2, 3), (3, 3), (1, 2, 3, 4)])
def test_unbroadcast_refuses_a_gradient_of_a_shape_that_cannot_be(shape):
    with pytest.raises(GraphError, match=r"a gradient of shape \(3, 4\) for an input"):
        unbroadcast(host, np.ones((3, 4)), shape)


def test_a_wrong_gradient_of_an_operation_is_refused():
    class Wrong(xdl.Op):
        def compute(self, xp, x):
            return x * 2

        def gradient(self, xp, gy):
            return (gy[:1],)

    x = Variable([1.0, 2.0, 3.0])

    with pytest.raises(
        GraphError, match=r"a gradient of shape \(1,\) for an input \(3,\)"
    ):
        Wrong()(x).sum().backward()
    assert x.grad is None


def test_an_error_on_the_way_changes_no_gradient_of_a_leaf():
    class Failing(xdl.Op):
        def compute(self, xp, x):
            return x * 2

        def gradient(self, xp, gy):
            raise RuntimeError("no gradient today")

    x, w = Variable([1.0]), Variable([2.0])
    w.grad = [5.0]

    with pytest.raises(RuntimeError, match="no gradient today"):
        (w * Failing()(x)).backward()

    assert (None, [5.0]) == (x.grad, w.grad.tolist())


def test_a_leaf_that_was_changed_is_named_with_its_user():
    w = Variable([1.0, 2.0], name="encoder/weight")
    loss = xdl.tanh(w).sum()

    w.value = [3.0, 4.0]

    with pytest.raises(GraphError, match=r"encoder/weight.*changed after Tanh used it"):
        loss.backward()


def test_a_leaf_without_a_name_that_was_changed_is_told_by_its_shape():
    w = Variable([1.0, 2.0])
    loss = xdl.tanh(w).sum()

    w.value = [3.0, 4.0]

    with pytest.raises(GraphError, match=r"Variable without a name \(2,\) was changed"):
        loss.backward()


def test_a_gradient_that_views_another_array_is_copied_for_the_leaf():
    x = Variable(np.ones((2, 3), np.float32))

    x.sum().backward()
    x.grad[0, 0] = 9

    assert 1.0 == x.grad[1, 2]


def test_create_graph_builds_the_graph_of_the_gradient_of_several_inputs():
    x, y = Variable(2.0), Variable(5.0)
    (xdl.concat([xdl.reshape(x * y, (1,)), xdl.reshape(x, (1,))]) ** 2).sum().backward(
        create_graph=True
    )
    slope = x.grad
    y.clear_grad()

    slope.backward()

    assert (104.0, 40.0) == (slope.item(), y.grad.item())


def test_create_graph_adds_to_a_gradient_that_is_there():
    x = Variable(3.0)
    (x * x).backward()

    (x * x).backward(create_graph=True)

    assert 12.0 == float(x.grad.item())

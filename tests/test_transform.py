"""gradient, value_and_gradient, hessian_vector_product, recompute."""

import weakref

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, DtypeError, GraphError, ShapeError, Variable
from xdl.testing import check_gradient


def _cubes(x):
    return xdl.sum(x**3)


# gradient and value_and_gradient


@pytest.mark.parametrize("make", [list, np.asarray, Variable])
def test_gradient_takes_lists_arrays_and_variables_and_returns_an_array(make):
    slope = xdl.gradient(_cubes)(make([1.0, 2.0]))

    assert isinstance(slope, np.ndarray)
    assert [3.0, 12.0] == slope.tolist()


def test_gradient_by_several_arguments_is_a_tuple():
    slopes = xdl.gradient(lambda x, y, z: x * y * z, argnums=(2, 0))(2.0, 3.0, 4.0)

    assert [6.0, 12.0] == [float(slope) for slope in slopes]


def test_value_and_gradient_returns_both():
    value, slope = xdl.value_and_gradient(lambda x: x * x)(3.0)

    assert (9.0, 6.0) == (float(value), float(slope))


def test_gradient_keeps_the_dtype_of_its_argument():
    slope = xdl.gradient(_cubes)(np.ones(2, "float64"))

    assert "float64" == slope.dtype


def test_gradient_by_a_model_is_a_dict_of_its_trainable_weights():
    model = xdl.LinearModel(2, 3)
    x, target = [[1.0, 2.0]], [0]

    def loss(model, x):
        return xdl.softmax_cross_entropy(model(x), target)

    value, by_name = xdl.value_and_gradient(loss)(model, x)

    expected = loss(model, x)
    expected.backward()
    assert ["weight"] == list(by_name)
    assert expected.item() == float(value)
    assert model.W.grad.tolist() == by_name["weight"].tolist()


def test_gradient_leaves_every_grad_as_it_was():
    x, w, unused = Variable([1.0, 2.0]), Variable([3.0, 4.0]), Variable(1.0)
    w.grad = [7.0, 7.0]
    inner = []

    def function(x):
        inner.append(x * w)
        return xdl.sum(inner[0])

    xdl.gradient(function)(x)

    assert (None, [7.0, 7.0], None) == (x.grad, w.grad.tolist(), unused.grad)
    assert inner[0].grad is None


def test_gradient_leaves_the_graph_outside_as_it_was():
    w = Variable(2.0)
    outside = w * w

    slope = xdl.gradient(lambda x: x * outside)(3.0)
    outside.backward()

    assert (4.0, 4.0) == (float(slope), float(w.grad))


def test_gradient_is_by_the_argument_alone_where_the_same_variable_is_used_too():
    x = Variable(3.0)

    slope = xdl.gradient(lambda y: x * y * y, create_graph=True)(x)

    assert 18.0 == slope.item()


def test_gradient_works_inside_no_grad_and_restores_it():
    with xdl.no_grad():
        slope = xdl.gradient(_cubes)([1.0])
        result = Variable(1.0) * 2

    assert [3.0] == slope.tolist()
    assert not result.trainable


def test_gradient_of_what_is_not_used_is_zeros():
    slopes = xdl.gradient(lambda x, y: xdl.sum(x), argnums=(0, 1))([1.0], [1.0, 2.0])

    assert [[1.0], [0.0, 0.0]] == [slope.tolist() for slope in slopes]


def test_gradient_of_a_gradient_of_a_linear_function_is_zeros():
    second = xdl.gradient(xdl.gradient(lambda x: 2 * x, create_graph=True))

    assert 0.0 == float(second(3.0))


def test_gradients_with_a_graph_are_differentiated_by_backward():
    x = Variable([1.0, 2.0])

    slope = xdl.gradient(_cubes, create_graph=True)(x)
    xdl.sum(slope * slope).backward()

    assert (36 * np.array([1.0, 8.0])).tolist() == x.grad.tolist()


def test_third_derivative_by_three_gradients():
    third = _cubes
    for create_graph in (True, True, False):
        third = xdl.gradient(third, create_graph=create_graph)

    assert 6.0 == float(third(5.0))


def test_gradient_of_the_argument_itself_is_one():
    assert 1.0 == float(xdl.gradient(lambda x: x)(5.0))


def test_gradient_frees_the_graph_it_made():
    alive = []

    def function(x):
        y = xdl.exp(x)
        alive.append(weakref.ref(y._value))
        return xdl.sum(y)

    xdl.gradient(function)([1.0, 2.0])

    assert [None] == [reference() for reference in alive]


@pytest.mark.parametrize(
    ("function", "argnums", "given", "error", "says"),
    [
        (lambda x: x * 2, 0, [1.0, 2.0], ShapeError, r"returned shape \(2,\)"),
        (lambda x: 2.0, 0, 1.0, GraphError, "returned a float, needed a Variable"),
        (_cubes, 0, [1, 2], DtypeError, "argument 0 is int64"),
        (_cubes, 1, 1.0, ArgumentError, "there are 1 positional"),
        (_cubes, -1, 1.0, ArgumentError, "argnums -1"),
        (_cubes, "x", 1.0, ArgumentError, "argnums 'x'"),
    ],
)
def test_what_has_no_gradient_is_refused(function, argnums, given, error, says):
    with pytest.raises(error, match=says):
        xdl.gradient(function, argnums)(given)


def test_an_error_in_the_function_leaves_recording_as_it_was():
    with xdl.no_grad():
        pytest.raises(ShapeError, xdl.gradient(lambda x: x @ [1.0, 2.0, 3.0]), [1.0])

        assert not (Variable(1.0) * 2).trainable


# hessian_vector_product


def test_hessian_vector_product_is_the_matrix_times_the_vector(rng):
    matrix = rng.standard_normal((3, 3))
    x, v = rng.standard_normal(3), rng.standard_normal(3)

    product = xdl.hessian_vector_product(
        lambda x: 0.5 * xdl.sum(x * xdl.matmul(matrix, x)), x, v
    )

    np.testing.assert_allclose(product, 0.5 * (matrix + matrix.T) @ v, rtol=1e-12)


def test_hessian_vector_product_of_a_linear_function_is_zeros():
    assert [0.0, 0.0] == xdl.hessian_vector_product(
        lambda x: xdl.sum(2 * x), [1.0, 2.0], [1.0, 1.0]
    ).tolist()


def test_hessian_vector_product_leaves_every_grad_as_it_was():
    x, w = Variable([1.0, 2.0]), Variable([3.0, 4.0])

    product = xdl.hessian_vector_product(lambda x: _cubes(x * w), x, [1.0, 1.0])

    assert [6 * 27.0, 12 * 64.0] == product.tolist()
    assert (None, None) == (x.grad, w.grad)


def test_hessian_vector_product_with_a_vector_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"v has shape \(3,\), needed that of x"):
        xdl.hessian_vector_product(_cubes, [1.0, 2.0], [1.0, 1.0, 1.0])


# recompute


def _block(w, probability=0.0):
    def block(x):
        kept = xdl.init.uniform(x.shape, 0, 1) >= probability
        return xdl.tanh(xdl.exp(x * w) * kept)

    return block


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_recompute_gives_the_same_values_and_gradients(probability):
    results = []
    for wrap in (lambda f: f, xdl.recompute):
        xdl.seed(0)
        x, w = Variable(np.linspace(-1, 1, 20)), Variable(np.linspace(0, 1, 20))
        y = wrap(_block(w, probability))(x)
        xdl.sum(y * y).backward()
        results.append((y.numpy(), x.grad, w.grad, xdl.init.uniform((3,))))

    for expected, actual in zip(*results, strict=True):
        assert expected.tolist() == actual.tolist()


def test_recompute_repeats_a_dropout():
    xdl.seed(0)
    x = Variable(np.ones(50))

    y = xdl.recompute(lambda x: xdl.dropout(x * x, 0.5))(x)
    xdl.dropout(Variable(1.0), 0.5)
    xdl.sum(y).backward()

    assert {0.0, 2.0} == set(y.numpy())
    assert (2 * y.numpy()).tolist() == x.grad.tolist()


def test_backward_through_recompute_leaves_the_draws_as_they_were():
    drawn = []
    for wrap in (lambda f: f, xdl.recompute):
        xdl.seed(0)
        block = wrap(lambda x: xdl.dropout(x, 0.5) * xdl.init.uniform(x.shape))
        xdl.sum(block(Variable(np.ones(50)))).backward()
        drawn.append(xdl.dropout(np.ones(50), 0.5).numpy().tolist())

    assert drawn[0] == drawn[1]


def test_recompute_keeps_its_inputs_alone():
    w, alive = Variable(np.ones(3)), []

    def block(x):
        inner = xdl.exp(x * w)
        alive.append(weakref.ref(inner._value))
        return xdl.tanh(xdl.tanh(inner))

    y = xdl.recompute(block)(Variable(np.ones(3)))

    assert [None] == [reference() for reference in alive]
    xdl.sum(y).backward()
    assert [None, None] == [reference() for reference in alive]
    assert w.grad is not None


def test_recompute_of_a_layer_trains_its_weights_from_raw_data():
    layer = xdl.nn.Linear(2, 3)

    xdl.sum(xdl.recompute(layer)([[1.0, 2.0]])).backward()

    assert [[1.0] * 3, [2.0] * 3] == layer.weight.grad.tolist()
    assert [1.0] * 3 == layer.bias.grad.tolist()


def test_recompute_inside_recompute_and_in_a_chain():
    w = Variable(0.5)
    block = xdl.recompute(lambda x: x * w)
    deep = xdl.recompute(lambda x: block(block(x)))
    x = Variable(2.0)

    deep(deep(x)).backward()

    assert 4 * 2 * 0.5**3 == float(w.grad)
    assert 0.5**4 == float(x.grad)


def test_recompute_is_differentiated_twice(rng):
    x, w = rng.uniform(-1, 1, 4), rng.uniform(-1, 1, 4)

    check_gradient(xdl.recompute(lambda x, w: xdl.tanh(x * x * w)), x, w, order=3)


def test_recompute_is_differentiated_twice_by_weights_that_are_no_arguments():
    w = Variable(0.5)

    y = xdl.recompute(lambda x: x * w * w)(Variable(3.0))
    y.backward(create_graph=True)
    slope = w.grad
    w.clear_grad()
    slope.backward()

    assert (3.0, 6.0) == (slope.item(), float(w.grad))


def test_recompute_adds_gradients_of_several_uses():
    w, x = Variable(2.0), Variable(3.0)
    block = xdl.recompute(lambda x: x * w)

    (block(x) + w * block(x)).backward()

    assert 3.0 + 2 * 2.0 * 3.0 == float(w.grad)
    assert 2.0 + 2.0 * 2.0 == float(x.grad)


def test_recompute_takes_options_and_constants():
    block = xdl.recompute(lambda x, mask, *, scale: x * mask * scale)
    x = Variable([1.0, 2.0])

    xdl.sum(block(x, np.array([1.0, 0.0]), scale=3.0)).backward()

    assert [3.0, 0.0] == x.grad.tolist()


def test_recompute_under_no_grad_is_the_function():
    with xdl.no_grad():
        y = xdl.recompute(lambda x: x * 2)(Variable(1.0))

    assert (2.0, False) == (y.item(), y.trainable)


def test_recompute_of_constants_is_a_constant():
    assert not xdl.recompute(lambda x: x * 2)(Variable(1.0, trainable=False)).trainable


def test_recompute_with_a_weight_that_changed_is_refused():
    w = Variable(2.0)
    y = xdl.recompute(lambda x: x * w)(Variable(3.0))
    w.value = 5.0

    with pytest.raises(GraphError, match="was changed after Recomputed"):
        y.backward()


def test_recompute_of_results_from_outside_is_refused():
    outside = Variable(2.0) * 3

    with pytest.raises(GraphError, match="result of Multiply .* pass it as"):
        xdl.recompute(lambda x: x * outside)(Variable(1.0))


def test_recompute_of_a_function_that_returns_no_variable_is_refused():
    with pytest.raises(GraphError, match="recompute: the function returned a tuple"):
        xdl.recompute(lambda x: (x, x))(Variable(1.0))


def test_recompute_stands_in_the_graph_as_one_operation():
    def block(x):
        return xdl.tanh(x * 2)

    graph = xdl.Graph(xdl.sum(xdl.recompute(block)(Variable([1.0, 2.0]))))

    assert ["Recomputed(block)", "Sum"] == [str(node.op) for node in graph.nodes]
    assert "Recomputed(block)" in graph.summary()


def test_recompute_finds_nan_in_debug_mode():
    x = Variable(1.0)
    xdl.set_debug(True)
    try:
        with pytest.raises(xdl.NonFiniteError, match="Log: NaN"):
            xdl.recompute(lambda x: xdl.log(x - 2))(x)
    finally:
        xdl.set_debug(False)

"""Op: how a class is read, how a call is made, and what it refuses."""

import numpy as np
import pytest

import xdl
from xdl import GraphError, Op, ShapeError, Variable
from xdl.core.op import broadcast_shapes


class Scale(Op):
    """Multiply by a number that is an option."""

    def __init__(self, factor=2.0, label=None):
        self.factor, self.label = factor, label

    def compute(self, xp, x):
        return x * self.factor

    def gradient(self, xp, gy):
        return (gy * self.factor,)


class MaxWithMask(Op):
    """Keep what is above 0, with the mask as a residual."""

    residuals = ("mask",)

    def compute(self, xp, x):
        mask = x > 0
        return xp.where(mask, x, 0.0), mask

    def gradient(self, xp, gy, mask):
        return (xp.where(mask, gy, 0.0),)


class Weighted(Op):
    """Use an input, its shape and dtype, the output and a residual in the gradient."""

    residuals = ("double",)

    def compute(self, xp, x, *others):
        return x * x, 2 * x

    def gradient(self, xp, gy, x, x_shape, x_dtype, y, others_shape, double, wanted):
        self.__dict__["seen"] = (x_shape, str(x_dtype), others_shape, wanted)
        return (gy * double, *[None] * len(others_shape))


def test_an_operation_is_called_like_a_function_or_in_the_articles_spelling():
    x = Variable([1.0, 2.0])

    results = Scale(3.0)(x), Scale(3.0).forward([x])

    assert [[3.0, 6.0]] * 2 == [r.numpy().tolist() for r in results]


def test_one_instance_serves_every_call():
    scale, x, y = Scale(3.0), Variable([1.0]), Variable([2.0])

    (scale(x) * scale(y)).sum().backward()

    assert ([18.0], [9.0]) == (x.grad.tolist(), y.grad.tolist())


def test_an_operation_never_changes_once_it_is_made():
    scale = Scale()

    with pytest.raises(GraphError, match="an operation is a value and never changes"):
        scale.factor = 5.0


def test_an_operation_without_options_never_changes_either():
    with pytest.raises(GraphError, match="never changes"):
        xdl.exp.op.factor = 5.0


def test_a_subclass_may_set_options_after_its_base():
    class Shifted(Scale):
        def __init__(self, factor, shift):
            super().__init__(factor)
            self.shift = shift

        def compute(self, xp, x):
            return x * self.factor + self.shift

    y = Shifted(2.0, 5.0)(Variable([1.0]))

    assert [7.0] == y.numpy().tolist()


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (xdl.exp.op, "Exp"),
        (Scale(), "Scale"),
        (Scale(3.0), "Scale(factor=3.0)"),
        (Scale(label="a"), "Scale(label='a')"),
    ],
)
def test_repr_names_the_class_and_its_options(op, text):
    assert text == repr(op)


def test_a_residual_is_kept_for_the_gradient():
    x = Variable([-1.0, 2.0])

    MaxWithMask()(x).sum().backward()

    assert [0.0, 1.0] == x.grad.tolist()


def test_the_gradient_is_given_what_its_parameters_name():
    op, x = Weighted(), Variable([3.0, 4.0])

    op(x, np.ones((2, 2)), 1.0).sum().backward()

    assert [6.0, 8.0] == x.grad.tolist()
    assert ((2,), "float32", ((2, 2), ()), (True, False, False)) == op.__dict__["seen"]


def test_a_gradient_with_a_wrong_parameter_name_is_refused_at_the_class():
    with pytest.raises(
        GraphError, match="Bad.gradient: parameter 'z' is neither an input"
    ):

        class Bad(Op):
            def compute(self, xp, x):
                return x

            def gradient(self, xp, gy, z):
                return (gy,)


@pytest.mark.parametrize("attribute", ["size", "strides"])
def test_only_shape_and_dtype_of_an_input_can_be_named(attribute):
    with pytest.raises(GraphError, match="is neither an input of compute"):
        type(
            "Bad",
            (Op,),
            {
                "compute": lambda self, xp, x: x,
                "gradient": eval(f"lambda self, xp, gy, x_{attribute}: (gy,)"),
            },
        )


def test_an_operation_without_a_gradient_records_nothing():
    class Count(Op):
        def compute(self, xp, x):
            return xp.floor(x)

    y = Count()(Variable([1.5]))

    assert not y.trainable


def test_an_abstract_operation_says_so():
    with pytest.raises(NotImplementedError):
        Op().compute(None)


def test_second_derivatives_go_through_residuals_that_are_computed_again():
    class Cube(Op):
        residuals = ("square",)

        def compute(self, xp, x):
            square = x * x
            return square * x, square

        def gradient(self, xp, gy, x, square):
            return (gy * 3 * square,)

    x = Variable(2.0)
    Cube()(x).backward(create_graph=True)
    slope = x.grad
    x.clear_grad()

    slope.backward()

    assert (12.0, 12.0) == (slope.item(), x.grad.item())


def test_second_derivatives_go_through_a_list_of_inputs():
    class Product(Op):
        def compute(self, xp, *xs):
            return xs[0] * xs[1] * xs[1]

        def gradient(self, xp, gy, xs):
            return gy * xs[1] * xs[1], gy * 2 * xs[0] * xs[1]

    x, y = Variable(2.0), Variable(3.0)
    Product()(x, y).backward(create_graph=True)
    slope = x.grad
    y.clear_grad()

    slope.backward()

    assert (9.0, 6.0) == (slope.item(), y.grad.item())


def test_second_derivatives_of_residuals_alone_are_refused():
    x = Variable([2.0])

    with pytest.raises(GraphError, match="create_graph needs its inputs"):
        MaxWithMask()(x).sum().backward(create_graph=True)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (xdl.exp, ([1.0], [1.0])),
        (xdl.exp, ()),
        (xdl.add, (1.0,)),
        (xdl.where, ([True],) * 4),
    ],
)
def test_a_wrong_number_of_inputs_is_refused(op, inputs):
    with pytest.raises((TypeError, ShapeError)):
        op(*inputs)


def test_flops_are_one_per_element_unless_the_operation_says_otherwise():
    flops = Scale().flops((2, 3), (2, 3)), xdl.matmul.flops((2, 4), (2, 3), (3, 4))

    assert (6, 48) == flops


@pytest.mark.parametrize(
    ("shapes", "result"),
    [
        (((2, 3), (3,)), (2, 3)),
        (((3, 1), (1, 4)), (3, 4)),
        (((), (2,)), (2,)),
        (((0, 3), (1, 3)), (0, 3)),
        (((),), ()),
    ],
)
def test_broadcast_shapes_agrees_with_numpy(shapes, result):
    assert result == broadcast_shapes("Add", shapes) == np.broadcast_shapes(*shapes)


def test_broadcast_shapes_refuses_and_names_who_and_what():
    with pytest.raises(
        ShapeError, match=r"Add: shapes \(2, 3\) and \(4,\) do not broadcast"
    ):
        broadcast_shapes("Add", ((2, 3), (4,)))


def test_a_shape_error_names_every_input_and_its_variable():
    x, w = Variable(np.ones((3, 4))), Variable(np.ones((5, 2)), name="weight")

    with pytest.raises(ShapeError, match=r'\(x1 \(3, 4\), x2 \(5, 2\) "weight"\)'):
        x @ w


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_error_that_is_no_shape_error_is_passed_on(count):
    class Failing(Op):
        def compute(self, xp, *xs):
            raise KeyError("lost")

        def gradient(self, xp, gy):
            return (None,)

    with pytest.raises(KeyError, match="lost"):
        Failing()(*[Variable([1.0])] * count)


@pytest.mark.parametrize("arity", [1, 2])
def test_an_error_of_the_short_way_is_passed_on(arity):
    class FailsOnce(Op):
        def compute(self, xp, x):
            raise KeyError("lost")

        def gradient(self, xp, gy):
            return (gy,)

    class FailsTwice(Op):
        def compute(self, xp, x, z):
            raise KeyError("lost")

        def gradient(self, xp, gy):
            return (gy, gy)

    with pytest.raises(KeyError, match="lost"):
        (FailsOnce, FailsTwice)[arity - 1]()(*[Variable([1.0])] * arity)

"""Variable: its value, its gradient and its switches."""

import numpy as np
import pytest

from xdl import DtypeError, GraphError, ShapeError, Variable, set_debug


def test_variable_copies_the_array_it_is_given():
    array = np.ones(3, np.float32)

    variable = Variable(array)
    array[0] = 7

    assert [1.0, 1.0, 1.0] == variable.numpy().tolist()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.0, "float32"),
        ([1.0, 2.0], "float32"),
        ([], "float32"),
        ([[1, 2.5]], "float32"),
        (3, "int64"),
        (True, "bool"),
        (np.float64(2), "float32"),
        (np.ones(2), "float64"),
        (np.ones(2, np.float16), "float16"),
        (np.ones(2, np.uint8), "uint8"),
        (Variable(np.ones(2)), "float64"),
    ],
)
def test_variable_keeps_an_arrays_dtype_and_takes_python_floats_as_float32(
    value, dtype
):
    variable = Variable(value)

    assert dtype == str(variable.dtype)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64"), float])
def test_variable_converts_to_the_dtype_asked_for(dtype):
    variable = Variable([1, 2], dtype=dtype)

    assert np.float64 == variable.dtype
    assert variable.trainable


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[D]", "nonsense", object])
def test_variable_refuses_a_dtype_that_is_not_for_real_numbers(dtype):
    with pytest.raises(DtypeError):
        Variable([1.0], dtype=dtype)


@pytest.mark.parametrize(
    ("value", "trainable"), [([1.0], True), ([1], False), ([True], False)]
)
def test_trainable_is_true_for_floating_dtypes_alone(value, trainable):
    variable = Variable(value)

    assert trainable is variable.trainable


@pytest.mark.parametrize("value", [[1], [True]])
def test_trainable_integers_and_booleans_are_refused(value):
    with pytest.raises(
        DtypeError, match="cannot be trainable, needed a floating dtype"
    ):
        Variable(value, trainable=True)


def test_trainable_can_be_switched_on_a_leaf():
    frozen = Variable([1.0], trainable=False)

    frozen.trainable = True
    (frozen * 3).backward()

    assert [3.0] == frozen.grad.tolist()


def test_switching_trainable_on_twice_keeps_the_gradient():
    x = Variable([2.0])
    (x * 3).backward()

    x.trainable = True

    assert [3.0] == x.grad.tolist()


def test_switching_trainable_off_forgets_the_gradient():
    x = Variable([2.0])
    (x * 3).backward()

    x.trainable = False

    assert x.grad is None
    assert not (x * 3).trainable


@pytest.mark.parametrize("attribute", ["value", "trainable"])
def test_the_result_of_an_operation_cannot_be_set(attribute):
    y = Variable([1.0], name="w") * 2

    with pytest.raises(GraphError, match="result of Multiply, needed a Variable that"):
        setattr(y, attribute, False)


def test_variable_tells_its_shape_size_dtype_and_device():
    x = Variable(np.zeros((2, 3, 0), np.float64))

    told = (x.shape, x.ndim, x.size, x.dtype, x.device)

    assert ((2, 3, 0), 3, 0, np.float64, "cpu") == told


def test_name_is_none_until_it_is_given():
    x = Variable([1.0])
    y = x * 2

    x.name = "weight"

    assert ("weight", None) == (x.name, y.name)
    assert 'Variable "weight"' in str(
        pytest.raises(ShapeError, _set, x, [1.0, 2.0]).value
    )


def test_a_constant_and_a_result_can_be_named():
    constant, result = Variable([1]), Variable([1.0]) * 2

    constant.name, result.name = "labels", "scores"

    assert ("labels", "scores") == (constant.name, result.name)


def _set(variable, value):
    variable.value = value


class TestValue:
    """The array inside: who may write into it, and what a graph makes of that."""

    def test_value_of_a_leaf_is_the_array_itself(self):
        x = Variable([1.0, 2.0])

        x.value[0] = 7

        assert [7.0, 2.0] == x.numpy().tolist()

    @pytest.mark.parametrize(
        "variable",
        [
            Variable([1, 2]),
            Variable([1.0, 2.0], trainable=False),
            Variable([1.0, 2.0]) * 2,
        ],
        ids=["integers", "frozen", "result"],
    )
    def test_value_of_a_constant_or_a_result_is_read_only(self, variable):
        with pytest.raises(ValueError, match="read-only"):
            variable.value[0] = 7

    def test_assigning_casts_and_keeps_the_buffer_of_a_leaf(self):
        x = Variable([1.0, 2.0])
        buffer = x.value

        x.value = [3, 4]

        assert buffer is x.value
        assert (np.float32, [3.0, 4.0]) == (x.dtype, x.numpy().tolist())

    def test_assigning_copies_what_it_is_given(self):
        new = np.array([3, 4])
        constant = Variable([1, 2])

        constant.value = new
        new[0] = 9

        assert [3, 4] == constant.numpy().tolist()

    def test_assigning_to_a_constant_leaves_a_graph_that_holds_the_old_one(self):
        w, x = Variable([1.0, 1.0]), Variable([2.0, 3.0], trainable=False)
        loss = (w * x).sum()

        x.value = Variable([7.0, 7.0])
        loss.backward()

        assert [2.0, 3.0] == w.grad.tolist()

    def test_assigning_another_shape_is_refused(self):
        x = Variable([1.0, 2.0], name="w")

        with pytest.raises(
            ShapeError, match=r'"w".value: shape \(3,\) came, needed \(2,\)'
        ):
            x.value = [1.0, 2.0, 3.0]

        assert [1.0, 2.0] == x.numpy().tolist()

    @pytest.mark.parametrize(
        "write",
        [
            lambda x: x.value.__setitem__(0, 7),
            lambda x: setattr(x, "value", [7.0, 7.0]),
            lambda x: x.value.sort(),
            lambda x: np.multiply(x.value, 2, out=x.value),
        ],
        ids=["item", "assignment", "method", "out"],
    )
    def test_a_write_between_use_and_backward_is_refused_by_name(self, write):
        x = Variable([2.0, 1.0], name="w")
        loss = (x * x).sum()

        write(x)

        with pytest.raises(GraphError, match="w.*changed after"):
            loss.backward()
        assert x.grad is None

    def test_an_augmented_assignment_between_use_and_backward_is_refused(self):
        x = Variable([2.0, 1.0])
        loss = (x * x).sum()

        x.value += 1

        with pytest.raises(GraphError, match="changed after"):
            loss.backward()

    def test_debug_mode_sees_a_write_through_an_array_taken_before_the_use(self):
        x = Variable([2.0, 1.0])
        alias = x.value
        set_debug(True)

        try:
            loss = (x * x).sum()
            alias[0] = 7
            with pytest.raises(GraphError, match="changed after"):
                loss.backward()
        finally:
            set_debug(False)

    @pytest.mark.parametrize(
        "value", [[2.0, 1.0], [np.nan, 1.0]], ids=["numbers", "NaN"]
    )
    def test_reading_the_value_between_use_and_backward_is_allowed(self, value):
        x = Variable(value)
        loss = (x * 3).sum()

        read = [x.value.shape, x.value.shape]
        loss.backward()

        assert [(2,), (2,)] == read
        assert [3.0, 3.0] == x.grad.tolist()

    def test_a_graph_made_after_a_write_has_the_new_values(self):
        x = Variable([2.0, 1.0])
        stale = (x * x).sum()
        x.value[0] = 7
        pytest.raises(GraphError, stale.backward)

        (x * x).sum().backward()

        assert [14.0, 2.0] == x.grad.tolist()


class TestGradient:
    """What ``grad`` holds, and when."""

    def test_grad_is_none_until_a_backward_reaches_it(self):
        x, unused = Variable([1.0]), Variable([1.0])

        (x * 2).backward()

        assert (None, [2.0]) == (unused.grad, x.grad.tolist())

    def test_grad_of_a_constant_is_none(self):
        x = Variable([1])

        x.clear_grad()

        assert x.grad is None

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 4)])
    def test_grad_is_an_array_of_its_variables_shape_and_dtype(self, shape, dtype):
        x = Variable(np.ones(shape, dtype))

        (x * x).sum().backward()

        assert (np.ndarray, shape, dtype) == (
            type(x.grad),
            x.grad.shape,
            str(x.grad.dtype),
        )

    def test_grads_of_intermediate_variables_are_kept(self):
        x = Variable([2.0])
        y = x * 3
        z = y * y

        z.backward()

        assert ([1.0], [12.0], [36.0]) == tuple(v.grad.tolist() for v in (z, y, x))

    def test_clear_grad_forgets(self):
        x = Variable([2.0])
        (x * 3).backward()

        x.clear_grad()

        assert x.grad is None

    def test_grad_can_be_set_and_is_added_to(self):
        x = Variable([2.0])

        x.grad = [5]
        (x * 3).backward()

        assert (np.float32, [8.0]) == (x.grad.dtype, x.grad.tolist())

    def test_setting_grad_to_none_clears_it(self):
        x = Variable([2.0])
        x.grad = [5.0]

        x.grad = None

        assert x.grad is None

    def test_setting_grad_of_another_shape_or_of_a_constant_is_refused(self):
        with pytest.raises(ShapeError, match=r"grad: shape \(2,\) came, needed \(1,\)"):
            Variable([2.0]).grad = [1.0, 2.0]
        with pytest.raises(GraphError, match="not trainable"):
            Variable([2]).grad = [1.0]

    def test_grads_of_two_variables_do_not_share_memory(self):
        x, y = Variable([1.0, 2.0]), Variable([3.0, 4.0])
        (x + y).backward(np.ones(2, np.float32))

        x.grad[0] = 9

        assert [1.0, 1.0] == y.grad.tolist()

    def test_the_seed_of_a_backward_is_left_as_it_was(self):
        x, seed = Variable([1.0, 2.0]), np.ones(2, np.float32)
        (x + 0.0).backward(seed)

        x.grad[0] = 9

        assert [1.0, 1.0] == seed.tolist()

    def test_backward_from_a_leaf_gives_it_its_seed(self):
        x, seed = Variable([1.0, 2.0]), np.array([3.0, 4.0], np.float32)

        x.backward(seed)
        seed[0] = 9

        assert [3.0, 4.0] == x.grad.tolist()

    def test_a_seed_may_be_a_variable_a_list_or_a_number(self):
        x = Variable([1.0])

        (x * 1).backward(Variable([2.0]))
        (x * 1).backward([3])
        Variable.backward(x.sum(), 4)

        assert [9.0] == x.grad.tolist()

    def test_create_graph_makes_grad_a_variable(self):
        x = Variable(3.0)
        (x**3).backward(create_graph=True)
        slope = x.grad
        x.clear_grad()

        slope.backward(create_graph=True)
        curvature = x.grad
        x.clear_grad()
        curvature.backward()

        assert (27.0, 18.0, 6.0) == (slope.item(), curvature.item(), x.grad.item())

    def test_create_graph_takes_a_variable_as_its_seed(self):
        x, seed = Variable(3.0), Variable(1.0)
        (x * x).backward(seed, create_graph=True)
        slope = x.grad

        slope.backward()

        assert (6.0, 6.0) == (slope.item(), seed.grad.item())

"""set_matmul_precision and autocast: which numbers are rounded, and which are not."""

import threading

import ml_dtypes
import numpy as np
import pytest

import xdl
from tests.support.operations import cases_of, with_cases
from tests.support.precisions import NAMES, asked, rounded
from xdl import Variable
from xdl.core import mode
from xdl.testing import draw_inputs

every_name = pytest.mark.parametrize("name", NAMES)
RNG = np.random.default_rng(0)
A, B = (RNG.standard_normal(shape, "f4") for shape in ((5, 7), (7, 3)))


@pytest.fixture(autouse=True)
def _usual_mode():
    yield
    mode._mode.set(None)


# Products.


@every_name
def test_inputs_are_rounded_and_products_added_in_float32(name):
    with asked(name):
        y = Variable(A) @ Variable(B)

    np.testing.assert_array_equal(rounded(A, name) @ rounded(B, name), y.numpy())
    assert np.float32 == y.dtype


@every_name
def test_gradients_are_products_of_rounded_inputs(name):
    x, w = Variable(A), Variable(B)
    gy = RNG.standard_normal((5, 3), "f4")

    with asked(name):
        y = x @ w
    y.backward(gy)

    g = rounded(gy, name)
    np.testing.assert_array_equal(g @ rounded(B, name).T, x.grad)
    np.testing.assert_array_equal(rounded(A, name).T @ g, w.grad)
    assert np.float32 == w.grad.dtype


def test_medium_is_bfloat16():
    with xdl.set_matmul_precision("medium"):
        medium = Variable(A) @ Variable(B)

    with xdl.autocast("bfloat16"):
        np.testing.assert_array_equal((Variable(A) @ B).numpy(), medium.numpy())


def test_highest_is_what_it_ever_was():
    with xdl.set_matmul_precision("highest"):
        y = Variable(A) @ Variable(B)

    np.testing.assert_array_equal(np.dot(A, B), y.numpy())


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int64"])
@every_name
def test_arrays_of_other_dtypes_are_multiplied_as_ever(name, dtype):
    dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    x, w = Variable((3 * A).astype(dtype)), Variable((3 * B).astype(dtype))
    expected = (x @ w).numpy()

    with asked(name):
        found = x @ w

    np.testing.assert_array_equal(expected, found.numpy())


def test_the_operations_that_multiply_matrices_are_these():
    names = {cls.__name__ for cls in with_cases() if cls.multiplies}

    parts = ("", "ByInput", "ByWeight")
    convolutions = {f"Conv{n}d{part}" for n in (2, 3) for part in parts}
    recurrent = {"Rnn", "Gru", "Lstm"}
    products = {"Matmul", "Linear", "Einsum", "ScaledDotProductAttention"}
    assert convolutions | recurrent | products | {"Conv1d"} == names


def _is_plain(op_class, case):
    return not op_class.multiplies


@pytest.mark.parametrize(("op_class", "case"), cases_of(has=_is_plain))
def test_all_other_operations_give_the_same_to_the_bit(op_class, case):
    op, inputs = op_class(**case.options), draw_inputs(case, "float32")
    random = xdl.backend.random.state()
    expected = op(*inputs).numpy()

    xdl.backend.random.restore(random)
    with xdl.autocast("bfloat16"):
        found = op(*inputs)

    np.testing.assert_array_equal(expected, found.numpy())


OPERATIONS = {
    "matmul of stacks": (xdl.matmul, (2, 4, 6), (6, 5)),
    "matmul with a vector": (xdl.matmul, (4, 6), (6,)),
    "linear": (xdl.linear, (2, 4, 6), (6, 5)),
    "einsum": (lambda x, w: xdl.einsum("bij,jk->kbi", x, w), (2, 4, 6), (6, 5)),
    "tensordot": (lambda x, w: xdl.tensordot(x, w, 1), (2, 4, 6), (6, 5)),
    "conv1d": (xdl.conv1d, (2, 3, 9), (4, 3, 3)),
    "conv2d": (xdl.conv2d, (2, 3, 6, 6), (4, 3, 3, 3)),
    "conv2d of points": (xdl.conv2d, (2, 3, 6, 6), (4, 3, 1, 1)),
    "conv3d": (xdl.conv3d, (2, 2, 4, 4, 4), (3, 2, 2, 2, 2)),
    "conv_transpose2d": (xdl.conv_transpose2d, (2, 3, 4, 4), (3, 2, 3, 3)),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@every_name
def test_products_are_those_of_inputs_that_were_rounded_before(operation, name):
    function, *shapes = OPERATIONS[operation]
    arrays = [RNG.standard_normal(shape, "f4") for shape in shapes]
    expected = function(*[Variable(rounded(x, name)) for x in arrays])

    with asked(name):
        found = function(*map(Variable, arrays))

    np.testing.assert_array_equal(expected.numpy(), found.numpy())


# Gradients.


def _loss(x, w):
    return xdl.sum(xdl.tanh(x @ w) ** 2)


def _gradients(forward, backward):
    x, w = Variable(A), Variable(B)
    with asked(forward) if forward else xdl.autocast(enabled=False):
        loss = _loss(x, w)
    with asked(backward) if backward else xdl.autocast(enabled=False):
        loss.backward()
    return np.concatenate([x.grad.ravel(), w.grad.ravel()])


@pytest.mark.parametrize(
    ("forward", "backward"), [("bfloat16", None), (None, "float16")]
)
def test_a_backward_is_as_precise_as_its_forward(forward, backward):
    expected = _gradients(forward, forward)

    found = _gradients(forward, backward)

    np.testing.assert_array_equal(expected, found)
    assert not np.array_equal(_gradients("tfloat32", None), found)


@pytest.mark.parametrize("backward", [None, "tfloat32", "bfloat16"])
@pytest.mark.parametrize("forward", [None, *NAMES])
def test_gradients_with_a_graph_are_those_without(forward, backward):
    x, w = Variable(A), Variable(B)
    with asked(forward) if forward else xdl.autocast(enabled=False):
        loss = _loss(x, w)
    with asked(backward) if backward else xdl.autocast(enabled=False):
        loss.backward(create_graph=True)

    found = np.concatenate([v.grad.numpy().ravel() for v in (x, w)])
    np.testing.assert_allclose(_gradients(forward, None), found, rtol=1e-6)


@every_name
def test_gradients_of_gradients_have_rounded_inputs_too(name):
    x, w, v = Variable(A), Variable(B), RNG.standard_normal((7, 3), "f4")

    with asked(name):
        y = xdl.sum((x @ w) * 2.0)
    y.backward(create_graph=True)
    gradient = w.grad
    w.clear_grad()
    x.clear_grad()
    xdl.sum(gradient * v).backward()  # by x: 2 times ones @ v.T

    two = np.full((5, 3), 2, "f4")
    np.testing.assert_allclose(two @ rounded(v, name).T, x.grad, rtol=1e-6)


def test_a_function_computed_again_is_as_precise_as_before():
    expected = _gradients("bfloat16", None)
    x, w = Variable(A), Variable(B)

    with xdl.autocast():
        loss = xdl.recompute(_loss)(x, w)
    loss.backward()

    found = np.concatenate([x.grad.ravel(), w.grad.ravel()])
    np.testing.assert_array_equal(expected, found)


def test_debug_mode_finds_a_product_that_overflows_float16():
    x = Variable([[70_000.0, -70_000.0]])
    xdl.set_debug(True)

    with (
        xdl.autocast("float16"),
        pytest.raises(xdl.NonFiniteError, match="Matmul"),
    ):
        x @ Variable([[1.0], [1.0]])


# The switches.


def _is_rounded():
    return Variable([[1 + 2**-12]]) @ Variable([[1.0]]) == 1


def test_autocast_ends_with_its_block_also_after_an_error():
    with pytest.raises(KeyError), xdl.autocast():
        inside = bool(_is_rounded())
        raise KeyError

    assert (True, False) == (inside, bool(_is_rounded()))


def test_blocks_nest_and_the_inner_one_counts():
    with xdl.autocast("bfloat16"):
        with xdl.autocast("float16"):
            inner = (Variable([[1 + 2**-9]]) @ Variable([[1.0]])).item()
        with xdl.autocast(enabled=False):
            off = bool(_is_rounded())
        again = (Variable([[1 + 2**-9]]) @ Variable([[1.0]])).item()

    assert (1 + 2**-9, False, 1.0) == (inner, off, again)


def test_within_a_disabled_autocast_the_precision_of_products_counts():
    with xdl.set_matmul_precision("high"), xdl.autocast(enabled=False):
        y = Variable([[1 + 2**-9, 1 + 2**-12]]) @ Variable([[1.0], [1.0]])

    assert 2 + 2**-9 == y.item()


def test_autocast_is_a_decorator_of_functions_and_generators():
    @xdl.autocast("bfloat16")
    def call():
        return bool(_is_rounded())

    @xdl.autocast("bfloat16")
    def generate():
        yield bool(_is_rounded())

    results = [call(), bool(_is_rounded())]
    for inside in generate():
        results += [inside, bool(_is_rounded())]

    assert [True, False, True, False] == results


def test_autocast_and_no_grad_do_not_disturb_each_other():
    w = Variable([[1 + 2**-12]])

    with xdl.autocast(), xdl.no_grad():
        y = w @ w
    z = w @ w

    assert (False, 1.0, True) == (y.trainable, y.item(), z.trainable)
    assert z.item() != 1


def test_a_precision_is_chosen_until_another_is():
    xdl.set_matmul_precision("medium")
    first = bool(_is_rounded())
    name = xdl.get_matmul_precision()
    xdl.set_matmul_precision("highest")

    assert (True, "medium", False) == (first, name, bool(_is_rounded()))


def test_a_block_of_a_precision_ends():
    with xdl.set_matmul_precision("high"):
        with xdl.set_matmul_precision("medium"):
            inner = xdl.get_matmul_precision()
        outer = xdl.get_matmul_precision()

    assert ("medium", "high", "highest") == (inner, outer, xdl.get_matmul_precision())


def test_threads_do_not_see_each_others_precision():
    seen = []

    def look():
        seen.append((bool(_is_rounded()), xdl.get_matmul_precision()))

    with xdl.autocast(), xdl.set_matmul_precision("medium"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    assert [(False, "highest")] == seen


@pytest.mark.parametrize("dtype", ["float16", np.float16, np.dtype("float16")])
def test_a_dtype_may_come_as_a_name_or_as_itself(dtype):
    with xdl.autocast(dtype):
        assert _is_rounded()


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.dtype(ml_dtypes.bfloat16)])
def test_bfloat16_may_come_as_the_dtype_of_ml_dtypes(dtype):
    with xdl.autocast(dtype):
        assert _is_rounded()


@pytest.mark.parametrize("dtype", ["float32", "float64", np.int8, "byte", None, 16])
def test_autocast_refuses_other_dtypes(dtype):
    with pytest.raises(xdl.DtypeError, match="needed 'bfloat16' or 'float16'"):
        xdl.autocast(dtype)


@pytest.mark.parametrize("precision", ["tf32", "", None, 10, "HIGH"])
def test_other_precisions_are_refused_and_nothing_changes(precision):
    with pytest.raises(xdl.ArgumentError, match="'highest', 'high', 'medium'"):
        xdl.set_matmul_precision(precision)

    assert "highest" == xdl.get_matmul_precision()

"""Bad input: what is refused, by which error, and that nothing has changed then.

The number in a test's id counts the kinds of bad input; kinds that need what is not
built yet (checkpoints, convolutions, Adam, a GPU) have their numbers reserved.
"""

import math

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from xdl import SGD, DtypeError, EmptyBatchError, LabelError, Variable
from xdl.nn import Linear


def _zeros(*shape):
    return Variable(np.zeros(shape, np.float32), name="x")


SCORES = np.array([[1.0, 2.0, 0.5], [0.1, 0.2, 0.3]], np.float32)


@fault(1, xdl.mean_squared_error, xdl.square_error)
def test_loss_of_a_row_and_a_column_is_refused(case):
    with pytest.raises(ValueError, match=r"x \(4,\) and target \(4, 1\)"):
        case(_zeros(4), _zeros(4, 1))


@fault(2, xdl.mean_squared_error, xdl.square_error)
def test_loss_of_a_column_and_a_row_is_refused(case):
    with pytest.raises(ValueError, match=r"x \(4, 1\) and target \(1, 4\)"):
        case(_zeros(4, 1), _zeros(1, 4))


@fault(
    3, {}, {"label_smoothing": 0.1}, {"weight": [1.0, 1.0, 1.0]}, {"ignore_index": -1}
)
def test_a_label_above_the_classes_is_refused_with_its_position(case):
    with pytest.raises(
        LabelError, match=r"position 1 holds 3, needed 0 to 2 \(3 classes"
    ):
        xdl.softmax_cross_entropy(_zeros(2, 3), [0, 3], **case)


@fault(4, np.int64, np.int8, np.int32)
def test_a_negative_label_is_never_the_last_class(case):
    with pytest.raises(LabelError, match="position 0 holds -1"):
        xdl.softmax_cross_entropy(_zeros(2, 3), np.array([-1, 0], case))


@fault(5, -1, 0, 255)
def test_a_loss_whose_labels_are_all_ignored_is_0_with_gradients_of_0(case):
    scores = Variable(SCORES)

    loss = xdl.softmax_cross_entropy(scores, [case, case], ignore_index=case)
    loss.backward()

    assert 0.0 == loss.item()
    assert not scores.grad.any()


@fault(
    6,
    (np.array([0.0, 1.0]), TypeError, "target is float64, needed integer labels"),
    (np.array([True, False]), TypeError, "target is bool, needed integer labels"),
    (np.array([[0], [1]]), ValueError, r"target has shape \(2, 1\), needed \(2,\)"),
    names=("labels", "error", "said"),
)
def test_labels_that_are_no_row_of_integers_are_refused(labels, error, said):
    with pytest.raises(error, match=said):
        xdl.softmax_cross_entropy(_zeros(2, 3), labels)


@fault(7, "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
def test_labels_of_every_integer_dtype_give_the_same_loss_and_gradient(case):
    scores, again = Variable(SCORES), Variable(SCORES)

    loss = xdl.softmax_cross_entropy(scores, np.array([2, 0], case))
    expected = xdl.softmax_cross_entropy(again, [2, 0])
    loss.backward()
    expected.backward()

    assert expected.item() == loss.item()
    assert again.grad.tolist() == scores.grad.tolist()


@fault(8, "float16", "float32", "float64")
@pytest.mark.parametrize("options", [{}, {"weight": [1.0, 1.0]}], ids=["", "weighted"])
def test_large_scores_give_a_finite_loss_and_finite_gradients(case, options):
    scores = Variable([[1e4, -1e4], [1000.0, 1000.0]], dtype=case)

    loss = xdl.softmax_cross_entropy(scores, [0, 1], **options)
    loss.backward()

    precision = 4 * float(np.finfo(case).eps)
    assert math.log(2) / 2 == pytest.approx(loss.item(), rel=precision)
    np.testing.assert_allclose(scores.grad, [[0.0, 0.0], [0.25, -0.25]], rtol=precision)


@fault(9, np.nan, np.inf)
def test_scores_that_are_not_finite_are_passed_on_as_nan(case):
    loss = xdl.softmax_cross_entropy(Variable([[case, 0.0]]), [0])

    assert math.isnan(loss.item())


@fault(
    10,
    lambda layer, x: layer(x),
    lambda layer, x: xdl.relu(layer(x)),
    lambda layer, x: x @ layer.weight + layer.bias,
)
def test_an_empty_batch_passes_and_its_weight_gradients_are_zeros(case):
    layer = Linear(3, 2)

    y = case(layer, np.zeros((0, 3), np.float32))
    y.sum().backward()

    assert (0, 2) == y.shape
    assert ([[0.0, 0.0]] * 3, [0.0, 0.0]) == (
        layer.weight.grad.tolist(),
        layer.bias.grad.tolist(),
    )


@fault(
    11,
    lambda: xdl.softmax_cross_entropy(_zeros(0, 3), np.zeros(0, int)),
    lambda: xdl.softmax_cross_entropy(
        _zeros(0, 3), np.zeros(0, int), label_smoothing=0.1
    ),
    lambda: xdl.square_error(_zeros(0, 3), _zeros(0, 3)),
    lambda: xdl.mean_squared_error(_zeros(0), _zeros(0)),
    lambda: xdl.mean(_zeros(0, 3)),
)
def test_a_mean_over_an_empty_batch_is_refused(case):
    with pytest.raises(EmptyBatchError, match=r"empty batch|no elements to average"):
        case()


@fault(13, (4, 5), (5,), (2, 4, 5))
def test_a_layer_refuses_another_number_of_features(case):
    with pytest.raises(
        ValueError, match=r"Linear\(3, 2\): .*5 features, weight needs 3"
    ):
        Linear(3, 2)(np.zeros(case, np.float32))


@fault(14, "int64", "uint8", "int8", "bool")
def test_a_layer_refuses_integers(case):
    with pytest.raises(TypeError, match="cast to float32"):
        Linear(3, 2)(np.zeros((4, 3), case))


@fault(15, np.float64, np.float16)
def test_raw_data_follows_a_float32_model(case):
    layer = Linear(3, 2)

    y = layer(np.ones((4, 3), case))
    y.sum().backward()
    SGD(layer, lr=0.1).update()

    assert {np.dtype("float32")} == {y.dtype, layer.weight.dtype, layer.bias.dtype}


@fault(15, ("float32", "float64"), ("float64", "float16"))
def test_variables_of_two_floating_dtypes_are_refused(case):
    a, b = (Variable([1.0], name, dtype=d) for name, d in zip("ab", case, strict=True))

    with pytest.raises(DtypeError, match=f'"a" is {case[0]}, .*"b" is {case[1]}'):
        a * b


@fault(16, np.float64(0.5), np.float64(0.1), 0.1, 2, np.int64(2))
def test_scalars_never_widen_a_model(case):
    w = Variable([1.0, 2.0])
    optimizer = SGD([w], lr=np.float64(0.1), momentum=np.float64(0.5))

    for _ in range(100):
        (w * case - case / (w * w + 1) + case).sum().backward()
        optimizer.update()

    assert (np.float32, np.float32) == (w.dtype, optimizer.state["velocity/0"].dtype)


@fault(
    17,
    (np.array([object()]), "object"),
    ("text", "str"),
    (["a", "b"], "str"),
    (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
    (np.zeros(2, [("a", "f4")]), "void"),
    (np.zeros(2, np.complex64), "complex64"),
    (1j, "complex128"),
    ([[1, 2], [3]], "lists of the lengths 1, 2"),
    (None, "None|object"),
    ([None], "object"),
    ({"a": 1}, "object"),
    (b"bytes", "bytes"),
    names=("value", "named"),
)
@pytest.mark.parametrize(
    "use", [Variable, xdl.exp, lambda v: Variable([1.0, 2.0]) + v, Linear(2, 2)]
)
def test_what_are_no_real_numbers_is_refused_by_its_dtype(use, value, named):
    with pytest.raises(TypeError, match=named):
        use(value)


def _layouts(array, folder):
    mapped = np.memmap(folder / "x", array.dtype, "w+", shape=array.shape)
    mapped[:] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    wide = np.repeat(array, 2, axis=1)
    return {
        "18-big endian": array.astype(">f4"),
        "18-F order": np.asfortranarray(array),
        "18-strided": wide[:, ::2],
        "18-negative stride": array[::-1, ::-1].copy()[::-1, ::-1],
        "18-read-only": read_only,
        "18-memmap": mapped,
        "18-transposed": array.T.copy().T,
    }


@pytest.mark.parametrize(
    "layout",
    [
        "18-big endian",
        "18-F order",
        "18-strided",
        "18-negative stride",
        "18-read-only",
        "18-memmap",
        "18-transposed",
    ],
)
def test_memory_layout_changes_no_value_no_gradient_and_no_input(layout, tmp_path):
    plain = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    other = _layouts(plain, tmp_path)[layout]
    before = other.tobytes()

    def run(array):
        x, w = Variable(array, dtype="float32"), Variable(np.ones((3, 2), np.float32))
        y = xdl.log_softmax(xdl.tanh(x) @ w + (array @ np.ones((3, 2))))
        (y * y + xdl.linear(array, w)).sum().backward()
        return y.numpy().tolist(), x.grad.tolist(), w.grad.tolist()

    assert run(plain) == run(other)
    assert before == other.tobytes()


@fault(18, np.broadcast_to(np.float32(2.0), (2, 3)), np.array(2.0, np.float32))
def test_broadcast_and_0d_inputs_are_taken_like_copies(case):
    x, copied = Variable(case), Variable(case.copy())

    (x * x + case).sum().backward()
    (copied * copied + case.copy()).sum().backward()

    assert copied.grad.tolist() == x.grad.tolist()


@fault(19, (0,), (3, 0, 2))
@pytest.mark.parametrize(
    "name", ["exp", "tanh", "negative", "relu", "sum", "abs", "any", "all"]
)
def test_empty_arrays_have_numpys_shapes(name, case):
    y = getattr(xdl, name)(_zeros(*case))

    assert (() if name in ("sum", "any", "all") else case) == y.shape


@fault(19, (0,), (3, 0, 2))
@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "logsumexp"])
def test_an_extreme_of_nothing_is_refused(name, case):
    with pytest.raises(ValueError, match="has no elements"):
        getattr(xdl, name)(_zeros(*case))


@fault(21, (-1, -1), (4, -1), (5,), (-2, 3), (0, -1))
def test_a_shape_that_does_not_fit_is_refused(case):
    with pytest.raises(ValueError, match="Reshape"):
        xdl.reshape(_zeros(6), case)


@fault(
    24,
    lambda table: xdl.take(table, [0, 3]),
    lambda table: xdl.take(table, [-4]),
    lambda table: table[3],
    lambda table: table[-4],
    lambda table: table[[0, 3]],
    lambda table: table[:, np.array([2])],
    lambda table: table[0, 0, 0],
    lambda table: xdl.index_add(table, [3], 1.0),
)
def test_an_index_outside_its_axis_is_refused(case):
    with pytest.raises(IndexError, match="out of bounds|too many indices"):
        case(_zeros(3, 2))


@fault(
    25,
    lambda x: x[[0, 0, 2]],
    lambda x: x[np.array([0, 0, 2]),],
    lambda x: xdl.take(x, [0, 0, 2]),
    lambda x: xdl.concat([x[0:1], x[::2]]),
)
def test_gradients_of_elements_picked_twice_add_up(case):
    x = Variable([1.0, 2.0, 3.0])

    case(x).sum().backward()

    assert [2.0, 0.0, 1.0] == x.grad.tolist()

"""Raw data and numbers take a model's dtype and device; two Variables must agree."""

import numpy as np
import pytest

import xdl
from tests.support.strict import CPU, DEVICE1

DTYPES = ["float16", "float32", "float64"]


def _weight(dtype="float32", device="cpu", name="weight"):
    return xdl.Variable(np.asarray([1.0, 2.0], dtype), name).to(device)


# Row 15: dtypes of data.


@pytest.mark.parametrize("weight_dtype", DTYPES)
@pytest.mark.parametrize("data_dtype", [*DTYPES, "int8", "int64", "uint8", "bool"])
def test_raw_array_takes_dtype_of_weight(weight_dtype, data_dtype):
    w = _weight(weight_dtype)

    y = w * np.asarray([1, 0], data_dtype)
    y.sum().backward()

    assert w.dtype == y.dtype == w.grad.dtype == weight_dtype
    assert [1.0, 0.0] == y.numpy().tolist()


@pytest.mark.parametrize("weight_dtype", DTYPES)
def test_raw_array_on_the_left_takes_dtype_of_weight(weight_dtype):
    y = np.asarray([0.5, 4.0]) - _weight(weight_dtype)

    assert isinstance(y, xdl.Variable)
    assert weight_dtype == y.dtype
    assert [-0.5, 2.0] == y.numpy().tolist()


@pytest.mark.parametrize("weight_dtype", DTYPES)
def test_data_through_several_operations_takes_dtype_of_weight(weight_dtype):
    pixels = np.asarray([[16, 0], [8, 4]], "uint8")

    scaled = xdl.expand_dims(xdl.divide(pixels, 16.0), 0)
    y = xdl.sum(scaled, axis=0) @ _weight(weight_dtype)

    assert weight_dtype == y.dtype
    assert [1.0, 1.0] == y.numpy().tolist()


def test_same_data_meets_weights_of_two_dtypes():
    data = xdl.square(np.asarray([0.1, 0.2]))

    narrow, wide = data * _weight("float32"), data * _weight("float64")

    assert (np.float32, np.float64) == (narrow.dtype, wide.dtype)
    assert np.square([0.1, 0.2])[0] == wide[0].item()


def test_detached_data_is_still_data():
    data = xdl.square(np.asarray([1.0, 3.0])).detach()

    assert np.float32 == (data * _weight()).dtype


def test_model_stays_float32_when_trained_on_float64_arrays(rng):
    model = xdl.LinearModel(3, 2)
    optimizer = xdl.SGD(model.parameter, lr=0.1)

    model.forward(rng.standard_normal((4, 3)))
    loss = model.loss(np.asarray([0, 1, 1, 0], "int8"))
    model.backward()
    optimizer.update()

    assert np.float32 == loss.dtype
    assert [np.float32] == [v.dtype for v in model.parameter.variable_dict.values()]


@pytest.mark.parametrize(
    "function", [xdl.add, xdl.matmul, xdl.maximum, xdl.square_error]
)
def test_two_variables_of_two_dtypes_are_refused(function):
    with pytest.raises(xdl.DtypeError) as caught:
        function(_weight("float32", name="W"), _weight("float64", name="V"))

    assert '"W" is float32' in str(caught.value)
    assert '"V" is float64; convert one with .astype(dtype)' in str(caught.value)


def test_frozen_variables_of_two_dtypes_are_refused_too():
    frozen = xdl.Variable([1.0, 2.0], trainable=False, dtype="float64")

    with pytest.raises(xdl.DtypeError, match="float32.*float64"):
        _weight() * frozen


def test_result_of_a_weight_is_no_data():
    with pytest.raises(xdl.DtypeError, match="float32.*float64"):
        xdl.exp(_weight("float32")) * _weight("float64")


def test_variables_of_two_dtypes_meet_after_astype():
    y = _weight("float32").astype("float64") * _weight("float64")

    assert np.float64 == y.dtype


def test_integers_are_refused_where_they_would_be_an_accident():
    with pytest.raises(xdl.DtypeError, match="x1 is int64.*cast to float32 first"):
        xdl.matmul(np.asarray([[1, 2]]), _weight())


# Row 16: numbers never widen.


@pytest.mark.parametrize("weight_dtype", DTYPES)
@pytest.mark.parametrize(
    "number", [2, 2.0, True, np.float64(2), np.float32(2), np.float16(2), np.int64(2)]
)
def test_number_takes_dtype_of_weight(number, weight_dtype):
    w = _weight(weight_dtype)

    results = [w * number, number * w, w + number, number - w, w / number, w**number]

    assert {np.dtype(weight_dtype)} == {y.dtype for y in results}


def test_list_takes_dtype_of_weight():
    assert np.float32 == (_weight() * [0.5, 0.25]).dtype
    assert np.float64 == ([1, 2] + _weight("float64")).dtype


def test_list_keeps_its_digits_beside_a_float64_weight():
    assert 0.1 == (_weight("float64") * [0.1, 0.1])[0].item()


@pytest.mark.parametrize("value", [0.1, [0.1], np.float64(0.1)])
def test_variable_of_float64_keeps_the_digits(value):
    assert 0.1 == xdl.Variable(value, dtype="float64").item()


def test_learning_rate_of_float64_does_not_widen_weights():
    parameter = xdl.Parameter()
    w = parameter.get_variable("w", [2, 2])
    optimizer = xdl.SGD(parameter, lr=np.float64(0.1), momentum=np.float64(0.5))

    _train(w, optimizer, 100)

    assert np.float32 == w.dtype


def _train(w, optimizer, steps):
    for _ in range(steps):
        xdl.sum(w * w * np.float64(0.5)).backward()
        optimizer.update()


# Row 18: how data lies in memory.

LAYOUTS = {
    "big-endian": lambda x, path: x.astype(">f8"),
    "fortran": lambda x, path: np.asfortranarray(x),
    "strided": lambda x, path: np.repeat(x, 2, axis=1)[:, ::2],
    "negative-strided": lambda x, path: x[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda x, path: np.frombuffer(x.tobytes()).reshape(x.shape),
    "memmap": lambda x, path: _mapped(x, path),
    "float32": lambda x, path: x.astype("float32"),
}


def _mapped(x, path):
    x.tofile(path)
    return np.memmap(path, x.dtype, "r", shape=x.shape)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_data_changes_neither_loss_nor_gradient(layout, rng, tmp_path):
    plain = rng.standard_normal((4, 3)).astype("float32").astype("float64")
    given = LAYOUTS[layout](plain, tmp_path / "x.bin")
    before = given.tobytes()

    expected, actual = _loss_and_gradient(plain), _loss_and_gradient(given)

    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-5, atol=1e-7)
    assert before == given.tobytes()


def test_broadcast_data_gives_what_its_copy_gives(rng):
    given = np.broadcast_to(rng.standard_normal((1, 3)), (4, 3))

    expected, actual = _loss_and_gradient(given.copy()), _loss_and_gradient(given)

    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-5, atol=1e-7)


def _loss_and_gradient(x):
    w = xdl.Variable(np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2))
    loss = xdl.softmax_cross_entropy(xdl.matmul(x, w), [0, 1, 1, 0])
    loss.backward()
    return loss.item(), w.grad


# Row 62: devices. The strict backend's devices refuse to mix, as CUDA's do.


@pytest.mark.parametrize("device", [CPU, DEVICE1])
@pytest.mark.parametrize(
    "data", [np.asarray([0.5, 1.0]), [0.5, 1.0], 2, 0.5, np.float64(0.5), np.asarray(3)]
)
def test_raw_data_moves_to_the_device_of_the_weight(device, data):
    w = _weight(device=device)

    y = w * data
    y.sum().backward()

    expected = np.broadcast_to(np.asarray(data, "float32"), (2,))
    assert (device, "float32") == (y.device, xdl.backend.dtype_name(y.dtype))
    assert device == xdl.backend.device_of(w.grad)
    assert expected.tolist() == xdl.backend.to_numpy(w.grad).tolist()


def test_computed_data_moves_to_the_device_of_the_weight():
    data = xdl.exp(np.zeros((3, 2)))

    y = data @ _weight(device=DEVICE1)

    assert DEVICE1 == y.device
    assert [3.0, 3.0, 3.0] == y.numpy().tolist()


def test_labels_and_indices_move_to_the_device_of_the_weight():
    w = xdl.Variable([[0.0, 0.0], [2.0, 2.0]]).to(DEVICE1)

    loss = xdl.softmax_cross_entropy(
        xdl.take(w, [1, 0, 1]), np.asarray([0, 1, 1], "uint8")
    )

    assert DEVICE1 == loss.device
    np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-6)


@pytest.mark.parametrize("index", [[1, 0], np.asarray([True, True, False]), slice(2)])
def test_index_moves_to_the_device_of_the_weight(index):
    w = xdl.Variable([1.0, 2.0, 3.0]).to(DEVICE1)

    y = w[index]
    y.sum().backward()

    assert DEVICE1 == y.device
    assert [1.0, 1.0, 0.0] == xdl.backend.to_numpy(w.grad).tolist()


def test_number_moves_where_an_operation_takes_arrays_alone():
    y = xdl.square_error(xdl.Variable(3.0).to(DEVICE1), 1.0)

    assert (DEVICE1, 2.0) == (y.device, y.item())


def test_raw_array_of_a_device_moves_to_the_weight_on_the_cpu():
    data = xdl.Variable([3.0, 4.0]).to(DEVICE1).value

    y = xdl.multiply(data, _weight())

    assert ("cpu", [3.0, 8.0]) == (y.device, y.numpy().tolist())


def test_numbers_follow_raw_data_to_its_device():
    data = xdl.Variable([3.0, 4.0]).to(DEVICE1).value

    y = xdl.index_add(data, [0], 1.0)

    assert (DEVICE1, [4.0, 4.0]) == (y.device, y.numpy().tolist())


def test_host_array_follows_raw_data_to_its_device():
    data = xdl.Variable([3.0, 4.0]).to(DEVICE1).value

    y = xdl.add(np.asarray([1.0, 1.0], "float32"), data)

    assert (DEVICE1, [4.0, 5.0]) == (y.device, y.numpy().tolist())


@pytest.mark.parametrize(
    ("first", "second"), [("cpu", DEVICE1), (DEVICE1, "cpu"), (CPU, DEVICE1)]
)
def test_two_variables_on_two_devices_are_refused(first, second):
    with pytest.raises(xdl.DeviceError) as caught:
        _weight(device=first, name="W") + _weight(device=second, name="V")

    assert f'x1 (2,) "W" is on {first}' in str(caught.value)
    assert f'x2 (2,) "V" on {second}; move one with .to(device)' in str(caught.value)


def test_variables_on_two_devices_meet_after_to():
    y = _weight().to(DEVICE1) * _weight(device=DEVICE1)

    assert (DEVICE1, [1.0, 4.0]) == (y.device, y.numpy().tolist())


def test_use_device_makes_new_variables_there():
    with xdl.use_device(DEVICE1):
        v = xdl.Variable([1.0])

    assert (DEVICE1, "cpu") == (v.device, xdl.Variable([1.0]).device)

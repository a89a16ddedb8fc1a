"""The names of the CUDA namespace, and data that goes to a GPU and comes back."""

import importlib

import numpy as np
import pytest

import xdl
from xdl import backend
from xdl.backend import Device
from xdl.backend import numpy as host
from xdl.errors import LabelError

pytestmark = pytest.mark.gpu

GPU = Device("cuda:0")
NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)


@pytest.fixture
def xp():
    return importlib.import_module("xdl.backend.cupy")


@pytest.fixture(autouse=True)
def _on_the_cpu(_on_cuda):
    """Make Variables on the CPU, for these tests say themselves where."""
    with xdl.use_device("cpu"):
        yield


def _on_gpu(values, dtype="float32"):
    return backend.asarray(np.asarray(values, dtype), GPU)


def _names(module):
    """Return what a kernel may call: not what the namespace imports for itself."""
    return {
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and _is_own(value, module)
    }


def _is_own(value, module):
    home = getattr(value, "__module__", None) or ""
    parts = [f"xdl.backend.{name}" for name in ("scatter", "convolution", "rounding")]
    is_part = home in (module.__name__, *parts)
    return is_part or not home.startswith(("xdl.", "builtins"))


def test_namespace_has_the_names_of_numpys(xp):
    assert _names(host) == _names(xp)


# Indices.


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("wrong", [3, -4, 100])
@pytest.mark.parametrize(
    "call",
    [
        lambda x, i: x[[0, i]],
        lambda x, i: x[[0, 1], [0, i]],
        lambda x, i: x[..., [i]],
        lambda x, i: x[None, :, [i, 0]],
        lambda x, i: xdl.take(x, [0, i], axis=1),
        lambda x, i: xdl.index_add(x, [i, 0], 1.0),
    ],
)
def test_index_out_of_range_is_refused_on_both_devices(device, wrong, call):
    with xdl.use_device(device):
        x = xdl.Variable(np.ones((3, 3)))

    with pytest.raises(IndexError, match=f"{wrong} is out of bounds for axis"):
        call(x, wrong)


def test_take_along_axis_refuses_an_index_out_of_range(xp):
    with pytest.raises(IndexError, match="index 2 is out of bounds for axis 1"):
        xp.take_along_axis(_on_gpu([[1.0, 2.0]]), _on_gpu([[2]], "int64"), 1)


@pytest.mark.parametrize("labels", [[0, 3], [0, -1]])
def test_check_indices_names_the_first_wrong_one(xp, labels):
    with pytest.raises(
        LabelError, match=f"loss: position 1 holds {labels[1]}, needed 0"
    ):
        xp.check_indices(_on_gpu(labels, "int64"), 3, "loss", LabelError)


@pytest.mark.parametrize(
    "index",
    [
        (np.array([-1, 0]),),
        (np.array([-1, -3], np.int8), np.array([2, 0], np.uint8)),
        (Ellipsis, np.array([1, -1])),
        (None, slice(1), np.array([[0, 1], [2, 3]])),
        (np.array([True, False, True]),),
        (np.array([True, False, True]), np.array([1, 0])),
        (np.ones((3, 4), bool), None),
        (np.array([], np.int64),),
    ],
)
def test_getitem_picks_what_numpy_picks(xp, index, rng):
    x = rng.standard_normal((3, 4))
    moved = tuple(
        backend.asarray(part, GPU) if isinstance(part, np.ndarray) else part
        for part in index
    )

    y = xp.getitem(backend.asarray(x, GPU), moved)

    np.testing.assert_array_equal(y.get(), x[index])


@pytest.mark.parametrize("dtype", ["bool", *NUMBERS])
def test_scatter_add_sums_duplicates_and_leaves_its_input(xp, dtype):
    x, ones = _on_gpu([1, 0, 1], dtype), _on_gpu([1, 1, 1], dtype)
    index = (_on_gpu([0, 0, 2], "int64"),)

    y = xp.scatter_add(x, index, ones)

    assert dtype == y.dtype.name
    assert np.array([3, 0, 2]).astype(dtype).tolist() == y.get().tolist()
    assert np.array([1, 0, 1]).astype(dtype).tolist() == x.get().tolist()


def test_scatter_set_keeps_the_last_of_duplicates_and_leaves_its_input(xp):
    x, index = _on_gpu([1.0, 2.0, 3.0]), (_on_gpu([2, -1, 0, 2, 0], "int8"),)

    y = xp.scatter_set(x, index, _on_gpu([4.0, 5.0, 6.0, 7.0, 8.0]))

    assert [8.0, 2.0, 7.0] == y.get().tolist()
    assert [1.0, 2.0, 3.0] == x.get().tolist()


def test_scatter_set_takes_numbers_slices_and_masks(xp):
    x = _on_gpu([[1.0, 2.0], [3.0, 4.0]])

    column = xp.scatter_set(x, (slice(None), 0), 9.0)
    masked = xp.scatter_set(x, (x > 2,), _on_gpu([7.0, 8.0]))

    assert [[9.0, 2.0], [9.0, 4.0]] == column.get().tolist()
    assert [[1.0, 2.0], [7.0, 8.0]] == masked.get().tolist()


def test_scatter_set_refuses_an_index_outside(xp):
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0"):
        xp.scatter_set(_on_gpu([1.0, 2.0]), (_on_gpu([3], "int64"),), 1.0)


def test_scatter_add_takes_numbers_and_slices(xp):
    y = xp.scatter_add(_on_gpu([[1, 2], [3, 4]], "int64"), (slice(None), 0), -1)

    assert [[0, 2], [2, 4]] == y.get().tolist()


# Dtypes and products.


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("left", "right"),
    [((4, 8), (8, 3)), ((2, 4, 8), (8, 3)), ((2, 4, 8), (2, 8, 3)), ((8,), (8,))],
)
def test_matmul_in_16_bit_avoids_cupys_stacks(xp, dtype, left, right, rng):
    pytest.importorskip("ml_dtypes")
    x, w = rng.uniform(-1, 1, left), rng.uniform(-1, 1, right)
    moved = [xp.astype(backend.asarray(a, GPU), dtype) for a in (x, w)]

    y = xp.matmul(*moved)

    assert dtype == y.dtype.name
    np.testing.assert_allclose(y.get().astype("float64"), x @ w, atol=0.1)


@pytest.mark.parametrize("shapes", [((0, 2, 3), (3, 4)), ((2, 5, 0), (0, 4))])
def test_matmul_of_empty_stacks_has_numpys_shape(xp, shapes):
    left, right = (_on_gpu(np.ones(shape)) for shape in shapes)

    y = xp.matmul(left, right)

    assert (*shapes[0][:-1], 4) == y.shape


@pytest.mark.parametrize("name", ["new_zeros", "new_ones"])
def test_new_arrays_are_like_the_one_given(xp, name):
    y = getattr(xp, name)(_on_gpu([1.0], "float16"), (2,))

    assert ("float16", (2,), "cuda:0") == (y.dtype.name, y.shape, backend.device_of(y))


def test_views_do_not_own_their_memory(xp):
    x = _on_gpu([[1.0, 2.0]])

    assert xp.owns(x)
    assert not xp.owns(xp.reshape(x, (2,)))
    assert xp.read_only(x) is x


# Data follows the model.


def test_raw_array_that_meets_a_variable_on_the_gpu_is_moved():
    with xdl.use_device("cuda"):
        w = xdl.Variable([2.0, 3.0])

    y = w * np.array([10.0, 100.0])

    assert y.device == "cuda:0"
    assert [20.0, 300.0] == y.numpy().tolist()


def test_variables_on_two_devices_are_refused_by_name():
    x = xdl.Variable([1.0], name="x")
    with xdl.use_device("cuda"):
        w = xdl.Variable([1.0], name="w")

    with pytest.raises(xdl.DeviceError) as caught:
        x + w

    assert '"x" is on cpu' in str(caught.value)
    assert '"w" on cuda:0' in str(caught.value)


def test_variable_on_the_gpu_refuses_to_become_a_numpy_array():
    with xdl.use_device("cuda"):
        x = xdl.Variable([1.0])

    with pytest.raises(xdl.DeviceError, match=r"use \.numpy\(\)"):
        np.asarray(x)


def test_same_seed_gives_the_same_weights_on_both_devices():
    weights = []
    for device in ("cpu", "cuda"):
        xdl.seed(3)
        with xdl.use_device(device):
            weights.append(xdl.LinearModel(4, 3).W.numpy())

    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("holder", ["model", "parameter"])
def test_moving_keeps_variables_and_the_optimizer_goes_on(holder, momentum):
    model = xdl.LinearModel(3, 2)
    optimizer = xdl.SGD(model.parameter, lr=0.1, momentum=momentum)
    before = model.W
    _step(model, optimizer)

    {"model": model, "parameter": model.parameter}[holder].to("cuda")
    _step(model, optimizer)

    assert before is model.W
    assert before.device == "cuda:0"
    # A GPU rounds a product and a sum once, where NumPy rounds twice.
    np.testing.assert_allclose(before.numpy(), _stayed_on_the_cpu(momentum), rtol=2e-6)


def _step(model, optimizer):
    model.forward([[1.0, 2.0, 3.0]])
    model.loss([1])
    model.backward()
    optimizer.update()


def _stayed_on_the_cpu(momentum):
    xdl.seed(0)
    model = xdl.LinearModel(3, 2)
    optimizer = xdl.SGD(model.parameter, lr=0.1, momentum=momentum)
    _step(model, optimizer)
    _step(model, optimizer)
    return model.W.numpy().tolist()


def test_infinite_gradient_on_the_gpu_changes_no_weight():
    with xdl.use_device("cuda"):
        w = xdl.Variable([1.0])
    optimizer = xdl.SGD([w])
    w.grad = [np.inf]

    with pytest.raises(xdl.NonFiniteError):
        optimizer.update()

    assert [1.0] == w.numpy().tolist()


def test_write_into_an_array_on_the_gpu_before_its_backward_is_refused():
    with xdl.use_device("cuda"):
        x = xdl.Variable([1.0, 2.0], name="x")
    y = (x * x).sum()

    x.value[0] = 7

    with pytest.raises(xdl.GraphError, match='Variable "x"'):
        y.backward()


def test_gradient_of_gradient_stays_on_the_gpu():
    with xdl.use_device("cuda"):
        x = xdl.Variable(3.0)
    (x**3).backward(create_graph=True)
    slope = x.grad
    x.clear_grad()

    slope.backward()

    assert (18.0, "cuda:0") == (float(x.grad), backend.device_of(x.grad))


def test_state_of_a_model_on_the_gpu_loads_into_one_on_the_cpu():
    with xdl.use_device("cuda"):
        there = xdl.LinearModel(3, 2)
    here = xdl.LinearModel(3, 2)

    here.parameter.load_state_dict(there.parameter.state_dict())

    np.testing.assert_array_equal(there.W.numpy(), here.W.numpy())

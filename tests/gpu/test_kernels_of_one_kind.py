"""Generated kernels, one kind at a time, against NumPy on the GPU: many shapes."""

import importlib

import numpy as np
import pytest

import xdl
from tests.host_gpu import report
from tests.host_gpu.watch import is_there
from tests.support.lowered import Both, Units, assert_close, program_of, units_of
from xdl.program.cuda_executor import flat

pytestmark = pytest.mark.gpu
CLOSE = {"float32": 2e-5, "float64": 1e-12}


def _array(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _kernels_agree(function, *arrays, low=0, most=2, close=2e-5, is_nasty=True):
    """Assert that all kernels of a function give what NumPy does; return their texts.

    Args:
        function: of arrays.
        arrays: of which only shapes, dtypes and strides are used.
        low, most: between which integers are drawn.
        close: how close floating numbers must be.
        is_nasty: whether NaN and infinities are drawn, too.
    """
    cupy = importlib.import_module("cupy")
    units = Units(units_of(program_of(function, *arrays)))
    assert not set(units.left) - {"check_indices"}
    module = units.compiled(cupy)
    for nasty in {False, is_nasty}:
        for unit, taken, kernels in units.kernels:
            both = Both(unit, taken, kernels, nasty)
            both.low, both.most = low, most
            expected = both.expected()
            assert_close(expected, both.actual(cupy, module), close)
    assert units.kernels
    return [kernel.source for _, _, kernels in units.kernels for kernel in kernels]


@pytest.mark.parametrize(
    "columns", [2, 3, 8, 17, 32, 33, 100, 128, 129, 513, 1025, 4099, 17000]
)
@pytest.mark.parametrize("dtype", CLOSE)
def test_rows_of_every_length_are_computed(columns, dtype):
    def rows(x, weight, bias):
        y = xdl.layer_norm(xdl.softmax(x) + bias, columns, weight, bias)
        return y, xdl.log_softmax(x)

    x, weight = _array(5, columns, dtype=dtype), _array(columns, dtype=dtype)

    sources = _kernels_agree(rows, x, weight, weight, close=CLOSE[dtype] * 4)

    assert any("joined_<" in source for source in sources)


SUMS = {
    "all": ((37, 5), None),
    "all of many": ((300, 1000), None),
    "one of many": ((70001,), 0),
    "last": ((37, 5), -1),
    "last of few rows": ((3, 40000), 1),
    "first": ((37, 5), 0),
    "first of narrow": ((3000, 3), 0),
    "first of many": ((5000, 40), 0),
    "first of wide": ((9, 700), 0),
    "middle": ((4, 50, 6), 1),
    "outer two": ((4, 9, 5), (0, 1)),
    "inner two": ((4, 9, 5), (1, 2)),
    "outer and inner": ((4, 9, 5), (0, 2)),
    "of one": ((1, 1), None),
    "of none": ((0, 3), 0),
}


@pytest.mark.parametrize("transposes", [False, True])
@pytest.mark.parametrize("name", SUMS)
def test_numbers_are_added_up_along_any_axes(name, transposes):
    shape, axis = SUMS[name]
    x = _array(*shape)

    def added(x):
        x = xdl.transpose(x) if transposes else x
        return xdl.sum(x, axis), xdl.sum(x, axis, keepdims=True)

    if transposes and axis is not None and len(shape) > 1:
        x = x.T.copy()
    sources = _kernels_agree(added, x)

    assert sources


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool"])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "all", "any", "argmax", "argmin"]
)
def test_every_reduction_takes_every_dtype(name, axis, dtype):
    x = _array(6, 70).astype(dtype)
    function = getattr(xdl, name)

    _kernels_agree(lambda x: function(x, axis), x, low=0 if dtype == "bool" else -2)


ELEMENTWISE = {
    "add": lambda x, y: x + y,
    "divide": lambda x, y: x / y,
    "floor_divide": lambda x, y: x // y,
    "remainder": lambda x, y: x % y,
    "maximum": xdl.maximum,
    "minimum": xdl.minimum,
    "less": lambda x, y: x < y,
    "equal": lambda x, y: x == y,
    "not": lambda x, y: ~(x < y) & (y == y),
    "where": lambda x, y: xdl.where(x < y, x, 0),
    "power": lambda x, y: xdl.abs(x) ** y,
    "square": lambda x, y: x**2 + y**3,
    "sign": lambda x, y: xdl.sign(x) - xdl.abs(y),
    "negative": lambda x, y: -x,
    "to integers": lambda x, y: xdl.astype(x, "int32") + xdl.astype(y, "int64"),
    "to floats": lambda x, y: xdl.astype(x, "float64") * 0.1,
    "to truths": lambda x, y: xdl.astype(x, "bool"),
}
NOT_OF_INTEGERS = {"divide", "power", "square", "negative"}
INTEGERS = ("int32", "int64", "uint8")
EVERY = [(name, dtype) for name in ELEMENTWISE for dtype in CLOSE] + [
    (name, dtype) for name in {*ELEMENTWISE} - NOT_OF_INTEGERS for dtype in INTEGERS
]


@pytest.mark.parametrize(("name", "dtype"), sorted(EVERY))
def test_elementwise_kernels_have_the_semantics_of_numpy(name, dtype):
    x = np.abs(_array(40, 3)).astype(dtype)
    low = 0 if dtype == "uint8" else -7

    # What NaN and infinities become as integers, each processor says for itself.
    is_nasty = name != "to integers"
    _kernels_agree(ELEMENTWISE[name], x, x, low=low, most=8, is_nasty=is_nasty)


LAYOUTS = {
    "as they are": lambda x, y: x * y,
    "a bias": lambda x, y: xdl.relu(x + y[0]),
    "a column": lambda x, y: x - y[:, :1],
    "transposed": lambda x, y: xdl.tanh(x) + xdl.transpose(y)[:64, :64] * 2,
    "a part": lambda x, y: x[2:50, 4:60] + y[1:49, 8:64],
    "a part that is not aligned": lambda x, y: x[:, 1:61] * y[:, 3:63],
    "backwards": lambda x, y: x[::-1] + y[:, ::-1],
    "every second": lambda x, y: x[::2, ::2] + y[1::2, 1::2],
    "repeated": lambda x, y: xdl.broadcast_to(y[:, None], (64, 4, 64)) * x[:, None],
    "reshaped": lambda x, y: xdl.reshape(xdl.transpose(x), -1) * 2,
}


@pytest.mark.parametrize("many", [1, 1 << 16])
@pytest.mark.parametrize("name", LAYOUTS)
def test_flat_kernels_read_what_lies_anyhow(name, many, monkeypatch):
    monkeypatch.setattr(flat, "MANY", many)

    sources = _kernels_agree(LAYOUTS[name], _array(64, 64), _array(64, 64))

    assert (many == 1) is any("store_(" in source for source in sources)


INDICES = {
    "rows": lambda x, i: x[i],
    "rows from behind": lambda x, i: x[i - 5],
    "rows of an axis": lambda x, i: xdl.take(x, i, axis=1),
    "columns": lambda x, i: x[:, i],
    "single numbers": lambda x, i: x[i, i],
    "apart": lambda x, i: x[i, :, i],
    "beside a number": lambda x, i: x[0, :, i],
    "with a new axis": lambda x, i: x[:, i, None],
    "of two axes": lambda x, i: x[i[:, None], i[None, :]],
    "along an axis": lambda x, i: xdl.take_along_axis(x, i[:, None, None] % 5, axis=0),
}


@pytest.mark.parametrize("shape", [(5, 6, 7), (5, 5, 2100)])
@pytest.mark.parametrize("name", INDICES)
def test_indices_pick_and_gradients_are_added_where_they_were(name, shape):
    with xdl.use_device("cpu"):
        x = xdl.Variable(_array(*shape))
    i = np.array([0, 3, 3, 1, 0])

    def step(i):
        y = INDICES[name](x, i)
        xdl.sum(y * y).backward()
        gradient = x.grad
        x.clear_grad()
        return y, gradient

    cupy = importlib.import_module("cupy")
    units = Units(units_of(program_of(step, i, sources=[x])))
    module = units.compiled(cupy)
    for unit, taken, kernels in units.kernels:
        both = Both(unit, taken, kernels)
        both.most = 5
        expected = both.expected()
        assert_close(expected, both.actual(cupy, module), 2e-5)
    assert any("inside_" in k.source for k in units.all_there.values())


PIECES = {
    "stacked first": lambda x: xdl.stack([x, x * 2, x[::-1]], 0),
    "stacked last": lambda x: xdl.stack([x, x * 2, np.zeros((6, 5), "f4")], -1),
    "side by side": lambda x: xdl.concat([x, x[:, 1:3], x[:, ::2]], 1),
    "below": lambda x: xdl.concat([x, x[1:3]], 0),
    "many": lambda x: xdl.stack([x * i for i in range(120)], 1),
    "running sums": lambda x: xdl.cumulative_sum(x, axis=0),
    "running products": lambda x: xdl.cumulative_prod(x, axis=1),
    "lower triangle": lambda x: xdl.tril(x, 1),
    "upper triangle": lambda x: xdl.triu(x),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_are_put_together(name):
    sources = _kernels_agree(PIECES[name], _array(6, 5))

    assert sources


@pytest.mark.skipif(not is_there(), reason="the host GPU has NVRTC's word")
@pytest.mark.parametrize("columns", [33, 1000, 4096, 16384, 20000])
@pytest.mark.parametrize("dtype", CLOSE)
def test_long_rows_spill_no_registers(columns, dtype, tmp_path, monkeypatch):
    monkeypatch.setenv("HOST_GPU_MET", str(tmp_path))
    with xdl.use_device("cpu"):
        x = xdl.Variable(_array(2, columns, dtype=dtype))
        weight = xdl.Variable(_array(columns, dtype=dtype))

    def step():
        y = xdl.softmax(xdl.layer_norm(xdl.gelu(x), columns, weight, weight))
        xdl.sum(y * y).backward()
        gradients = x.grad, weight.grad
        x.clear_grad()
        weight.clear_grad()
        return gradients

    units = Units(units_of(program_of(step, sources=[x, weight])))

    units.compiled(importlib.import_module("cupy")).compile()

    (records,) = report.met(tmp_path).values()
    assert any("joined_<" in k.source for k in units.all_there.values())
    assert 0 == sum(record["spills"] for record in records)


def test_equal_steps_have_equal_kernels_and_other_shapes_other_ones():
    def texts(rows):
        units = Units(units_of(program_of(xdl.softmax, _array(rows, 9))))
        return set(units.all_there)

    assert texts(4) == texts(4)
    assert texts(4) != texts(5)


def test_a_scatter_adds_rows_in_their_order():
    with xdl.use_device("cpu"):
        x = xdl.Variable(np.zeros((3, 2), "f4"))
    i = np.array([1, 2, 1, 1, 0, 1])

    def step(i):
        xdl.sum(x[i] * np.float32(3)).backward()
        gradient = x.grad
        x.clear_grad()
        return gradient

    units = Units(units_of(program_of(step, i, sources=[x])))

    sources = "".join(kernel.source for kernel in units.all_there.values())
    assert "__ballot_sync" in sources
    assert "atomicAdd" not in sources

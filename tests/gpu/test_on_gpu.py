"""What only a GPU can show: run with ``pytest -m gpu``; skipped where there is none."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import xdl
from benchmarks.gpu_calls import SOURCES, kernel
from tests.support.operations import with_cases
from xdl import backend
from xdl.core.case import BadCase, Case
from xdl.testing import draw_inputs

ROOT = pathlib.Path(__file__).parents[2]
# Float32 sums are taken in another order on a GPU; losses drift apart a little more.
CLOSE = {"float32": 2e-5, "float64": 1e-12}
# Inputs of floating dtype that an operation says it has no gradient for.
NO_GRADIENT = {"WeightedSoftmaxCrossEntropy": "weight"}


def cases(kind):
    """Return all cases of all operations of one kind, as parameters of a test."""
    return [
        pytest.param(op_class, case, id=f"{op_class.__name__}-{i}")
        for op_class in with_cases()
        for i, case in enumerate(op_class.cases)
        if type(case) is kind
    ]


def value_and_gradients(op_class, case, dtype, device):
    """Return the output of a case on a device, and its gradients, as NumPy arrays."""
    op = op_class(**case.options)
    inputs = draw_inputs(case, dtype)
    with xdl.use_device(device):
        variables = [
            None if array is None else _variable(op, name, array)
            for name, array in zip(op.names_for(inputs), inputs, strict=True)
        ]
    y = op(*variables)
    if y.trainable:
        rng = np.random.default_rng(1)
        y.backward(rng.uniform(-1, 1, y.shape).astype(backend.dtype_name(y.dtype)))
    gradients = [v.grad for v in variables if v is not None and v.trainable]
    return [y.numpy(), *(backend.to_numpy(g) for g in gradients if g is not None)]


def _variable(op, name, array):
    constant = name in op.own_dtype or name == NO_GRADIENT.get(type(op).__name__)
    return xdl.Variable(array, name, backend.is_floating(array) and not constant)


def assert_same(expected, actual, tolerance):
    """Compare lists of arrays: shapes, dtypes and values."""
    kinds = [[(a.shape, a.dtype) for a in arrays] for arrays in (expected, actual)]
    assert kinds[0] == kinds[1]
    for wanted, found in zip(expected, actual, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def digits_losses(device, steps=200, momentum=0.0):
    """Return the losses of the article's model over ``steps`` samples, one a step."""
    rng = np.random.default_rng(0)
    images = rng.random((steps, 1, 64), dtype=np.float32)
    labels = rng.integers(0, 10, (steps, 1))
    xdl.seed(0)
    with xdl.use_device(device):
        model = xdl.LinearModel(64, 10)
        optimizer = xdl.SGD(model.parameter, lr=0.01, momentum=momentum)
    losses = []
    for x, t in zip(images, labels, strict=True):
        model.forward(x)
        losses.append(model.loss(t).item())
        model.backward()
        optimizer.update()
    return np.array(losses)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize(("op_class", "case"), cases(Case))
def test_value_and_gradient_on_the_gpu_equal_the_cpus(op_class, case, dtype):
    expected = value_and_gradients(op_class, case, dtype, "cpu")

    actual = value_and_gradients(op_class, case, dtype, "cuda")

    assert_same(expected, actual, CLOSE[dtype])


@pytest.mark.gpu
@pytest.mark.parametrize(("op_class", "case"), cases(BadCase))
def test_bad_input_is_refused_on_the_gpu_too(op_class, case):
    with pytest.raises(case.error) as caught:
        op = op_class(**case.options)
        op(*[a if a is None else xdl.Variable(a) for a in draw_inputs(case)])

    assert case.says in str(caught.value)


@pytest.mark.gpu
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_digits_losses_on_the_gpu_equal_the_cpus_over_200_steps(momentum):
    expected = digits_losses("cpu", momentum=momentum)

    actual = digits_losses("cuda", momentum=momentum)

    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("left", "right"), [((4, 8), (8, 3)), ((2, 4, 8), (8, 3)), ((2, 4, 8), (2, 8, 3))]
)
def test_matmul_in_16_bit_is_near_float64(dtype, left, right, rng):
    x, w = rng.uniform(-1, 1, left), rng.uniform(-1, 1, right)

    y = xdl.matmul(xdl.Variable(x, dtype=dtype), xdl.Variable(w, dtype=dtype))

    assert backend.dtype_name(y.dtype) == dtype
    np.testing.assert_allclose(y.numpy().astype("float64"), x @ w, atol=0.1)


@pytest.mark.gpu
@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "int8", "uint8", "int16", "int32", "int64"]
)
def test_index_add_sums_duplicates_in_every_dtype(dtype):
    x = xdl.Variable([1, 2, 3], dtype=dtype, trainable=False)
    ones = xdl.Variable([1, 1, 1], dtype=dtype, trainable=False)

    y = xdl.index_add(x, [0, 0, 2], ones)

    assert [3, 2, 4] == y.numpy().astype("int64").tolist()


@pytest.mark.gpu
def test_narrow_negative_indices_reach_the_end_of_a_long_axis():
    x = xdl.Variable(np.arange(1000.0))

    y = x[np.array([-1, -128], np.int8)]

    assert [999.0, 872.0] == y.numpy().tolist()


@pytest.mark.gpu
def test_model_moves_there_and_back_while_its_optimizer_goes_on():
    model = xdl.LinearModel(3, 2).to("cpu")
    optimizer = xdl.SGD(model.parameter, lr=0.1)
    before = model.W

    for device in ("cuda", "cpu"):
        model.to(device)
        model.forward([[1.0, 2.0, 3.0]])
        model.loss([1])
        model.backward()
        optimizer.update()

    assert before is model.W
    assert model.W.device == "cpu"


@pytest.mark.gpu
def test_device_that_does_not_exist_is_refused():
    with pytest.raises(xdl.DeviceError, match="cuda:99 came"):
        xdl.use_device("cuda:99")


@pytest.mark.gpu
@pytest.mark.parametrize("more", [(), ("--executor", "cuda")], ids=["eager", "cuda"])
def test_digits_example_runs_on_the_gpu(more):
    done = _digits_example("--epochs", "1", "--batch-size", "16", *more)

    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout


@pytest.mark.gpu
def test_digits_example_compiled_for_the_cpu_is_refused_on_the_gpu_in_one_line():
    done = _digits_example("--epochs", "1", "--executor", "numpy")

    assert done.returncode == 2
    assert "numpy runs on the CPU" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def _digits_example(*arguments):
    pytest.importorskip("sklearn")
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "examples/digits.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "XDL_DEVICE": "cuda", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.gpu
def test_dlpack_shares_the_memory_of_cupy_both_ways():
    cupy = pytest.importorskip("cupy")
    array = cupy.asarray([1.0, 2.0])

    x = xdl.from_dlpack(array)
    array[0] = 7

    assert [7.0, 2.0] == x.numpy().tolist()
    assert array.data.ptr == cupy.from_dlpack(x).data.ptr


@pytest.mark.gpu
def test_index_update_keeps_the_last_of_many_duplicates():
    index = np.arange(100_000) % 7
    values = np.arange(100_000, dtype=np.float32)

    y = xdl.index_update(xdl.Variable(np.zeros(7, np.float32)), (index,), values)

    assert values[-7:][np.argsort(index[-7:])].tolist() == y.numpy().tolist()


@pytest.mark.gpu
@pytest.mark.parametrize("name", SOURCES)
def test_a_cuda_source_of_the_benchmarks_compiles(name):
    assert kernel(name).max_threads_per_block

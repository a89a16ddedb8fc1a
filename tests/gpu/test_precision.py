"""Products of rounded inputs on a GPU: the CPU's numbers, from tensor cores."""

import numpy as np
import pytest

import xdl
from tests.host_gpu.watch import is_there, watching
from tests.optim.test_scaler import Trained
from tests.program.test_models_compiled import MODELS, Training, _adam
from tests.support.precisions import NAMES, asked, nasty, same_bits
from xdl.backend import rounding

pytestmark = pytest.mark.gpu
DIGITS = {"tfloat32": 13, "bfloat16": 16, "float16": 13}  # that are left out
A, B = (np.random.default_rng(i).standard_normal((48, 48), "f4") for i in (0, 1))


class _Round(xdl.Op):
    def __init__(self, name):
        self.name = name

    def compute(self, xp, x):
        return getattr(xp, f"round_to_{self.name}")(x)


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_rounding_gives_the_bits_of_the_host(name, is_compiled):
    x, op = nasty(), _Round(name)
    expected = getattr(rounding, f"round_to_{name}")(x)

    step = xdl.compile(op, xdl.Variable([0.0])) if is_compiled else op
    found = step(xdl.Variable(x, trainable=False)).numpy()

    assert same_bits(expected, found)


def _product(x, w):
    return xdl.sum(xdl.tanh(x @ w), axis=1)


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_product_gives_the_numbers_of_the_cpu(name, is_compiled):
    with xdl.use_device("cpu"), asked(name):
        expected = _product(xdl.Variable(A), xdl.Variable(B)).numpy()
    w = xdl.Variable(B)
    step = xdl.compile(lambda x: _product(x, w), w) if is_compiled else None

    with asked(name):
        found = step(A) if is_compiled else _product(A, w)

    np.testing.assert_allclose(expected, found.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not is_there(), reason="only the host GPU tells what is asked")
@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_both_products_of_a_step_are_asked_of_tensor_cores(name, is_compiled):
    w = xdl.Variable(B)

    def step(x):
        w.clear_grad()
        loss = xdl.sum(_product(x, w))
        loss.backward()
        return loss

    step = xdl.compile(step, w, verify=False) if is_compiled else step
    with asked(name), watching() as seen:
        step(A)
        step(A)

    told = {k for k in seen.kernels if k.startswith("cublas")}
    assert {f"cublasGemmStridedBatchedEx without {DIGITS[name]} digits"} <= told


def test_products_that_nobody_asked_to_round_are_float32s():
    w = xdl.Variable(B)

    found = _product(A, w)

    with xdl.use_device("cpu"):
        expected = _product(A, xdl.Variable(B))
    np.testing.assert_allclose(expected.numpy(), found.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_products_of_other_dtypes_are_what_they_were(dtype):
    a, b = (3 * A).astype(dtype), (3 * B).astype(dtype)
    expected = xdl.matmul(a, b).numpy()

    with xdl.autocast("bfloat16"):
        found = xdl.matmul(xdl.Variable(a, trainable=False), b).numpy()

    np.testing.assert_allclose(
        expected, found, rtol=1e-3 if dtype == "float16" else 1e-12
    )


@pytest.mark.parametrize("executor", [None, "cuda"])
@pytest.mark.parametrize("model", ["MLP", "LeNet", "LSTM", "GPT"])
def test_models_train_as_on_the_cpu(model, executor):
    make, draw = MODELS[model]

    def losses(device, executor):
        with xdl.use_device(device), xdl.autocast("bfloat16"):
            return Training(make, draw, _adam, executor).train(12).losses

    np.testing.assert_allclose(
        losses("cpu", None), losses("cuda", executor), rtol=2e-3, atol=1e-4
    )


@pytest.mark.parametrize("executor", ["eager", "cuda"])
def test_a_step_that_overflows_is_left_out_and_the_next_ones_train(executor):
    with xdl.use_device("cpu"):
        expected = Trained(init_scale=2.0**22, growth_interval=5)
        seen = expected.train(20)
    trained = Trained(executor, init_scale=2.0**22, growth_interval=5)

    found = trained.train(20)

    assert seen == found
    for a, b in zip(expected.state(), trained.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)


def test_a_gradient_that_is_changed_after_the_backward_is_checked_too():
    """What it becomes, nothing but the update and its check read."""
    w = xdl.Variable(B)
    optimizer = xdl.SGD([w], lr=0.1, momentum=0.9)

    def step(x, scale):
        (xdl.sum(x @ w) * scale).backward()
        w._node.grad = w._node.grad * (1 / scale)
        optimizer.update()

    step = xdl.compile(step, w, optimizer)
    for _ in range(4):
        step(A, 2.0)
    before = w.numpy().copy()

    with pytest.raises(xdl.NonFiniteError):
        step(A * np.float32(1e20), 1e30)

    np.testing.assert_array_equal(before, w.numpy())

"""Products of rounded inputs on a GPU: the CPU's numbers, from tensor cores."""

import numpy as np
import pytest

import xdl
from tests.host_gpu.watch import is_there, watching
from tests.program.test_models_compiled import MODELS, Training, _adam
from xdl.backend import rounding

pytestmark = pytest.mark.gpu
NAMES = ("tfloat32", "bfloat16", "float16")
DIGITS = {"tfloat32": 13, "bfloat16": 16, "float16": 13}  # that are left out
A, B = (np.random.default_rng(i).standard_normal((48, 48), "f4") for i in (0, 1))


def _asked(name):
    """Return a block in which products are of numbers of a name."""
    if name == "tfloat32":
        return xdl.set_matmul_precision("high")
    return xdl.autocast(name)


class _Round(xdl.Op):
    def __init__(self, name):
        self.name = name

    def compute(self, xp, x):
        return getattr(xp, f"round_to_{self.name}")(x)


def _nasty():
    """Return numbers of all sizes, those half-way between two of fewer digits too."""
    bits = np.random.default_rng(0).integers(0, 2**32, 60_000, "u4")
    bits[:20_000] &= 0xFFFFF000
    bits[20_000:40_000] &= 0xFFFF8000
    small = np.geomspace(1e-9, 1e-3, 5_000, dtype="f4")
    large = np.linspace(-70_000, 70_000, 5_000, dtype="f4")
    return np.concatenate([bits.view("f4"), small, large])


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_rounding_gives_the_bits_of_the_host(name, is_compiled):
    x, op = _nasty(), _Round(name)
    expected = getattr(rounding, f"round_to_{name}")(x)

    step = xdl.compile(op, xdl.Variable([0.0])) if is_compiled else op
    found = step(xdl.Variable(x, trainable=False)).numpy()

    is_nan = np.isnan(expected)
    np.testing.assert_array_equal(is_nan, np.isnan(found))
    np.testing.assert_array_equal(
        expected[~is_nan].view("u4"), found[~is_nan].view("u4")
    )


def _product(x, w):
    return xdl.sum(xdl.tanh(x @ w), axis=1)


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_product_gives_the_numbers_of_the_cpu(name, is_compiled):
    with xdl.use_device("cpu"), _asked(name):
        expected = _product(xdl.Variable(A), xdl.Variable(B)).numpy()
    w = xdl.Variable(B)
    step = xdl.compile(lambda x: _product(x, w), w) if is_compiled else None

    with _asked(name):
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
    with _asked(name), watching() as seen:
        step(A)
        step(A)

    asked = {k for k in seen.kernels if k.startswith("cublas")}
    assert {f"cublasGemmStridedBatchedEx without {DIGITS[name]} digits"} <= asked


def test_products_that_nobody_asked_to_round_are_float32s():
    w = xdl.Variable(B)

    found = _product(A, w)

    with xdl.use_device("cpu"):
        expected = _product(A, xdl.Variable(B))
    np.testing.assert_allclose(expected.numpy(), found.numpy(), rtol=1e-5, atol=1e-5)


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

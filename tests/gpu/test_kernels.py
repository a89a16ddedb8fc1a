"""Kernels against their portable twins, on the GPU: ``XDL_CUDA_KERNELS`` on and off."""

import importlib

import numpy as np
import pytest

import xdl
from xdl import backend

pytestmark = pytest.mark.filterwarnings("default:::cupy")

DTYPES = ("float16", "bfloat16", "float32", "float64")
CLOSE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-5, "float64": 1e-12}
SHAPES = ((3, 4), (2, 3, 5), (0, 4), (1, 1), (2, 1500), (3, 4100), (700, 3))


@pytest.fixture
def cuda():
    """Yield the namespace; its kernels are on again at the end."""
    module = importlib.import_module("xdl.backend.cupy")
    yield module
    module._use_kernels(True)


def _labels(shape, classes):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape) * 7 % classes


def _rows_of(shape):
    return [shape[-1:], shape[-1:]]


def _cross_entropy(x, reduction="mean"):
    target = _labels(x.shape[:-1], x.shape[-1])
    reduction = reduction if x.size else "none"
    return xdl.softmax_cross_entropy(x, target, reduction=reduction)


ROWS = {
    "softmax": (lambda x: xdl.softmax(x), None),
    "cross entropy, mean": (_cross_entropy, None),
    "cross entropy, sum": (lambda x: _cross_entropy(x, "sum"), None),
    "cross entropy, none": (lambda x: _cross_entropy(x, "none"), None),
    "layer norm": (lambda x, w, b: xdl.layer_norm(x, x.shape[-1], w, b), _rows_of),
    "plain layer norm": (lambda x: xdl.layer_norm(x, x.shape[-1]), None),
    "rms norm": (
        lambda x, w: xdl.rms_norm(x, x.shape[-1], w),
        lambda shape: _rows_of(shape)[:1],
    ),
    "gelu": (lambda x: xdl.gelu(x), None),
    "gelu by tanh": (lambda x: xdl.gelu(x, approximate="tanh"), None),
}


def _drawn(shapes, dtype, seed=0):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape) * 2 for shape in shapes]
    return [xdl.Variable(array.astype("float32"), dtype=dtype) for array in arrays]


def _computed(function, variables):
    """Return the value and the gradients as float64 arrays of the host."""
    for variable in variables:
        variable.clear_grad()
    y = function(*variables)
    gy = np.random.default_rng(1).normal(size=y.shape).astype("float32")
    y.backward(backend.cast(gy, backend.dtype_name(y.dtype)))
    found = [y.numpy(), *(backend.to_numpy(v.grad) for v in variables)]
    return [(a.dtype, a.astype("float64")) for a in found]


def _assert_same(expected, actual, close):
    assert [dtype for dtype, _ in expected] == [dtype for dtype, _ in actual]
    for (_, wanted), (_, found) in zip(expected, actual, strict=True):
        most = 1 + np.abs(np.nan_to_num(wanted, posinf=0, neginf=0)).max(initial=0)
        np.testing.assert_allclose(found, wanted, rtol=close, atol=close * most)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_kernel_gives_what_its_twin_does(name, dtype, cuda):
    function, others = ROWS[name]
    sets = [[s, *(others(s) if others else ())] for s in SHAPES]
    variables = [_drawn(shapes, dtype) for shapes in sets]
    cuda._use_kernels(False)
    expected = [_computed(function, some) for some in variables]
    cuda._use_kernels(True)

    actual = [_computed(function, some) for some in variables]

    for wanted, found in zip(expected, actual, strict=True):
        _assert_same(wanted, found, CLOSE[dtype])


@pytest.mark.gpu
@pytest.mark.parametrize("name", ROWS)
def test_kernel_takes_arrays_that_do_not_lie_densely(name, cuda):
    function, others = ROWS[name]
    variables = _drawn([(5, 6), *(others((4, 5)) if others else ())], "float32")

    def on_a_view(x, *rest):
        return function(xdl.transpose(x)[1:5], *rest)

    cuda._use_kernels(False)
    expected = _computed(on_a_view, variables)
    cuda._use_kernels(True)

    actual = _computed(on_a_view, variables)

    _assert_same(expected, actual, CLOSE["float32"])


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWS)
def test_kernel_hands_on_nan_and_infinity_as_its_twin_does(name, dtype, cuda):
    function, others = ROWS[name]
    inf, nan = np.inf, np.nan
    rows = [[1, nan, 0], [inf, 0, 1], [-inf, 0, 1], [-inf] * 3, [inf, -inf, nan]]
    rows += [[90, -90, 0], [3e38, -3e38, 1e-40]]
    x = xdl.Variable(np.array(rows, dtype))
    variables = [x, *_drawn(others(x.shape) if others else (), dtype)]
    cuda._use_kernels(False)
    expected = _computed(function, variables)
    cuda._use_kernels(True)

    actual = _computed(function, variables)

    _assert_same(expected, actual, CLOSE[dtype])


@pytest.mark.gpu
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout_on_the_gpu_leaves_what_it_leaves_on_the_cpu(dtype, p):
    def dropped(device):
        xdl.seed(2**70 + 3)
        with xdl.use_device(device):
            (x,) = _drawn([(37, 29)], dtype)
        return _computed(lambda x: xdl.dropout(x, p), [x])

    _assert_same(dropped("cpu"), dropped("cuda"), CLOSE[dtype])


@pytest.mark.gpu
@pytest.mark.parametrize("width", [16, 32])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 5000])
def test_bits_on_the_gpu_are_those_of_the_cpu(count, width, cuda):
    key, number = 2**100 + 12345, 2**33 + 1
    expected = backend.random.bits(count, width, key, number)

    actual = cuda.fused.bits((count,), width, key, number).get()

    assert expected.tolist() == actual.tolist()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6,), (2, 3), (0,), ()])
def test_embedding_adds_the_gradients_of_a_row_as_its_twin_does(dtype, shape, cuda):
    indices = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2 * 3
    variables = _drawn([(5, 7)], dtype)
    cuda._use_kernels(False)
    expected = _computed(lambda w: xdl.embedding(indices, w), variables)
    cuda._use_kernels(True)

    actual = _computed(lambda w: xdl.embedding(indices, w), variables)

    _assert_same(expected, actual, CLOSE[dtype])


@pytest.mark.gpu
@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("options", [(2,), (3, 2, 1), ((1, 3), (2, 1)), (2, 1), (1,)])
def test_max_pool_gives_what_its_twin_does(options, channels, cuda):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (2, channels, 7, 6)).astype("float32")
    x[0, 0, :3, :3] = [[-np.inf] * 3, [np.nan, 1, 2], [np.inf, 0, 0]]
    x[1, 0, 0, :] = -np.inf
    variables = [xdl.Variable(x)]
    cuda._use_kernels(False)
    expected = _computed(lambda x: xdl.max_pool2d(x, *options), variables)
    cuda._use_kernels(True)

    actual = _computed(lambda x: xdl.max_pool2d(x, *options), variables)

    _assert_same(expected, actual, 1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("is_masked", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_gives_what_its_twin_does(reverse, is_masked, dtype, cuda):
    shapes = [(4, 3, 5), (3, 6), (3, 6), (5, 24), (6, 24), (24,)]
    variables = _drawn(shapes, dtype)
    values = variables[0].numpy()
    values[0, 0, 0], values[1, 1, 1] = 200.0, np.nan
    variables[0].value = values
    mask = np.arange(4)[:, None] < np.array([4, 2, 0]) if is_masked else None

    def run(*given):
        return xdl.concat(
            [part.reshape(-1) for part in xdl.lstm(*given, mask, reverse)]
        )

    cuda._use_kernels(False)
    expected = _computed(run, variables)
    cuda._use_kernels(True)

    actual = _computed(run, variables)

    _assert_same(expected, actual, CLOSE[dtype])


@pytest.mark.gpu
@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((2, 3, 4), (1, 4, 5))])
@pytest.mark.parametrize("stack", [(), (1,), (1, 1), (2, 1), (1, 2)])
def test_products_of_stacks_are_those_of_the_cpu(stack, shapes):
    first, second = shapes[0], (*stack, *shapes[1])

    def product(device):
        with xdl.use_device(device):
            return _computed(xdl.matmul, _drawn([first, second], "float64"))

    _assert_same(product("cpu"), product("cuda"), 1e-12)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["softmax", "layer norm", "cross entropy, mean"])
def test_a_gradient_of_a_gradient_is_that_of_the_cpu(name):
    function, others = ROWS[name]

    def second(device):
        with xdl.use_device(device):
            shapes = [(3, 4), *(others((3, 4)) if others else ())]
            x, *rest = _drawn(shapes, "float64")
        (function(x, *rest) ** 2).sum().backward(create_graph=True)
        slope = (x.grad * x.grad).sum()
        x.clear_grad()
        slope.backward()
        return [(x.dtype, backend.to_numpy(x.grad))]

    _assert_same(second("cpu"), second("cuda"), 1e-9)

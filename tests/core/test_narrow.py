"""float16 and bfloat16: computed in float32, rounded once."""

import ml_dtypes
import numpy as np
import pytest

import xdl
from tests.support.operations import with_cases
from xdl.backend import is_floating
from xdl.core.case import Case
from xdl.testing import draw_inputs

NARROW = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
# One unit in the last place, and the least number above 0, in each.
UNIT = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
LEAST = {"float16": 2.0**-24, "bfloat16": 2.0**-133}

every_dtype = pytest.mark.parametrize("dtype", NARROW)
every_case = pytest.mark.parametrize(
    ("op_class", "case"),
    [
        pytest.param(op_class, case, id=f"{op_class.__name__}-{i}")
        for op_class in with_cases()
        for i, case in enumerate(op_class.cases)
        if type(case) is Case
        and any(a is not None and is_floating(a) for a in draw_inputs(case))
    ],
)


def _filled(shape, value, dtype="float16"):
    return xdl.Variable(np.full(shape, value, NARROW[dtype]))


def _floats_as(dtype, arrays):
    return [
        a if a is None or not is_floating(a) else a.astype(NARROW.get(dtype, dtype))
        for a in arrays
    ]


def _value_and_gradients(op, arrays, gy):
    """Return the output and the gradients by the floating inputs."""
    variables = [None if a is None else xdl.Variable(a) for a in arrays]
    has_weight = type(op).__name__ in ("NllLoss", "WeightedSoftmaxCrossEntropy")
    if has_weight and variables[2] is not None:
        variables[2].trainable = False  # a constant there
    y = op(*variables)
    if y.trainable:
        y.backward(gy(y))
    grads = [v.grad for v in variables if v is not None]
    return [y.numpy(), *(g for g in grads if g is not None)]


@every_dtype
@every_case
def test_operation_rounds_once(op_class, case, dtype):
    op = op_class(**case.options)
    given = _floats_as(dtype, draw_inputs(case, "float32"))

    def gy(y):
        drawn = np.random.default_rng(1).uniform(-1, 1, y.shape)
        return drawn.astype(NARROW[dtype]).astype(y.dtype)

    found = _value_and_gradients(op, given, gy)
    expected = _value_and_gradients(op, _floats_as("float64", given), gy)

    assert len(expected) == len(found)
    asked = NARROW.get(case.options.get("dtype", dtype))
    for i, (wanted, actual) in enumerate(zip(expected, found, strict=True)):
        if wanted.dtype.kind != "f" or asked is None:
            continue
        assert (wanted.shape, NARROW[dtype]) == (actual.shape, actual.dtype)
        # A gradient is a sum, and rounded no closer than its largest term.
        size = np.abs(wanted)
        size = np.maximum(size, np.nanmax(size, initial=0.0)) if i else size
        with np.errstate(invalid="ignore"):
            off = np.abs(actual.astype(np.float64) - wanted)
        close = off <= 1.01 * UNIT[dtype] * size + LEAST[dtype]
        same = (actual == wanted) | (np.isnan(wanted) & np.isnan(actual))
        overflows = np.isinf(actual.astype(np.float64)) & (size > 65504)
        assert np.all(close | same | overflows)


@pytest.mark.parametrize(
    ("expected", "function"),
    [
        (400.0, lambda: xdl.mean_squared_error(_filled(300, 20), np.zeros(300, "f2"))),
        (199.5, lambda: xdl.huber_loss(_filled(500, 200), np.zeros(500, "f2"))),
        (
            np.log(3),
            lambda: xdl.softmax_cross_entropy(
                _filled((60_000, 3), 0), np.zeros(60_000, int)
            ),
        ),
        (6000.0, lambda: xdl.sum(_filled((6000, 1), 1), axis=0)),
        (1.0, lambda: xdl.mean(_filled((6000, 1), 1), axis=0)),
        (1.0, lambda: xdl.mean(_filled((2, 60_000), 1))),
        (300.0, lambda: xdl.std(xdl.Variable(np.array([300, -300], "f2")))),
        (469.0, lambda: xdl.norm(xdl.Variable(np.array([300, 200, -300], "f2")))),
        (30_000.0, lambda: xdl.avg_pool2d(_filled((1, 1, 2, 2), 30_000), 2)),
        (30_000.0, lambda: xdl.adaptive_avg_pool2d(_filled((1, 1, 6, 6), 30_000), 1)),
        (3000.0, lambda: xdl.cumulative_sum(_filled((3000,), 1), axis=0)[-1]),
        (0.0, lambda: xdl.var(_filled((5000, 1), 7), axis=0)),
        (7 + np.log(5000), lambda: xdl.logsumexp(_filled((5000, 1), 7), axis=0)),
        (200.0, lambda: xdl.vecdot(_filled(5000, 0.2), _filled(5000, 0.2))),
        (40_000.0, lambda: xdl.l1_loss(_filled(300, 40_000), np.zeros(300, "f2"))),
    ],
)
def test_value_beyond_16_bits_on_the_way_is_right(expected, function):
    value = function()

    assert value.dtype == np.float16
    np.testing.assert_allclose(value.numpy(), expected, rtol=UNIT["float16"])


def test_softmax_along_a_long_axis_sums_to_one():
    y = xdl.softmax(_filled((8000, 2), 0), axis=0)

    np.testing.assert_allclose(y.numpy().astype("f8").sum(0), 1, rtol=UNIT["float16"])


def _bias_gradient(dtype):
    weight, bias = _filled((3, 2), 0, dtype), _filled(2, 0, dtype)
    y = xdl.linear(np.zeros((5000, 3), NARROW[dtype]), weight, bias)
    y.backward(np.full(y.shape, 0.25, NARROW[dtype]))
    return bias.grad


def _gradient_over_a_broadcast(dtype):
    scale = _filled((), 0, dtype)
    (scale * np.full(5000, 0.25, NARROW[dtype])).backward(np.ones(5000))
    return scale.grad


def _gradient_of_one_taken_often(dtype):
    x = _filled(1, 0, dtype)
    y = xdl.take(x, np.zeros(5000, int), axis=0)
    y.backward(np.full(5000, 0.25, NARROW[dtype]))
    return x.grad


def _gradient_of_tiles(dtype):
    x = _filled(1, 0, dtype)
    y = xdl.tile(x, (5000,))
    y.backward(np.full(5000, 0.25, NARROW[dtype]))
    return x.grad


@every_dtype
@pytest.mark.parametrize(
    "gradient",
    [
        _bias_gradient,
        _gradient_over_a_broadcast,
        _gradient_of_one_taken_often,
        _gradient_of_tiles,
    ],
)
def test_gradient_of_many_terms_is_their_sum(gradient, dtype):
    grad = gradient(dtype)

    assert NARROW[dtype] == grad.dtype
    np.testing.assert_allclose(grad.astype("f8"), 1250, rtol=UNIT[dtype])


@every_dtype
def test_numbers_do_not_widen(dtype):
    x = xdl.Variable([1.0, 2.0, 3.0], dtype=dtype)

    results = [
        x * 2.5,
        2.5 * x,
        xdl.where(x > 1, x, 0.0),
        x / np.float64(3),
        xdl.maximum(x, 0.5),
        xdl.clip(x, 0, 2.5),
        x**2,
        x.sum(),
    ]

    assert [NARROW[dtype]] * len(results) == [y.dtype for y in results]


@every_dtype
@pytest.mark.parametrize("function", [xdl.relu, xdl.abs, xdl.sigmoid, xdl.tanh])
def test_backward_of_a_sum_works(function, dtype):
    x = xdl.Variable([-1.0, 2.0], dtype=dtype)

    function(x).sum().backward()

    assert (NARROW[dtype], (2,)) == (x.grad.dtype, x.grad.shape)


@every_dtype
def test_gradient_of_gradient_works(dtype):
    x = xdl.Variable([0.5, 1.0], dtype=dtype)

    (x**3).sum().backward(create_graph=True)
    slope = x.grad
    x.clear_grad()
    slope.sum().backward()

    assert NARROW[dtype] == slope.dtype == x.grad.dtype
    np.testing.assert_allclose(x.grad.astype("f8"), [3, 6], rtol=UNIT[dtype])


def test_gradient_comes_from_the_result_before_it_was_rounded():
    x = xdl.Variable(np.array([10_000, 10_000], np.float16))

    xdl.logsumexp(x).backward()

    np.testing.assert_allclose(x.grad, [0.5, 0.5])  # exp(x - y), y rounded to 8


@every_dtype
def test_classifier_trains(dtype):
    x = xdl.Variable(np.eye(4), dtype=dtype, trainable=False)
    w = xdl.Variable(np.zeros((4, 2)), dtype=dtype)
    optimizer = xdl.optim.Adam([w], lr=0.1)
    losses = []
    for _ in range(20):
        loss = xdl.softmax_cross_entropy(xdl.linear(x, w), [0, 1, 0, 1])
        losses.append(loss.item())
        loss.backward()
        optimizer.update()

    assert losses[-1] < losses[0] / 2
    assert NARROW[dtype] == w.dtype


@every_dtype
def test_compiled_step_gives_the_bits_of_eager(dtype):
    def trained(compile_it):
        w = xdl.Variable(np.linspace(-1, 1, 8).reshape(4, 2), dtype=dtype)
        optimizer = xdl.SGD([w], lr=0.1)

        def step(x, target):
            loss = xdl.softmax_cross_entropy(xdl.tanh(xdl.linear(x, w)), target)
            loss.backward()
            optimizer.update()
            return loss

        call = step
        if compile_it:
            call = xdl.compile(step, w, optimizer, executor="numpy")
        rng = np.random.default_rng(0)
        for _ in range(5):
            call(rng.normal(size=(6, 4)).astype(NARROW[dtype]), rng.integers(0, 2, 6))
        return w.numpy()

    assert trained(False).tobytes() == trained(True).tobytes()


@every_dtype
@pytest.mark.parametrize("axis", [0, 1])
def test_parts_send_their_gradients_back(dtype, axis):
    x = _filled((4, 2), 1.0, dtype)
    first, second = xdl.split(x, 2, axis)

    (first.sum() + 2 * second.sum()).backward()

    expected = np.ones((4, 2))
    expected[(slice(None),) * axis + (slice(x.shape[axis] // 2, None),)] = 2
    assert NARROW[dtype] == x.grad.dtype
    assert expected.tolist() == x.grad.astype("float32").tolist()


_RECURRENT = {
    "rnn": [(4, 2, 3), (2, 2), (3, 2), (2, 2), (2,)],
    "gru": [(4, 2, 3), (2, 2), (3, 6), (2, 6), (6,), (6,)],
    "lstm": [(4, 2, 3), (2, 2), (2, 2), (3, 8), (2, 8), (8,)],
}


@every_dtype
@pytest.mark.parametrize("name", _RECURRENT)
def test_a_sequence_sends_its_gradients_back(name, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s).astype(NARROW[dtype]) for s in _RECURRENT[name]]

    def gradients(dtype):
        given = [xdl.Variable(array, dtype=dtype) for array in arrays]
        outputs = getattr(xdl, name)(*given)[0]
        (outputs * outputs).sum().backward()
        return [v.grad.astype("float32") for v in given]

    for wanted, found in zip(gradients("float32"), gradients(dtype), strict=True):
        most = 8 * UNIT[dtype] * np.abs(wanted).max()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=most)

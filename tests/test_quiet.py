"""Infinities and NaN: NumPy never warns of them from within xdl, and never raises."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import xdl
from tests.optim.every import every_optimizer
from tests.support.executors import every_executor
from xdl import NonFiniteError, Variable
from xdl.backend import numpy as host

LARGE = np.array([1e300, 1.0, -1e300])
# What a user sees who trains without filters of his own.
DIVERGING = """
import numpy as np, xdl
model = xdl.models.LinearRegression(1)
optimizer = xdl.SGD(model, lr=1.0)
x = np.linspace(-10, 10, 50, dtype=np.float32)[:, None]
def step(x, target):
    model.forward(x)
    loss = model.loss(target)
    model.backward()
    optimizer.update()
    return loss
{step}
for _ in range(200):
    try:
        step(x, 3 * x)
    except xdl.NonFiniteError as error:
        print(error)
        break
"""


@pytest.fixture(params=["raise", "error"])
def loud(request):
    """Let NumPy raise at every floating-point event, or Python at every warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="raise" if request.param == "raise" else "warn"):
            yield


@pytest.mark.parametrize("flags", [[], ["-W", "error"], ["-W", "always"]])
@pytest.mark.parametrize("step", ["", "step = xdl.compile(step, model, optimizer)"])
def test_a_diverging_regression_says_one_thing(flags, step):
    command = [sys.executable, *flags, "-c", DIVERGING.format(step=step)]

    finished = subprocess.run(command, capture_output=True, text=True)

    assert "" == finished.stderr
    assert "no weight was changed. Where the loss grew before" in finished.stdout
    assert "a smaller lr than 1 helps" in finished.stdout


CASTS = {
    "operand": lambda v: v * LARGE,
    "number": lambda v: v * 1e300,
    "matmul": lambda v: xdl.matmul(LARGE[None], v),
    "new": lambda v: Variable(LARGE, dtype="float32"),
    "astype": lambda v: xdl.astype(LARGE, "float32"),
    "to integers": lambda v: xdl.astype([np.nan, np.inf, 1e30], "int32"),
    "half": lambda v: v.astype("float16") * 1e30,
    "exp": lambda v: xdl.exp(v * 1000.0),
    "square": lambda v: xdl.square(v * 1e30),
    "tiny": lambda v: xdl.square(v * 1e-30),
}


@pytest.mark.parametrize("use", CASTS.values(), ids=CASTS)
def test_overflow_is_infinity_whatever_the_state_of_numpy(use, loud):
    y = use(Variable(np.ones(3, np.float32)))

    with np.errstate(all="ignore"):
        expected = use(Variable(np.ones(3, np.float32)))
    np.testing.assert_array_equal(expected.numpy(), y.numpy())


@every_executor
def test_a_compiled_step_casts_as_quietly_as_eager(executor, loud):
    v = Variable(np.ones(3, np.float32))
    step = xdl.compile(lambda x, f: v * x * f, v, executor=executor)

    results = [step(LARGE, f).numpy().tolist() for f in (1e300, 1e301, 1e302)]

    assert [[np.inf, np.inf, -np.inf]] * 3 == results


def test_values_and_gradients_may_be_set_to_what_overflows(loud):
    v = Variable(np.ones(3, np.float32))

    v.value = LARGE
    v.grad = LARGE

    assert [np.inf, 1.0, -np.inf] == v.numpy().tolist() == v.grad.tolist()


def test_gradients_that_overflow_where_they_are_added_are_infinite(loud):
    row, other = Variable(np.ones(2, np.float32)), Variable(np.ones(2, np.float32))
    large = np.full((4, 2), 3e38, np.float32)

    y = row * other
    (xdl.sum(y * large) + xdl.sum(y * large) + xdl.sum(row * large)).backward()
    xdl.sum(row * large).backward()

    assert [np.inf] * 2 == row.grad.tolist() == other.grad.tolist()


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e15])
@every_optimizer
def test_an_update_is_the_same_whatever_the_state_of_numpy(make, scale, loud):
    expected, w = [Variable(np.ones((2, 2), np.float32)) for _ in range(2)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        _update(make, expected, scale)

    _update(make, w, scale)

    np.testing.assert_array_equal(expected.numpy(), w.numpy())


def _update(make, w, scale):
    optimizer = make([w])
    for _ in range(2):
        w.grad = np.full((2, 2), scale, np.float32)
        optimizer.update()


@every_executor
def test_a_compiled_update_is_whole_whatever_the_state_of_numpy(executor, loud):
    w = Variable(np.full(3, 3e38, np.float32), name="w")
    optimizer = xdl.optim.Adam([w], lr=1e-30)

    def step(x):
        xdl.sum(w * x).backward()
        optimizer.update()

    compiled = xdl.compile(step, w, optimizer, executor=executor)
    for _ in range(4):
        compiled(np.full(3, 1e-30, np.float32))

    assert [4.0] == [s.item() for n, s in optimizer.state.items() if n[:4] == "step"]


def test_what_is_not_finite_is_refused_with_the_remedy(loud):
    w = Variable([1.0], name="w")
    optimizer = xdl.SGD([w], lr=0.5)
    (w * np.inf).sum().backward()

    with pytest.raises(NonFiniteError, match="a smaller lr than 0.5 helps"):
        optimizer.update()


def test_the_quiet_state_is_numpys_and_ends():
    before = np.geterr()

    with host.quiet():
        inside = np.geterr()
        with host.quiet():
            pass
        still = np.geterr()

    assert {"ignore"} == set(inside.values()) == set(still.values())
    assert before == np.geterr()


def test_users_operations_warn_as_numpy_does():
    code = (
        "import numpy as np, xdl\n"
        "class Loud(xdl.Op):\n"
        "    def compute(self, xp, x): return x * x\n"
        "Loud()(np.full(2, 1e30, np.float32))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )

    assert "overflow encountered in multiply" in finished.stderr

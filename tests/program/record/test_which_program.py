"""Which calls share a program: floats do, and no_grad does not; how many are kept."""

import importlib.util
import math
import warnings

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.counted import EAGER_CALLS, Counted
from xdl import DtypeError, Variable
from xdl.program.call.compiled import MOST

FLOATS = [0.5, 0.25, 3.0, 0.75, 0.0, 0.5, 4.0, 0.125]


def _weight():
    return Variable(np.arange(6, dtype="f4").reshape(2, 3) - 2.5, "weight")


X = np.full((2, 3), 1.5, "f4")


# With gradients, and without.


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_no_grad_and_its_absence_have_a_program_each(calls):
    weight = _weight()

    def step(x):
        y = weight * x
        if y.trainable:
            xdl.sum(y).backward()
        return y

    compiled = xdl.compile(step, weight)
    for _ in range(calls):
        compiled(X)
    weight.clear_grad()

    for _ in range(calls):
        with xdl.no_grad():
            compiled(X)

    assert weight.grad is None
    with xdl.no_grad(), xdl.enable_grad():
        compiled(X)
    assert [] == differing([X], arrays_of(weight.grad))


def test_a_step_first_called_in_no_grad_has_gradients_outside_of_it():
    weight = Variable(np.ones(3, "f4"), "weight")
    step = xdl.compile(lambda x: (weight * x).trainable, weight)
    with xdl.no_grad():
        inside = [step(X) for _ in range(4)]

    assert [False] * 4 == inside
    assert [True] * 4 == [step(X) for _ in range(4)]


def test_over_asks_for_gradients_as_a_call_does():
    weight = _weight()

    def step(x):
        y = weight * x
        if y.trainable:
            xdl.sum(y).backward()

    compiled = xdl.compile(step, weight)
    for _ in range(4):
        compiled(X)
    weight.clear_grad()

    with xdl.no_grad():
        compiled.over(np.stack([X] * 4))

    assert weight.grad is None


# Floats.

ONE_PROGRAM = {
    "product": lambda x, p: x * p,
    "reflected product": lambda x, p: p * x,
    "difference": lambda x, p: p - x,
    "quotient": lambda x, p: p / (x + 9),
    "arithmetic": lambda x, p: x * (1 / (1 + p) - -(p**2)),
    "maximum": lambda x, p: xdl.maximum(x, p),
    "minimum": lambda x, p: xdl.minimum(p, x),
    "where": lambda x, p: xdl.where(x > p, x, p),
    "clip": lambda x, p: xdl.clip(x, -p, p),
    "several": lambda x, p: xdl.stack([x, x * p]),
    "sum": lambda x, p: x * sum([p, p]),
    "isinstance": lambda x, p: x * p if isinstance(p, float) else x,
    "returned": lambda x, p: (x, p, p * 2, [p]),
}
SEVERAL_PROGRAMS = {
    "if": (lambda x, p: x * p if p > 1 else x - p, 2),
    "a float on the left": (lambda x, p: x * p if 0.5 >= p > 0.2 else x, 3),
    "truth": (lambda x, p: x * 2 if p else x, 2),
    "int": (lambda x, p: x[int(p) % 2], 3),
    "another float": (lambda x, p: x * p if p * 2 > p else x, 2),
    "min": (lambda x, p: x * min(p, 1), 2),
    "power": (lambda x, p: xdl.exp(x) ** p, 2),  # asks whether p is 0
    "float": (lambda x, p: x * float(p), 7),
    "math": (lambda x, p: x * math.sqrt(p), 7),
    "set": (lambda x, p: x * 2 if p in {0.5, 3.0} else x, 7),
    "dict": (lambda x, p: x * {0.5: 2.0}.get(p, 1.0), 7),
    "text": (lambda x, p: (x, str(p), repr(p), f"{p:.3f}", f"{p}"), 7),
    "NumPy's scalar": (lambda x, p: x * np.float32(p), 7),
    "attribute": (lambda x, p: xdl.leaky_relu(x, p), 7),
}
AS_IT_IS = {
    "modulo": lambda x, p: x * (p % 0.25),
    "absolute": lambda x, p: x * abs(p),
    "round": lambda x, p: x * round(p),
    "method": lambda x, p: (x, p.hex()),
    "array": lambda x, p: x * np.full(3, p, "f4"),
    "list": lambda x, p: x * [p, p, 2 * p],
    "Variable": lambda x, p: x * Variable(p, trainable=False),
}


def _trained(function, counted, executor="numpy"):
    """Return all that a step returns and leaves for each float, eagerly or compiled."""
    weight = _weight()

    def step(x, p):
        y = function(weight * x, p)
        first = y[0] if isinstance(y, tuple) else y
        xdl.sum(first * first).backward()
        gradient = weight.grad * 1
        weight.clear_grad()
        return y, gradient

    call = step
    if counted is not None:
        counted.function = step
        call = xdl.compile(counted, weight, executor=executor)
    return [leaf for p in FLOATS for leaf in arrays_of(call(X, p))]


@pytest.mark.parametrize("name", ONE_PROGRAM)
def test_a_float_takes_part_in_arithmetic_without_another_program(name):
    counted = Counted(None)

    actual = _trained(ONE_PROGRAM[name], counted)

    assert [] == differing(_trained(ONE_PROGRAM[name], None), actual)
    assert EAGER_CALLS == counted.calls


@pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)
@pytest.mark.parametrize("name", ["arithmetic", "clip", "several", "returned"])
def test_a_float_takes_part_in_native_arithmetic(name, monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))
    counted = Counted(None)

    actual = _trained(ONE_PROGRAM[name], counted, "numba")

    pairs = zip(_trained(ONE_PROGRAM[name], None), actual, strict=True)
    for expected, found in pairs:
        assert type(expected) is type(found)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert EAGER_CALLS == counted.calls


@pytest.mark.parametrize("name", SEVERAL_PROGRAMS)
def test_what_python_asks_of_a_float_is_asked_at_every_call(name):
    function, answers = SEVERAL_PROGRAMS[name]
    counted = Counted(None)

    actual = _trained(function, counted)

    assert [] == differing(_trained(function, None), actual)
    assert answers <= counted.calls <= EAGER_CALLS * answers


@pytest.mark.parametrize("name", AS_IT_IS)
def test_a_float_of_which_more_is_asked_belongs_to_the_program(name):
    function, counted = AS_IT_IS[name], Counted(None)

    actual = _trained(function, counted)

    assert [] == differing(_trained(function, None), actual)


def test_a_float_whose_type_is_asked_for_is_taken_as_it_is_from_the_second_call_on():
    step = xdl.compile(lambda x, p: x * p if type(p) is float else x)
    step(X, 0.5)

    found = [step(X, p).numpy()[0, 0] for p in (2.0, 3.0, 2.0, 3.0)]

    assert [3.0, 4.5, 3.0, 4.5] == found


def test_two_floats_are_compared_as_they_are_now():
    step = xdl.compile(lambda x, p, q: x if p > q else -x)
    large = float("inf")
    pairs = [(1.0, 2.0), (1.0, 0.5), (3.0, 2.0), (1.0, 2.0), (large, large), (large, 0)]

    signs = [np.sign(step(X, p, q).numpy()[0, 0]) for p, q in pairs]

    assert [-1, 1, 1, -1, -1, 1] == signs


def test_zeros_of_both_signs_and_nan_share_a_program():
    counted = Counted(lambda x, y: x * y)
    step = xdl.compile(counted)

    found = [step(np.ones(1), y).item() for y in (0.0, -0.0, np.nan) for _ in range(3)]

    assert ["0.0"] * 3 + ["-0.0"] * 3 + ["nan"] * 3 == [repr(y) for y in found]
    assert EAGER_CALLS == counted.calls


def test_zeros_of_both_signs_are_told_apart_where_python_asks():
    step = xdl.compile(lambda x, p: x * math.copysign(1, p))

    found = [step(X, p).numpy()[0, 0] for p in (0.0, -0.0, 0.0, -0.0)]

    assert [1.5, -1.5, 1.5, -1.5] == found


def test_floats_and_hyperparameters_are_not_confused():
    weight = Variable(np.zeros(3, "f4"), "weight")
    optimizer = xdl.SGD([weight], lr=1.0)

    def step(first, x, second):
        xdl.sum(weight * x * (second - first)).backward()
        optimizer.update()
        return second

    compiled = xdl.compile(step, weight, optimizer)
    x = np.ones(3, "f4")

    found = [compiled(1.0, x, float(i)) for i in range(4)]
    optimizer.lr = 0.5
    compiled(2.0, x, 10.0)

    assert [0.0, 1.0, 2.0, 3.0] == found
    assert [-6.0] * 3 == weight.numpy().tolist()
    assert "def step(first, x, second, lr, weight):" in str(compiled.program)


@pytest.mark.parametrize(
    ("function", "p", "error"),
    [
        (lambda x, p: x * (1 / p), 0.0, ZeroDivisionError),
        (lambda x, p: x * p**300, 1e9, OverflowError),
        (lambda x, p: x * p**0.5, -1.0, (DtypeError, TypeError)),
        (lambda x, p: x * p if 1 / p < 1 else x, 0.0, ZeroDivisionError),
        (lambda x, p: x * int(p), np.nan, ValueError),
    ],
    ids=["division by zero", "overflow", "complex", "if", "int"],
)
def test_arithmetic_of_floats_fails_as_in_eager(function, p, error):
    weight = _weight()
    optimizer = xdl.SGD([weight], lr=1.0)

    def step(x, p):
        xdl.sum(weight).backward()
        optimizer.update()
        return function(x, p)

    counted = Counted(step)
    compiled = xdl.compile(counted, weight, optimizer)
    for _ in range(3):
        compiled(X, 1.5)

    with pytest.raises(error):
        compiled(X, p)
    expected = function(Variable(X, trainable=False), 1.5)
    assert [] == differing(arrays_of(expected), arrays_of(compiled(X, 1.5)))
    assert counted.calls <= EAGER_CALLS + 2


@pytest.mark.parametrize("calls", [0, 3])
def test_an_error_of_a_step_that_is_given_floats_is_its_own(calls):
    def step(x, p):
        if p < 0:
            raise KeyError("no")
        return x * p

    counted = Counted(step)
    compiled = xdl.compile(counted)
    for i in range(calls):
        compiled(X, i / 2)

    with pytest.raises(KeyError, match="no"):
        compiled(X, -1.0)
    before = counted.calls
    assert [1.5, 3.0, 4.5] == [compiled(X, p).numpy()[0, 0] for p in (1.0, 2.0, 3.0)]
    assert counted.calls <= before + EAGER_CALLS


def test_over_takes_floats():
    step = xdl.compile(lambda x, p: x * p)
    xs = np.stack([X] * 4)

    found = [step.over(xs, p).numpy()[3, 0, 0] for p in (2.0, 4.0)]

    assert [3.0, 6.0] == found


def test_a_saved_program_has_its_floats_as_arguments(tmp_path):
    step = xdl.compile(lambda x, scale: x * scale)
    step(X, 2.0)
    step.program.save(tmp_path / "step.py")

    names = {"__file__": str(tmp_path / "step.py")}
    exec((tmp_path / "step.py").read_text(), names)

    assert 6.0 == names["step"](X, 4.0)[0, 0]


# How many.


def test_programs_are_given_up_with_a_warning_that_names_the_argument():
    counted = Counted(lambda x, epoch: x * epoch)

    def step(x, epoch):
        return counted(x, epoch)

    compiled = xdl.compile(step)
    for epoch in range(MOST):
        compiled(X, epoch)

    with pytest.warns(
        RuntimeWarning, match="another 'epoch'; .* floats or arr"
    ) as told:
        compiled(X, MOST)
    assert __file__ == told[0].filename
    for epoch in range(MOST + 1, 3 * MOST):
        compiled(X, epoch)

    assert MOST == len(compiled._replays)
    assert 3 * MOST == counted.calls


def test_a_program_that_is_used_is_kept():
    counted = Counted(lambda x, p: x * p)
    compiled = xdl.compile(counted, verify=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        for i in range(2 * MOST):
            compiled(X, -1)
            compiled(X, i)

    assert 2 * MOST + 1 == counted.calls


def test_a_warning_that_is_an_error_changes_nothing():
    weight = Variable(np.zeros(3, "f4"), "weight")

    def step(p):
        weight.value = weight + p

    compiled = xdl.compile(step, weight)
    for p in range(MOST):
        compiled(p)
    before = weight.numpy()

    with pytest.raises(RuntimeWarning, match="for another 'p'"):
        compiled(MOST)
    assert [] == differing([before], [weight.numpy()])


def test_answers_of_floats_are_named_in_the_warning():
    compiled = xdl.compile(lambda x, p: x * math.sqrt(p))
    with pytest.warns(RuntimeWarning, match="another answer to an `if`"):
        for i in range(MOST + 1):
            compiled(X, i / 2)

    assert MOST == len(compiled._replays)

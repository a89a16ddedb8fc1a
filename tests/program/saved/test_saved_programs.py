"""Saved programs: nothing of the user's is code, and their arguments are checked."""

import inspect
import math
from types import SimpleNamespace

import numpy as np
import pytest

import xdl
from tests.support.faults import fault
from tests.support.nasty import (
    CODE,
    NAMES,
    Axis,
    Colour,
    Loud,
    LoudFloat,
    LoudInt,
    LoudStr,
    Mode,
)
from tests.support.saved import loaded
from xdl import ArgumentError, Variable
from xdl.program import compile


@pytest.fixture(autouse=True)
def canary(tmp_path, monkeypatch):
    """Return what the code in names and values would make."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "canary"
    assert not (tmp_path / "canary").exists()


def test_the_code_of_these_tests_would_make_its_file(canary):
    exec(NAMES[0].partition("\n")[2])

    assert canary.exists()
    canary.unlink()


@fault(85, *NAMES, names="name")
def test_a_name_of_a_weight_is_no_code(name, tmp_path):
    weight = Variable([1.0, 2.0], name=name)
    fast = compile(lambda x: (x + weight) * 2, weight)
    fast(np.ones(2, np.float32))

    module = loaded(fast.program, tmp_path / "step.py")

    assert [4.0, 6.0] == module.step(np.ones(2, np.float32)).tolist()
    assert fast.program.statistics()["lines"] + 2 == len(str(fast.program).splitlines())


def test_all_these_names_at_once_stay_apart(tmp_path):
    store = xdl.Parameter()
    for i, name in enumerate(NAMES):
        store.register(f"{i}{name}".replace("/", "|"), Variable([float(i)]))
    twins = [Variable([10.0 * i], name=name) for i, name in enumerate(NAMES)]

    def step(x):
        for i, variable in enumerate([*store.values(), *twins]):
            x = x * (i + 1) + variable
            variable.value[...] = variable + 1
        return x

    fast = compile(
        lambda x: sum([v * x for v in [*store.values(), *twins]]), store, *twins
    )
    x = np.array([0.5], np.float32)
    expected = fast(x).numpy()

    module = loaded(fast.program, tmp_path / "step.py")

    assert expected == module.step(x)
    assert 2 * len(NAMES) == len(module.state)


@fault(85, *sorted({*NAMES} - {"__class__"}), names="name")
def test_a_name_of_a_layer_or_class_is_no_code(name, tmp_path):
    layer = type(xdl.nn.Linear)("x", (xdl.nn.Linear,), {})
    layer.__name__ = name.encode("utf-8", "replace").decode().replace("\0", "0")

    class Deep(xdl.Module):
        def __init__(self):
            super().__init__()
            setattr(self, name, layer(2, 3))
            self.last = layer(3, 1)

        def forward(self, x):
            return self.last(getattr(self, name)(x))

    model = Deep()
    fast = compile(model.forward, model)
    x = np.ones((4, 2), np.float32)
    expected = fast(x).numpy()

    module = loaded(fast.program, tmp_path / "step.py")

    np.testing.assert_allclose(module.step(x), expected, rtol=1e-6)


@fault(85, *NAMES, names="name")
def test_a_name_of_an_argument_is_no_code(name, tmp_path):
    def step(x, y):
        return x - y

    parameters = [SimpleNamespace(name=name), SimpleNamespace(name=f"{name} ")]
    step.__signature__ = SimpleNamespace(
        parameters={parameter.name: parameter for parameter in parameters}
    )
    fast = compile(step)
    x, y = np.array([3.0], np.float32), np.array([1.0], np.float32)
    fast(x, y)

    module = loaded(fast.program, tmp_path / "step.py")

    assert [2.0] == module.step(x, y).tolist()


def test_arguments_keep_names_that_are_free(tmp_path):
    fast = compile(lambda x, state, µ, float: x + state * µ - float)
    given = [np.full(2, i, np.float32) for i in range(4)]
    fast(*given)

    module = loaded(fast.program, tmp_path / "step.py")

    assert [-1.0, -1.0] == module.step(*given).tolist()
    assert "x" == next(iter(inspect.signature(module.step).parameters))


def _same(expected, found):
    if isinstance(expected, float) and math.isnan(expected):
        return math.isnan(found)
    return type(expected) is type(found) and expected == found


@fault(
    85,
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    None,
    True,
    10**5000,
    -3,
    2.5,
    1 + 2j,
    CODE,
    f"\n{CODE}",
    "\ud800'\"\\",
    f"\n{CODE}".encode(),
    np.float32(0.1),
    np.int64(-5),
    np.bool_(True),
    names="value",
)
def test_a_returned_value_comes_back(value, tmp_path):
    fast = compile(lambda x: (x * 2, [value], {"key": value}))
    fast(np.ones(1, np.float32))

    module = loaded(fast.program, tmp_path / "step.py")

    _, (first,), named = module.step(np.ones(1, np.float32))
    assert _same(value, first)
    assert _same(value, named["key"])


@fault(
    85,
    (Colour.RED, "red"),
    (Axis.LAST, -1),
    (Mode.A | Mode.B, 3),
    (LoudInt(7), 7),
    (LoudFloat(0.5), 0.5),
    (LoudStr(CODE), CODE),
    names=("value", "plain"),
)
def test_a_returned_member_of_a_type_of_the_users_comes_as_its_plain_value(
    value, plain, tmp_path
):
    fast = compile(lambda x: {"a": value, value: x})
    fast(np.ones(1, np.float32))

    module = loaded(fast.program, tmp_path / "step.py")

    assert {"a": plain, plain: 1.0} == module.step(np.ones(1, np.float32))


@fault(
    85,
    Loud(),
    {Loud()},
    Loud,
    object(),
    np.datetime64("2026-01-01"),
    np.array([Loud()]),
    names="value",
)
def test_what_numpy_alone_does_not_have_is_refused_by_name(value, tmp_path):
    fast = compile(lambda x: (x, value))
    fast(np.ones(1, np.float32))

    with pytest.raises(ArgumentError, match="save: the step cannot run with NumPy"):
        fast.program.save(tmp_path / "step.py")

    assert [] == list(tmp_path.iterdir())
    assert CODE not in str(fast.program)


def test_options_of_operations_are_no_code(tmp_path):
    fast = compile(lambda x: xdl.sum(x, axis=Axis.LAST) * LoudFloat(2.0))
    x = np.ones((2, 3), np.float32)
    fast(x)

    module = loaded(fast.program, tmp_path / "step.py")

    assert [6.0, 6.0] == module.step(x).tolist()
    assert CODE not in str(fast.program)


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_options_of_operations_are_no_code_of_an_executor(executor):
    if executor == "numba":
        pytest.importorskip("numba")
    fast = compile(
        lambda x: xdl.sum(x, axis=Axis.LAST) * LoudFloat(2.0), executor=executor
    )
    x = np.ones((2, 3), np.float32)

    found = [fast(x).numpy().tolist() for _ in range(3)]

    assert [[6.0, 6.0]] * 3 == found


def test_an_object_that_says_its_name_does_not_choose_it_in_a_text():
    class Named(int):
        pass

    expected, found = [], []
    for name in (*NAMES, "buffer", "x0", "t3", "cut0", "Refused"):
        axis = Named(1)
        axis.__name__ = name
        fast = compile(lambda x, axis=axis: xdl.sum(x * 2, axis=axis) + x[0, 0])
        x = np.ones((2, 3), np.float32)
        found += [fast(x).numpy().tolist() for _ in range(3)]
        expected += [[7.0, 7.0]] * 3

    assert expected == found


def test_returned_arrays_that_never_change_come_back(tmp_path):
    table = np.arange(3)
    fast = compile(lambda x: (x, table))
    x = np.ones(1, np.float32)
    fast(x)

    module = loaded(fast.program, tmp_path / "step.py")
    module.step(x)[1][:] = 9

    assert [0, 1, 2] == module.step(x)[1].tolist()


def test_state_that_is_only_returned_is_there_and_stays(tmp_path):
    idle, count = Variable([[1.0, 2.0]]), Variable([0.0])

    def step(x):
        before = count.detach()
        turned = count.detach().reshape((1, 1))
        count.value = (count + x).value
        return idle, idle.T, before, turned, count

    fast = compile(step, idle, count)
    x = np.ones(1, np.float32)
    for _ in range(2):
        fast(x)

    module = loaded(fast.program, tmp_path / "step.py")
    kept = [module.step(x) for _ in range(3)]

    assert [[[1.0, 2.0]]] * 3 == [returned[0].tolist() for returned in kept]
    assert [[[1.0], [2.0]]] * 3 == [returned[1].tolist() for returned in kept]
    assert [2.0, 3.0, 4.0] == [returned[2].item() for returned in kept]
    assert [2.0, 3.0, 4.0] == [returned[3].item() for returned in kept]
    assert [3.0, 4.0, 5.0] == [returned[4].item() for returned in kept]


def test_two_arrays_that_change_places_do(tmp_path):
    a, b = Variable([1.0]), Variable([2.0])

    def step():
        old = a.detach()
        a.value[...] = b.value
        b.value[...] = old.value
        return a + 0, b + 0

    fast = compile(step, a, b)
    fast()

    module = loaded(fast.program, tmp_path / "step.py")

    assert (1.0, 2.0) == tuple(v.item() for v in module.step())
    assert (2.0, 1.0) == tuple(v.item() for v in module.step())

"""Arguments of compiled steps that come by name, and Modules that are compiled."""

import functools

import numpy as np
import pytest

import xdl
from tests.support.compared import differing
from tests.support.executors import every_executor
from xdl import ArgumentError, models, nn

X = np.arange(6, dtype="f4").reshape(2, 3)
Y = X + 10
EAGER_CALLS = 2  # one is recorded, one is compared


def _plain(x, y, scale=2.0):
    return (x - y) * scale


def _by_name_alone(x, *, y, scale=2.0):
    return (x - y) * scale


def _any_number(*xs, y, scale=2.0):
    return (xs[0] - y) * scale


def _any_names(x, **options):
    return (x - options["y"]) * options.get("scale", 2.0)


def _by_place_alone(x, /, y, **options):
    return (x - y) * options.get("scale", 2.0) + len(options)


def _late_default(x, scale=2.0, y=Y):
    return (x - y) * scale


def _passed_on(*arguments, **named):
    return _plain(*arguments, **named)


FUNCTIONS = {
    "plain": _plain,
    "by name alone": _by_name_alone,
    "any number": _any_number,
    "any names": _any_names,
    "by place alone": _by_place_alone,
    "a default before": _late_default,
    "passed on": _passed_on,
    "partial": functools.partial(_plain, scale=3.0),
}
CALLS = {
    "one": lambda f: f(X, y=Y),
    "more": lambda f: f(X, y=Y, scale=4.0),
    "in another order": lambda f: f(X, scale=4.0, y=Y),
    "another float": lambda f: f(X, scale=5.0, y=Y),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_by_name_are_those_of_a_plain_call(name):
    eager = FUNCTIONS[name]
    fast = xdl.compile(eager)

    for _ in range(3):
        for call in CALLS.values():
            expected = call(lambda *a, **n: eager(xdl.Variable(a[0]), *a[1:], **n))
            assert [] == differing([expected.numpy()], [call(fast).numpy()])


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        (_plain, [lambda f: f(X, Y), lambda f: f(X, y=Y), lambda f: f(y=Y, x=X)]),
        (_plain, [lambda f: f(X, Y, 3.0), lambda f: f(scale=3.0, x=X, y=Y)]),
        (
            _by_name_alone,
            [lambda f: f(X, y=Y, scale=2.0), lambda f: f(scale=3.0, y=Y, x=X)],
        ),
        (_late_default, [lambda f: f(X, y=Y), lambda f: f(y=Y, x=X)]),
    ],
)
def test_the_order_of_names_does_not_change_the_program(function, calls):
    runs = []

    @functools.wraps(function)
    def counted(*arguments, **named):
        runs.append(1)
        return function(*arguments, **named)

    fast = xdl.compile(counted)

    programs = [(call(fast), fast.program)[1] for _ in range(3) for call in calls]

    assert EAGER_CALLS == len(runs)
    assert 1 == len(set(programs))


def test_a_dict_by_place_is_no_argument_by_name():
    fast = xdl.compile(lambda x, y=None, **options: x * (2 if y is None else 3))

    found = [fast(X, {"z": Y}), fast(X, z=Y), fast(X, {"z": Y}), fast(X, z=Y)]

    assert [3, 2, 3, 2] == [v.numpy()[0, 1] for v in found]


def test_names_that_are_taken_as_a_dict_come_in_their_order():
    fast = xdl.compile(lambda **options: xdl.concat(list(options.values())))

    for _ in range(3):
        for names in ("ab", "ba"):
            given = dict(zip(names, (X, Y), strict=True))
            assert [] == differing([np.concatenate([X, Y])], [fast(**given).numpy()])


@pytest.mark.parametrize(
    ("function", "call", "said"),
    [
        (_plain, lambda f: f(X, z=Y), "_plain: 'z' came; there is no such argument"),
        (_plain, lambda f: f(X, Y, y=Y), "_plain: 'y' came twice"),
        (_plain, lambda f: f(x=X), "_plain: y is missing"),
        (_by_place_alone, lambda f: f(x=X, y=Y), "is missing"),
        (_by_name_alone, lambda f: f(X, Y, scale=1.0), "2 arguments came by position"),
        (_any_number, lambda f: f(X, scale=1.0), "y is missing"),
    ],
)
@pytest.mark.parametrize("calls", [0, 3])
def test_a_call_that_does_not_fit_is_refused(function, call, said, calls):
    fast = xdl.compile(function)
    for _ in range(calls):
        fast(X, y=Y)

    with pytest.raises(ArgumentError, match=said) as caught:
        call(fast)
    assert isinstance(caught.value, TypeError)


def test_a_function_that_tells_no_parameters_gets_its_names():
    class Step:
        __signature__ = "none"

        def __call__(self, x, scale):
            return x * scale

    fast = xdl.compile(Step())

    assert [6.0] * 3 == [fast(X, scale=3.0).numpy()[0, 2] for _ in range(3)]


@every_executor
def test_batches_may_come_by_name(executor):
    fast = xdl.compile(_plain, executor=executor)
    by_name_alone = xdl.compile(_by_name_alone, executor=executor)
    xs, ys = np.stack([X, X * 2]), np.stack([Y, Y])
    expected = (xs - ys) * 3

    for _ in range(2):
        assert [] == differing([expected], [fast.over(xs, scale=3.0, y=ys).numpy()])
        found = by_name_alone.over(y=ys, x=xs, scale=3.0).numpy()
        assert [] == differing([expected], [found])


def test_a_saved_program_names_its_arguments_as_the_step_does(tmp_path):
    fast = xdl.compile(_by_name_alone)
    fast(X, scale=2.0, y=Y)
    fast.program.save(tmp_path / "step.py")

    names = {"__file__": str(tmp_path / "step.py")}
    exec((tmp_path / "step.py").read_text(), names)

    assert [] == differing([(X - Y) * 5], [names["step"](x=X, y=Y, scale=5.0)])


# A Module.


def _models():
    xdl.seed(1)
    layers = [nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)]
    return {"layers": nn.Sequential(*layers), "model": models.MLP([3, 4, 2])}


@pytest.mark.parametrize("name", _models())
@pytest.mark.parametrize("is_training", [True, False])
def test_a_module_is_compiled_as_it_is(name, is_training):
    eager, model = _models()[name], _models()[name]
    for one in (eager, model):
        one.train() if is_training else one.eval()
    fast = xdl.compile(model)
    xdl.seed(2)
    expected = [eager(X + i).numpy() for i in range(4)]
    xdl.seed(2)

    found = [fast(X + i).numpy() for i in range(4)]

    assert [] == differing(expected, found)
    states = [one.parameter.state_dict().values() for one in (eager, model)]
    assert [] == differing(*[[np.asarray(v) for v in state] for state in states])


def test_a_module_may_be_given_as_its_state_too():
    model = models.MLP([3, 4, 2])

    fast = xdl.compile(model, model)

    assert [(2, 2)] * 3 == [fast(x=X).shape for _ in range(3)]
    assert "def step(x, " in str(fast.program)

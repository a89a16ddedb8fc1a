"""The namespace that writes down: views, operators in place, numbers and guards."""

import operator

import numpy as np
import pytest

import xdl
from tests.support.interpreter import run
from xdl import GraphError
from xdl.backend import numpy as host
from xdl.backend.device import CPU
from xdl.program.interpreter import number_of
from xdl.recording import current, revision
from xdl.tracing.namespace import Traced, trace, value_now
from xdl.tracing.number import COMPARISONS, Number
from xdl.tracing.recording import Recording
from xdl.tracing.values import Value


class Step:
    """A recording, its inputs, and what the interpreter makes of it afterwards."""

    def __init__(self):
        self.recording = Recording(host, CPU, (7, 0))
        self.given = {}

    def __enter__(self):
        self.recording.__enter__()
        return self

    def __exit__(self, *exception):
        self.recording.__exit__(*exception)

    def input(self, array):
        """Return a recorded copy of an array; the original is what a replay gets."""
        array = np.array(array, "f4")
        value = Value(array, "input", len(self.given))
        self.given[value] = array
        return Traced(array.copy(), value)

    def number(self, number):
        """Return a recorded Python number."""
        value = Value(number, "number", 0)
        self.given[value] = number
        return Number(number, value)

    def replayed(self, traced):
        """Return what the instructions so far make of the inputs."""
        value = value_now(traced) if type(traced) is Traced else traced.value
        found = run(self.recording, host, {**self.given, "draw": (7, 0)})
        return value.data if value.origin == "constant" else found[value]

    def names(self):
        """Return the names of the instructions."""
        return [instruction.name for instruction in self.recording.instructions]


@pytest.fixture
def step():
    """Return a recording that is active."""
    with Step() as step:
        yield step


def _same(step, *traced):
    """Tell whether each real array is what a replay makes."""
    return [np.array_equal(t.array, step.replayed(t)) for t in traced]


def test_a_call_is_computed_and_written_down(step):
    x = step.input([1.0, 2.0])

    y = trace.exp(x)

    assert np.exp(np.float32([1, 2])).tolist() == y.array.tolist()
    assert ["exp"] == step.names()
    assert (y.value.shape, y.value.dtype, y.value.axes) == ((2,), np.float32, (0,))
    assert [x.value] == list(y.value.origin.operands())
    assert y.value.origin.result is y.value


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", *COMPARISONS]


@pytest.mark.parametrize("other", ["array", "NumPy's array", 2, 2.0, "number"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_those_of_numpy_on_both_sides(name, other, step):
    function, x = getattr(operator, name), step.input([1.0, 2.0, 3.0])
    made = {
        "array": lambda: step.input([3.0, 2.0, 1.0]),
        "NumPy's array": lambda: np.float32([3, 2, 1]),
        "number": lambda: step.number(2.0),
    }
    other = made[other]() if other in made else other
    real = getattr(other, "array", getattr(other, "number", other))

    left, right = function(x, other), function(other, x)

    assert function(x.array, real).tolist() == left.array.tolist()
    assert function(real, x.array).tolist() == right.array.tolist()
    assert [True, True] == _same(step, left, right)


@pytest.mark.parametrize("name", ["neg", "pos", "abs"])
def test_operators_of_one_array_are_those_of_numpy(name, step):
    x = step.input([-1.0, 2.0])

    y = getattr(operator, name)(x)

    assert getattr(operator, name)(x.array).tolist() == y.array.tolist()
    assert [True] == _same(step, y)


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_masks_are_combined(name, step):
    x = step.input([-1.0, 2.0, 3.0])
    first, second = x > 0, x < 3

    y = getattr(operator, name)(first, ~second)

    assert getattr(operator, name)(x.array > 0, x.array >= 3).tolist() == (
        y.array.tolist()
    )
    assert [True] == _same(step, y)


@pytest.mark.parametrize(
    "exponent", [2, 0.5, 1, -1, 3, 2.0, np.float32(2), -0.5], ids=repr
)
def test_powers_take_numpy_s_short_ways(exponent, step):
    x = step.input([0.3, 1.7, 5.1])

    y = x**exponent

    assert (x.array**exponent).tolist() == y.array.tolist()
    assert [True] == _same(step, y)


# Writing.

IN_PLACE = ["iadd", "isub", "imul", "itruediv", "ipow"]


@pytest.mark.parametrize("name", IN_PLACE)
def test_operators_in_place_keep_the_array_and_give_it_a_new_value(name, step):
    x = step.input([1.0, 2.0])
    array, before = x.array, x.value

    y = getattr(operator, name)(x, 3)

    assert y is x
    assert x.array is array
    assert x.value is not before
    assert [True] == _same(step, x)


def test_in_place_casts_to_the_dtype_of_the_array(step):
    x = step.input([1.0, 2.0])

    x += np.array([0.1, 0.2])

    assert np.float32 == x.dtype == x.value.dtype
    assert [True] == _same(step, x)


def test_what_was_made_before_a_write_keeps_its_numbers(step):
    x = step.input([1.0, 2.0])
    y = x * 1

    x *= 5

    assert [1.0, 2.0] == step.replayed(y).tolist()
    assert [5.0, 10.0] == step.replayed(x).tolist()


VIEWS = {
    "a row": lambda x: x[1],
    "columns": lambda x: x[:, ::2],
    "reversed": lambda x: x[::-1],
    "a part of a part": lambda x: x[1:][0][1:3],
    "a new axis": lambda x: x[:, None],
    "transposed": lambda x: x.T,
    "matrix transposed": lambda x: x.mT,
    "permuted": lambda x: trace.permute_dims(x, (1, 0)),
    "reshaped": lambda x: trace.reshape(x, (2, 6)),
    "expanded": lambda x: trace.expand_dims(x, 1),
    "a row of the transposed": lambda x: x.T[2],
    "transposed rows": lambda x: x[1:].T,
    "a part of the reshaped": lambda x: trace.reshape(x, (-1,))[3:7],
}
WRITES = {
    "+=": lambda v: operator.iadd(v, 10),
    "*=": lambda v: operator.imul(v, 3),
    "[...] =": lambda v: operator.setitem(v, ..., v * 2 + 1),
    "[0] =": lambda v: operator.setitem(v, 0, -7),
    "[-1:] +=": lambda v: operator.iadd(v[-1:], 5),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_write_through(view, write, step):
    x = step.input(np.arange(12).reshape(3, 4))
    before = x.array.copy()
    v = VIEWS[view](x)

    WRITES[write](v)

    assert not np.array_equal(before, x.array)
    assert [True, True] == _same(step, x, v)


@pytest.mark.parametrize("view", VIEWS)
def test_views_see_what_is_written_into_their_base(view, step):
    x = step.input(np.arange(12).reshape(3, 4))
    v = VIEWS[view](x)

    x *= 2
    first = v + 0
    x[1] = 5
    x[:, 2] -= 1

    assert [True] * 3 == _same(step, x, v, first)


@pytest.mark.parametrize("view", VIEWS)
def test_views_see_what_is_written_through_others(view, step):
    x = step.input(np.arange(12).reshape(3, 4))
    v, other = VIEWS[view](x), x[1:, 1:]

    other += 10
    v *= 2
    other -= 1

    assert [True] * 3 == _same(step, x, v, other)


def test_a_copy_is_on_its_own(step):
    x = step.input([1.0, 2.0])
    y = trace.copy(x)

    y += 1

    assert [1.0, 2.0] == step.replayed(x).tolist()
    assert [True, True] == _same(step, x, y)


def test_a_write_into_what_is_repeated_is_refused(step):
    x = step.input(np.zeros((1, 4)))
    rows = trace.broadcast_to(x, (3, 4))

    with pytest.raises(GraphError, match="broadcast_to gave is written into; make"):
        rows += 1


# Indices and masks.


def test_a_constant_mask_picks(step):
    x = step.input([1.0, 2.0, 3.0])

    y = x[np.array([True, False, True])]

    assert [1.0, 3.0] == y.array.tolist()
    assert [True] == _same(step, y)


def test_a_mask_that_is_computed_does_not_pick_but_may_be_written_at(step):
    x = step.input([1.0, 2.0, 3.0])

    with pytest.raises(GraphError, match="a mask picks another number of elements"):
        x[x > 1]
    x[x > 1] = 0

    assert [1.0, 0.0, 0.0] == x.array.tolist()
    assert [True] == _same(step, x)


# Numbers.


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow"])
def test_arithmetic_on_numbers_is_written_down(name, step):
    function, n = getattr(operator, name), step.number(0.5)

    made = [function(n, 2), function(2.0, n), function(n, n), -n]

    assert [function(0.5, 2), function(2.0, 0.5), function(0.5, 0.5), -0.5] == [
        m.number for m in made
    ]
    assert [m.number for m in made] == [step.replayed(m) for m in made]


QUESTIONS = {
    "if": (bool, True),
    "float": (float, 0.5),
    "int": (int, 0),
    "less": (lambda n: n < 1, True),
    "greater": (lambda n: n > 1, False),
    "equal": (lambda n: n == 0.5, True),
    "less, turned round": (lambda n: 1 < n, False),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_to_a_number_is_answered_and_guarded(name, step):
    question, expected = QUESTIONS[name]
    n = step.number(0.5)

    answer = question(n)

    ((value, asked, noted),) = step.recording.guards
    assert expected == answer == noted
    assert value is n.value
    assert question(3.0) == asked(3.0)


def test_a_question_to_what_was_computed_is_answered_from_the_numbers(step):
    n = step.number(0.5)

    bool((1 - n) * 2 > 0.9)

    ((value, asked, _),) = step.recording.guards
    assert asked(number_of(value, [0.5]))
    assert not asked(number_of(value, [0.6]))


# What is written down beside the numbers.


def test_random_bits_are_named_by_their_distance_from_the_first(step):
    like = step.input([0.0])

    bits = trace.random_bits(like, (3,), 16, 7, 5)

    expected = host.random_bits(like.array, (3,), 16, 7, 5)
    assert expected.tolist() == bits.array.tolist() == step.replayed(bits).tolist()
    assert 5 == bits.value.origin.arguments[3]


def test_random_bits_of_another_seed_are_refused(step):
    with pytest.raises(GraphError, match="random bits of another seed"):
        trace.random_bits(step.input([0.0]), (3,), 16, 8, 0)


def test_a_check_is_made_now_and_written_down(step):
    labels = trace.asarray(np.array([0, 5]))

    trace.check_indices(labels, 6, "test", IndexError)
    with pytest.raises(IndexError):
        trace.check_indices(labels, 5, "test", IndexError)

    assert ["check_indices"] == step.names()


def test_finite_gradients_are_checked_at_every_call(step):
    assert trace.has_non_finite(step.input([np.nan])) is True
    assert trace.has_non_finite(step.input([1.0])) is False
    assert ["refuse_non_finite"] == step.names()


def test_instructions_say_which_operation_and_layer_they_came_from():
    model = xdl.nn.Sequential(xdl.nn.Linear(3, 2))
    places = []

    def step(x):
        xdl.sum(xdl.tanh(model(x))).backward()
        places.extend(i.place for i in current().instructions)

    xdl.compile(step, model)(np.ones((2, 3), "f4"))

    assert "Sequential/Linear: Linear" in places
    assert {"Tanh", "Tanh gradient", "Sum", "Linear gradient"} <= set(places)


def test_a_recording_is_active_in_its_block_alone():
    before = revision.number
    with Step() as step:
        x = step.input([1.0])
        assert current() is step.recording
        with pytest.raises(GraphError, match="while another is recorded"):
            step.recording.__enter__()

    assert current() is None
    assert before < revision.number
    with pytest.raises(GraphError, match="left behind by a step"):
        x + 1


def test_methods_of_numpy_are_not_there_and_say_so(step):
    with pytest.raises(AttributeError, match="no 'mean'; use the functions of xdl"):
        step.input([1.0]).mean()

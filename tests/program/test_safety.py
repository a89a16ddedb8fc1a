"""What a compiled step refuses, and that a refusal changes nothing."""

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, arrays_of, batch, differing
from tests.support.counted import Counted
from xdl import ArgumentError, GraphError, Variable, optim

# A value that is read in Python.

READS = {
    "if": lambda x: 1 if x > 0 else 2,
    "float": float,
    "int": int,
    "item": lambda x: x.item(),
    "numpy": lambda x: x.numpy(),
    "np.asarray": np.asarray,
    "NumPy's function": lambda x: np.add(x.value, np.float32(1)),
    "format": lambda x: f"{x:.3f}",
    "repr": repr,
    "tolist": lambda x: x.value.tolist(),
    "iteration": lambda x: list(xdl.reshape(x, (1,)).value),
    "index of a list": lambda x: [1, 2][x.astype("int64")],
    "not": lambda x: not x,
}


@pytest.mark.parametrize("name", READS)
def test_reading_a_value_is_an_error_that_changes_nothing(name, model, optimizer, step):
    def reading(x, target):
        loss = step(x, target)
        READS[name](xdl.sum(model.layers[0].weight))
        return loss

    before = all_of(model, optimizer)

    with pytest.raises((GraphError, TypeError), match="read in Python|support ufuncs"):
        xdl.compile(reading, model, optimizer)(*batch())
    assert [] == differing(before, all_of(model, optimizer))


def test_the_error_names_a_remedy():
    with pytest.raises(GraphError, match=r"return it .*, or decide with xdl\.where"):
        xdl.compile(lambda x: x if x[0] > 0 else -x)(np.ones(3))


def test_iterating_over_rows_is_a_loop_of_known_length():
    def step(x):
        return [xdl.sum(row) for row in x], len(x)

    rows, count = xdl.compile(step)(np.ones((2, 3)))

    assert [3.0, 3.0] == [row.item() for row in rows]
    assert 2 == count


def test_a_value_that_was_left_behind_says_so(model, optimizer, step):
    left = []

    def leaving(x, target):
        left.append(model.forward(x))
        return step(x, target)

    compiled = xdl.compile(leaving, model, optimizer)
    compiled(*batch())

    with pytest.raises(GraphError, match="left behind by a step"):
        left[0] * 2


# What the state lacks.


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize(
    "use",
    [
        lambda x, other: xdl.sum(x * other),
        lambda x, other: xdl.concat([x, other]),
        lambda x, other: other,
        lambda x, other: (x, xdl.exp(other)),
    ],
    ids=["operand", "several", "returned", "computed alone"],
)
def test_a_variable_that_is_not_in_the_state_is_refused(use, trainable):
    weight = Variable(np.ones(3, "f4"), "weight")
    other = Variable(np.ones(3, "f4"), "other", trainable)

    with pytest.raises(GraphError, match=r"compile: .*Variable.* is not in its state"):
        xdl.compile(lambda: use(weight, other), weight)()


def test_the_variable_is_named():
    other = Variable(np.ones(3, "f4"), "other")

    with pytest.raises(GraphError, match=r'Variable "other" \(3,\) is used in the'):
        xdl.compile(lambda x: x * other)(np.ones(3, "f4"))


def test_a_backward_past_the_state_is_refused():
    other = Variable(np.ones(3, "f4"), "other")

    def step(x):
        xdl.sum(other * 2).backward()
        return x

    with pytest.raises(GraphError, match="is used in the step but is not in its state"):
        xdl.compile(step)(np.ones(3, "f4"))
    assert other.grad is None


def test_an_optimizer_that_is_not_in_the_state_is_refused(model, optimizer, step):
    before = all_of(model, optimizer)

    with pytest.raises(GraphError, match="Adam is not in the state of the step"):
        xdl.compile(step, model)(*batch())
    assert [] == differing(before, all_of(model, optimizer))


def test_an_average_that_is_not_in_the_state_is_refused(model):
    ema = optim.EMA(model)

    with pytest.raises(GraphError, match="is not in its state"):
        xdl.compile(ema.update, model)()


def test_state_that_holds_no_variables_is_refused():
    with pytest.raises(ArgumentError, match="list came as state, needed a Module"):
        xdl.compile(abs, [1.0])


# Arguments.


@pytest.mark.parametrize(
    "share",
    [
        lambda w: w.value,
        lambda w: w.value[1:],
        lambda w: Variable._of(w.value),
        lambda w: w.value.reshape(2, 2).T,
    ],
    ids=["itself", "part", "in a Variable", "view of a view"],
)
def test_an_argument_that_shares_memory_with_the_state_is_refused(share):
    weight = Variable(np.arange(4.0), "weight")
    step = xdl.compile(lambda x: xdl.sum(x), weight)
    for _ in range(3):  # the fast path, too
        step(share(Variable(np.arange(4.0))))

    with pytest.raises(ArgumentError, match="shares the memory of weight.*pass a copy"):
        step(share(weight))


def test_a_trainable_argument_is_refused():
    x = Variable([1.0], "x")

    with pytest.raises(ArgumentError, match='"x" .* but it is trainable; give it to'):
        xdl.compile(lambda x: x * 2)(x)


def test_nested_arguments_and_results_keep_their_form():
    def step(pair, options):
        (x, y), scale = pair, options["scale"]
        return {"sum": x + y, "parts": [x * scale, (y, None)], "name": "two"}

    compiled = xdl.compile(step)
    x, y = np.ones(2, "f4"), np.full(2, 2, "f4")

    returned = [compiled((x, y), {"scale": 3}) for _ in range(4)]

    for result in returned:
        assert ["sum", "parts", "name"] == list(result)
        assert (None, "two") == (result["parts"][1][1], result["name"])
        assert [[3, 3], [3, 3], [2, 2]] == [
            v.numpy().tolist()
            for v in (result["sum"], result["parts"][0], result["parts"][1][0])
        ]


def test_another_python_value_is_another_program():
    step = xdl.compile(lambda x, power: x**power)
    x = np.full(2, 3.0)

    found = [step(x, power).numpy().tolist() for power in (2, 3, 2, 3, 2.0, 3)]

    assert [[9, 9], [27, 27], [9, 9], [27, 27], [9, 9], [27, 27]] == found


def test_an_argument_that_may_change_unseen_is_refused():
    with pytest.raises(ArgumentError, match="set came as an argument, needed arrays"):
        xdl.compile(lambda x, options: x)(np.ones(2), {"a"})


def test_a_step_without_arguments_is_replayed():
    weight = Variable([1.0, 2.0])
    counted = Counted(lambda: weight * 3)
    step = xdl.compile(counted, weight)

    found = [step().numpy().tolist() for _ in range(5)]

    assert [[3.0, 6.0]] * 5 == found
    assert 2 == counted.calls


def test_results_are_the_caller_s_own():
    weight = Variable([1.0, 2.0])
    step = xdl.compile(lambda x: (weight, weight.value, x, x.value, x * 1), weight)
    x = np.array([5.0, 6.0], "f4")

    for _ in range(4):
        for result in step(x):
            array = result._value if isinstance(result, Variable) else result
            array[...] = -1

    assert [[1.0, 2.0], [5.0, 6.0]] == [weight.numpy().tolist(), x.tolist()]


def test_earlier_results_stay_as_they_were():
    step = xdl.compile(lambda x: (xdl.exp(x), xdl.sum(x), x[1:] * 2))
    given = [np.full(3, float(i)) for i in range(6)]

    returned = [step(x) for x in given]

    expected = [[np.exp(x), x.sum(), x[1:] * 2] for x in given]
    assert [] == [i for i in range(6) if differing(expected[i], arrays_of(returned[i]))]

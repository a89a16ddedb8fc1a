"""Members that stop: refused, told to, interrupted, or given what does not fit."""

import _thread
import importlib

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.executors import every_executor, needs_numba
from tests.support.interrupting import interrupts
from tests.support.members import (
    CLASSES,
    COLUMNS,
    COUNT,
    ROWS,
    SAMPLES,
    STEPS,
    Training,
    alone,
    of_member,
)


@every_executor
def test_a_refused_member_stops_alone_as_it_was_before_that_step(executor, data, rows):
    x, target = data
    rows = [part.copy() for part in rows]
    rows[1][3], rows[2][5, 0] = SAMPLES, SAMPLES + 1
    x = np.concatenate([x, np.full((1, COLUMNS), np.nan, "f4"), x[:1]])
    target = np.append(target, [0, CLASSES])
    expected = [alone(executor, i, rows[i], (x, target)) for i in (0, 3, 4)]
    expected[1:1] = [
        alone(executor, i, rows[i][:n], (x, target)) for i, n in ((1, 3), (2, 5))
    ]
    training = Training(executor)
    many = training.members()

    returned = many.over(rows, x, target)

    for i in range(COUNT):
        found = of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)
    kinds = [type(error) for error in many.errors]
    nothing = type(None)
    assert [nothing, xdl.NonFiniteError, xdl.LabelError, nothing, nothing] == kinds
    assert [True, False, False, True, True] == many.running.tolist()
    assert [7, 3, 5, 7, 7] == many.steps.tolist()


@every_executor
def test_a_member_that_is_stopped_stays_as_it_is(executor, data, rows):
    training = Training(executor)
    many = training.members()
    many.over(rows, *data)
    before = of_member(training, many, 1)

    many.running[1] = False
    returned = many.over(rows, *data)

    assert [False, True, False, False, False] == [one is None for one in returned]
    assert [] == differing(before, of_member(training, many, 1))
    assert [14, 7, 14, 14, 14] == many.steps.tolist()


# One may come in what Python calls for garbage, where no exception can leave.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@needs_numba
def test_an_interrupt_leaves_each_member_whole(data, rows):
    training = Training("numba")
    training.members().over(rows, *data)
    expected = [
        [alone("numba", i, rows[i][:n], data)[n:] for n in range(STEPS + 1)]
        for i in range(2)
    ]
    own, held = arrays_of(training.all()), {}

    def prepare():
        held["many"] = training.members(2, threads=2)

    for _ in interrupts(lambda: held["many"].over(rows[:2], *data), prepare, 40):
        many = held["many"]
        assert [] == differing(own, training.all())
        for i, steps in enumerate(many.steps.tolist()):
            found = of_member(training, many, i)
            assert [] == differing(expected[i][steps], found)


@needs_numba
def test_an_interrupt_ends_a_long_call_after_the_steps_under_way(
    data, rng, monkeypatch
):
    job = importlib.import_module("xdl.program.numba_executor.whole_step.members").Job
    training, whole = Training("numba"), Training("numba")
    many, expected = training.members(2), whole.members(2)
    rows = rng.integers(0, SAMPLES, (2, 300_000, ROWS))
    run = job.run

    def interrupted(self, *given):
        _thread.interrupt_main()  # signals wait by now
        run(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(job, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            many.over(rows, *data)

    done = many.steps.tolist()
    assert sum(done) < 600_000
    many.over([part[n:] for part, n in zip(rows, done, strict=True)], *data)
    expected.over(rows, *data)
    for i in range(2):
        found = of_member(training, many, i)
        assert [] == differing(of_member(whole, expected, i), found)


def test_rows_must_be_those_of_all_members(data, rows):
    many = Training("numpy").members()

    with pytest.raises(xdl.ShapeError, match="rows of 2 came, needed 5"):
        many.over(rows[:2], *data)


def test_rows_must_be_whole_numbers_with_two_axes(data):
    many = Training("numpy").members(1)

    with pytest.raises(xdl.ArgumentError, match=r"needed integers \(steps, batch\)"):
        many.over([np.zeros(3)], *data)


def test_rows_must_be_there(data):
    many = Training("numpy").members(1)

    with pytest.raises(xdl.IndexRangeError, match="rows from 0 to 30 came"):
        many.over([np.array([[0, SAMPLES]])], *data)


@pytest.mark.parametrize("target", [np.zeros(3, int), np.array(0)])
def test_arrays_must_have_as_many_samples(target, data):
    many = Training("numpy").members(1)

    with pytest.raises(xdl.ShapeError, match=r"arrays \(30, 4\) and \("):
        many.over([np.array([[0]])], data[0], target)


def test_there_must_be_an_array():
    many = Training("numpy").members(1)

    with pytest.raises(xdl.ShapeError, match="arrays none came"):
        many.over([np.array([[0]])])


def test_what_is_wrong_with_a_step_names_the_member(data, rows):
    many = Training("numpy").members(2)

    with pytest.raises(xdl.ShapeError) as caught:
        many.over(rows[:2], data[0][:, :2], data[1])

    assert ["compile: this came up in member 0"] == caught.value.__notes__


def test_a_member_that_goes_on_after_a_refusal_has_no_error(data, rows):
    training = Training("numpy")
    many = training.members(1)
    target = data[1].copy()
    target[rows[0][2, 0]] = CLASSES
    many.over(rows[:1], data[0], target)
    refused = many.errors[0]

    many.running[0] = True
    many.over([rows[0][2:]], *data)

    assert isinstance(refused, xdl.LabelError)
    assert [None] == many.errors
    expected = alone("numpy", 0, rows[0], data)[STEPS:]
    assert [] == differing(expected, of_member(training, many, 0))


def test_a_step_with_other_variables_needs_other_members(data, rows):
    training = Training("numpy")
    many = training.members(1)
    training.model.more = xdl.nn.Linear(2, 2)

    with pytest.raises(xdl.GraphError, match="make them then"):
        many.over(rows[:1], *data)


@pytest.mark.parametrize("given", [{"n": 0}, {"n": 2.0}, {"n": 2, "threads": 0}])
def test_there_must_be_one_member_and_thread(given):
    with pytest.raises(xdl.ArgumentError, match="needed an int >= 1"):
        Training("numpy").step.members(**given)


def test_members_tell_how_many_run():
    many = Training("numpy").members(3)
    many.running[0] = False

    assert "<Members of <Compiled train, 'numpy'; programs: 0>: 3, running: 2>" == repr(
        many
    )
    assert 3 == len(many)

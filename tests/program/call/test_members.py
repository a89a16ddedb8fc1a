"""Members: many models trained as one, each as if it were alone."""

import _thread
import threading

import numpy as np
import pytest

import xdl
from tests.support.compared import all_of, arrays_of, differing
from tests.support.executors import every_executor, needs_numba
from tests.support.interrupting import interrupts
from xdl import models, optim

COUNT, STEPS, ROWS, SAMPLES, COLUMNS, CLASSES = 5, 7, 4, 30, 4, 3


class Training:
    """A perceptron that learns, compiled.

    Args:
        executor: of ``xdl.compile``.
        seed: of the weights.
        dropout: the model's.
    """

    def __init__(self, executor, seed=0, dropout=0.0, **options):
        xdl.seed(seed)
        self.model = models.MLP([COLUMNS, 6, CLASSES], dropout=dropout)
        self.optimizer = optim.SGD(self.model, lr=0.1, momentum=0.9, **options)
        self.step = xdl.compile(
            self.train, self.model, self.optimizer, executor=executor
        )

    def train(self, x, target):
        """Learn from one batch; return the loss."""
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def begin(self, i):
        """Be the model of a number."""
        other = Training("numpy", i)
        self.model.load_state_dict(other.model.state_dict())
        self.optimizer.lr = 0.1 * (i + 1)
        self.optimizer.momentum = 0.9 - 0.3 * i if i < 3 else 0.0
        xdl.seed(i)

    def members(self, n=COUNT, threads=None):
        """Return members, each of another number."""
        many = self.step.members(n, threads)
        for i in range(n):
            with many.member(i):
                self.begin(i)
        return many

    def all(self):
        """Return all arrays, and where the draws of dropout stand."""
        return all_of(self.model, self.optimizer)[:-1]


@pytest.fixture
def data(rng):
    x = rng.standard_normal((SAMPLES, COLUMNS)).astype("f4")
    return x, rng.integers(0, CLASSES, SAMPLES)


@pytest.fixture
def rows(rng):
    return [rng.permutation(SAMPLES)[: STEPS * ROWS].reshape(STEPS, ROWS)] * COUNT


def _alone(executor, i, rows, data, dropout=0.0):
    """Return the losses of the single step, and all arrays after it."""
    training = Training(executor, dropout=dropout)
    training.begin(i)
    losses = [training.step(*[array[k] for array in data]).item() for k in rows]
    return [*losses, *training.all()]


def _of_member(training, many, i, returned):
    with many.member(i):
        return [
            *([] if returned is None else returned.numpy().tolist()),
            *training.all(),
        ]


@every_executor
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_members_are_to_the_bit_what_each_would_be_alone(executor, threads, data, rows):
    rows = [part[i % 2 :] for i, part in enumerate(rows)]  # some with fewer steps
    expected = [_alone(executor, i, part, data) for i, part in enumerate(rows)]
    training = Training(executor)
    many = training.members(threads=threads)

    returned = many.over(rows, *data)

    for i in range(COUNT):
        found = _of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)
    assert [len(part) for part in rows] == many.steps.tolist()


@every_executor
def test_calls_go_on_where_others_ended_and_batches_may_be_of_several_lengths(
    executor, data, rows
):
    parts = [*rows[0][:4], *rows[0][4:, :3]]
    expected = [_alone(executor, i, parts, data) for i in range(COUNT)]
    training = Training(executor)
    many = training.members()

    first = many.over([part[:4] for part in rows], *data)
    odd = many.over([part[4:, :3] for part in rows], *data)

    for i in range(COUNT):
        losses = [*first[i].numpy().tolist(), *odd[i].numpy().tolist()]
        found = [*losses, *_of_member(training, many, i, None)]
        assert [] == differing(expected[i], found)


@every_executor
def test_members_may_have_batches_of_different_lengths_in_one_call(
    executor, data, rows
):
    rows = [part[:, : ROWS - i % 2] for i, part in enumerate(rows)]
    expected = [_alone(executor, i, part, data) for i, part in enumerate(rows)]
    training = Training(executor)
    many = training.members()

    returned = many.over(rows, *data)

    for i in range(COUNT):
        found = _of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)


@every_executor
def test_a_members_numbers_do_not_depend_on_the_others(executor, data, rows):
    few, all_of_them = Training(executor), Training(executor)
    of_few, of_all = few.members(3), all_of_them.members()
    of_few.running[:2] = False

    alone = of_few.over(rows[:3], *data)[2]
    beside = of_all.over(rows, *data)[2]

    expected = _of_member(few, of_few, 2, alone)
    assert [] == differing(expected, _of_member(all_of_them, of_all, 2, beside))


@every_executor
def test_the_draws_of_a_member_are_its_own(executor, data, rows):
    expected = [_alone(executor, i, rows[i], data, dropout=0.4) for i in range(3)]
    training = Training(executor, dropout=0.4)
    many = training.members(3)

    returned = many.over(rows[:3], *data)

    for i in range(3):
        found = _of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)


@every_executor
def test_a_refused_member_stops_alone_as_it_was_before_that_step(executor, data, rows):
    x, target = data
    rows = [part.copy() for part in rows]
    rows[1][3], rows[2][5, 0] = SAMPLES, SAMPLES + 1
    x = np.concatenate([x, np.full((1, COLUMNS), np.nan, "f4"), x[:1]])
    target = np.append(target, [0, CLASSES])
    expected = [_alone(executor, i, rows[i], (x, target)) for i in (0, 3, 4)]
    expected[1:1] = [
        _alone(executor, i, rows[i][:n], (x, target)) for i, n in ((1, 3), (2, 5))
    ]
    training = Training(executor)
    many = training.members()

    returned = many.over(rows, x, target)

    for i in range(COUNT):
        found = _of_member(training, many, i, returned[i])
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
    before = _of_member(training, many, 1, None)

    many.running[1] = False
    returned = many.over(rows, *data)

    assert [False, True, False, False, False] == [one is None for one in returned]
    assert [] == differing(before, _of_member(training, many, 1, None))
    assert [14, 7, 14, 14, 14] == many.steps.tolist()


@every_executor
def test_the_steps_own_state_is_as_it_was(executor, data, rows):
    training = Training(executor)
    before = arrays_of(training.all())
    many = training.members()

    many.over(rows, *data)

    assert [] == differing(before, training.all())
    assert (0.1, 0.9) == (training.optimizer.lr, training.optimizer.momentum)


@every_executor
def test_one_member_is_saved_and_goes_on_in_another_program(
    executor, data, rows, tmp_path
):
    training, other = Training(executor), Training(executor, 7)
    many, later = training.members(), other.members()
    many.over(rows, *data)
    with many.member(2):
        state = {"model": training.model, "optimizer": training.optimizer}
        xdl.save(tmp_path / "two", **state)
    with later.member(0):
        state = {"model": other.model, "optimizer": other.optimizer}
        xdl.load(tmp_path / "two", **state)

    expected, actual = many.over(rows, *data)[2], later.over(rows, *data)[0]

    found = _of_member(other, later, 0, actual)
    assert [] == differing(_of_member(training, many, 2, expected), found)


@every_executor
def test_a_member_may_have_another_option_than_numbers(executor, data, rows):
    training = Training(executor)
    many = training.members(2)
    with many.member(1):
        training.begin(0)
        training.optimizer.nesterov = True
    alone = Training(executor)
    alone.begin(0)
    alone.optimizer.nesterov = True
    expected = [alone.step(*[array[k] for array in data]).item() for k in rows[1]]

    plain, nesterov = many.over(rows[:2], *data)

    assert expected == nesterov.numpy().tolist()
    assert plain.numpy().tolist() != nesterov.numpy().tolist()


@every_executor
def test_members_of_a_new_call_take_the_program_of_the_last(executor, data, rows):
    training = Training(executor)
    training.members().over(rows, *data)
    recorded = training.step._recordings

    training.members().over(rows, *data)

    assert recorded == training.step._recordings


@needs_numba
def test_most_steps_are_native(data, rows):
    training = Training("numba")
    many = training.members()
    many.over(rows, *data)
    training.step._in_full = None  # a step by itself fails

    assert [7] * COUNT == [len(one.numpy()) for one in many.over(rows, *data)]


# One may come in what Python calls for garbage, where no exception can leave.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@needs_numba
def test_an_interrupt_leaves_each_member_whole(data, rows):
    training = Training("numba")
    training.members().over(rows, *data)
    expected = [
        [_alone("numba", i, rows[i][:n], data)[n:] for n in range(STEPS + 1)]
        for i in range(2)
    ]
    own, held = arrays_of(training.all()), {}

    def prepare():
        held["many"] = training.members(2, threads=2)

    for _ in interrupts(lambda: held["many"].over(rows[:2], *data), prepare, 40):
        many = held["many"]
        assert [] == differing(own, training.all())
        for i, steps in enumerate(many.steps.tolist()):
            found = _of_member(training, many, i, None)
            assert [] == differing(expected[i][steps], found)


@needs_numba
def test_an_interrupt_ends_a_long_call_after_the_steps_under_way(data, rng):
    training, whole = Training("numba"), Training("numba")
    many, expected = training.members(2), whole.members(2)
    rows = rng.integers(0, SAMPLES, (2, 60_000, ROWS))

    def interrupt():
        while not many.steps.any():
            pass
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        many.over(rows, *data)
    thread.join()

    done = many.steps.tolist()
    assert sum(done) < 120_000
    many.over([part[n:] for part, n in zip(rows, done, strict=True)], *data)
    expected.over(rows, *data)
    for i in range(2):
        found = _of_member(training, many, i, None)
        assert [] == differing(_of_member(whole, expected, i, None), found)


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


@every_executor
def test_a_step_may_take_numbers_and_nested_arrays(executor, data, rows):
    def make():
        training = Training(executor)
        step = xdl.compile(
            lambda pair, scale: training.train(pair[0] * scale, pair[1]),
            training.model,
            training.optimizer,
            executor=executor,
        )
        return training, step

    expected = []
    for i in range(2):
        training, step = make()
        training.begin(i)
        for k in rows[i]:
            step(tuple(array[k] for array in data), 0.5)
        expected.append(training.all())
    training, step = make()
    training.step = step
    many = training.members(2)

    many.over(rows[:2], data, 0.5)

    for i in range(2):
        assert [] == differing(expected[i], _of_member(training, many, i, None))


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
    expected = _alone("numpy", 0, rows[0], data)[STEPS:]
    assert [] == differing(expected, _of_member(training, many, 0, None))


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

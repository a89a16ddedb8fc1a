"""Members: many models trained as one, each as if it were alone."""

import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.executors import every_executor, needs_numba
from tests.support.members import (
    COUNT,
    ROWS,
    Training,
    alone,
    of_member,
)


@every_executor
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_members_are_to_the_bit_what_each_would_bealone(executor, threads, data, rows):
    rows = [part[i % 2 :] for i, part in enumerate(rows)]  # some with fewer steps
    expected = [alone(executor, i, part, data) for i, part in enumerate(rows)]
    training = Training(executor)
    many = training.members(threads=threads)

    returned = many.over(rows, *data)

    for i in range(COUNT):
        found = of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)
    assert [len(part) for part in rows] == many.steps.tolist()


@every_executor
def test_calls_go_on_where_others_ended_and_batches_may_be_of_several_lengths(
    executor, data, rows
):
    parts = [*rows[0][:4], *rows[0][4:, :3]]
    expected = [alone(executor, i, parts, data) for i in range(COUNT)]
    training = Training(executor)
    many = training.members()

    first = many.over([part[:4] for part in rows], *data)
    odd = many.over([part[4:, :3] for part in rows], *data)

    for i in range(COUNT):
        losses = [*first[i].numpy().tolist(), *odd[i].numpy().tolist()]
        found = [*losses, *of_member(training, many, i)]
        assert [] == differing(expected[i], found)


@every_executor
def test_members_may_have_batches_of_different_lengths_in_one_call(
    executor, data, rows
):
    rows = [part[:, : ROWS - i % 2] for i, part in enumerate(rows)]
    expected = [alone(executor, i, part, data) for i, part in enumerate(rows)]
    training = Training(executor)
    many = training.members()

    returned = many.over(rows, *data)

    for i in range(COUNT):
        found = of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)


@every_executor
def test_a_members_numbers_do_not_depend_on_the_others(executor, data, rows):
    few, all_of_them = Training(executor), Training(executor)
    of_few, of_all = few.members(3), all_of_them.members()
    of_few.running[:2] = False

    alone = of_few.over(rows[:3], *data)[2]
    beside = of_all.over(rows, *data)[2]

    expected = of_member(few, of_few, 2, alone)
    assert [] == differing(expected, of_member(all_of_them, of_all, 2, beside))


@every_executor
def test_the_draws_of_a_member_are_its_own(executor, data, rows):
    expected = [alone(executor, i, rows[i], data, dropout=0.4) for i in range(3)]
    training = Training(executor, dropout=0.4)
    many = training.members(3)

    returned = many.over(rows[:3], *data)

    for i in range(3):
        found = of_member(training, many, i, returned[i])
        assert [] == differing(expected[i], found)


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

    found = of_member(other, later, 0, actual)
    assert [] == differing(of_member(training, many, 2, expected), found)


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
        assert [] == differing(expected[i], of_member(training, many, i))

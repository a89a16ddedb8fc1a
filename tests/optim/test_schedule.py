"""Schedules: who owns the learning rate, what is refused, going on after a stop."""

import numpy as np
import pytest

from xdl import SGD, ArgumentError, CheckpointError, NonFiniteError, Variable, optim


def _optimizer(lr=0.5):
    return SGD([Variable([1.0])], lr=lr, momentum=0.9)


def _join(optimizer):
    warm_up = optim.LinearLR(optimizer, 0.25, total_iters=3)
    cycle = optim.OneCycleLR(optimizer, 1.0, total_steps=20)
    return optim.SequentialLR(optimizer, [warm_up, cycle], [3])


MAKERS = {
    "constant": lambda o: optim.ConstantLR(o, 0.5, total_iters=3),
    "linear": optim.LinearLR,
    "step": lambda o: optim.StepLR(o, 2),
    "exponential": lambda o: optim.ExponentialLR(o, 0.9),
    "cosine": lambda o: optim.CosineAnnealingLR(o, 9),
    "one cycle": lambda o: optim.OneCycleLR(o, 1.0, total_steps=20),
    "join": _join,
    "join of joins": lambda o: optim.SequentialLR(
        o, [_join(o), optim.StepLR(o, 1)], [6]
    ),
}
every_schedule = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def _course(schedule, steps):
    seen = []
    for _ in range(steps):
        schedule.step()
        seen.append((schedule.optimizer.lr, schedule.optimizer.momentum))
    return seen


@every_schedule
def test_a_schedule_goes_on_from_a_saved_state(make):
    first, second = make(_optimizer()), make(_optimizer(lr=0.1))
    _course(first, 4)

    second.load_state_dict(first.state_dict())

    assert first.optimizer.lr == second.optimizer.lr
    assert _course(first, 6) == _course(second, 6)


def test_a_plateau_goes_on_from_a_saved_state():
    options = {"patience": 1, "cooldown": 1, "factor": 0.5}
    first, second = (
        optim.ReduceLROnPlateau(_optimizer(lr), **options) for lr in (0.5, 0.1)
    )
    for _ in range(4):
        first.step(1.0)

    second.load_state_dict(first.state_dict())
    for schedule in (first, second):
        for _ in range(4):
            schedule.step(1.0)

    assert 0.125 == first.optimizer.lr == second.optimizer.lr


@every_schedule
def test_a_saved_state_that_does_not_fit_is_refused_whole(make):
    schedule = make(_optimizer())
    _course(schedule, 2)
    before, saved = schedule.state_dict(), schedule.state_dict()
    saved["steps"] = -1
    saved["odd"] = 1

    with pytest.raises(CheckpointError, match="steps: -1 came.*unknown 'odd'"):
        schedule.load_state_dict(saved)

    assert before == schedule.state_dict()


@pytest.mark.parametrize("parts", [None, [], [{}], [{}, {}]])
def test_a_join_refuses_states_that_do_not_fit_its_parts(parts):
    schedule = _join(_optimizer())
    saved = {**schedule.state_dict(), "schedulers": parts, "steps": 5}

    with pytest.raises(CheckpointError, match="load_state_dict: "):
        schedule.load_state_dict(saved)

    assert 0 == schedule.steps


def test_a_schedule_made_after_another_starts_from_the_first_learning_rate():
    optimizer = _optimizer(lr=0.5)
    optim.LinearLR(optimizer, start_factor=0.1)

    schedule = optim.StepLR(optimizer, 1)

    assert (0.5, 0.5) == (schedule.base_lr, optimizer.lr)


def test_a_learning_rate_set_by_hand_is_where_the_next_schedule_starts():
    optimizer = _optimizer(lr=0.5)
    optim.LinearLR(optimizer, start_factor=0.1)
    optimizer.lr = 0.25

    assert 0.25 == optim.StepLR(optimizer, 1).base_lr


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda o: optim.ConstantLR(o, 1.5), "factor: 1.5 came"),
        (lambda o: optim.ConstantLR(o, total_iters=-1), "total_iters: -1 came"),
        (lambda o: optim.LinearLR(o, total_iters=0), "total_iters: 0 came"),
        (lambda o: optim.LinearLR(o, start_factor=np.nan), "start_factor: nan came"),
        (lambda o: optim.StepLR(o, 0), "step_size: 0 came, needed an int >= 1"),
        (lambda o: optim.StepLR(o, 2.5), "step_size: 2.5 came"),
        (lambda o: optim.StepLR(o, True), "step_size: True came"),
        (lambda o: optim.ExponentialLR(o, -1), "gamma: -1.0 came"),
        (lambda o: optim.CosineAnnealingLR(o, 0), "T_max: 0 came"),
        (lambda o: optim.CosineAnnealingLR(o, 1, "0"), "eta_min: '0' came"),
        (lambda o: optim.OneCycleLR(o, 0, 10), "max_lr: 0.0 came"),
        (lambda o: optim.OneCycleLR(o, 1, 10, pct_start=2), "pct_start: 2.0 came"),
        (lambda o: optim.OneCycleLR(o, 1, 10, anneal_strategy="x"), "'cos' or"),
        (lambda o: optim.ReduceLROnPlateau(o, factor=1), "factor: 1.0 came"),
        (lambda o: optim.ReduceLROnPlateau(o, mode="least"), "'min' or 'max'"),
        (lambda o: optim.StepLR(None, 1), "StepLR: NoneType came, needed an Optimizer"),
        (lambda o: optim.SequentialLR(o, [], []), "came for 0 schedules"),
        (lambda o: optim.SequentialLR(o, [o], []), "item 0 is SGD"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_optimizer_left_alone(make, said):
    optimizer = _optimizer()

    with pytest.raises(ArgumentError, match=said):
        make(optimizer)

    assert 0.5 == optimizer.lr


@pytest.mark.parametrize("milestones", [[], [3, 3], [0], [5, 2], [2.5], [1, 2, 3]])
def test_milestones_that_do_not_fit_are_refused(milestones):
    optimizer = _optimizer()
    parts = [optim.StepLR(optimizer, 1) for _ in range(3)]
    parts = parts[: 2 if len(milestones) == 1 else 3]

    with pytest.raises(ArgumentError, match="SequentialLR: milestones"):
        optim.SequentialLR(optimizer, parts, milestones)


def test_a_join_refuses_a_plateau_and_the_schedule_of_another_optimizer():
    optimizer = _optimizer()

    with pytest.raises(ArgumentError, match="item 0 is ReduceLROnPlateau"):
        optim.SequentialLR(optimizer, [optim.ReduceLROnPlateau(optimizer)], [])
    with pytest.raises(ArgumentError, match="item 0 is for another optimizer"):
        optim.SequentialLR(optimizer, [optim.StepLR(_optimizer(), 1)], [])


def test_one_cycle_refuses_to_go_past_its_end():
    schedule = optim.OneCycleLR(_optimizer(), 1.0, total_steps=3)
    _course(schedule, 3)
    before = schedule.state_dict(), schedule.optimizer.lr

    with pytest.raises(ArgumentError, match="step 4 came, needed at most 3"):
        schedule.step()

    assert before == (schedule.state_dict(), schedule.optimizer.lr)


def test_one_cycle_needs_a_momentum_to_change():
    plain = SGD([Variable([1.0])])

    with pytest.raises(ArgumentError, match="pass cycle_momentum=False"):
        optim.OneCycleLR(plain, 1.0, total_steps=3)
    schedule = optim.OneCycleLR(plain, 1.0, total_steps=3, cycle_momentum=False)
    schedule.step()
    assert 0.0 == plain.momentum


@pytest.mark.parametrize("start", [0.1, 1 / 3, 1.0])
def test_one_cycle_takes_phases_of_no_length(start):
    schedule = optim.OneCycleLR(_optimizer(), 1.0, 3, pct_start=start, three_phase=True)

    assert np.isfinite(_course(schedule, 3)).all()


@pytest.mark.parametrize("metric", [Variable([2.0]), np.float32(2), np.array(2.0)])
def test_a_plateau_takes_any_one_number(metric):
    schedule = optim.ReduceLROnPlateau(_optimizer())

    schedule.step(metric)

    assert 2.0 == schedule.best


def test_a_plateau_refuses_nan_and_counts_infinity_as_bad():
    schedule = optim.ReduceLROnPlateau(_optimizer(), patience=0, factor=0.5)

    with pytest.raises(NonFiniteError, match="NaN came"):
        schedule.step(np.nan)
    schedule.step(np.inf)

    assert (0.25, 1, None) == (schedule.optimizer.lr, schedule.steps, schedule.best)


def test_a_schedule_without_a_formula_says_so():
    with pytest.raises(NotImplementedError, match="Schedule: lr_at is not defined"):
        optim.Schedule(_optimizer())

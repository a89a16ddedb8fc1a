"""The schedules beside PyTorch's: the learning rate after every step."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

STEPS = 25
SETTINGS = {
    "ConstantLR": [{}, {"factor": 0.5, "total_iters": 3}, {"factor": 1.0}],
    "LinearLR": [
        {},
        {"start_factor": 0.1, "end_factor": 0.5, "total_iters": 7},
        {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 30},
    ],
    "StepLR": [{"step_size": 3}, {"step_size": 1, "gamma": 0.5}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 1.0}],
    "CosineAnnealingLR": [{"T_max": 30}, {"T_max": 7, "eta_min": 0.01}],
    "OneCycleLR": [
        {"max_lr": 1.0, "total_steps": 25},
        {"max_lr": 0.5, "total_steps": 40, "three_phase": True},
        {"max_lr": 0.5, "total_steps": 30, "anneal_strategy": "linear"},
        {"max_lr": 0.5, "total_steps": 30, "pct_start": 0.0},
        {"max_lr": 0.5, "total_steps": 30, "div_factor": 2.0, "final_div_factor": 3.0},
        {"max_lr": 0.5, "total_steps": 30, "base_momentum": 0.1, "max_momentum": 0.2},
    ],
}
METRICS = [
    3,
    2,
    2,
    2.5,
    2,
    2,
    2,
    2,
    1.9999,
    1.99,
    1,
    1,
    1,
    1,
    -1,
    -1,
    -1,
    -1.5,
    4,
    4,
    4,
]
PLATEAUS = [
    {"patience": 2},
    {"patience": 0, "factor": 0.5, "cooldown": 2},
    {"patience": 1, "mode": "max", "threshold": 0.1, "threshold_mode": "abs"},
    {"patience": 1, "threshold": 0.5, "threshold_mode": "rel", "min_lr": 0.01},
    {"patience": 1, "threshold": 0.5, "threshold_mode": "abs", "eps": 1e-2},
    {"patience": 1, "mode": "max", "threshold": 0.5},
]
JOINS = [
    ([("LinearLR", {"total_iters": 4}), ("CosineAnnealingLR", {"T_max": 12})], [4]),
    ([("ConstantLR", {"total_iters": 4}), ("ExponentialLR", {"gamma": 0.9})], [2]),
    (
        [
            ("LinearLR", {"start_factor": 0.1}),
            ("StepLR", {"step_size": 2}),
            ("ConstantLR", {"factor": 0.01, "total_iters": 5}),
        ],
        [5, 11],
    ),
]

each_setting = pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(name, options, id=f"{name}-{i}")
        for name, settings in SETTINGS.items()
        for i, options in enumerate(settings)
    ],
)
# PyTorch warns when a schedule steps and its optimizer did not.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")


def _optimizers(**options):
    weight = xdl.Variable([1.0])
    tensor = torch.ones(1, requires_grad=True)
    ours = xdl.SGD([weight], lr=0.2, **options)
    return ours, torch.optim.SGD([tensor], lr=0.2, **options)


def _course(schedule, read, steps=STEPS):
    seen = [read()]
    for _ in range(steps):
        schedule.step()
        seen.append(read())
    return seen


@each_setting
def test_learning_rate_and_momentum(name, options):
    ours, theirs = _optimizers(momentum=0.9)
    schedule = getattr(xdl.optim, name)(ours, **options)
    reference = getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    (group,) = theirs.param_groups

    expected = _course(reference, lambda: (group["lr"], group["momentum"]))
    actual = _course(schedule, lambda: (ours.lr, ours.momentum))

    np.testing.assert_allclose(actual, expected, 1e-12, 1e-16)


def test_one_cycle_changes_beta1_where_there_are_betas():
    ours = xdl.optim.Adam([xdl.Variable([1.0])])
    theirs = torch.optim.Adam([torch.ones(1, requires_grad=True)])
    options = {"max_lr": 0.1, "total_steps": STEPS}
    schedule = xdl.optim.OneCycleLR(ours, **options)
    reference = torch.optim.lr_scheduler.OneCycleLR(theirs, **options)
    (group,) = theirs.param_groups

    expected = _course(reference, lambda: group["betas"])
    actual = _course(schedule, lambda: ours.betas)

    np.testing.assert_allclose(actual, expected, 1e-12)


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_reduce_on_plateau(options):
    ours, theirs = _optimizers()
    schedule = xdl.optim.ReduceLROnPlateau(ours, **options)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    expected, actual = [], []

    for metric in METRICS:
        schedule.step(metric)
        reference.step(metric)
        actual.append(ours.lr)
        expected.append(theirs.param_groups[0]["lr"])

    np.testing.assert_allclose(actual, expected, 1e-12)
    assert min(actual) < 0.2


@pytest.mark.parametrize(("parts", "milestones"), JOINS)
def test_join(parts, milestones):
    ours, theirs = _optimizers()
    schedule = xdl.optim.SequentialLR(
        ours, [getattr(xdl.optim, n)(ours, **o) for n, o in parts], milestones
    )
    reference = torch.optim.lr_scheduler.SequentialLR(
        theirs,
        [getattr(torch.optim.lr_scheduler, n)(theirs, **o) for n, o in parts],
        milestones,
    )

    expected = _course(reference, lambda: theirs.param_groups[0]["lr"])
    actual = _course(schedule, lambda: ours.lr)

    np.testing.assert_allclose(actual, expected, 1e-12)

"""Parameter groups beside PyTorch's."""

import numpy as np
import pytest

import xdl
from tests.oracle.comparison import torch

RNG = np.random.default_rng(0)
ARRAYS = [RNG.standard_normal((3, 2)).astype("f4") for _ in range(3)]
OPTIONS = [{"lr": 0.02, "weight_decay": 0.1}, {}, {"lr": 0.001}]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("Adam", {}),
        ("AdamW", {"amsgrad": True}),
        ("RMSprop", {"centered": True}),
        ("Adagrad", {}),
        ("NAdam", {}),
        ("RAdam", {}),
    ],
)
def test_groups_under_a_schedule_train_as_in_pytorch(name, options):
    ours = [xdl.Variable(array) for array in ARRAYS]
    theirs = [torch.tensor(array, requires_grad=True) for array in ARRAYS]
    made = []
    for module, weights in ((xdl.optim, ours), (torch.optim, theirs)):
        pairs = zip(weights, OPTIONS, strict=True)
        groups = [{"params": [weight], **own} for weight, own in pairs]
        made.append(getattr(module, name)(groups, lr=0.01, **options))
    schedules = [
        xdl.optim.StepLR(made[0], step_size=4, gamma=0.5),
        torch.optim.lr_scheduler.StepLR(made[1], step_size=4, gamma=0.5),
    ]

    for _ in range(12):
        xdl.sum(xdl.square(ours[0] * ours[1] + ours[2] - 1.0)).backward()
        made[0].update()
        made[1].zero_grad()
        ((theirs[0] * theirs[1] + theirs[2] - 1.0) ** 2).sum().backward()
        made[1].step()
        for schedule in schedules:
            schedule.step()

    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(force=True), rtol=2e-4)
    rates = [group["lr"] for group in made[1].param_groups]
    np.testing.assert_allclose([group.lr for group in made[0].param_groups], rates)

"""What an optimizer says that it takes of memory, it takes at most."""

import tracemalloc

import numpy as np
import pytest

import xdl
from tests.optim.every import every_optimizer

OPTIONS = {"weight_decay": 0.1, "amsgrad": True, "centered": True, "momentum": 0.9}
SMALL = 16384  # bytes: what is not as large as the weight


@pytest.mark.parametrize("with_all", [False, True], ids=["as made", "with all options"])
@every_optimizer
def test_a_change_takes_at_most_the_scratch_that_is_said(make, with_all):
    weight = xdl.Variable(np.ones((256, 256), np.float32))
    optimizer = make([weight])
    if with_all:
        known = {n: v for n, v in OPTIONS.items() if n in optimizer.ranges}
        optimizer = type(optimizer)([weight], **known)
    weight.grad = np.full((256, 256), 0.5, np.float32)
    ((_, xp, value, grad, arrays, _),) = optimizer._ready([])
    optimizer.change(xp, value, grad, *arrays)

    tracemalloc.start()
    optimizer.change(xp, value, grad, *arrays)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak <= optimizer.scratch * value.nbytes + SMALL

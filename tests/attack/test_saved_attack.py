"""Saved programs for other sizes of the batch: every operation, and random steps."""

import numpy as np
import pytest

import xdl
from tests.program.saved.test_saved_random import refused_and_wrong
from tests.support.operations import cases_of
from tests.support.saved import differing, loaded
from tests.support.trained import operation
from xdl import Variable
from xdl.program import compile
from xdl.program.saved.free import free
from xdl.testing import draw_inputs

SIZES = (1, 33)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("first", range(100, 200, 50))
def test_many_random_steps_are_right_for_the_sizes_that_they_take(first, tmp_path):
    seeds = range(first, first + 50)
    wrong = {seed: refused_and_wrong(seed, tmp_path / "step.py")[1] for seed in seeds}

    assert [] == [seed for seed, sizes in wrong.items() if sizes]


def _resized(array, axis, n):
    picked = np.random.default_rng(n).integers(0, max(array.shape[axis], 1), n)
    if not array.shape[axis]:
        shape = (*array.shape[:axis], n, *array.shape[axis + 1 :])
        return np.ones(shape, array.dtype)
    return array.take(picked, axis)


@pytest.mark.parametrize(("op_class", "case"), cases_of())
def test_every_operation_is_right_for_the_sizes_that_it_takes(op_class, case, tmp_path):
    op, inputs = operation(op_class, case), draw_inputs(case, "float32")
    fast = compile(op)
    fast(*inputs)
    found, _ = free(fast.program)
    if found is None:
        return
    module = loaded(fast.program, tmp_path / "step.py")
    wrong = []
    for n in SIZES:
        given = [
            _resized(array, found.axes[i], n) if i in found.axes else array
            for i, array in enumerate(inputs)
        ]
        try:
            xdl.seed(7)
            draws = {"key": 7, "draw": 0} if module.draws else {}
            with np.errstate(all="ignore"):
                actual = module.step(*[a for a in given if a is not None], **draws)
        except (ValueError, IndexError, TypeError):
            continue
        xdl.seed(7)
        expected = op(
            *[a if a is None else Variable(a, trainable=False) for a in given]
        )
        wrong += [n] if differing(expected, actual) else []

    assert [] == wrong

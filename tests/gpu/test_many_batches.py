"""``over`` on a GPU: many steps that are launched before the host waits."""

import numpy as np
import pytest

import xdl
from tests.host_gpu.watch import is_there, watching
from tests.support.classifier import classifier, state_of

pytestmark = pytest.mark.gpu


class Dropping(xdl.Model):
    def __init__(self):
        super().__init__()
        self.first, self.drop = xdl.nn.Linear(4, 8), xdl.nn.Dropout(0.5)
        self.last, self.loss_ops = xdl.nn.Linear(8, 3), xdl.SoftmaxLoss()

    def forward(self, x):
        self.output = self.last(self.drop(xdl.relu(self.first(x))))


def _batches(count):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 6, 4), "float32")
    return x, rng.integers(0, 3, (count, 6))


@pytest.mark.parametrize("where", ["host", "GPU"])
@pytest.mark.parametrize("make", [lambda: xdl.models.MLP([4, 8, 3]), Dropping])
def test_many_batches_in_one_call_are_as_many_steps(make, where):
    stacked = _batches(70)  # more than are launched before a wait
    model, optimizer, step = classifier("cuda", make=make)
    one_by_one = [step(*batch).item() for batch in zip(*stacked, strict=True)]
    expected = state_of(model, optimizer)
    if where == "GPU":
        there = xdl.backend.usable("cuda")
        stacked = [xdl.backend.asarray(array, there) for array in stacked]

    model, optimizer, step = classifier("cuda", make=make)
    together = step.over(*stacked)

    assert one_by_one == together.numpy().tolist()
    for array, other in zip(expected, state_of(model, optimizer), strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("bad", [0, 1, 9, 19])
def test_of_many_batches_those_before_a_refused_one_count(bad):
    x, target = _batches(20)
    model, optimizer, step = classifier("cuda")
    step.over(x, target)
    for batch in zip(x[:bad], target[:bad], strict=True):
        step(*batch)
    expected = state_of(model, optimizer)
    model, optimizer, step = classifier("cuda")
    step.over(x, target)
    x[bad, 2, 1] = np.nan

    with pytest.raises(xdl.NonFiniteError) as refused:
        step.over(x, target)

    assert f"batch {bad} of 20" in refused.value.__notes__[0]
    for array, other in zip(expected, state_of(model, optimizer), strict=True):
        np.testing.assert_array_equal(array, other)


def test_where_checks_are_deferred_the_first_refused_of_many_batches_is_named():
    x, target = _batches(20)
    model, optimizer, step = classifier("cuda")
    step.over(x, target)
    step.over(x[:7], target[:7])
    expected = state_of(model, optimizer)
    model, optimizer, step = classifier("cuda")
    step.over(x, target)
    target[7, 3] = 3
    xdl.set_checks("deferred")
    try:
        losses = step.over(x, target)

        with pytest.raises(xdl.IndexRangeError, match=r"step 8 of those"):
            losses.numpy()
    finally:
        xdl.set_checks("immediate")

    for array, other in zip(expected, state_of(model, optimizer), strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.skipif(not is_there(), reason="only the host GPU counts")
def test_many_batches_are_waited_for_once():
    stacked = _batches(50)
    _, _, step = classifier("cuda")
    step.over(*stacked)

    with watching() as seen:
        step.over(*stacked)

    assert seen.counts["wait"] <= 3  # batches that are copied to the GPU, and checks

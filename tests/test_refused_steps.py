"""A step that is refused, or fails, leaves nothing behind."""

import subprocess
import sys

import numpy as np
import pytest

import xdl
from tests.support.executors import eager_and_every_executor, every_executor
from xdl.backend import random

RNG = np.random.default_rng(0)


class Normalized(xdl.Model):
    """A model with running statistics and dropout."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = xdl.nn.Linear(6, 8), xdl.nn.BatchNorm1d(8)
        self.dropout, self.last = xdl.nn.Dropout(0.3), xdl.nn.Linear(8, 3)
        self.loss_ops = xdl.nn.SoftmaxLoss()

    def forward(self, x):
        hidden = self.dropout(xdl.relu(self.norm(self.first(x))))
        self.output = self.last(hidden)
        return self.output


class Training:
    """A step of a model with all that may be left behind."""

    def __init__(self, executor="eager", **options):
        xdl.seed(0)
        self.model = Normalized()
        self.optimizer = xdl.optim.Adam(self.model, lr=0.1)
        self.schedule = xdl.optim.ExponentialLR(self.optimizer, 0.9)
        self.call = self.step
        if executor != "eager":
            given = self.step, self.model, self.optimizer
            self.call = xdl.compile(*given, executor=executor, **options)

    def step(self, x, target):
        """Learn from a batch."""
        self.model.forward(x)
        loss = self.model.loss(target)
        self.model.backward()
        self.optimizer.update()
        return loss

    def bits(self):
        """Return all that a step may change, comparable."""
        held = [*self.model.parameter.values(), *self.optimizer.state.values()]
        gradients = [v.grad for v in self.model.parameter.values() if v.trainable]
        return (
            [v.numpy().tobytes() for v in held],
            [None if g is None else g.tobytes() for g in gradients],
            random.state(),
            (self.optimizer.lr, self.schedule.steps),
        )


def _batch(bad=None):
    x = RNG.standard_normal((5, 6)).astype(np.float32)
    target = RNG.integers(0, 3, 5)
    if bad == "NaN":
        x[1, 2] = np.nan
    elif bad == "infinity":
        x[0] = np.inf
    elif bad == "label":
        target[3] = 3
    elif bad == "shape":
        x = x[:, :5]
    elif bad == "number of labels":
        target = target[:4]
    elif bad == "dtype":
        target = target + 0.5
    return x, target


BAD = ["NaN", "infinity", "label", "shape", "number of labels", "dtype"]


@every_executor
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("calls", [0, 1, 2, 4])
def test_a_compiled_call_that_is_refused_changes_nothing(calls, bad, executor):
    training = Training(executor)
    for _ in range(calls):
        training.call(*_batch())
    before = training.bits()

    with pytest.raises(xdl.XdlError):
        training.call(*_batch(bad))

    assert before == training.bits()


@pytest.mark.parametrize("bad", ["NaN", "infinity"])
@pytest.mark.parametrize("calls", [0, 3])
def test_an_update_that_is_refused_takes_its_batch_back(calls, bad):
    training = Training()
    for _ in range(calls):
        training.call(*_batch())
    before = training.bits()

    with pytest.raises(xdl.NonFiniteError, match=r"has cleared .* clear_grads"):
        training.call(*_batch(bad))

    assert before == training.bits()


@pytest.mark.parametrize("bad", BAD)
def test_an_atomic_block_that_fails_changes_nothing(bad):
    training = Training()
    for _ in range(2):
        training.call(*_batch())
    before = training.bits()

    with pytest.raises(xdl.XdlError), xdl.atomic(*_state(training)):
        training.schedule.step()
        training.call(*_batch(bad))

    assert before == training.bits()


def _state(training):
    return training.model, training.optimizer, training.schedule


def test_an_atomic_block_that_succeeds_changes_all():
    found = []
    for is_atomic in (False, True):
        training = Training()
        rng = np.random.default_rng(1)
        for _ in range(3):
            batch = (
                rng.standard_normal((5, 6)).astype(np.float32),
                rng.integers(0, 3, 5),
            )
            if is_atomic:
                with xdl.atomic(*_state(training)):
                    training.call(*batch)
            else:
                training.call(*batch)
        found.append(training.bits())

    assert found[0] == found[1]


def test_an_atomic_block_in_a_compiled_step_is_the_step():
    training = Training()

    def step(x, target):
        with xdl.atomic(training.model, training.optimizer):
            return training.step(x, target)

    fast = xdl.compile(step, training.model, training.optimizer)
    losses = [fast(*_batch()).item() for _ in range(4)]

    assert np.isfinite(losses).all()


@eager_and_every_executor
def test_a_loop_that_skips_bad_batches_skips_no_other(executor):
    found = []
    for with_bad in (False, True):
        training, skipped = Training(executor), 0
        rng = np.random.default_rng(2)
        for i in range(20):
            batch = (
                rng.standard_normal((5, 6)).astype(np.float32),
                rng.integers(0, 3, 5),
            )
            if with_bad and i in (5, 12):
                try:
                    training.call(*_batch("NaN"))
                except xdl.NonFiniteError:
                    skipped += 1
            training.call(*batch)
            training.schedule.step()
        found.append(training.bits())

    assert skipped == 2
    assert found[0] == found[1]


def test_gradients_of_several_batches_count_until_one_is_refused():
    training = Training()
    for _ in range(2):
        training.call(*_batch())
    before = training.bits()

    for bad in (None, None, "NaN"):
        x, target = _batch(bad)
        training.model.forward(x)
        training.model.loss(target)
        training.model.backward()
    with pytest.raises(xdl.NonFiniteError):
        training.optimizer.update()

    assert before == training.bits()


def test_what_another_optimizer_has_done_stands():
    training = Training()
    bias = xdl.Variable([0.0])
    other = xdl.SGD([bias], lr=1.0)
    x, target = _batch()
    training.model.forward(x)
    (bias * 2).sum().backward()
    other.update()
    before = training.bits()

    training.model.forward(_batch("NaN")[0])
    training.model.loss(target)
    training.model.backward()
    with pytest.raises(xdl.NonFiniteError):
        training.optimizer.update()

    assert before == training.bits()
    assert bias.item() == -2


def test_what_was_set_by_hand_since_is_left_alone():
    training = Training()
    x, target = _batch("NaN")
    training.model.forward(x)
    training.model.loss(target)
    training.model.backward()
    training.model.norm.running_mean.value = np.full(8, 5.0)
    xdl.seed(9)
    here = random.state()[1]

    with pytest.raises(xdl.NonFiniteError):
        training.optimizer.update()

    assert training.model.norm.running_mean.numpy().tolist() == [5.0] * 8
    assert random.state()[1] == here


def test_statistics_that_were_measured_under_no_grad_stand():
    training = Training()
    with xdl.no_grad():
        training.model.forward(_batch()[0])
    measured = training.model.norm.running_mean.numpy()

    with pytest.raises(xdl.NonFiniteError):
        training.call(*_batch("NaN"))

    assert training.model.norm.running_mean.numpy().tolist() == measured.tolist()


def test_clipping_that_is_refused_takes_the_statistics_back_and_names_the_remedy():
    training = Training()
    before = training.model.norm.running_mean.numpy()
    x, target = _batch("NaN")
    training.model.forward(x)
    training.model.loss(target)
    training.model.backward()

    with pytest.raises(xdl.NonFiniteError, match="zero_grad"):
        xdl.optim.clip_grad_norm(training.model, 1.0)

    assert training.model.norm.running_mean.numpy().tolist() == before.tolist()


def test_a_module_that_fails_half_way_puts_back_what_it_moved():
    model = xdl.nn.Sequential(
        xdl.nn.BatchNorm1d(4), xdl.nn.Dropout(0.5), xdl.nn.Linear(5, 2)
    )
    norm = next(m for m in model.modules() if isinstance(m, xdl.nn.BatchNorm1d))
    xdl.seed(4)
    before = norm.running_mean.numpy().tolist(), random.state()

    with pytest.raises(xdl.ShapeError):
        model(np.ones((3, 4), np.float32))

    assert before == (norm.running_mean.numpy().tolist(), random.state())


_STARVED = """
import resource, sys
import numpy as np, xdl
executor, megabytes = sys.argv[1], int(sys.argv[2])
xdl.seed(0)
model = xdl.models.MLP([256, 1024, 1024, 10])
optimizer = xdl.optim.Adam(model)
def step(x, target):
    model.forward(x)
    loss = model.loss(target)
    model.backward()
    optimizer.update()
    return loss
call = step if executor == "eager" else xdl.compile(
    step, model, optimizer, executor=executor)
x, target = np.ones((64, 256), np.float32), np.zeros(64, int)
for _ in range(3):
    call(x, target)
def held():
    found = [*model.parameter.values(), *optimizer.state.values()]
    return [v.numpy().tobytes() for v in found]
before = held()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + megabytes * 2**20
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
try:
    call(x, target)
    outcome = "done"
except MemoryError:
    outcome = "refused"
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
after = held()
changed = sum(a != b for a, b in zip(before, after))
print(outcome, changed, len(before))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("megabytes", [0, 2, 6, 10, 14, 18, 26, 40])
@pytest.mark.parametrize("executor", ["eager", "numpy"])
def test_a_step_without_the_memory_for_it_changes_nothing(executor, megabytes):
    command = [sys.executable, "-c", _STARVED, executor, str(megabytes)]

    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    outcome, changed, count = run.stdout.split()
    assert changed == ("0" if outcome == "refused" else count)

"""GradScaler: what overflows is left out, the scale halves and grows, and is saved."""

import re

import numpy as np
import pytest

import xdl
from tests.support.executors import eager_and_every_executor, every_executor
from xdl import Variable
from xdl.optim import GradScaler

X = np.random.default_rng(0).standard_normal((8, 5)).astype("f4")
T = np.array([0, 1, 2, 0, 1, 2, 0, 1])


class Trained:
    """A small network trained in float16, with a scaler."""

    def __init__(self, executor="eager", **options):
        xdl.seed(0)
        self.model = xdl.models.MLP([5, 8, 3])
        self.optimizer = xdl.optim.Adam(self.model, lr=0.01)
        self.scaler = GradScaler(self.optimizer, **options)
        self.call = self.step
        if executor != "eager":
            state = self.model, self.optimizer, self.scaler
            self.call = xdl.compile(self.step, *state, executor=executor)

    def step(self, x, target):
        """Take one step; return the loss."""
        with xdl.autocast("float16"):
            self.model.forward(x)
            loss = self.model.loss(target)
        self.scaler.scale(loss).backward()
        self.scaler.unscale()
        self.optimizer.update()
        return loss

    def train(self, steps, x=X):
        """Take steps; return for each whether it was skipped, and the scale then."""
        seen = []
        for _ in range(steps):
            with self.scaler:
                self.call(x, T)
            seen.append((self.scaler.was_skipped, self.scaler.current_scale))
        return seen

    def state(self):
        """Return copies of all weights and of the optimizer's state."""
        every = [*self.model.parameter.values(), *self.optimizer.state.values()]
        return [variable.numpy().copy() for variable in every]


@eager_and_every_executor
def test_a_step_that_overflows_is_left_out_and_halves_the_scale(executor):
    trained = Trained(executor, init_scale=2.0**24)
    before = trained.state()

    seen = trained.train(3)

    assert [(True, 2.0**23), (True, 2.0**22), (True, 2.0**21)] == seen
    for a, b in zip(before, trained.state(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(v.grad is None for v in trained.model.parameter.values())


@eager_and_every_executor
def test_after_enough_good_steps_the_scale_grows(executor):
    trained = Trained(executor, init_scale=1024.0, growth_interval=3)

    seen = trained.train(7)

    scales = [1024, 1024, 2048, 2048, 2048, 4096, 4096]
    assert [(False, scale) for scale in scales] == seen
    assert 1 == trained.scaler.good_steps


@eager_and_every_executor
def test_an_overflow_begins_the_count_anew(executor):
    trained = Trained(executor, init_scale=1024.0, growth_interval=4)

    trained.train(3)
    trained.train(1, X * np.float32(1e6))
    seen = trained.train(4)

    assert [(False, scale) for scale in (512, 512, 512, 1024)] == seen


@every_executor
def test_a_compiled_step_trains_as_eager_does_through_changes_of_the_scale(executor):
    options = {"init_scale": 2.0**22, "growth_interval": 5}
    eager, compiled = Trained("eager", **options), Trained(executor, **options)

    expected, found = eager.train(30), compiled.train(30)

    assert expected == found
    assert {True, False} == {skipped for skipped, _ in found}
    for a, b in zip(eager.state(), compiled.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)


@every_executor
def test_another_scale_and_count_need_no_other_program(executor):
    trained = Trained(executor, init_scale=64.0, growth_interval=2)

    trained.train(9)

    assert 1 == int(re.search(r"programs: (\d+)", repr(trained.call))[1])


def test_small_gradients_vanish_in_float16_unless_losses_are_scaled():
    w = Variable(np.full((1, 1), 1.0, "f4"))
    optimizer = xdl.SGD([w], lr=1.0)
    scaler = GradScaler(optimizer)
    gradients = []

    for factor in (1.0, scaler.current_scale):
        with xdl.autocast("float16"):
            loss = xdl.sum(w @ [[1.0]]) * 1e-9
        (loss * factor).backward()
        gradients.append(w.grad.item() / factor)
        w.clear_grad()

    assert 0 == gradients[0]
    assert gradients[1] == pytest.approx(1e-9, rel=1e-3)


def test_gradients_are_divided_by_what_the_loss_was_multiplied_by():
    trained = Trained(init_scale=256.0)
    model, scaler = trained.model, trained.scaler
    model.forward(X)
    model.loss(T).backward()
    expected = [v.grad for v in model.parameter.values()]
    trained.optimizer.zero_grad()

    model.forward(X)
    scaler.scale(model.loss(T)).backward()
    scaler.unscale()

    found = [v.grad for v in model.parameter.values()]
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_gradients_may_be_clipped_in_between_and_an_overflow_found_there():
    trained = Trained(init_scale=2.0**24)

    def step():
        with xdl.autocast("float16"):
            trained.model.forward(X)
            loss = trained.model.loss(T)
        trained.scaler.scale(loss).backward()
        trained.scaler.unscale()
        norm = xdl.optim.clip_grad_norm(trained.model, 0.5)
        trained.optimizer.update()
        return norm

    seen = []
    for _ in range(12):
        with trained.scaler:
            seen.append(step().item())

    assert 0 < len(seen) < 12
    assert np.isfinite(seen).all()


def test_an_optimizer_of_groups_is_scaled_as_a_whole():
    first, second = Variable([1.0]), Variable([2.0])
    groups = [{"params": [first]}, {"params": [second], "lr": 0.5}]
    scaler = GradScaler(xdl.SGD(groups, lr=1.0), init_scale=8.0)

    scaler.scale(xdl.sum(first * second)).backward()
    scaler.unscale()

    assert ([2.0], [1.0]) == (first.grad.tolist(), second.grad.tolist())


def test_other_errors_leave_the_block_and_count_for_nothing():
    trained = Trained(init_scale=1024.0)

    with pytest.raises(xdl.LabelError), trained.scaler:
        trained.call(X, T + 7)

    assert (1024.0, 0) == (trained.scaler.current_scale, trained.scaler.good_steps)


def test_where_no_scale_helps_the_error_is_passed_on():
    trained = Trained(init_scale=2.0**-20)
    x = np.full_like(X, np.nan)

    trained.train(3, x)
    with pytest.raises(xdl.NonFiniteError):
        trained.train(1, x)

    assert trained.scaler.was_skipped


def test_a_scale_never_becomes_infinite():
    scaler = GradScaler(xdl.SGD([Variable([1.0])]), 2.0**126, growth_interval=1)

    for _ in range(3):
        with scaler:
            pass

    assert 2.0**127 == scaler.current_scale


@eager_and_every_executor
def test_training_goes_on_from_a_checkpoint_to_the_bit(executor, tmp_path):
    options = {"init_scale": 2.0**20, "growth_interval": 3}
    straight, first, second = (Trained(executor, **options) for _ in range(3))
    expected = straight.train(20)
    begun = first.train(11)
    parts = ("model", "optimizer", "scaler")
    xdl.save(tmp_path / "c.xdl", **{name: getattr(first, name) for name in parts})

    second.train(2)
    xdl.load(tmp_path / "c.xdl", **{name: getattr(second, name) for name in parts})
    found = begun + second.train(9)

    assert expected == found
    for a, b in zip(straight.state(), second.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"good_steps": -1}, "good_steps"),
        ({"good_steps": 1.5}, "good_steps"),
        ({"current_scale": 0.0}, "current_scale"),
        ({"growth_factor": 1.0}, "growth_factor"),
        ({"more": 1}, "unknown 'more'"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(change, said):
    scaler = GradScaler(xdl.SGD([Variable([1.0])]))
    before = scaler.state_dict()

    with pytest.raises(xdl.CheckpointError, match=said):
        scaler.load_state_dict({**before, **change})

    assert before == scaler.state_dict()


@pytest.mark.parametrize("saved", [None, [], {}, 3])
def test_what_is_no_state_is_refused(saved):
    scaler = GradScaler(xdl.SGD([Variable([1.0])]))

    with pytest.raises(xdl.CheckpointError):
        scaler.load_state_dict(saved)


def test_a_step_that_is_compiled_without_its_scaler_is_refused():
    trained = Trained()
    step = xdl.compile(trained.step, trained.model, trained.optimizer)

    with pytest.raises(xdl.GraphError, match="GradScaler is not in the state"):
        step(X, T)


@pytest.mark.parametrize(
    "options",
    [
        {"init_scale": 0},
        {"init_scale": -1.0},
        {"growth_factor": 1.0},
        {"backoff_factor": 1.0},
        {"backoff_factor": 0.0},
        {"growth_interval": 0},
        {"growth_interval": 2.5},
    ],
)
def test_options_out_of_their_range_are_refused(options):
    with pytest.raises(xdl.ArgumentError, match=f"GradScaler.{[*options][0]}"):
        GradScaler(xdl.SGD([Variable([1.0])]), **options)


@pytest.mark.parametrize("came", [None, 1.0, Variable([1.0])])
def test_a_scaler_needs_an_optimizer(came):
    with pytest.raises(xdl.ArgumentError, match="needed an Optimizer"):
        GradScaler(came)


def test_only_variables_are_scaled():
    scaler = GradScaler(xdl.SGD([Variable([1.0])]))

    with pytest.raises(xdl.ArgumentError, match="needed a loss"):
        scaler.scale(1.0)

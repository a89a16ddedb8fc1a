"""Steps of other forms, compiled: several optimizers, averages, modes, derivatives."""

import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.counted import EAGER_CALLS, Counted
from xdl import Variable, models, nn, optim
from xdl.backend import random

STEPS = 30


def _batch(rng):
    return rng.standard_normal((6, 5)).astype("f4"), rng.integers(0, 3, 6)


def _mlp():
    return models.MLP([5, 8, 3], dropout=0.2)


def _compute_gradients(model, x, target):
    model.forward(x)
    loss = model.loss(target)
    model.backward()
    return loss


# Each makes a step: (function, state, what to look at in the end besides the state).


def _clipped_by_norm():
    model = _mlp()
    optimizer = optim.AdamW(model)

    def step(x, target):
        loss = _compute_gradients(model, x, target)
        norm = optim.clip_grad_norm(model, 0.5)
        optimizer.update()
        return loss, norm

    return step, (model, optimizer)


def _clipped_by_value():
    model = _mlp()
    optimizer = xdl.SGD(model, 0.1, 0.9)

    def step(x, target):
        loss = _compute_gradients(model, x, target)
        optim.clip_grad_value(model, 0.01)
        optimizer.update()
        return loss

    return step, (model, optimizer)


def _averaged():
    model = _mlp()
    optimizer, ema = xdl.SGD(model, 0.1), optim.EMA(model, 0.9)

    def step(x, target):
        loss = _compute_gradients(model, x, target)
        optimizer.update()
        ema.update()
        return loss

    return step, (model, optimizer, ema)


def _adversarial():
    generator, critic = nn.Linear(5, 5), models.MLP([5, 6, 1])
    optimizers = optim.Adam(generator, 0.01), optim.Adam(critic, 0.01)

    def step(x, target):
        noise = xdl.dropout(x, 0.5)
        made = generator(noise)
        real, fake = critic.forward(x), critic.forward(made.detach())
        critic_loss = xdl.mean(xdl.softplus(-real)) + xdl.mean(xdl.softplus(fake))
        critic_loss.backward()
        optimizers[1].update()
        loss = xdl.mean(xdl.softplus(-critic.forward(made)))
        loss.backward()
        optimizers[0].update()
        critic.parameter.clear_grads()
        return {"generator": loss, "critic": critic_loss}

    return step, (generator, critic, *optimizers)


def _accumulated():
    model = _mlp()
    optimizer = optim.Adam(model, 0.01)

    def step(x, target):
        halves = (slice(0, 3), slice(3, 6))
        losses = [_compute_gradients(model, x[h], target[h]) for h in halves]
        optimizer.update()
        return losses

    return step, (model, optimizer)


def _left_behind():
    model = _mlp()
    optimizer = xdl.SGD(model, 0.1)

    def step(x, target):
        loss = _compute_gradients(model, x, target)
        optimizer.step()  # and keep the gradients: the next ones are added to them
        return loss

    return step, (model, optimizer)


def _penalized():
    weight = Variable(np.linspace(-1, 1, 15).reshape(5, 3), "weight", dtype="f4")
    optimizer = xdl.SGD([weight], 0.1)

    def step(x, target):
        loss = xdl.mean(xdl.softmax_cross_entropy(xdl.tanh(x @ weight), target))
        loss.backward(create_graph=True)
        penalty = xdl.sum(xdl.square(weight.grad))
        weight.clear_grad()
        (loss + 0.1 * penalty).backward()
        optimizer.update()
        return loss, penalty

    return step, (weight, optimizer)


def _curved():
    weight = Variable(np.linspace(-1, 1, 15).reshape(5, 3), "weight", dtype="f4")

    def step(x, target):
        def loss(w):
            return xdl.sum(xdl.tanh(x @ w))

        direction = np.ones(weight.shape, "f4")
        _, slopes = xdl.value_and_gradient(loss)(weight)
        return slopes, xdl.hessian_vector_product(loss, weight, direction)

    return step, (weight,)


def _recomputed():
    model = nn.Linear(5, 3)
    optimizer = xdl.SGD(model, 0.1)

    def step(x, target):
        y = xdl.recompute(lambda x: xdl.dropout(xdl.tanh(model(x))))(x)
        loss = xdl.sum(xdl.square(y))
        loss.backward()
        optimizer.update()
        return loss

    return step, (model, optimizer)


def _counting():
    weight, seen = Variable([1.0, 2.0]), Variable(0, "seen")
    total = Variable([0.0, 0.0], "total", trainable=False)

    def step(x, target):
        y = xdl.sum(x[:, :2] * weight, axis=0)
        total.value = total + y
        seen.value = seen + 1
        return total, seen, weight.value

    return step, (weight, seen, total)


def _written_by_hand():
    model = models.LinearModel(5, 3)

    def step(x, target):
        loss = _compute_gradients(model, x, target)
        model.W.value -= 0.1 * model.W.grad
        model.W.clear_grad()
        return loss

    return step, (model,)


def _predicting():
    model = _mlp().eval()
    return lambda x, target: {"scores": model(x), "kept": (x, target, 3)}, (model,)


def _weighted_by_hyperparameters():
    model = _mlp()
    optimizer = optim.Adam(model, 0.01)

    def step(x, target):
        loss = _compute_gradients(model, x, target) * optimizer.lr
        if optimizer.lr * 2 > 0.01:
            loss = loss + optimizer.weight_decay
        optimizer.update()
        return loss, optimizer.lr, 1 - optimizer.betas[0] ** 2

    return step, (model, optimizer)


STEPS_OF = {
    "clip by norm": _clipped_by_norm,
    "clip by value": _clipped_by_value,
    "average": _averaged,
    "two models": _adversarial,
    "micro-batches": _accumulated,
    "gradients left behind": _left_behind,
    "gradient penalty": _penalized,
    "second derivatives": _curved,
    "recompute": _recomputed,
    "constant state": _counting,
    "update by hand": _written_by_hand,
    "prediction": _predicting,
    "hyperparameters in the step": _weighted_by_hyperparameters,
}


def _everything(state):
    stores = [s.parameter for s in state if hasattr(s, "parameter")]
    stores += [s.state for s in state if hasattr(s, "state")]
    stores += [s.average for s in state if hasattr(s, "average")]
    variables = [v for store in stores for v in store.values()]
    variables += [v for v in state if isinstance(v, Variable)]
    gradients = [v.grad for v in variables]
    return [*arrays_of(variables), *arrays_of(gradients), random.state()]


def _run(make, is_compiled, between=lambda i, state: None):
    """Return all that STEPS calls return, the state after them, and eager calls."""
    xdl.seed(4)
    function, state = make()
    counted, rng, returned = Counted(function), np.random.default_rng(5), []
    step = xdl.compile(counted, *state) if is_compiled else counted
    for i in range(STEPS):
        between(i, state)
        returned += arrays_of(step(*_batch(rng)))
    return returned + _everything(state), counted.calls


@pytest.mark.parametrize("name", STEPS_OF)
def test_steps_of_every_form_give_the_numbers_of_eager(name):
    expected, _ = _run(STEPS_OF[name], False)

    actual, calls = _run(STEPS_OF[name], True)

    assert [] == differing(expected, actual)
    is_left = name == "gradients left behind"  # the first call finds none: two programs
    assert EAGER_CALLS + is_left == calls


def test_train_and_eval_have_a_program_each():
    def make():
        model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        return lambda x, target: model(x), (model,)

    def switch(i, state):
        (state[0].train if i % 3 else state[0].eval)()

    expected, _ = _run(make, False, switch)

    actual, calls = _run(make, True, switch)

    assert [] == differing(expected, actual)
    assert 2 * EAGER_CALLS == calls


def test_a_hyperparameter_that_decides_in_the_step_records_again():
    def change(i, state):
        if i == 10:
            state[1].lr = 0.001  # below what the step asks for
        if i == 20:
            state[1].lr = 0.02

    expected, _ = _run(_weighted_by_hyperparameters, False, change)

    actual, calls = _run(_weighted_by_hyperparameters, True, change)

    assert [] == differing(expected, actual)
    assert 2 * EAGER_CALLS == calls  # a program for each answer


def test_the_first_call_computes_in_eager_s_random_draws():
    xdl.seed(6)
    expected = [xdl.dropout(np.ones(8)).numpy().tolist() for _ in range(4)]
    step = xdl.compile(lambda x: xdl.dropout(x))
    xdl.seed(6)

    actual = [step(np.ones(8)).numpy().tolist() for _ in range(4)]

    assert expected == actual


def test_a_layer_that_is_added_is_found():
    model = nn.Sequential(nn.Linear(3, 3))
    step = xdl.compile(lambda x: model(x), model)
    x = np.ones((2, 3), "f4")
    before = [step(x).numpy() for _ in range(3)][-1]

    model.more = nn.Linear(3, 3)
    step = xdl.compile(lambda x: model.more(model(x)), model)
    after = step(x).numpy()

    assert before.shape == after.shape
    assert not np.array_equal(before, after)


def test_a_layer_that_makes_its_weights_when_called_is_called_before():
    class Lazy(xdl.Module):
        def forward(self, x):
            return x @ self.parameter.get_variable("weight", (x.shape[-1], 2))

    model = Lazy()
    step = xdl.compile(lambda x: model(x), model)
    x = np.ones((2, 3), "f4")
    draws = random.state()

    with pytest.raises(xdl.GraphError, match='"weight" is made in the step; make it'):
        step(x)
    assert (0, draws) == (len(model.parameter), random.state())
    expected = model(x).numpy()
    assert [] == differing([expected] * 4, [step(x).numpy() for _ in range(4)])

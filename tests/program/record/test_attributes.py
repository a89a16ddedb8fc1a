"""Attributes that a step reads and sets: as after the same steps without compile."""

import copy

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 8, 6)).astype(np.float32)
TARGETS = RNG.integers(0, 3, (12, 8))


class Told(xdl.models.LinearModel):
    """A model that keeps more than its output."""

    scale = 1.0
    calls = 0

    def forward(self, x):
        super().forward(x)
        self.output = self.output * self.scale
        self.pair = [self.output, {"first": self.output[0], "rows": x.shape[0]}]
        self.largest = xdl.max(self.output, axis=1)
        return self.output


def _training(model, executor=None):
    optimizer = xdl.SGD(model, lr=0.1)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    if executor is None:
        return step
    return xdl.compile(step, model, optimizer, executor=executor)


def _two(executor, make=lambda: Told(6, 3)):
    """Return a model and its eager step, and a like model and its compiled step."""
    xdl.seed(0)
    first = make()
    second = copy.deepcopy(first)
    return first, _training(first), second, _training(second, executor)


def _numbers(model):
    found = [model.output, model.pair[0], model.pair[1]["first"], model.largest]
    return [value.numpy() for value in found]


def _assert_close(expected, actual):
    for a, b in zip(expected, actual, strict=True):
        np.testing.assert_allclose(b, a, 1e-5, 1e-6)


@every_executor
def test_results_that_are_attributes_are_those_of_the_last_step(executor):
    plain, step, model, fast = _two(executor)

    for x, target in zip(X, TARGETS, strict=True):
        step(x, target)
        fast(x, target)
        _assert_close(_numbers(plain), _numbers(model))

    assert model.pair[1]["rows"] == 8


@every_executor
def test_an_attribute_is_of_the_last_call_whichever_it_was(executor):
    plain, step, model, fast = _two(executor)
    predict = xdl.compile(lambda x: model.forward(x) + 0, model, executor=executor)

    for i, (x, target) in enumerate(zip(X, TARGETS, strict=True)):
        step(x, target)
        fast(x, target)
        if i % 3:
            plain.forward(X[i - 1])
            predict(X[i - 1]) if i % 2 else model.forward(X[i - 1])
        _assert_close(_numbers(plain), _numbers(model))


@every_executor
def test_what_was_set_by_hand_stays_until_the_next_step(executor):
    _, _, model, fast = _two(executor)
    for x, target in zip(X[:5], TARGETS, strict=False):
        fast(x, target)

    model.output = "mine"
    found = [model.output]
    fast(X[0], TARGETS[0])
    found.append(model.output)

    assert found[0] == "mine"
    assert found[1].shape == (8, 3)


@every_executor
def test_over_leaves_the_attributes_of_the_last_batch(executor):
    plain, step, model, fast = _two(executor)
    for x, target in zip(X, TARGETS, strict=True):
        step(x, target)

    fast.over(X, TARGETS)

    _assert_close(_numbers(plain), _numbers(model))


def test_an_argument_that_is_an_attribute_is_gone_by_name():
    class Keeps(xdl.models.LinearModel):
        def forward(self, x):
            self.given = x
            return super().forward(x)

    *_, model, fast = _two("numpy", lambda: Keeps(6, 3))
    for x, target in zip(X[:4], TARGETS, strict=False):
        fast(x, target)

    with pytest.raises(xdl.GraphError, match=r"Keeps\.given .* return it"):
        model.given  # noqa: B018


def test_an_instance_without_the_attribute_has_none():
    *_, model, fast = _two("numpy")
    for x, target in zip(X[:4], TARGETS, strict=False):
        fast(x, target)

    fresh = Told(6, 3)

    assert model.output.shape == (8, 3)
    assert not hasattr(fresh, "output")
    with pytest.raises(xdl.GraphError, match="call forward"):
        fresh.loss(TARGETS[0])


def test_a_model_with_such_attributes_can_be_copied():
    *_, model, fast = _two("numpy")
    for x, target in zip(X[:4], TARGETS, strict=False):
        fast(x, target)

    twin = copy.deepcopy(model)
    twin.forward(X[0])

    assert twin.output.shape == model.output.shape


COUNTED = 0


def _counting(where):
    """Return a model, and a step that counts its calls somewhere."""
    global COUNTED
    COUNTED = 0
    model, seen, count = Told(6, 3), [], 0
    model.log = []

    def step(x):
        nonlocal count
        global COUNTED
        if where == "attribute":
            model.calls += 1
        elif where == "private attribute":
            model._seen = getattr(model, "_seen", 0) + 1
        elif where == "list of the model":
            model.log.append(1)
        elif where == "list":
            seen.append(x.shape)
        elif where == "variable of the function outside":
            count += 1
        elif where == "global":
            COUNTED += 1
        return model.forward(x)

    return model, step


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("attribute", "Told.calls"),
        ("private attribute", "Told._seen"),
        ("list of the model", "Told.log"),
        ("list", "seen"),
        ("variable of the function outside", "count"),
        ("global", "COUNTED"),
    ],
)
def test_what_a_step_counts_is_found_by_name(where, name):
    model, step = _counting(where)
    fast = xdl.compile(step, model)
    fast(X[0])

    with pytest.raises(xdl.GraphError, match=f"compile: {name} is changed in the step"):
        for x in X[1:4]:
            fast(x)
    assert model.calls <= 1


class Dropping(Told):
    """A model with dropout and running statistics."""

    def __init__(self):
        super().__init__(6, 3)
        self.drop, self.norm = xdl.nn.Dropout(0.2), xdl.nn.BatchNorm1d(6)

    def forward(self, x):
        return super().forward(self.drop(self.norm(x)))


@every_executor
@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model.drop, "p", 0.7),
        lambda model: setattr(model.norm, "momentum", 0.5),
        lambda model: setattr(model, "scale", 3.0),
    ],
    ids=["Dropout.p", "BatchNorm.momentum", "one of the model"],
)
def test_an_attribute_that_is_set_between_the_calls_is_followed(change, executor):
    plain, step, model, fast = _two(executor, Dropping)
    found = []
    for trained, call in ((plain, step), (model, fast)):
        trained.scale = 1.0
        xdl.seed(3)
        for i, (x, target) in enumerate(zip(X, TARGETS, strict=True)):
            if i == 6:
                change(trained)
            call(x, target)
        found.append([v.numpy() for v in trained.parameter.values()])

    _assert_close(*found)


def test_an_attribute_that_the_step_does_not_read_records_nothing():
    *_, model, fast = _two("numpy")
    programs = []
    for i, (x, target) in enumerate(zip(X, TARGETS, strict=True)):
        model.epoch = i
        fast(x, target)
        programs.append(fast.program)

    assert len(set(programs)) == 1


def test_an_attribute_of_an_optimizer_of_ones_own_is_followed():
    class Scaled(xdl.optim.Optimizer):
        factor = 1.0

        def change(self, xp, value, grad):
            value -= self.lr * self.factor * grad

    found = []
    for compiled in (False, True):
        xdl.seed(0)
        model = xdl.models.LinearModel(6, 3)
        optimizer = Scaled(model, lr=0.1)
        optimizer.factor = 1.0

        def step(x, target, model=model, optimizer=optimizer):
            model.forward(x)
            model.loss(target)
            model.backward()
            optimizer.update()

        call = xdl.compile(step, model, optimizer) if compiled else step
        for i, (x, target) in enumerate(zip(X, TARGETS, strict=True)):
            optimizer.factor = 1.0 if i < 6 else 0.25
            call(x, target)
        found.append([v.numpy() for v in model.parameter.values()])

    _assert_close(*found)


def test_an_attribute_of_an_argument_is_followed():
    model = Told(6, 3)

    class Options:
        factor = 2.0

    options = Options()
    fast = xdl.compile(lambda x, o: model.forward(x) * o.factor, model)
    for x in X[:4]:
        fast(x, options)
    options.factor = 5.0

    found = fast(X[0], options).numpy()

    np.testing.assert_allclose(found, 5 * model.forward(X[0]).numpy(), 1e-5, 1e-6)


def test_a_plain_attribute_is_that_of_the_program_that_ran_last():
    model = Told(6, 3)

    def step(x):
        model.rows = x.shape[0]
        return model.forward(x)

    fast = xdl.compile(step, model)
    found = []
    for count in (8, 5, 8, 5, 8, 8, 5, 5, 8):
        fast(X[0][:count])
        found.append(model.rows)

    assert found == [8, 5, 8, 5, 8, 8, 5, 5, 8]


def test_a_private_attribute_may_differ_from_program_to_program():
    model = Told(6, 3)

    def step(x):
        model._rows = x.shape[0]
        return model.forward(x)

    fast = xdl.compile(step, model)
    shapes = [fast(X[0][:count]).shape for count in (8, 5, 8, 5, 8, 5)]

    assert shapes == [(8, 3), (5, 3)] * 3


def test_a_step_that_fails_leaves_the_attributes_as_they_were():
    *_, model, fast = _two("numpy")
    model.output = "before"

    with pytest.raises(xdl.LabelError):
        fast(X[0], TARGETS[0] + 7)

    assert model.output == "before"
    assert not hasattr(model, "largest")


def test_a_result_that_hides_a_method_leaves_it_to_other_instances():
    class Hiding(xdl.models.LinearModel):
        def largest(self):
            return "method"

    model, other = Hiding(6, 3), Hiding(6, 3)

    def step(x):
        model.largest = xdl.max(model.forward(x))
        return model.largest + 0

    fast = xdl.compile(step, model)
    found = [fast(x).item() == model.largest.item() for x in X[:5]]

    assert all(found)
    assert other.largest() == "method"
    assert Hiding.largest(other) == "method"

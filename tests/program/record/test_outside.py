"""What a step reads outside: written into or replaced later, replays follow eager."""

import functools
import sys

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor

X = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
scale = 2.0
table = np.array([1.0, 2.0, 3.0])


def _check(step, state, change, programs, executor):
    """Compare replays with eager before and after a change outside."""
    compiled = xdl.compile(step, *state, executor=executor)
    for _ in range(3):
        np.testing.assert_allclose(compiled(X).value, step(X).value, 1e-5, 1e-6)
    for _ in range(2):
        change()
        for _ in range(3):
            expected, found = step(X), compiled(X)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found.value, expected.value, 1e-5, 1e-6)
    assert len(compiled._replays) == programs


def _state():
    return (xdl.LinearModel(3, 2),)


def _multiplied(x, a, model):
    return xdl.Variable(x) * a


USES = {
    "as it is": _multiplied,
    "summed": lambda x, a, m: xdl.sum(xdl.Variable(x) * a) + xdl.sum(m.forward(x)) * 0,
    "in a product": lambda x, a, m: xdl.Variable(x) @ xdl.Variable(a, dtype="float32"),
    "by a part of it": lambda x, a, m: xdl.Variable(x)[:, :2] * a[1:],
    "turned": lambda x, a, m: xdl.Variable(x) * a[::-1],
    "with the weights": lambda x, a, m: m.forward(xdl.Variable(x) + a),
    "as a condition": lambda x, a, m: xdl.where(a, x, 0.0),
    "in a Variable": lambda x, a, m: xdl.Variable(a) * x,
    "given back": lambda x, a, m: xdl.Variable(a) + 0,
}


@every_executor
@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("use", USES)
def test_an_array_that_is_written_into_later_is_read_where_it_lies(
    use, dtype, executor
):
    a, (model,) = np.array([1, 0, 3]).astype(dtype), _state()

    def step(x):
        return USES[use](x, a, model)

    def change():
        a[...] = (a[0] + 1, 5, 0)

    _check(step, (model,), change, 1, executor)


@every_executor
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_single_number_in_an_array_is_followed(shape, executor):
    a, (model,) = np.full(shape, 2.0, np.float32), _state()

    def change():
        a[...] += 1

    _check(lambda x: xdl.Variable(x) * a, (model,), change, 1, executor)


@every_executor
@pytest.mark.parametrize("order", ["C", "F", "strided", "broadcast"])
def test_an_array_is_followed_however_it_lies(order, executor):
    (model,) = _state()
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    a = {
        "C": whole[:, :3].copy(),
        "F": np.asfortranarray(whole[:, :3]),
        "strided": whole[:, ::2],
        "broadcast": np.broadcast_to(whole[:, :1], (4, 3)),
    }[order]
    written = whole if order in ("strided", "broadcast") else a

    def change():
        written[...] += 1

    _check(lambda x: xdl.Variable(x) * a, (model,), change, 1, executor)


@every_executor
def test_labels_that_belong_to_the_step_are_followed(executor):
    labels, (model,) = np.array([0, 1, 1, 0]), _state()
    optimizer = xdl.SGD(model, lr=0.1)

    def step(x):
        loss = xdl.softmax_cross_entropy(model.forward(x), labels)
        loss.backward()
        optimizer.zero_grad()
        return loss

    def change():
        labels[...] = 1 - labels

    _check(step, (model, optimizer), change, 1, executor)
    labels[0] = 7
    compiled = xdl.compile(step, model, optimizer, executor=executor)
    with pytest.raises(xdl.LabelError):
        compiled(X)


@every_executor
@pytest.mark.parametrize(
    "use",
    [
        lambda x, a: xdl.where(a > 1, x, 0.0),
        lambda x, a: xdl.Variable(x) * [a, a, a, a],
        lambda x, a: xdl.Variable(x) * xdl.exp(a),
        lambda x, a: xdl.Variable(x)[:, a.astype(int) % 3],
        lambda x, a: xdl.Variable(x)[:, a > 1],
        lambda x, a: xdl.Variable(x) * float(a[0]),
        lambda x, a: xdl.Variable(x) * (2.0 if a.sum() > 4 else 3.0),
    ],
)
def test_what_numpy_made_of_an_array_belongs_to_another_program(use, executor):
    a, (model,) = np.array([1.0, 0.0, 3.0], np.float32), _state()

    def change():
        a[...] = a + [1, 2, -1]

    _check(lambda x: use(x, a), (model,), change, 3, executor)


@every_executor
def test_a_mask_that_picks_belongs_to_the_program(executor):
    mask, (model,) = np.array([True, False, True]), _state()

    def change():
        mask[2] = not mask[2]

    _check(lambda x: xdl.Variable(x)[:, mask], (model,), change, 2, executor)


class Scaled(xdl.Module):
    """A module that multiplies by what it holds."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def forward(self, x):
        held = self.held
        if isinstance(held, dict):
            held = held["a"]
        elif isinstance(held, list | tuple):
            held = held[0]
        return xdl.Variable(x) * held


def _replace(module):
    module.held = module.held + 1


def _item(module):
    module.held[0] = module.held[0] + 1


def _key(module):
    module.held["a"] = module.held["a"] + 1


def _inside(module):
    array = module.held
    array = array["a"] if isinstance(array, dict) else array
    array = array[0] if isinstance(array, list | tuple) else array
    array += 1


@every_executor
@pytest.mark.parametrize(
    ("make", "change", "programs"),
    [
        (lambda: np.ones(3), _replace, 3),
        (lambda: np.ones(3), _inside, 1),
        (lambda: [2.0, 3.0], _item, 3),
        (lambda: [np.ones(3)], _item, 3),
        (lambda: [np.ones(3)], _inside, 1),
        (lambda: (np.ones(3), 1), _inside, 1),
        (lambda: {"a": 2.0}, _key, 3),
        (lambda: {"a": np.ones(3)}, _key, 3),
        (lambda: {"a": np.ones(3)}, _inside, 1),
    ],
)
def test_an_array_or_a_list_that_a_module_holds_is_followed(
    make, change, programs, executor
):
    module = Scaled(make())
    change_it = lambda: change(module)  # noqa: E731
    _check(module.forward, (module,), change_it, programs, executor)


@every_executor
def test_a_zero_of_the_other_sign_is_another_number(executor):
    module = Scaled(0.0)

    def change():
        module.held = -module.held

    compiled = xdl.compile(module.forward, module, executor=executor)
    for _ in range(3):
        expected = np.signbit(module.forward(X).value)
        np.testing.assert_array_equal(np.signbit(compiled(X).value), expected)
        compiled(X)
        change()


@every_executor
@pytest.mark.parametrize("factor", [2.0, np.ones(3)], ids=["number", "array"])
def test_a_variable_of_the_function_outside_is_followed(factor, executor):
    (model,) = _state()

    def step(x):
        return xdl.Variable(x) * factor

    def change():
        nonlocal factor
        factor = factor + 1

    _check(step, (model,), change, 3, executor)


@every_executor
@pytest.mark.parametrize("name", ["scale", "table"])
def test_a_variable_of_the_file_is_followed(name, executor, monkeypatch):
    here, (model,) = sys.modules[__name__], _state()

    def by_scale(x):
        return xdl.Variable(x) * scale

    def by_table(x):
        return xdl.Variable(x) * table

    def change():
        monkeypatch.setattr(here, name, getattr(here, name) + 1)

    step = by_scale if name == "scale" else by_table
    _check(step, (model,), change, 3, executor)


@every_executor
def test_a_variable_that_a_part_of_the_step_names_is_followed(executor):
    factor, (model,) = 2.0, _state()

    def step(x):
        return xdl.concat([xdl.Variable(row) * factor for row in (x, x + 1)])

    def change():
        nonlocal factor
        factor += 1

    _check(step, (model,), change, 3, executor)


def test_a_step_that_names_what_always_changes_is_told_so():
    count, (model,) = 0, _state()

    def step(x):
        return model.forward(x) if count % 2 else model.forward(x) * 2

    compiled = xdl.compile(step, model, executor="numpy", verify=False)
    with pytest.warns(RuntimeWarning, match="for another count;"):
        for count in range(70):  # noqa: B007 (the step reads it)
            compiled(X)


class Trainer:
    """What a user writes around a model."""

    def __init__(self):
        self.model, self.scale, self.table = xdl.LinearModel(3, 2), 2.0, np.ones(3)
        self.epoch, self.calls = 0, 0

    def step(self, x):
        return self.model.forward(x * self.table) * self.scale

    def __call__(self, x):
        return self.step(x) * self.scale

    def counted(self, x):
        self.calls += 1
        return self.model.forward(x)


@every_executor
@pytest.mark.parametrize(
    ("name", "programs"), [("scale", 3), ("table", 3), ("epoch", 1)]
)
def test_what_the_object_of_a_method_holds_is_followed(name, programs, executor):
    trainer = Trainer()

    def change():
        setattr(trainer, name, getattr(trainer, name) + 1)

    _check(trainer.step, (trainer.model,), change, programs, executor)


@every_executor
def test_what_an_object_that_is_called_holds_is_followed(executor):
    trainer = Trainer()

    def change():
        trainer.scale += 1

    _check(trainer, (trainer.model,), change, 3, executor)


@every_executor
def test_arrays_that_a_function_is_given_beforehand_are_followed(executor):
    (model,), first, second = _state(), np.ones(3), np.ones(3)

    def step(x, a, b=second):
        return model.forward(x * a) * b[0]

    def change():
        first[...] += 1

    _check(functools.partial(step, a=first), (model,), change, 1, executor)


@every_executor
def test_what_the_object_of_a_method_counts_is_found(executor):
    trainer = Trainer()
    compiled = xdl.compile(trainer.counted, trainer.model, executor=executor)
    with pytest.raises(xdl.GraphError, match=r"Trainer\.calls is changed in the step"):
        for _ in range(2):
            compiled(X)


class Settings:
    """An argument with attributes."""


@every_executor
@pytest.mark.parametrize(
    "held",
    [2.0, np.ones(3), [2.0], (np.ones(3),)],
    ids=["number", "array", "list", "tuple"],
)
def test_what_an_argument_holds_is_followed(held, executor):
    (model,), settings = _state(), Settings()
    settings.held = held

    def step(x, settings):
        factor = settings.held
        factor = factor[0] if isinstance(factor, list | tuple) else factor
        return xdl.Variable(x) * factor

    compiled = xdl.compile(step, model, executor=executor)
    for i in range(3):
        for _ in range(3):
            expected = step(X, settings)
            np.testing.assert_allclose(compiled(X, settings).value, expected.value)
        one = held[0] if isinstance(held, list | tuple) else held
        new = one + 1 + i
        settings.held = type(held)([new]) if isinstance(held, list | tuple) else new


@every_executor
def test_arrays_that_only_the_step_holds_are_computed_with_once(executor):
    (model,) = _state()

    def step(x):
        return model.forward(x * np.exp(np.array([1.0, 2.0, 3.0])) * [1, 2, 3])

    compiled = xdl.compile(step, model, executor=executor)
    for _ in range(3):
        compiled(X)
    assert "exp" not in str(compiled.program)
    assert not compiled.program.outside
    values = [v for one in compiled.program.flat() for v in one.operands()]
    assert all(value.origin != "outer" for value in values)

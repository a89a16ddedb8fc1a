"""Compiled steps of models whose layers come, go and change places."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor, needs_numba
from xdl import GraphError, Module, Variable
from xdl.nn import Linear

X = np.linspace(-1, 1, 6, dtype="f4").reshape(2, 3)


@pytest.fixture(autouse=True)
def _cached(monkeypatch, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))


class Stack(Module):
    """Layers in a list, two in attributes, and a scale that is a Variable."""

    def __init__(self):
        super().__init__()
        self.layers = [Linear(3, 3), xdl.tanh]
        self.first, self.second = Linear(3, 3), Linear(3, 3)
        self.scale = Variable(np.ones(3, "f4"))

    def forward(self, x):
        for layer in (*self.layers, self.first, self.second):
            x = x * layer if isinstance(layer, Variable) else layer(x)
        return x * self.scale


def _swap(model):
    model.first, model.second = model.second, model.first


CHANGES = {
    "append": lambda m: m.layers.append(Linear(3, 3)),
    "append a Variable": lambda m: m.layers.append(Variable(np.full(3, 2.0, "f4"))),
    "another function": lambda m: m.layers.__setitem__(1, xdl.sigmoid),
    "remove": lambda m: m.layers.pop(),
    "reverse": lambda m: m.layers.reverse(),
    "swap": _swap,
    "another scale": lambda m: setattr(m, "scale", Variable(np.full(3, 3.0, "f4"))),
    "another weight": lambda m: setattr(
        m.first, "weight", Variable(np.eye(3, dtype="f4"))
    ),
    "no bias": lambda m: setattr(m.first, "bias", None),
}


@pytest.mark.parametrize(
    ("executor", "change"),
    [
        *[pytest.param("numpy", name, id=name) for name in CHANGES],
        pytest.param("numba", "append", id="append, numba", marks=needs_numba),
        pytest.param("numba", "swap", id="swap, numba", marks=needs_numba),
    ],
)
def test_a_compiled_step_follows_what_changes_in_a_model(executor, change):
    model = Stack()
    optimizer = xdl.optim.Adam(model, lr=0.01)

    def step(x):
        y = model(x)
        xdl.sum(xdl.square(y - 1.0)).backward()
        optimizer.update()
        return y

    compiled = xdl.compile(step, model, optimizer, executor=executor)
    for _ in range(4):
        compiled(X)
    CHANGES[change](model)
    with xdl.no_grad():
        expected = model(X).numpy()
    before = {name: v.numpy() for name, v in model.parameter.items()}

    returned = compiled(X).numpy()

    np.testing.assert_allclose(returned, expected, rtol=1e-5, atol=1e-6)
    assert all((before[n] != v.numpy()).any() for n, v in model.parameter.items())


@every_executor
def test_many_batches_follow_what_changes_in_a_list(executor):
    model = Stack()
    compiled = xdl.compile(model, model, executor=executor)
    many = np.stack([X] * 3)
    compiled.over(many)
    model.layers.append(xdl.square)

    returned = compiled.over(many)

    np.testing.assert_allclose(returned.numpy()[2], model(X).numpy(), rtol=1e-5)


def test_a_log_in_a_list_keeps_the_program():
    model = Stack()
    model.log = [0.0]
    compiled = xdl.compile(model, model)
    compiled(X)
    program = compiled.program

    model.log.append(1.0)
    compiled(X)

    assert program is compiled.program


def test_a_variable_that_is_made_in_a_step_is_no_attribute():
    model = Stack()

    def step(x):
        model.state = Variable(np.zeros(3, "f4"))
        return model(x) + model.state

    with pytest.raises(GraphError, match=r'"state" is made in the step .* detach\(\)'):
        xdl.compile(step, model)(X)

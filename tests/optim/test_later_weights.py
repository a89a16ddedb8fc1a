"""Weights that come, go and change places while an optimizer trains."""

import numpy as np
import pytest

import xdl
from tests.optim.every import every_optimizer
from xdl import Module, Variable
from xdl.nn import Linear

X = np.ones((2, 3), "f4")


class Stack(Module):
    """Layers in a list, a dict and a tuple; a scale that is a Variable."""

    def __init__(self):
        super().__init__()
        self.layers = []
        self.parts = {"pair": (Linear(3, 3), [])}
        self.scale = Variable(np.ones(3, "f4"))

    def forward(self, x):
        layers, (first, more) = self.layers, self.parts["pair"]
        for layer in (*layers, first, *more, *self.parts.get("late", ())):
            x = x * layer if isinstance(layer, Variable) else layer(x)
        return x * self.scale


def _step(model, optimizer):
    xdl.sum(xdl.square(model(X) - 3.0)).backward()
    optimizer.update()


def _into_list(model, new):
    model.layers.append(new)


def _into_nested_list(model, new):
    model.parts["pair"][1].append(new)


def _into_dict(model, new):
    model.parts["late"] = (new,)


def _into_attribute(model, new):
    model.layers = [new]


COMES = [_into_list, _into_nested_list, _into_dict, _into_attribute]


@pytest.mark.parametrize(
    "make", [lambda: Linear(3, 3), lambda: Variable(np.ones(3, "f4"))]
)
@pytest.mark.parametrize("come", COMES, ids=lambda come: come.__name__)
def test_a_weight_made_early_and_put_in_late_is_trained_from_the_next_step(come, make):
    new, model = make(), Stack()
    weight = getattr(new, "weight", new)
    optimizer = xdl.optim.Adam(model, lr=0.1)
    _step(model, optimizer)
    come(model, new)
    before = weight.numpy()

    _step(model, optimizer)

    assert (before != weight.numpy()).all()
    assert weight.grad is None


@every_optimizer
def test_every_optimizer_trains_a_variable_that_is_an_attribute(make):
    model = Module()
    model.scale = Variable(np.full((3, 3), 0.5, "f4"))
    optimizer = make(model, lr=0.1)
    before = model.scale.numpy()

    xdl.sum(xdl.square(model.scale @ model.scale)).backward()
    optimizer.update()

    assert (before != model.scale.numpy()).all()


def test_a_new_weight_has_state_in_what_is_saved_before_its_first_step():
    model, twin = Stack(), Stack()
    optimizer = xdl.optim.Adam(model, lr=0.1)
    _step(model, optimizer)

    for one in (model, twin):
        one.layers.append(Linear(3, 3))
    fresh = xdl.optim.Adam(twin, lr=0.2)
    fresh.load_state_dict(optimizer.state_dict())

    assert list(fresh.state) == list(optimizer.state)
    assert "square_average/layers/0/weight" in fresh.state
    assert 0.1 == fresh.lr


def test_a_gradient_of_a_new_weight_is_cleared_before_its_first_step():
    model, new = Stack(), Linear(3, 3)
    optimizer = xdl.optim.SGD(model, lr=0.1)
    model.layers.append(new)
    xdl.sum(model(X)).backward()

    optimizer.zero_grad()

    assert new.weight.grad is None


def test_a_layer_that_is_removed_drops_out_and_the_others_keep_their_state():
    model = Stack()
    model.layers += [Linear(3, 3), Linear(3, 3)]
    optimizer = xdl.optim.SGD(model, lr=0.1, momentum=0.9)
    ema = xdl.optim.EMA(model)
    _step(model, optimizer)
    removed, kept = model.layers
    velocity = optimizer.state["velocity/layers/1/weight"]
    average = ema.average["layers/1/weight"]

    model.layers.remove(removed)
    before = removed.weight.numpy()
    _step(model, optimizer)
    ema.update()

    assert (before == removed.weight.numpy()).all()
    assert velocity is optimizer.state["velocity/layers/0/weight"]
    assert average is ema.average["layers/0/weight"]
    assert "velocity/layers/1/weight" not in optimizer.state
    assert "layers/1/weight" not in ema.average
    assert kept.weight is model.parameter["layers/0/weight"]


def test_a_variable_that_takes_the_place_of_another_is_trained_in_its_stead():
    model, new = Stack(), Variable(np.full(3, 2.0, "f4"))
    old = model.scale
    optimizer = xdl.optim.SGD(model, lr=0.1, momentum=0.9)
    ema = xdl.optim.EMA(model, decay=0.5)
    _step(model, optimizer)
    model.scale = new
    before = old.numpy()

    _step(model, optimizer)
    ema.update()

    assert (before == old.numpy()).all()
    assert (new.numpy() != 2.0).all()
    assert old not in set(model.parameter.values())
    np.testing.assert_allclose(ema.average["scale"].value, new.value)


def test_a_weight_of_another_shape_may_take_a_place():
    model = Stack()
    model.layers.append(Variable(np.ones(3, "f4")))
    optimizer, ema = xdl.optim.Adam(model, lr=0.1), xdl.optim.EMA(model)
    _step(model, optimizer)

    model.layers[0] = Variable(np.ones((2, 3), "f4"))
    _step(model, optimizer)
    ema.update()

    assert (2, 3) == ema.average["layers/0"].shape
    assert (2, 3) == optimizer.state["average/layers/0"].shape


def test_a_weight_in_two_places_is_trained_once():
    model = Stack()
    model.layers.append(model.scale)
    model.again = model.scale

    optimizer = xdl.optim.SGD(model, lr=1.0)
    xdl.sum(model.scale).backward()
    optimizer.update()

    assert [0.0, 0.0, 0.0] == model.scale.numpy().tolist()


def test_clipping_sees_weights_in_lists_and_attributes():
    model = Stack()
    model.layers.append(Variable(np.ones(3, "f4")))
    xdl.sum(model.layers[0] * 3.0 + model.scale * 4.0).backward()

    norm = xdl.optim.clip_grad_norm(model, 1.0)

    assert 75**0.5 == pytest.approx(norm.item())
    assert 1.0 == pytest.approx(
        float(np.hypot(*(np.linalg.norm(v.grad) for v in (model.scale, *model.layers))))
    )


def test_constants_and_integers_are_saved_and_not_trained():
    model, twin = Stack(), Stack()
    for one in (model, twin):
        one.mean = Variable(np.zeros(3, "f4"), trainable=False)
        one.count = Variable(0)
    model.mean.value, model.count.value = np.ones(3), 5
    optimizer = xdl.optim.SGD(model, lr=0.1, momentum=0.9)

    _step(model, optimizer)
    twin.parameter.load_state_dict(model.parameter.state_dict())

    assert [1.0, 1.0, 1.0] == twin.mean.numpy().tolist()
    assert 5 == twin.count.item()


def test_a_variable_that_is_made_trainable_later_is_trained():
    model = Stack()
    model.shift = Variable(np.zeros(3, "f4"), trainable=False)
    optimizer = xdl.optim.SGD(model, lr=0.1)
    _step(model, optimizer)
    model.shift.trainable = True

    xdl.sum(model.shift).backward()
    optimizer.update()

    np.testing.assert_allclose(model.shift.value, -0.1)


def test_two_optimizers_with_state_do_not_make_each_other_look_again(monkeypatch):
    model = Stack()
    optimizers = [xdl.optim.Adam(model, lr=0.1), xdl.optim.Adam(model, lr=0.1)]
    for optimizer in optimizers:
        _step(model, optimizer)
    looked = []
    monkeypatch.setattr(xdl.optim.Adam, "look_again", lambda self: looked.append(self))

    for optimizer in optimizers:
        _step(model, optimizer)

    assert [] == looked


def test_a_log_in_a_list_does_not_make_an_optimizer_look_again(monkeypatch):
    model = Stack()
    model.log = []
    model.records = []
    optimizer = xdl.optim.SGD(model, lr=0.1)
    model.log.append(0.5)
    model.records.append({"loss": 0.5, "at": (1, np.zeros(2))})
    _step(model, optimizer)
    looked = []
    monkeypatch.setattr(xdl.optim.SGD, "look_again", lambda self: looked.append(self))

    model.log.append(0.25)
    model.records.append({"loss": 0.25, "at": (2, np.zeros(2))})
    _step(model, optimizer)

    assert [] == looked

"""The weights of a Module: its parameters, its state, freezing, weights made late."""

import copy
import pickle

import numpy as np
import pytest

import xdl
from tests.optim.every import every_optimizer
from xdl import ArgumentError, CheckpointError, GraphError, Module
from xdl.nn import BatchNorm1d, Linear, Sequential

X = np.linspace(-1.0, 1.0, 12, dtype="f4").reshape(4, 3)


def _normalized():
    return Sequential(Linear(3, 3), BatchNorm1d(3), xdl.relu, Linear(3, 2))


class Late(Module):
    """Two affine maps whose weights are made at the first call, or before."""

    def __init__(self, at_once):
        super().__init__()
        if at_once:
            self.forward(X)

    def forward(self, x):
        first = self.parameter.get_variable("first", [3, 3], xdl.init.eye)
        second = self.parameter.get_variable("second", [3, 3], xdl.init.eye)
        return xdl.tanh(x @ first) @ second


def _step(model, optimizer):
    loss = xdl.sum(xdl.square(model(X) - 3.0))
    loss.backward()
    optimizer.update()
    return loss


def test_parameters_are_the_weights_and_no_running_statistics():
    model = _normalized()

    named = dict(model.named_parameters())

    listed = ["layers/0/weight", "layers/0/bias", "layers/1/weight", "layers/1/bias"]
    assert [*listed, "layers/3/weight", "layers/3/bias"] == list(named)
    assert list(map(id, named.values())) == list(map(id, model.parameters()))
    assert set(model.parameter) - set(named)


def test_parameters_are_what_an_optimizer_takes():
    model, twin = Linear(3, 3), Linear(3, 3)
    twin.load_state_dict(model.state_dict())

    _step(model, xdl.optim.Adam(model.parameters()))
    _step(twin, xdl.optim.Adam(twin))

    assert (model.weight.numpy() == twin.weight.numpy()).all()


def test_a_tied_weight_is_one_parameter():
    model = Module()
    model.first = model.second = Linear(3, 3)

    assert [model.first.weight, model.first.bias] == list(model.parameters())


def test_a_state_goes_from_a_module_into_another():
    model, twin = _normalized(), _normalized()
    model(X)

    came = twin.load_state_dict(model.state_dict())

    assert ([], []) == came
    for name, value in model.state_dict().items():
        assert (value == twin.parameter[name].numpy()).all()


@pytest.mark.parametrize("strict", [True, False])
def test_a_state_that_does_not_fit_changes_nothing(strict):
    model = _normalized()
    before, state = model.state_dict(), _normalized().state_dict()
    state["layers/3/bias"] = np.zeros(7, "f4")

    with pytest.raises(CheckpointError, match=r"^Sequential.load_state_dict: .*\(7,\)"):
        model.load_state_dict(state, strict)

    assert all((before[n] == v).all() for n, v in model.state_dict().items())


def test_other_names_are_refused_all_at_once_unless_it_is_not_strict():
    model, state = Linear(3, 2), {"weight": np.ones((3, 2), "f4"), "scale": 1.0}

    with pytest.raises(CheckpointError, match="missing 'bias'; unknown 'scale'"):
        model.load_state_dict(state)
    untouched = model.weight.numpy()
    came = model.load_state_dict(state, strict=False)

    assert (untouched != 1.0).any()
    assert (["bias"], ["scale"]) == (came.missing_keys, came.unexpected_keys)
    assert (model.weight.numpy() == 1.0).all()


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_mapping_is_no_state(strict):
    with pytest.raises(CheckpointError, match="list came, needed a mapping"):
        Linear(3, 2).load_state_dict([1.0], strict)


def test_a_module_that_loads_in_a_way_of_its_own_is_saved_by_it(tmp_path):
    class Own(Linear):
        def state_dict(self):
            return {"all": self.weight.numpy()}

        def load_state_dict(self, state, strict=True):
            self.weight.value = state["all"]

    model, twin = Own(3, 2), Own(3, 2)

    xdl.save(tmp_path / "own.xdl", model=model)
    xdl.load(tmp_path / "own.xdl", model=twin)

    assert (model.weight.numpy() == twin.weight.numpy()).all()


def test_train_false_is_eval():
    model = _normalized()

    assert model.train(False) is model
    assert {False} == {module.is_training for module in model.modules()}
    assert model.train(mode=True).is_training


def test_train_takes_nothing_but_true_and_false():
    with pytest.raises(ArgumentError, match=r"Linear.train: 'eval' came, needed True"):
        Linear(2, 2).train("eval")


@every_optimizer
def test_a_frozen_layer_keeps_its_weights(make):
    model = Sequential(*[Linear(3, 3, bias=False) for _ in range(3)])
    optimizer = make(model, lr=0.1)
    model.layers[1].trainable = False
    before = model.state_dict()

    _step(model, optimizer)

    moved = [n for n, v in model.state_dict().items() if (v != before[n]).any()]
    assert ["layers/0/weight", "layers/2/weight"] == moved
    assert model.layers[1].weight.grad is None


def test_freezing_a_model_freezes_all_below_and_thawing_thaws_it():
    model = _normalized()
    weights = list(model.parameters())

    model.trainable = False
    frozen = [weight.trainable for weight in model.parameters()]
    model.trainable = True

    assert [False] * len(weights) == frozen
    assert all(weight.trainable for weight in weights)
    assert not model.parameter["layers/1/running_mean"].trainable


def test_a_module_is_trainable_if_one_of_its_weights_is():
    model = _normalized()
    answers = [model.trainable]

    model.layers[0].trainable = False
    answers += [model.trainable, model.layers[0].trainable]
    model.layers[1].trainable = model.layers[3].trainable = False

    assert [True, True, False, False] == [*answers, model.trainable]


def test_a_layer_without_weights_remembers_that_it_is_frozen():
    layer = xdl.nn.Flatten()

    layer.trainable = False

    assert not layer.trainable


def test_a_weight_that_a_frozen_layer_makes_late_is_frozen():
    model, inner = Module(), Late(at_once=False)
    model.inner = inner
    model.trainable = False

    inner(X)
    frozen = [weight.trainable for weight in model.parameters()]
    model.trainable = True

    assert [False, False] == frozen
    assert all(weight.trainable for weight in model.parameters())


def test_a_frozen_layer_is_still_frozen_in_its_copies():
    model = Linear(3, 2)
    model.trainable = False

    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not copied.trainable
        copied.trainable = True
        assert [True, True] == [weight.trainable for weight in copied.parameters()]


@pytest.mark.parametrize("value", [None, 1, "no"])
def test_trainable_is_true_or_false(value):
    layer = Linear(3, 2)

    with pytest.raises(ArgumentError, match="needed True or False"):
        layer.trainable = value

    assert layer.trainable


def test_trainable_cannot_be_set_before_there_is_a_store():
    class Early(Module):
        def __init__(self):
            self.trainable = False

    with pytest.raises(GraphError, match="call super"):
        Early()


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_freezing_between_calls_counts_in_a_compiled_step(executor):
    if executor == "numba":
        pytest.importorskip("numba")
    model, twin = _normalized(), _normalized()
    twin.load_state_dict(model.state_dict())
    pairs = [(m, xdl.SGD(m, lr=1e-3, momentum=0.9)) for m in (model, twin)]
    step = xdl.compile(lambda: _step(*pairs[0]), *pairs[0], executor=executor)

    for is_trainable in (True, False, False, True):
        for one in (model, twin):
            one.layers[0].trainable = is_trainable
        for _ in range(3):
            step()
            _step(*pairs[1])

    for name, value in model.state_dict().items():
        np.testing.assert_allclose(value, twin.parameter[name].value, 1e-4, 1e-6)


@every_optimizer
def test_weights_made_in_forward_train_as_those_made_before(make):
    late, early = Late(at_once=False), Late(at_once=True)
    optimizers = [make(late, lr=0.1), make(early, lr=0.1)]

    for _ in range(3):
        for model, optimizer in zip((late, early), optimizers, strict=True):
            _step(model, optimizer)

    assert list(optimizers[0].state) == list(optimizers[1].state)
    for name, value in early.state_dict().items():
        assert (value == late.parameter[name].numpy()).all()


def test_an_optimizer_of_a_models_store_waits_for_its_weights():
    model = Late(at_once=False)
    optimizer = xdl.optim.Adam(model.parameter)

    with pytest.raises(GraphError, match="no Variable has a gradient"):
        optimizer.update()
    _step(model, optimizer)

    assert {"average/first", "step/second"} <= set(optimizer.state)


def test_a_weight_that_would_be_made_in_a_compiled_step_is_refused_until_it_is_there():
    model = Late(at_once=False)
    optimizer = xdl.optim.Adam(model)
    step = xdl.compile(lambda: _step(model, optimizer), model, optimizer)

    with pytest.raises(GraphError, match='"first" is made in the step; make it before'):
        step()
    model(X)
    losses = [step().item() for _ in range(4)]

    assert losses == sorted(losses, reverse=True)

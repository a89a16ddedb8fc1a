"""Module and Model: what owns weights."""

import copy
import pickle

import numpy as np
import pytest

import xdl
from xdl import GraphError, Module
from xdl.nn import Linear
from xdl.recording import registrations


class Deep(Module):
    """Layers as an attribute, in a list, in a dict; one of them tied."""

    def __init__(self):
        super().__init__()
        self.first = Linear(2, 2)
        self.rest = [Linear(2, 2, bias=False), Linear(2, 2, bias=False)]
        self.heads = {"a": Linear(2, 1, bias=False), "tied": self.first}
        self.scale = 2.0

    def forward(self, x, shift=0.0):
        for layer in (self.first, *self.rest):
            x = layer(x)
        return self.heads["a"](x) * self.scale + shift


def test_modules_in_attributes_lists_and_dicts_are_mounted_once():
    names = list(Deep().parameter)

    assert [
        "first/weight",
        "first/bias",
        "rest/0/weight",
        "rest/1/weight",
        "heads/a/weight",
    ] == names


def test_a_module_is_called_with_inputs_and_options():
    model = Deep()

    assert (4, 1) == model(np.ones((4, 2))).shape
    difference = model(np.ones((1, 2)), shift=1.0) - model(np.ones((1, 2)))
    assert 1.0 == pytest.approx(difference.item(), abs=1e-5)


def test_an_attribute_that_is_set_anew_replaces_what_was_mounted():
    model = Deep()

    model.first = Linear(2, 2, bias=False)
    model.heads = "gone"
    model.scale = 3.0

    assert ["first/weight", "rest/0/weight", "rest/1/weight"] == list(model.parameter)


def test_an_attribute_that_is_deleted_is_unmounted():
    model = Deep()

    del model.first, model.scale

    assert "first/weight" not in model.parameter
    assert not hasattr(model, "scale")


def test_a_layer_that_is_appended_later_is_seen():
    model = Deep()

    model.rest.append(Linear(2, 5, bias=False))

    assert (2, 5) == model.parameter["rest/2/weight"].shape


def test_variables_in_attributes_and_lists_are_weights_behind_stored_ones():
    model = Module()
    model.scale = xdl.Variable([1.0, 2.0])
    model.parts = {"shifts": [xdl.Variable(1.0), (xdl.Variable(2.0),)]}
    model.count = xdl.Variable(3)
    model.layer = Linear(2, 2, bias=False)

    assert [
        "layer/weight",
        "scale",
        "parts/shifts/0",
        "parts/shifts/1/0",
        "count",
    ] == list(model.parameter)
    assert "scale" == model.scale.name
    assert "8 trainable parameters" == model.summary().splitlines()[-1]


def test_a_parameter_that_is_an_attribute_is_mounted():
    model = Module()
    model.store = xdl.Parameter()

    weight = model.store.get_variable("weight", [2, 2])

    assert weight is model.parameter["store/weight"]


def test_results_of_operations_are_no_weights():
    model, x = Module(), xdl.Variable([1.0])
    with xdl.no_grad():
        model.constant = x * 2
    model.output, model.cache = x * 2, [x * 2, x.detach()]
    model.pair = (x * 2, x.detach())

    assert [] == list(model.parameter)
    assert [] == list(copy.deepcopy(model).parameter)
    assert [] == list(pickle.loads(pickle.dumps(model)).parameter)


def test_a_variable_takes_the_place_and_the_name_of_the_one_before():
    model = xdl.LinearModel(2, 2)
    old, new = model.W, xdl.Variable(np.ones((2, 3), "f4"))

    model.W = new

    assert ["weight"] == list(model.parameter)
    assert new is model.parameter["weight"]
    assert old.name == "weight"


@pytest.mark.parametrize(
    "remove", [lambda m: delattr(m, "bias"), lambda m: setattr(m, "bias", None)]
)
def test_an_attribute_that_goes_gives_its_variable_up(remove):
    layer = Linear(2, 2)

    remove(layer)

    assert ["weight"] == list(layer.parameter)


def test_a_variable_that_another_attribute_shows_stays():
    layer = Linear(2, 2)
    layer.same = layer.bias

    layer.bias = None

    assert (
        layer.same is layer.parameter["bias"] or layer.same is layer.parameter["same"]
    )


def test_a_stored_variable_stays_where_a_result_is_set_in_its_place():
    model = Module()
    model.w = model.parameter.get_variable("w", [2])
    stored = model.w

    model.w = model.w * 2

    assert stored is model.parameter["w"]


def test_tied_weights_have_the_name_that_they_are_stored_under():
    model = Module()
    layer = Linear(2, 2, bias=False)
    model.tied = layer.weight
    model.layer = layer

    assert ["layer/weight"] == list(model.parameter)


def test_a_name_that_is_stored_already_is_refused():
    model = Module()
    model.parameter.get_variable("scale", [2])

    with pytest.raises(xdl.errors.ArgumentError, match='another Variable came as "sca'):
        model.scale = xdl.Variable([1.0])

    assert not hasattr(model, "scale")


def test_two_variables_of_one_name_are_refused():
    model = Module()
    model.parts = {1: xdl.Variable([1.0]), "1": xdl.Variable([2.0])}

    with pytest.raises(xdl.errors.ArgumentError, match='two Variables are called "pa'):
        model.parameter.state_dict()


def test_deleting_an_attribute_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        del Module().nothing


@pytest.mark.parametrize(
    "value",
    [[1], (Linear(1, 1),), {}, Linear(1, 1), xdl.Variable([1.0])],
    ids=["list", "tuple", "dict", "layer", "Variable"],
)
def test_setting_a_layer_before_super_init_is_refused(value):
    class Early(Module):
        def __init__(self):
            self.layer = value

    with pytest.raises(
        GraphError, match=r"Early: call super\(\).__init__\(\) before .*'layer'"
    ):
        Early()


def test_a_plain_attribute_may_be_set_before_super_init():
    class Early(Module):
        def __init__(self):
            self.width = 3
            super().__init__()

    assert 3 == Early().width


def test_train_and_eval_reach_every_module():
    model = Deep()

    switched = model.eval()
    off = [module.is_training for module in model.modules()]
    model.train()
    on = [module.is_training for module in model.modules()]

    assert model is switched
    assert ([False] * 5, [True] * 5) == (off, on)


def test_modules_yields_each_once_and_itself_first():
    model = Deep()

    found = list(model.modules())

    assert model is found[0]
    assert len(found) == len(set(map(id, found)))


def test_modules_that_hold_each_other_are_walked_once():
    model, child = Deep(), Linear(1, 1)
    model.child, child.parent = child, model

    assert 6 == len(list(model.eval().modules()))


def test_to_moves_all_weights(remote):
    model = Deep()

    moved = model.to(remote)

    assert model is moved
    assert {remote} == {v.device for v in model.parameter.values()}


def test_summary_is_a_table_with_the_total():
    model = Deep()
    model.first.bias.trainable = False

    lines = model.summary().splitlines()

    assert ["name", "shape", "dtype", "size"] == lines[0].split()
    assert ["first/weight", "(2,", "2)", "float32", "4"] == lines[2].split()
    assert ["2", "(frozen)"] == lines[3].split()[-2:]
    assert "14 trainable parameters" == lines[-1]


def test_summary_of_a_module_without_weights_says_0():
    assert "0 trainable parameters" == Module().summary().splitlines()[-1]


def test_forward_must_be_defined():
    with pytest.raises(NotImplementedError, match="Module: forward is not defined"):
        Module()(1.0)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_copy_has_weights_of_its_own_and_the_same_values(duplicate):
    model = Deep()

    copied = duplicate(model)
    before = copied(np.ones((1, 2))).item()
    model.first.weight.value[...] = 0

    assert list(model.parameter) == list(copied.parameter)
    assert copied.first.weight is copied.parameter["first/weight"]
    assert copied.heads["tied"] is copied.first
    assert before == copied(np.ones((1, 2))).item()


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_model_can_be_copied_after_a_step(duplicate):
    model = xdl.LinearModel(2, 2)
    model.forward([[1.0, 2.0]])
    model.loss([1])
    model.backward()

    copied = duplicate(model)

    assert model.W.numpy().tolist() == copied.W.numpy().tolist()
    assert copied.W is copied.parameter["weight"]


class TestModel:
    """forward, loss, backward: the article's three steps."""

    def test_a_step_gives_every_weight_its_gradient(self):
        model = xdl.LinearRegression(2)
        model.forward([[1.0, 2.0]])

        loss = model.loss([[0.0]])
        model.backward()

        assert loss.item() == pytest.approx(0.5 * model.output.item() ** 2)
        assert (2, 1) == model.weight.grad.shape
        assert model.bias.grad.item() == pytest.approx(model.output.item())

    def test_the_three_steps_in_another_order_are_refused(self):
        model = xdl.LinearModel(2, 2)
        layer = xdl.SoftmaxLoss()

        with pytest.raises(
            GraphError, match=r"SoftmaxLoss.backward: call loss\(target\) first"
        ):
            model.backward()
        with pytest.raises(
            GraphError, match=r"SoftmaxLoss.loss: call forward\(output\) first"
        ):
            layer.loss([1])


def test_a_tuple_without_modules_is_an_attribute_like_any_other():
    module = xdl.Module()
    before = registrations.number

    module.state = (xdl.Variable([1.0]).detach(), xdl.Variable([2.0]) * 2)

    assert before == registrations.number
    assert [] == list(module.parameter)

"""What all optimizers share: whom they change, whom they skip, what they refuse."""

import numpy as np
import pytest

import xdl
from xdl import SGD, ArgumentError, GraphError, Variable
from xdl.nn import Linear
from xdl.optim import Optimizer
from xdl.optim.ranges import Range


def test_update_clears_all_gradients_and_step_keeps_them():
    w = Variable([1.0])
    optimizer = SGD([w])
    w.grad = [1.0]

    optimizer.step()
    kept = w.grad.tolist()
    optimizer.update()

    assert ([1.0], None) == (kept, w.grad)


def test_zero_grad_clears_without_a_step():
    w = Variable([1.0])
    w.grad = [1.0]

    SGD([w]).zero_grad()

    assert (None, 1.0) == (w.grad, w.item())


@pytest.mark.parametrize(
    "wrap", [lambda m: m, lambda m: m.parameter, lambda m: m.parameter.values()]
)
def test_a_module_a_parameter_and_an_iterable_are_taken(wrap):
    layer = Linear(2, 1, initializer=np.ones)
    optimizer = SGD(wrap(layer), lr=1.0)

    layer([[1.0, 2.0]]).sum().backward()
    optimizer.update()

    assert [[0.0], [-1.0]] == layer.weight.numpy().tolist()


def test_a_frozen_variable_is_skipped():
    w, frozen = Variable([1.0]), Variable([1.0], trainable=False)
    optimizer = SGD([w, frozen], lr=1.0)

    (w * frozen).backward()
    optimizer.update()

    assert (0.0, 1.0) == (w.item(), frozen.item())


def test_a_variable_that_is_frozen_later_is_skipped():
    w, later = Variable([1.0]), Variable([1.0])
    optimizer = SGD([w, later], lr=1.0)

    later.trainable = False
    (w * later).backward()
    optimizer.update()

    assert (0.0, 1.0) == (w.item(), later.item())


def test_a_variable_that_is_thawed_later_is_changed():
    parameter = xdl.Parameter()
    w = parameter.register("w", Variable([1.0]))
    thawed = parameter.register("thawed", Variable([1.0], trainable=False))
    optimizer = SGD(parameter, lr=1.0)

    thawed.trainable = True
    (w * thawed).backward()
    optimizer.update()

    assert (0.0, 0.0) == (w.item(), thawed.item())


def test_a_variable_without_a_gradient_is_skipped():
    used, unused = Variable([1.0]), Variable([1.0])
    optimizer = SGD([used, unused], lr=1.0, momentum=0.5, weight_decay=0.5)

    (used * 1).backward()
    optimizer.update()

    assert 1.0 == unused.item()


def test_a_step_without_any_gradient_is_refused():
    with pytest.raises(
        GraphError, match="SGD: no Variable has a gradient; call backward first"
    ):
        SGD([Variable([1.0])]).step()


def test_a_weight_that_is_made_after_the_optimizer_is_changed_too():
    parameter = xdl.Parameter()
    parameter.get_variable("w", [1])
    optimizer = SGD(parameter, lr=1.0, momentum=0.5)

    late = parameter.get_variable("late", [1], np.ones)
    (late * 2).backward()
    optimizer.update()

    assert (-1.0, ["velocity/w", "velocity/late"]) == (
        late.item(),
        list(optimizer.state),
    )


def test_a_tied_weight_is_changed_once():
    parameter = xdl.Parameter()
    w = parameter.register("a", Variable([1.0]))
    parameter.register("b", w)

    (w * 1).backward()
    SGD(parameter, lr=0.25).update()

    assert 0.75 == w.item()


def test_an_update_between_use_and_backward_is_refused():
    w = Variable([1.0])
    optimizer = SGD([w])
    stale = w * w
    (w * 2).backward()

    optimizer.update()

    with pytest.raises(GraphError, match="changed after Multiply used it"):
        stale.backward()


def test_a_gradient_that_is_a_variable_is_taken():
    w = Variable([3.0])
    (w * w).backward(create_graph=True)

    SGD([w], lr=0.5).update()

    assert [0.0] == w.numpy().tolist()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([], "no trainable Variable came"),
        ([Variable([1])], "no trainable Variable came"),
        (xdl.Parameter(), "no trainable Variable came"),
        ([np.ones(2)], "item 0 is ndarray, needed a Variable"),
        ([Variable([1.0]), None], "item 1 is NoneType, needed a Variable"),
        (np.ones(2), "needed a"),
        (Variable([1.0]), "Variable came, needed a Parameter, a Module or an iterable"),
        (None, "NoneType came, needed a Parameter"),
        (3, "int came, needed a Parameter"),
    ],
)
def test_what_holds_no_trainable_variables_is_refused(source, said):
    with pytest.raises(ArgumentError, match=f"SGD: .*{said}"):
        SGD(source)


def test_a_variable_that_comes_twice_is_refused_by_name():
    w = Variable([1.0], name="w")

    with pytest.raises(ArgumentError, match=r'SGD: item 1 \(Variable "w"\) came twice'):
        SGD([w, w])


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -1, "0.1", True, None, np.array([0.1]), 1j]
)
@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
def test_a_hyperparameter_out_of_its_range_is_refused_at_any_time(name, value):
    optimizer = SGD([Variable([1.0])], lr=0.5)

    with pytest.raises(
        ArgumentError, match=f"SGD.{name}: .* came, needed a number in "
    ):
        SGD([Variable([1.0])], **{name: value})
    with pytest.raises(ArgumentError, match=f"SGD.{name}: "):
        setattr(optimizer, name, value)
    assert 0.5 == optimizer.lr


def test_an_optimizer_without_a_rule_says_so():
    w = Variable([1.0])
    w.grad = [1.0]

    with pytest.raises(NotImplementedError, match="Optimizer: change is not defined"):
        Optimizer([w], lr=0.1).step()


def test_a_range_may_exclude_its_lower_end():
    class Sharp(SGD):
        ranges = {**SGD.ranges, "sharpness": Range(includes_low=False)}

    optimizer = Sharp([Variable([1.0])])

    optimizer.sharpness = 0.5
    with pytest.raises(
        ArgumentError, match=r"Sharp.sharpness: 0.0 came, .* in \(0, inf\)"
    ):
        optimizer.sharpness = 0
    assert 0.5 == optimizer.sharpness

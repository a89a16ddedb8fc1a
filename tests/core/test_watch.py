"""Watch: what makes an optimizer or a compiled step look for Variables again."""

import numpy as np
import pytest

import xdl
from xdl import Module, Variable
from xdl.core.watch import Watch


def _module(**attributes):
    module = Module()
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


CHANGES = {
    "append": lambda m: m.layers.append(m),
    "replace": lambda m: m.layers.__setitem__(0, xdl.square),
    "remove": lambda m: m.layers.clear(),
    "reverse": lambda m: m.layers.reverse(),
    "in a list in a dict": lambda m: m.parts["a"].append(Variable(1.0)),
    "a new key": lambda m: m.parts.__setitem__("b", 1),
    "a key for another": lambda m: m.parts.__setitem__("b", m.parts.pop("a")),
    "in a list in a tuple": lambda m: m.pair[0].append(1),
    "where nothing was": lambda m: m.slots.__setitem__(1, xdl.nn.Linear(1, 1)),
    "an attribute": lambda m: setattr(m, "new", Variable(1.0)),
    "a deleted attribute": lambda m: delattr(m, "layers"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(change):
    module = _module(
        layers=[xdl.tanh, 1.0], parts={"a": []}, pair=([], 1), slots=[None, None]
    )
    watch = Watch(module.parameter)
    before = watch.is_over()

    change(module)

    assert (False, True) == (before, watch.is_over())


@pytest.mark.parametrize(
    "item",
    [
        1,
        2.5,
        "text",
        np.zeros(3),
        np.float32(1),
        Variable([1.0]).detach(),
        {"loss": 1.0},
        (1, [2.0]),
    ],
)
def test_logs_are_not_watched(item):
    module = _module(log=[item])
    watch = Watch(module.parameter)

    module.log.append(item)

    assert not watch.is_over()
    assert [] == watch.lists


def test_equal_variables_are_told_apart():
    module = _module(scales=[Variable(1.0)])
    watch = Watch(module.parameter)

    module.scales[0] = Variable(1.0)

    assert watch.is_over()

"""The cases of ONNX's operators for training: one update of each kind."""

import numpy as np
import pytest

import xdl
from tests.oracle.onnx_run import node_tests, onnx

NAMES = [
    "test_adagrad",
    "test_adagrad_multiple",
    "test_adam",
    "test_adam_multiple",
    "test_momentum",
    "test_momentum_multiple",
    "test_nesterov_momentum",
]


# A step count at which no power of a beta is left.
LATE = 1e6


KINDS = ("Adagrad", "Adam", "Momentum")
CASES = {
    name: case
    for name, case in node_tests().items()
    if case.model.graph.node[0].op_type in KINDS
}


def _options(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _optimizer(node, weights, lr):
    """Return xdl's optimizer, and its names for the states in ONNX's order."""
    given = _options(node)
    decay = given["norm_coefficient"]
    if node.op_type == "Adagrad":
        options = {"lr_decay": given["decay_factor"], "eps": given["epsilon"]}
        optimizer = xdl.optim.Adagrad(weights, lr, weight_decay=decay, **options)
        return optimizer, ["square_sum"]
    if node.op_type == "Adam":
        betas = given["alpha"], given["beta"]
        eps = given["epsilon"]
        optimizer = xdl.optim.Adam(weights, lr, betas, eps, weight_decay=decay)
        for i in range(len(weights)):  # ONNX does not correct the bias at T = 0
            optimizer.state[f"step/{i}"].value = LATE
        return optimizer, ["average", "square_average"]
    is_nesterov = given["mode"] == b"nesterov"
    optimizer = xdl.SGD(weights, lr, given["alpha"], is_nesterov, decay)
    return optimizer, ["velocity"]


def test_every_case_of_the_operators_for_training_is_here():
    assert sorted(CASES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_update_is_that_of_onnx(name):
    (node,) = CASES[name].model.graph.node
    ((inputs, outputs),) = CASES[name].data_sets
    lr, _, *arrays = inputs
    count = sum(i.startswith("X") for i in node.input)
    weights = [xdl.Variable(x) for x in arrays[:count]]
    for weight, grad in zip(weights, arrays[count : 2 * count], strict=True):
        weight.grad = grad
    optimizer, kinds = _optimizer(node, weights, float(lr))
    states = [optimizer.state[f"{kind}/{i}"] for kind in kinds for i in range(count)]
    for state, start in zip(states, arrays[2 * count :], strict=True):
        state.value = start

    optimizer.update()

    actual = [variable.numpy() for variable in weights + states]
    for ours, theirs in zip(actual, outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-6)

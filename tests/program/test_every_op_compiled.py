"""Every case of every operation, compiled: the numbers of eager to the bit."""

import numpy as np
import pytest

import xdl
from tests.program.compared import arrays_of, differing
from tests.test_every_op import NOT_DIFFERENTIABLE, _cases
from xdl.backend import is_floating
from xdl.program.compiled import compile
from xdl.testing import draw_inputs

SEEDS = (0, 0, 1, 2)  # of the inputs at each call: the second one is verified

# Operations that are named by something that a step has to draw anew.
CALLS = {"Dropout": lambda p=0.5, key=0, number=0: lambda x: xdl.dropout(x, p)}

every_case = pytest.mark.parametrize(("op_class", "case"), _cases())
every_gradient = pytest.mark.parametrize(
    ("op_class", "case"), _cases(has=lambda op_class, case: op_class.gradient)
)


def _operation(op_class, case):
    return CALLS.get(op_class.__name__, op_class)(**case.options)


def _weight_for(y):
    """Return what an output is multiplied with: the gradient that comes back."""
    drawn = np.random.default_rng(5).uniform(-1, 1, y.shape)
    return drawn.astype(y.dtype if y.dtype.kind == "f" else "float32")


class Trained:
    """An operation on trainable Variables, with its gradients: one step."""

    def __init__(self, op_class, case, dtype):
        self.op = _operation(op_class, case)
        inputs = draw_inputs(case, dtype)
        names = op_class(**case.options).names_for(inputs)
        constant = NOT_DIFFERENTIABLE.get(op_class.__name__, ())
        self.variables = [
            None if a is None else xdl.Variable(a, n, is_floating(a) and n not in constant)
            for a, n in zip(inputs, names, strict=True)
        ]
        with np.errstate(all="ignore"):
            self.weight = _weight_for(op_class(**case.options)(*inputs))

    def state(self):
        """Return the Variables."""
        return [v for v in self.variables if v is not None]

    def take(self, arrays):
        """Give the Variables other values."""
        for variable, array in zip(self.variables, arrays, strict=True):
            if variable is not None:
                variable.value = array

    def step(self, weight):
        """Compute the operation and its gradients; return all."""
        y = self.op(*self.variables)
        loss = xdl.sum(y * weight)
        if loss.trainable:
            loss.backward()
        gradients = [v.grad for v in self.state() if v.trainable]
        for variable in self.state():
            variable.clear_grad()
        return y, loss, gradients


def _trained(op_class, case, dtype, is_compiled):
    """Return what each call of a training step gives."""
    xdl.seed(3)
    trained, returned = Trained(op_class, case, dtype), []
    step = compile(trained.step, *trained.state()) if is_compiled else trained.step
    for seed in SEEDS:
        trained.take(draw_inputs(case, dtype, seed))
        returned += arrays_of(step(trained.weight))
    return returned


def _called(op_class, case, is_compiled):
    """Return what each call on arrays gives."""
    xdl.seed(3)
    op = _operation(op_class, case)
    step, returned = compile(op) if is_compiled else op, []
    for seed in SEEDS:
        returned += arrays_of(step(*draw_inputs(case, "float32", seed)))
    return returned


@every_case
def test_arrays_as_arguments_give_the_numbers_of_eager(op_class, case):
    expected = _called(op_class, case, False)

    actual = _called(op_class, case, True)

    assert [] == differing(expected, actual)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_gradient
def test_value_and_gradients_of_state_are_those_of_eager(op_class, case, dtype):
    expected = _trained(op_class, case, dtype, False)

    actual = _trained(op_class, case, dtype, True)

    assert [] == differing(expected, actual)

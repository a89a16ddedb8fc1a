"""One operation as a training step, with its gradients."""

import numpy as np

import xdl
from tests.support.compared import arrays_of
from tests.support.counted import Counted
from tests.support.operations import NOT_DIFFERENTIABLE
from xdl.backend import is_floating
from xdl.testing import draw_inputs

SEEDS = (0, 0, 1, 2)  # of the inputs at each call: the second one is verified

# Operations whose options name random bits: a step draws them by the function.
DRAWN = {"Dropout": lambda p=0.5, key=0, number=0: lambda x: xdl.dropout(x, p)}


def operation(op_class, case):
    """Return an operation, or the function that draws for it."""
    return DRAWN.get(op_class.__name__, op_class)(**case.options)


def _weight_for(y):
    """Return what an output is multiplied with: the gradient that comes back."""
    drawn = np.random.default_rng(5).uniform(-1, 1, y.shape)
    return drawn.astype(y.dtype if is_floating(y) else "float32")


class Trained:
    """An operation on Variables of the state, with its gradients: one step."""

    def __init__(self, op_class, case, dtype):
        self.op = operation(op_class, case)
        inputs = draw_inputs(case, dtype)
        names = op_class(**case.options).names_for(inputs)
        constant = (
            *NOT_DIFFERENTIABLE.get(op_class.__name__, ()),
            *op_class.conditions,
        )
        self.variables = [
            None
            if a is None
            else xdl.Variable(a, n, is_floating(a) and n not in constant)
            for a, n in zip(inputs, names, strict=True)
        ]
        self.state = [v for v in self.variables if v is not None]
        self.weight = _weight_for(op_class(**case.options)(*inputs))

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
        gradients = [v.grad for v in self.state if v.trainable]
        for variable in self.state:
            variable.clear_grad()
        return y, loss, gradients


def trained(op_class, case, dtype, executor=None):
    """Return what each call of a training step gives, and the count of eager calls."""
    return all_trained([(op_class, case)], dtype, executor)


def all_trained(pairs, dtype, executor=None):
    """Return the same of one step of several operations.

    Args:
        pairs: of an operation's class and a case.
        dtype: of the inputs.
        executor: of the step; default none: it is not compiled.
    """
    xdl.seed(3)
    every, returned = [Trained(*pair, dtype) for pair in pairs], []

    def step(weights):
        return [one.step(w) for one, w in zip(every, weights, strict=True)]

    call = counted = Counted(step)
    if executor:
        state = [variable for one in every for variable in one.state]
        call = xdl.compile(counted, *state, executor=executor)
    for seed in SEEDS:
        for one, (_, case) in zip(every, pairs, strict=True):
            one.take(draw_inputs(case, dtype, seed))
        returned += arrays_of(call([one.weight for one in every]))
    return returned, counted.calls

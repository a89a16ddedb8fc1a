"""Every case of every operation, compiled: the numbers of eager to the bit."""

import ml_dtypes  # noqa: F401  (NumPy learns the name "bfloat16" from it)
import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.counted import EAGER_CALLS, Counted
from tests.support.counterparts import composed_functions
from tests.test_every_op import NOT_DIFFERENTIABLE, _cases
from xdl import GraphError
from xdl.backend import is_floating
from xdl.testing import draw_inputs

SEEDS = (0, 0, 1, 2)  # of the inputs at each call: the second one is verified

# Operations whose options name random bits: a step draws them by the function.
DRAWN = {"Dropout": lambda p=0.5, key=0, number=0: lambda x: xdl.dropout(x, p)}

NOT_COMPILED = {"from_dlpack"}  # it takes arrays of other libraries
COMPOSED = [name for name in composed_functions() if name not in NOT_COMPILED]

# What no program can hold, and a part of what is said: why, or what to do.
REFUSED = {
    "getitem by a mask": (
        lambda x, mask: x[mask],
        [np.arange(3.0), np.array([True, False, True])],
        "a mask picks another number of elements at every call",
    ),
    "ctc_loss of labels in one row": (
        xdl.ctc_loss,
        [np.zeros((4, 2, 3)), np.array([1, 2, 1]), np.array([4, 4]), np.array([2, 1])],
        "was read in Python",
    ),
    "random bits of another seed": (
        lambda x: xdl.ops.random.Dropout(0.5, key=7)(x),
        [np.zeros(3)],
        "random bits of another seed",
    ),
    "seed": (
        lambda x: (xdl.seed(9), xdl.dropout(x))[1],
        [np.zeros(3)],
        "call xdl.seed outside of it",
    ),
}

every_case = pytest.mark.parametrize(("op_class", "case"), _cases())
every_gradient = pytest.mark.parametrize(
    ("op_class", "case"), _cases(has=lambda op_class, case: op_class.gradient)
)


def _operation(op_class, case):
    return DRAWN.get(op_class.__name__, op_class)(**case.options)


def _weight_for(y):
    """Return what an output is multiplied with: the gradient that comes back."""
    drawn = np.random.default_rng(5).uniform(-1, 1, y.shape)
    return drawn.astype(y.dtype if is_floating(y) else "float32")


class Trained:
    """An operation on Variables of the state, with its gradients: one step."""

    def __init__(self, op_class, case, dtype):
        self.op = _operation(op_class, case)
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
    xdl.seed(3)
    one, returned = Trained(op_class, case, dtype), []
    step = counted = Counted(one.step)
    if executor:
        step = xdl.compile(counted, *one.state, executor=executor)
    for seed in SEEDS:
        one.take(draw_inputs(case, dtype, seed))
        returned += arrays_of(step(one.weight))
    return returned, counted.calls


def _called(function, inputs, is_compiled):
    """Return what each call on arrays gives, and the count of eager calls."""
    xdl.seed(3)
    counted, returned = Counted(function), []
    step = xdl.compile(counted) if is_compiled else counted
    for seed in SEEDS:
        returned += arrays_of(step(*inputs(seed)))
    return returned, counted.calls


@every_case
def test_arrays_as_arguments_give_the_numbers_of_eager(op_class, case):
    op = _operation(op_class, case)
    expected, _ = _called(op, lambda seed: draw_inputs(case, "float32", seed), False)

    actual, calls = _called(op, lambda seed: draw_inputs(case, "float32", seed), True)

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@every_gradient
def test_value_and_gradients_of_state_are_those_of_eager(op_class, case, dtype):
    expected, _ = trained(op_class, case, dtype)

    actual, calls = trained(op_class, case, dtype, "numpy")

    assert [] == differing(expected, actual)
    assert EAGER_CALLS == calls


def test_every_function_is_an_operation_or_composed():
    without = [n for n in COMPOSED if not getattr(xdl.ops, n).cases]

    assert [] == without, "add `cases=` to the decorator: @composed(cases=(Case(...),))"


@pytest.mark.parametrize("name", COMPOSED)
def test_functions_of_several_operations_give_the_numbers_of_eager(name):
    function = getattr(xdl.ops, name)
    (case,) = function.cases
    variables = [xdl.Variable(np.zeros(shape, "float32")) for shape in case.inputs]

    def step():
        y = function(*variables, **case.options)
        first = y[0] if isinstance(y, tuple) else y
        xdl.sum(first * first).backward()
        gradients = [v.grad for v in variables if v.grad is not None]
        for variable in variables:
            variable.clear_grad()
        return y, gradients

    def called(step):
        returned = []
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            for variable in variables:
                variable.value = rng.uniform(-2, 2, variable.shape)
            returned += arrays_of(step())
        return returned

    counted = Counted(step)
    assert [] == differing(called(step), called(xdl.compile(counted, *variables)))
    assert EAGER_CALLS == counted.calls


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_program_is_refused_with_a_remedy(name):
    function, arguments, says = REFUSED[name]

    with pytest.raises(GraphError, match=f"^compile: .*{says}"):
        xdl.compile(function)(*arguments)

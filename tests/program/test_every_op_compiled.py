"""Every case of every operation, compiled: the numbers of eager to the bit."""

import ml_dtypes  # noqa: F401  (NumPy learns the name "bfloat16" from it)
import numpy as np
import pytest

import xdl
from tests.support.compared import arrays_of, differing
from tests.support.counted import EAGER_CALLS, Counted
from tests.support.counterparts import composed_functions
from tests.support.operations import cases_of
from tests.support.trained import SEEDS, operation, trained
from xdl import GraphError
from xdl.testing import draw_inputs

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

every_case = pytest.mark.parametrize(("op_class", "case"), cases_of())
every_gradient = pytest.mark.parametrize(
    ("op_class", "case"), cases_of(has=lambda op_class, case: op_class.gradient)
)


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
    op = operation(op_class, case)
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

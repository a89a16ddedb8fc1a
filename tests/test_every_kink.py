"""Operations whose gradient compares numbers have a case at that place."""

import functools

import pytest

from tests.support.operations import with_cases
from tests.support.strict import CPU, Array
from tests.test_every_op import _gy_for, _variables
from xdl.backend import NAMESPACES, is_floating
from xdl.core.case import Case
from xdl.testing import draw_inputs

OPERATORS = ("lt", "le", "gt", "ge", "eq", "ne", "floordiv")
FUNCTIONS = ("maximum", "minimum", "max", "min", "sign", "floor", "argsort")
# Gradients that compare, but have no kink there, or not PyTorch's gradient.
_CONSTANT = "what is compared has no gradient"
_PLACES = "places are compared, which the shapes make"
_LIMITED = "what is limited is constant there, or joins smoothly"
SMOOTH = {
    "Asinh": _LIMITED,
    "BinaryCrossEntropy": "by a target, PyTorch's is infinite where x is 0 or 1",
    "GELU": _LIMITED,
    "GLU": _LIMITED,
    "Interpolate": _PLACES,
    "InterpolateByInput": _PLACES,
    "KlDiv": "by a target of 0 it is -inf, PyTorch's is NaN",
    "Mish": "the pieces of its softplus join smoothly",
    "NllLoss": _CONSTANT,
    "ScaledDotProductAttention": "a bias of -inf: a key takes no part",
    "SiLU": _LIMITED,
    "Softplus": _LIMITED,
    "WeightedSoftmaxCrossEntropy": _CONSTANT,
}


def _watched(function, name, found):
    @functools.wraps(function)
    def call(x, *others, **options):
        if is_floating(x):
            found.append(name)
        return function(x, *others, **options)

    return call


def _compared(monkeypatch, op_class, case):
    """Return the names of the comparisons of numbers in the gradient of a case."""
    op, found = op_class(**case.options), []
    y = op(*_variables(op, draw_inputs(case), CPU))
    if not y.trainable:
        return found
    with monkeypatch.context() as patch:
        for name in OPERATORS:
            method = getattr(Array, f"__{name}__")
            patch.setattr(Array, f"__{name}__", _watched(method, name, found))
        for name in FUNCTIONS:
            function = getattr(NAMESPACES[Array], name)
            watched = _watched(function, name, found)
            patch.setattr(NAMESPACES[Array], name, watched, raising=False)
        y.backward(_gy_for(y))
    return found


def _is_kink(case):
    return isinstance(case, Case) and not case.is_smooth


def _has_kink(op_class):
    return any(map(_is_kink, op_class.cases))


@pytest.mark.parametrize("op_class", [c for c in with_cases() if c.gradient])
def test_a_gradient_that_compares_has_a_case_at_a_kink(monkeypatch, op_class):
    cases = [case for case in op_class.cases if isinstance(case, Case)]
    compared = {name for c in cases for name in _compared(monkeypatch, op_class, c)}

    assert not compared or _has_kink(op_class) or op_class.__name__ in SMOOTH, (
        "add a case with `gradients=` to the class, or a reason to SMOOTH here"
    )


def test_gradients_at_kinks_are_those_of_cases():
    kinks = [(c, case) for c in with_cases() for case in c.cases if _is_kink(case)]

    assert [] == [c.__name__ for c, _ in kinks if c.gradient is None]
    assert {c.__name__ for c in with_cases() if not _has_kink(c)} >= SMOOTH.keys()

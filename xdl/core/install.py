"""Giving Variables the functions of a namespace, which stands above them."""

import functools
from types import ModuleType
from typing import Any

from xdl.backend import NAMESPACES
from xdl.core.call import call, operator_of
from xdl.core.operators import functions
from xdl.core.variable import Variable
from xdl.elsewhere import OF_VARIABLES, point_elsewhere

_OPERATORS = {
    "add": ("__add__", "__radd__"),
    "subtract": ("__sub__", "__rsub__"),
    "multiply": ("__mul__", "__rmul__"),
    "divide": ("__truediv__", "__rtruediv__"),
    "floor_divide": ("__floordiv__", "__rfloordiv__"),
    "remainder": ("__mod__", "__rmod__"),
    "power": ("__pow__", "__rpow__"),
    "matmul": ("__matmul__", "__rmatmul__"),
    "negative": ("__neg__",),
    "positive": ("__pos__",),
    "abs": ("__abs__",),
}
_COMPARISONS = {
    "equal": "__eq__",
    "not_equal": "__ne__",
    "less": "__lt__",
    "less_equal": "__le__",
    "greater": "__gt__",
    "greater_equal": "__ge__",
}
_ITSELF = {"getitem": "__getitem__"}


def install(namespace: ModuleType) -> None:
    """Let operators and methods of Variables call the functions of a namespace.

    Gradients that are to be differentiated again are computed with it, too.
    """
    NAMESPACES[Variable] = namespace
    vars(functions).update(_namespace=namespace, _when_found=_hasten)
    names = [name for name in namespace.__all__ if not hasattr(Variable, name)]
    point_elsewhere(Variable, {n: f"xdl.{n}" for n in names} | OF_VARIABLES)


def _hasten(name: str, function: Any) -> None:
    """Put the fast form of an operator in its place, when its function is first used.

    It does what stands in ``Operators``, without a call between.
    """
    for called in _OPERATORS.get(name, ()):
        fast = operator_of(function.op)
        _put(called, _reflected(fast) if called.startswith("__r") else fast)
    if name in _COMPARISONS:
        _put(_COMPARISONS[name], _comparison(function.op))
    if name in _ITSELF:
        setattr(Variable, _ITSELF[name], function)


def _put(called: str, fast: Any) -> None:
    written = getattr(Variable, called)
    setattr(Variable, called, functools.update_wrapper(fast, written))


def _reflected(forward: Any) -> Any:
    return lambda self, other: forward(other, self)


def _comparison(op: Any) -> Any:
    return lambda self, other: (
        NotImplemented if other is None else call(op, self, other)
    )

"""Weights as optimizers and averages take and copy them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from xdl import backend
from xdl.arguments import kind
from xdl.core.narrow import is_narrow
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError


class HasParameter(Protocol):
    """What has its weights in a Parameter, as a Module has."""

    parameter: Parameter


Weights = (
    Parameter
    | HasParameter
    | Iterable[Variable]
    | Iterable[tuple[str, Variable]]
    | Sequence[Mapping[str, object]]
)


def are_groups(source: object) -> bool:
    """Tell whether it is a list of dicts."""
    return isinstance(source, list | tuple) and any(isinstance(x, dict) for x in source)


def wide_copy(variable: Variable, name: str) -> Variable:
    """Return a constant copy of a Variable; of a 16-bit one in float32."""
    dtype = "float32" if is_narrow(variable) else backend.dtype_name(variable.dtype)
    return Variable(array_of(variable), name, trainable=False, dtype=dtype)


def as_parameter(who: str, source: Any) -> Parameter:
    """Return the Parameter that ``source`` is, has, or is made into.

    Raises:
        ArgumentError: it is no Parameter, Module or iterable of Variables, or a
            Variable comes twice.
    """
    if isinstance(source, Parameter):
        return source
    if isinstance(getattr(source, "parameter", None), Parameter):
        return source.parameter
    if isinstance(source, Variable) or not hasattr(source, "__iter__"):
        raise ArgumentError(
            f"{who}: {kind(source)} came, needed a Parameter, a Module or an "
            "iterable of Variables"
        )
    parameter = Parameter()
    for i, one in enumerate(source):
        is_pair = isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str)
        name, variable = one if is_pair else (str(i), one)
        if not isinstance(variable, Variable):
            raise ArgumentError(
                f"{who}: item {i} is {kind(variable)}, needed a Variable"
            )
        if any(variable is known for known in parameter.values()):
            raise ArgumentError(f"{who}: item {i} ({variable._label()}) came twice")
        if name in parameter:
            raise ArgumentError(f'{who}: item {i}: the name "{name}" came twice')
        parameter.register(name, variable)
    return parameter

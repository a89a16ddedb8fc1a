"""Calls that do not fit: every public name says what it takes, and what to write."""

import inspect

import pytest

import xdl
from xdl import ArgumentError

PLACES = {
    "xdl": xdl,
    "xdl.nn": xdl.nn,
    "xdl.nn.init": xdl.nn.init,
    "xdl.optim": xdl.optim,
    "xdl.models": xdl.models,
    "xdl.train": xdl.train,
    "xdl.testing": xdl.testing,
}


def _is_ours(value):
    is_error = inspect.isclass(value) and issubclass(value, Exception)
    return callable(value) and not is_error


def _names():
    for place, package in PLACES.items():
        names = getattr(package, "__all__", None) or [
            n
            for n, value in vars(package).items()
            if inspect.isfunction(value) and value.__module__ == package.__name__
        ]
        for name in names:
            value = getattr(package, name)
            if _is_ours(value) and not name.startswith("_"):
                yield pytest.param(value, id=f"{place}.{name}")


def _takes_any_name(value):
    """Tell whether any keyword is taken, for a use of its own."""
    parameters = inspect.signature(value).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


every_name = pytest.mark.parametrize("value", list(_names()))


@every_name
def test_an_argument_that_there_is_not_is_refused_with_what_is_taken(value):
    if _takes_any_name(value):
        pytest.skip("it takes any name")

    with pytest.raises(ArgumentError, match="'no_such_name' came; .*: .*\\("):
        value(no_such_name=1)


@every_name
def test_too_many_arguments_are_refused(value):
    kinds = [p.kind for p in inspect.signature(value).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        pytest.skip("it takes any number")

    with pytest.raises(xdl.XdlError, match=r"came( by position)?, needed|no options"):
        value(*[1.0] * 20)


@every_name
def test_missing_arguments_are_named(value):
    parameters = inspect.signature(value).parameters.values()
    first = next((p for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD), None)
    if first is None or first.default is not first.empty:
        pytest.skip("it needs none")

    with pytest.raises(xdl.XdlError, match=rf"{first.name}.* missing"):
        value()

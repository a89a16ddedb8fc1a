"""What a user calls is annotated, and little of the package is hidden from checkers."""

import ast
import inspect
import pathlib
import re

import pytest

import xdl
from xdl import Op, Variable

SOURCES = sorted(pathlib.Path(xdl.__file__).parent.rglob("*.py"))
PUBLIC = [xdl, xdl.ops, xdl.nn, xdl.init, xdl.optim, xdl.models, xdl.testing]
PUBLIC += [xdl.train]
# How often checkers are told to look away: these numbers may only fall.
IGNORES, ANYS = 11, 589


def _functions():
    """Return by name the functions, constructors and methods that a user finds."""
    found = {}
    for namespace in PUBLIC:
        for name in getattr(namespace, "__all__", vars(namespace)):
            value = getattr(namespace, name)
            is_ours = str(getattr(value, "__module__", "")).startswith("xdl")
            if name.startswith("_") or not is_ours:
                continue
            if inspect.isfunction(value):
                found[name] = value
            elif inspect.isclass(value) and not issubclass(value, Exception):
                found |= _methods(value)
    for base in Variable.__mro__[:-1]:
        found |= _methods(base)
    return found


def _methods(cls):
    # `compute`, `gradient`, ... of an operation say its inputs; `Op` has their types.
    inside = vars(Op) if issubclass(cls, Op) and cls is not Op else {}
    return {
        f"{cls.__name__}.{name}": method
        for name, method in vars(cls).items()
        if inspect.isfunction(method)
        and name not in inside
        and (not name.startswith("_") or name == "__init__")
    }


FUNCTIONS = _functions()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_what_a_user_calls_is_annotated(name):
    signature = inspect.signature(FUNCTIONS[name])

    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    bare = [p.name for p in parameters if p.annotation is p.empty]
    assert [] == bare
    assert signature.return_annotation is not signature.empty


def test_a_stranger_finds_many_functions_to_call():
    assert len(FUNCTIONS) > 450


def test_checkers_are_told_to_look_away_no_more_often_than_before():
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    names = [n for text in texts for n in ast.walk(ast.parse(text))]

    ignored = re.findall("# type: " + "ignore", "\n".join(texts))
    anys = [n for n in names if isinstance(n, ast.Name) and n.id == "Any"]

    assert len(ignored) <= IGNORES
    assert len(anys) <= ANYS


def test_each_time_it_is_said_which_fault_is_meant():
    found = [
        line
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if "type: " + "ignore" in line
    ]

    assert [] == [line for line in found if not re.search(r"ignore\[[\w-]+\]", line)]


def test_no_kind_of_fault_is_switched_off():
    root = pathlib.Path(xdl.__file__).parent.parent
    text = (root / "pyproject.toml").read_text(encoding="utf-8")

    assert "disable_error_code" not in text
    assert "ignore_errors" not in text

"""Names that are loaded at their first use, so that ``import xdl`` stays quick.

A package says in its module ``exports``, in ordinary import statements, where its names
come from; ``name as name`` tells type checkers that it is for users. They follow these
statements; at run time they are only read.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from xdl.elsewhere import in_package
from xdl.forks import importing

Places = dict[str, tuple[str, str]]


def places(package: str) -> Places:
    """Return where the names in a package's ``exports`` come from, importing nothing.

    Returns:
        A dict from a name to a pair: a module, and the name there.
    """
    spec: Any = importlib.util.find_spec(f"{package}.exports")
    names: dict[str, Any] = {"__builtins__": {"__import__": _Unread}}
    exec(spec.loader.get_code(spec.name), names)
    return {name: place for name, place in names.items() if isinstance(place, tuple)}


class _Unread:
    """Stands for a module in ``from module import name``: it says where a name is."""

    def __init__(self, module: str, *_: object) -> None:
        self._module = module

    def __getattr__(self, name: str) -> tuple[str, str]:
        return self._module, name


def attributes(
    package: str, known: Places
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package with late names.

    Args:
        package: its name. Its submodules are attributes too.
        known: where its names come from, as ``places`` returns it.
    """

    def load(name: str) -> Any:
        module, original = known.get(name, (package, name))
        with importing():
            if module == package:
                value = _submodule(package, name, known)
            else:
                value = getattr(importlib.import_module(module), original)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *known})

    return load, names


def _submodule(package: str, name: str, known: Places) -> ModuleType:
    full = f"{package}.{name}"
    is_possible = name.isidentifier() and not name.startswith("_")
    if not is_possible or importlib.util.find_spec(full) is None:
        raise in_package(package, name, known)
    return importlib.import_module(full)

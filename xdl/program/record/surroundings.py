"""What lies around a step: the variables that it can name, and their numbers and lists.

A replay changes none of them. A step that does is found when its first replay is
compared with eager.
"""

import functools
import inspect
from typing import Any

from xdl.core.module import Module
from xdl.program.pytree import leaves
from xdl.program.record.attributes import MISSING, is_plain


class _Cell:
    """A variable of an outer function, as a dict of one item."""

    def __init__(self, cell):
        self._cell = cell

    def get(self, key, default=None):
        try:
            return self._cell.cell_contents
        except ValueError:  # it is not set yet
            return default

    def __setitem__(self, key, value):
        self._cell.cell_contents = value


def called(function):
    """Return (object, function): what is called in the end, as far as can be told.

    The object is that of a method, or None.
    """
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, Module):
        function = function.forward
    if not hasattr(inspect.unwrap(function), "__code__"):  # an object that is called
        function = getattr(function, "__call__", function)  # noqa: B004
    owner = getattr(function, "__self__", None)
    function = inspect.unwrap(function)
    return owner, getattr(function, "__func__", function)


def variables(function):
    """Return (label, holder, name) of what a function can name outside of it.

    They are the variables of its closure and of its file, and the attributes of the
    object that it is a method of; those of modules are looked after elsewhere.
    """
    owner, function = called(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    names = function.__globals__
    if str(names.get("__name__")).partition(".")[0] == "xdl":  # they never change
        return []
    found: list[Any] = [(n, names, n) for n in code.co_names if n in names]
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    found += [(name, _Cell(cell), name) for name, cell in cells]
    held = getattr(owner, "__dict__", None)
    if type(held) is dict and not isinstance(owner, Module):
        who = type(owner).__name__
        found += [(f"{who}.{n}", held, n) for n in code.co_names if n in held]
    return found


class Surroundings:
    """Numbers, texts and lists around a step, as they were before it.

    They are those that modules hold as attributes, and the ``variables`` of the
    function.

    Args:
        function: the step.
        modules: Modules.
        attributes: those that the program of the step sets.
    """

    def __init__(self, function, modules, attributes):
        self._set = [(*one, vars(one[0]).get(one[1], MISSING)) for one in attributes]
        known = {(id(module), name) for module, name, _ in attributes}
        self._places = [
            (f"{module._label()}.{name}", vars(module), name)
            for module in modules
            for name in vars(module)
            if (id(module), name) not in known
        ]
        self._places += variables(function)
        now = [holder.get(key, MISSING) for _, holder, key in self._places]
        self._before = [_kept(value) for value in now]

    def put_back(self):
        """Put back what a step has changed; return the names.

        An attribute that it has set to something else than its program does is one.
        """
        changed = []
        for module, name, outputs, before in self._set:
            if not _agrees(outputs, vars(module).get(name, MISSING)):
                changed.append(f"{module._label()}.{name}")
                if before is not MISSING:
                    vars(module)[name] = before
        for (name, holder, key), before in zip(self._places, self._before, strict=True):
            now = holder.get(key, MISSING)
            if before is not None and not _is_same(_kept(now), before):
                changed.append(name)
                _restore(now, before, holder, key)
        return changed


def _agrees(outputs, value):
    """Tell whether an attribute is what nested Outputs say, where those are plain."""
    expected, found = leaves(outputs), leaves(value)
    if all(output.kind != "constant" for output in expected):
        return True
    return len(expected) == len(found) and all(
        repr(output.value) == repr(leaf)
        for output, leaf in zip(expected, found, strict=True)
        if output.kind == "constant" and is_plain(output.value)
    )


def _kept(value):
    """Return what is compared of a value: None if it is nothing that is."""
    if is_plain(value):
        return ("plain", value)
    if type(value) in (list, dict, set):
        return (type(value).__name__, value.copy())
    return None


def _is_same(now, before):
    if now is None or now[0] != before[0]:
        return now is None
    kind, value = before
    if kind == "plain":
        return repr(now[1]) == repr(value)
    if len(now[1]) != len(value):
        return False
    if kind == "set":
        return now[1] == value
    pairs = list(zip(now[1], value, strict=True))
    if kind == "dict":
        if now[1].keys() != value.keys():
            return False
        pairs = [(now[1][key], value[key]) for key in value]
    others = [(a, b) for a, b in pairs if a is not b and is_plain(b)]
    return all(repr(a) == repr(b) for a, b in others)


def _restore(now, before, holder, key):
    kind, value = before
    if kind == "plain" or type(now).__name__ != kind:
        holder[key] = value
    elif kind == "list":
        now[:] = value
    else:
        now.clear()
        now.update(value)

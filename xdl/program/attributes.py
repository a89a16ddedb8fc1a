"""What a step reads and sets besides its state and its arguments.

Plain attributes that it reads of modules and optimizers hold for a program as long as
they stay what they are. Results that it sets as attributes of modules are fetched from
the last replay when they are read. What else changes outside, a counter or a list, is
found when the first replay is compared.
"""

import contextlib
import functools
import inspect
import threading
from typing import Any

from xdl.backend.recording import current
from xdl.backend.trace import Number, Traced
from xdl.core.module import Module
from xdl.core.variable import Variable
from xdl.errors import GraphError
from xdl.optim.ranges import Checked
from xdl.program.nest import leaves, mapped

_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
_MISSING = object()
_lock, _readers = threading.Lock(), set()
_set_attribute = Module.__setattr__


def is_plain(value):
    """Tell whether a value is one that never changes: a number, a text, ..."""
    return type(value) in _PLAIN or (type(value) is tuple and all(map(is_plain, value)))


def plain_attributes(thing):
    """Return the plain attributes of an object, comparable; () if it has none."""
    found = getattr(thing, "__dict__", None)
    if type(found) is not dict or callable(thing):
        return ()
    return tuple([(name, repr(v)) for name, v in found.items() if is_plain(v)])


@contextlib.contextmanager
def noted():
    """Return a context in which recordings note what they read and set."""
    reader = object()
    try:
        with _lock:
            _readers.add(reader)
            for cls in (Module, Checked):
                cls.__getattribute__ = _read
            Module.__setattr__ = _set
        yield
    finally:
        try:
            _leave(reader)
        except BaseException:  # a signal came first
            _leave(reader)
            raise


def _leave(reader):
    with _lock:
        _readers.discard(reader)
        if not _readers:
            Module.__setattr__ = _set_attribute
            for cls in (Module, Checked):
                if "__getattribute__" in vars(cls):
                    del cls.__getattribute__


def _read(thing, name):
    value = object.__getattribute__(thing, name)
    recording: Any = current()
    is_noted = recording is not None and is_plain(value) and name != "is_training"
    if is_noted and name in object.__getattribute__(thing, "__dict__"):
        recording.reads.setdefault((id(thing), name), (thing, name, value))
    return value


def _set(module, name, value):
    recording = current()
    if recording is not None:
        recording.sets[id(module), name] = module
    _set_attribute(module, name, value)


def holds(reads):
    """Tell whether plain attributes that were read are what they were."""
    for thing, name, value in reads:
        try:
            now = getattr(thing, name, _MISSING)
        except GraphError:  # another program sets it, to what is gone
            return False
        if now is not value and (type(now) is not type(value) or now != value):
            return False
    return True


def made(recording):
    """Return (module, name, value) of the attributes that a step has set.

    They are those whose value is a result of the recording, or plain.
    """
    found = []
    for (_, name), module in recording.sets.items():
        value = vars(module).get(name, _MISSING)
        if is_plain(value) or any(map(_is_made, leaves(value))):
            found.append((module, name, value))
    return found


class Attributes:
    """The attributes of modules, as they were before a step.

    Args:
        modules: Modules.
    """

    def __init__(self, modules):
        self._before = {id(module): dict(vars(module)) for module in modules}

    def put_back(self, recording):
        """Give up what a step has set: what was there before is there again."""
        for module, name, _ in made(recording):
            before = self._before.get(id(module), {}).get(name, _MISSING)
            vars(module).pop(name)
            if before is not _MISSING:
                vars(module)[name] = before


def _is_made(leaf):
    array = leaf._value if isinstance(leaf, Variable) else leaf
    return type(array) in (Traced, Number)


class Surroundings:
    """Numbers, texts and lists around a step, as they were before it.

    They are those that modules hold as attributes, and those that the function names:
    of its closure and its module.

    Args:
        function: the step.
        modules: Modules.
        attributes: those that the program of the step sets.
    """

    def __init__(self, function, modules, attributes):
        self._set = [(*one, vars(one[0]).get(one[1], _MISSING)) for one in attributes]
        known = {(id(module), name) for module, name, _ in attributes}
        self._places = [
            (f"{module._label()}.{name}", vars(module), name)
            for module in modules
            for name in vars(module)
            if (id(module), name) not in known
        ]
        function = _inner(function)
        code = getattr(function, "__code__", None)
        if code is not None:
            names = function.__globals__
            self._places += [(n, names, n) for n in code.co_names if n in names]
            cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
            self._places += [(name, _Cell(cell), 0) for name, cell in cells]
        self._before = [_kept(holder.get(key)) for _, holder, key in self._places]

    def put_back(self):
        """Put back what a step has changed; return the names.

        An attribute that it has set to something else than its program does is one.
        """
        changed = []
        for module, name, outputs, before in self._set:
            if not _agrees(outputs, vars(module).get(name, _MISSING)):
                changed.append(f"{module._label()}.{name}")
                if before is not _MISSING:
                    vars(module)[name] = before
        for (name, holder, key), before in zip(self._places, self._before, strict=True):
            now = holder.get(key)
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


class _Cell:
    """A variable of an outer function, as a dict of one item."""

    def __init__(self, cell):
        self._cell = cell

    def get(self, key):
        try:
            return self._cell.cell_contents
        except ValueError:  # it is not set yet
            return _MISSING

    def __setitem__(self, key, value):
        self._cell.cell_contents = value


def _inner(function):
    """Return the function that is called in the end, as far as can be told."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, Module):
        function = function.forward
    return getattr(inspect.unwrap(function), "__func__", inspect.unwrap(function))


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
    pairs = zip(now[1], value, strict=True)
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


def fetched(outputs, fetch, name):
    """Return nested Outputs as what an attribute of this name holds.

    Raises:
        GraphError: one of them is not kept.
    """

    def one(output):
        if output.kind == "constant":
            return output.value
        found = fetch(output)
        if found is None:
            raise GraphError(
                f"compile: {name} was set in a compiled step, and what it held is gone "
                "after the step; return it from the step"
            )
        return Variable._of(found) if output.kind == "variable" else found

    return mapped(outputs, one)

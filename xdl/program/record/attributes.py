"""What a step reads and sets besides its state and its arguments.

Plain attributes that it reads of modules and optimizers hold for a program as long as
they stay what they are. Results that it sets as attributes of modules are fetched from
the last replay when they are read.
"""

import contextlib
import threading
from typing import Any

from xdl.backend import ARRAYS
from xdl.core.module import Module
from xdl.core.variable import Variable, array_of
from xdl.core.watch import holds_data, items_of
from xdl.errors import GraphError
from xdl.optim.ranges import Checked
from xdl.program.pytree import leaves, mapped
from xdl.recording import current
from xdl.tracing.namespace import Number, Traced

_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
MISSING = object()
_lock = threading.Lock()
_readers: set[Any] = set()
_set_attribute = Module.__setattr__


def is_plain(value):
    """Tell whether a value is one that never changes: a number, a text, ..."""
    return type(value) in _PLAIN or (type(value) is tuple and all(map(is_plain, value)))


def is_followed(value):
    """Tell whether a program belongs to a value: one that is plain, an array, a list.

    Lists of layers are not meant: what they hold is watched with the state.
    """
    if is_plain(value):
        return True
    if type(value) in (list, dict, tuple):
        return holds_data(value) and not any(map(_is_made, leaves(value)))
    return type(value) in ARRAYS and not _is_made(value)


def is_equal(new, old):
    """Tell whether a value that is not the same object is the same plain value.

    0.0 equals -0.0, and (1,) equals (True,), but a step may tell them apart.
    """
    return type(new) is type(old) and is_plain(new) and repr(new) == repr(old)


class _Same:
    """An object by its identity, hashable."""

    def __init__(self, thing):
        self._thing = thing

    def __eq__(self, other):
        return type(other) is _Same and self._thing is other._thing

    def __hash__(self):
        return id(self._thing)


def followed_attributes(thing):
    """Return what is followed of an object's attributes, hashable; () if nothing is."""
    found = getattr(thing, "__dict__", None)
    if type(found) is not dict or callable(thing):
        return ()
    return tuple(
        [(name, _comparable(v)) for name, v in found.items() if is_followed(v)]
    )


def _comparable(value):
    if is_plain(value):
        return repr(value)
    if type(value) in (list, dict, tuple):
        return type(value), *map(_comparable, items_of(value))
    return _Same(value)


@contextlib.contextmanager
def noted():
    """Return a context in which recordings note what they read and set."""
    reader = object()
    try:
        with _lock:
            _readers.add(reader)
            for cls in (Module, Checked):
                setattr(cls, "__getattribute__", _read)  # noqa: B010
            setattr(Module, "__setattr__", _set)  # noqa: B010
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
            setattr(Module, "__setattr__", _set_attribute)  # noqa: B010
            for cls in (Module, Checked):
                if "__getattribute__" in vars(cls):
                    del cls.__getattribute__


def _read(thing, name):
    value = object.__getattribute__(thing, name)
    recording: Any = current()
    is_noted = recording is not None and is_followed(value) and name != "is_training"
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
            now = getattr(thing, name, MISSING)
        except GraphError:  # another program sets it, to what is gone
            return False
        if now is not value and not is_equal(now, value):
            return False
    return True


def made(recording):
    """Return (module, name, value) of the attributes that a step has set.

    They are those whose value is a result of the recording, or plain.
    """
    found = []
    for (_, name), module in recording.sets.items():
        value = vars(module).get(name, MISSING)
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
        self._put_back([(module, name) for module, name, _ in made(recording)])

    def put_all_back(self, recording):
        """Give up whatever a step has set, results or not."""
        self._put_back([(m, name) for (_, name), m in recording.sets.items()])

    def _put_back(self, places):
        for module, name in places:
            before = self._before.get(id(module), {}).get(name, MISSING)
            vars(module).pop(name, None)
            if before is not MISSING:
                vars(module)[name] = before


def _is_made(leaf):
    array = array_of(leaf)
    return type(array) in (Traced, Number)


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

"""Attributes that compiled steps compute: their values are fetched when they are read.

A replay sets no attribute. An instance that has none of its own finds one in its class,
which asks the replay that ran last.
"""

import inspect
from weakref import WeakKeyDictionary

_sources: WeakKeyDictionary = WeakKeyDictionary()  # of a module: by name, its replays
_MISSING = object()


class Computed:
    """An attribute of a class, for instances that have none of this name."""

    def __init__(self, name, default):
        self._name, self._default = name, default

    def __get__(self, module, cls):
        by_name = {} if module is None else _sources.get(module, {})
        replays = [one for one in by_name.get(self._name, ()) if one.seen[0]]
        if replays:
            last = max(replays, key=lambda replay: replay.seen[0])
            return last.fetched(module, self._name)
        if self._default is _MISSING:
            raise AttributeError(
                f"{cls.__name__!r} object has no attribute {self._name!r}",
                name=self._name,
                obj=module,
            )
        bind = getattr(type(self._default), "__get__", None)  # it may be a method
        return self._default if bind is None else bind(self._default, module, cls)


def follow(thing, name):
    """Let compiled steps look again when an attribute of an object is set."""
    vars(thing).setdefault("_followed", set()).add(name)


def offer(module, name, replay):
    """Let an attribute of a module be fetched from a replay; tell whether it can be."""
    found = inspect.getattr_static(type(module), name, _MISSING)
    if hasattr(type(found), "__set__"):
        return False  # a property says itself what is read
    if not isinstance(found, Computed):
        setattr(type(module), name, Computed(name, found))
    follow(module, name)
    by_name = _sources.setdefault(module, {})
    by_name.setdefault(name, WeakKeyDictionary())[replay] = True
    return True

"""Changing many things as one: handlers of signals wait until all are changed.

Python runs a handler between any two of its instructions, and that of Ctrl-C raises
an exception there. Between ``hold()`` and ``release`` none runs.
"""

import importlib
import os
import threading
from _thread import get_ident
from collections.abc import Callable
from typing import Any

# ``signal`` wraps numbers in enums, which takes 14 us.
_signal: Any = importlib.import_module("_signal")
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGBREAK")
_NUMBERS = [n for n in map(_signal.__dict__.get, _NAMES) if n is not None]
_get, _set = _signal.getsignal, _signal.signal
_main = threading.main_thread().ident
Handlers = list[tuple[int, Callable[[int, Any], Any]]]
Held = tuple[dict[int, Any], Handlers]
_found: list[Any] = []  # what ``_get`` gave for each number when they were last asked
_handlers: Handlers = []


def _after_fork() -> None:
    global _main
    _main = get_ident()  # the one thread that a child has


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def hold() -> Held | None:
    """Let signals wait until ``release``, which takes what this returns.

    It takes a microsecond. Signals that Python does not handle, such as one that ends
    the process, do not wait; threads other than the main one get none.
    """
    global _found, _handlers
    if get_ident() != _main:
        return None
    found = list(map(_get, _NUMBERS))
    if found != _found:
        pairs = zip(_NUMBERS, found, strict=True)
        _found, _handlers = found, [pair for pair in pairs if callable(pair[1])]
    held: tuple[dict[int, Any], list[Any]] = {}, _handlers
    note = held[0].__setitem__  # of C: as a handler it runs no Python
    try:
        for number, _ in _handlers:
            _set(number, note)
    except BaseException:  # by the handler of a signal that came before it was held
        release(held)
        raise
    return held


def release(held: Held | None) -> None:
    """Give the signals their handlers back, and run those of the ones that came."""
    if held is None:
        return
    came, handlers = held
    try:
        for number, handler in handlers:
            _set(number, handler)
    except BaseException:  # by the handler of one that came now
        release(held)
        raise
    if came:
        _run(came, dict(handlers))


def _run(came: dict[int, Any], handlers: dict[int, Callable[[int, Any], Any]]) -> None:
    number, frame = came.popitem()
    try:
        handlers[number](number, frame)
    finally:
        if came:
            _run(came, handlers)


class Uninterrupted:
    """A ``with`` block between ``hold()`` and ``release``.

    Example:
        >>> with Uninterrupted():
        ...     print("whole")
        whole
    """

    __slots__ = ("_held",)

    def __enter__(self) -> None:
        self._held = hold()

    def __exit__(self, *raised: object) -> None:
        release(self._held)

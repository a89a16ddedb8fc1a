"""Forks: a child has one thread, and nobody to end what the others were doing.

In a child, an import that another thread had begun would be waited for for ever. So a
fork waits until no other thread imports a part of xdl. It does not wait for compiled
steps, which may take as long as they like: in the child each is told.
"""

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

_LONGEST = 10.0  # seconds: another hook may hold what the import waits for
_importing: list[int] = []  # a thread for each import
_steps: Any = weakref.WeakSet()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Let forks in other threads wait until an import is over."""
    thread = threading.get_ident()
    _importing.append(thread)
    try:
        yield
    finally:
        _importing.remove(thread)


def tell(step: Any) -> None:
    """Let ``step.after_fork()`` be called in the child of a fork."""
    _steps.add(step)


def wait(**hooks: Any) -> None:
    """Let forks call ``before``, and ``after_in_parent`` and ``after_in_child``.

    What is registered last comes first before a fork, when the lock of what was
    imported by then, such as that of ``logging``, is not held yet.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
        os.register_at_fork(**hooks)


def wait_for_imports() -> None:
    """Wait until no other thread imports a part of xdl."""
    here, end = threading.get_ident(), time.monotonic() + _LONGEST
    while any(thread != here for thread in _importing) and time.monotonic() < end:
        time.sleep(0.001)


def _in_child() -> None:
    for step in list(_steps):
        step.after_fork()


wait(before=wait_for_imports, after_in_child=_in_child)

"""Waiting: what is said, and what is put off, while a program is planned."""

import contextlib
import gc
import sys
import threading

_LONG = 1.0  # seconds


@contextlib.contextmanager
def no_collection():
    """Let Python not look for cycles meanwhile."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def told(text):
    """Say on a terminal what takes longer than a second.

    It is a warning of the logger ``xdl``; nothing is said where the errors go into a
    file or a pipe.
    """
    timer = _timer(text)
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


def _timer(text):
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    import logging  # on a terminal alone: it takes longer than all of this file

    logger = logging.getLogger("xdl")
    if not logger.isEnabledFor(logging.WARNING):
        return None
    timer = threading.Timer(_LONG, logger.warning, [text])
    timer.daemon = True
    timer.start()
    return timer

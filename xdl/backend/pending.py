"""What forwards change besides computing, until an update says that it counts.

Running statistics and the place in the random draws move with each forward. When the
batch is refused afterwards, what moved is put back, as if the batch had never come.
"""

import itertools
from contextvars import ContextVar
from typing import Any

from xdl.recording import current

moment = itertools.count(1).__next__
_log: ContextVar[Any] = ContextVar("xdl_pending", default=None)
_MOST = 4096  # moves that are kept: forwards without an update come to more


def note(put_back, before, after):
    """Note that something has moved.

    Args:
        put_back: called with ``before`` and ``after`` to undo it; what was moved by
            others since then it leaves alone.
        before, after: what was and what is there.
    """
    if current() is not None:
        return  # a step that is recorded is undone as a whole
    log = _log.get()
    if log is None:
        _log.set(log := [])
    elif len(log) >= _MOST:
        del log[: _MOST // 2]
    log.append((moment(), put_back, before, after))


def settle():
    """Let all that has moved in this thread stand."""
    if log := _log.get():
        log.clear()


def put_back(since=0):
    """Undo what has moved in this thread since a moment, the newest first."""
    log = _log.get()
    while log and log[-1][0] > since:
        _, undo, before, after = log.pop()
        undo(before, after)

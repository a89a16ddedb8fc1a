"""When it is known what a GPU found in a check: at once, or at the next read.

To learn whether a label is a class, or a gradient finite, one waits for all that the
GPU has to do before. A check that is deferred leaves its answer there, in one number
that says which check failed first; while it is set, optimizers change no weight.
"""

import contextlib
from contextvars import ContextVar
from typing import Any

from xdl.arguments import explained
from xdl.errors import ArgumentError
from xdl.recording import current

MOST = 1024  # checks that are kept: one that failed is, all others may be forgotten
_LAST = 2**64 - 1
_PARTS = 2**24  # what one check may tell apart
_checks: ContextVar[Any] = ContextVar("xdl_checks", default=None)


class Checks:
    """The checks of a context whose answers were not read yet.

    Attributes:
        is_deferred: whether answers may wait.
        flag: an array of one uint64 on the GPU: 0, or the code of what failed first;
            None before there is one.
        asked: for each check the function that raises its error, and what to say of
            when it was.
        read: an array of the host, for the flag as it was read.
        read_at: its address.
        step: how many updates there were since checks are deferred, plus 1.
    """

    flag: Any
    read: Any
    read_at: int

    def __init__(self):
        self.is_deferred, self.flag, self.read, self.read_at = False, None, None, 0
        self.asked, self.step = [], 1

    def ask(self, refuse):
        """Take a check; return its code, the greatest that it may set.

        Args:
            refuse: called with a number from 0 on, by which the code that was set is
                smaller, and what to say of when; it raises the error.
        """
        code = _LAST - len(self.asked) * _PARTS
        when = f" (step {self.step} of those with deferred checks)"
        self.asked.append((refuse, when if self.is_deferred else ""))
        return code

    def sift(self, code):
        """Take the flag as it was read: keep no more than what failed."""
        number, part = divmod(_LAST - code, _PARTS)
        self.asked = self.asked[number : number + 1] if code else []
        if code:
            self.flag.fill(_LAST - part)

    def hear(self, code):
        """Take the flag as it was read: forget what was asked; raise what failed."""
        asked, self.asked = self.asked, []
        if code:
            self.flag.fill(0)
            number, part = divmod(_LAST - code, _PARTS)
            refuse, when = asked[number]
            refuse(part, when)


def of_context():
    """Return the Checks of this context."""
    checks = _checks.get()
    if checks is None:
        _checks.set(checks := Checks())
    return checks


def waiting():
    """Return the Checks of this context if an answer was not read yet, or None."""
    checks = _checks.get()
    return checks if checks is not None and checks.asked else None


def count_step():
    """Count an update."""
    if (checks := _checks.get()) is not None:
        checks.step += 1


def deferred():
    """Tell whether the answers of checks may wait; not in a step that is recorded."""
    checks = _checks.get()
    return checks is not None and checks.is_deferred and current() is None


@contextlib.contextmanager
def at_once():
    """Let no answer wait in a ``with`` block."""
    checks = _checks.get()
    if checks is None or not checks.is_deferred:
        yield
        return
    checks.is_deferred = False
    try:
        yield
    finally:
        checks.is_deferred = True


@explained
def set_checks(when: str) -> None:
    """Say when the errors of checks on a GPU come, in this thread.

    xdl checks on the GPU that labels and indices are in their range, and gradients
    finite. Each step waits for the answer before weights change. Where that is
    deferred, nothing waits: the error comes at the next read of a value (``item``,
    ``numpy``, ``float``, ``repr``, ``xdl.save``) and names the step that it is of,
    counted from this call on. From that step on no weight has changed; running
    statistics and random draws have moved on.

    On the CPU checks are always made at once, and so are they for optimizers that
    change each weight by itself: LAMB, Muon and your own.

    Args:
        when: ``"immediate"``, as at the start, or ``"deferred"``.

    Raises:
        ArgumentError: it is something else.
        XdlError: a check that was deferred has failed, and they no longer are.

    Example:
        >>> import xdl
        >>> xdl.set_checks("deferred")
        >>> xdl.set_checks("immediate")
    """
    if when not in ("immediate", "deferred"):
        raise ArgumentError(
            f"set_checks: {when!r} came, needed 'immediate' or 'deferred'"
        )
    checks = of_context()
    if when == "deferred" and not checks.is_deferred:
        checks.step = 1
    checks.is_deferred = when == "deferred"
    if checks.asked and not checks.is_deferred:  # an operation would hide the error
        checks.hear(int(checks.flag.get()[0]))

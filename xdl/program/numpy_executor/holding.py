"""Holding: signals wait while a replay changes the state of its step."""

from xdl.backend import numpy as host
from xdl.uninterrupted import hold, release


class Holding:
    """Signals that wait while a step changes the state, and are let go after."""

    __slots__ = ("_held",)

    def __init__(self):
        self._held = None

    def begin(self, nbytes=0):
        """Let signals wait, once there is so much memory for what will be made.

        Raises:
            MemoryError: there is not; nothing waits.
        """
        if nbytes:
            host.reserve(nbytes)
        self._held = hold()

    def end(self):
        """Let them go, if they wait."""
        held, self._held = self._held, None
        release(held)

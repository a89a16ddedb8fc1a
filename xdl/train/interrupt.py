"""Ctrl-C: it is noted, so that a training ends where its state is whole."""

import signal
import threading


class Noted:
    """A ``with`` block in which the first Ctrl-C calls a function; the next ends it.

    Args:
        note: the function.
    """

    def __init__(self, note):
        self._note, self._before = note, None

    def __enter__(self):
        before = signal.getsignal(signal.SIGINT)
        if callable(before) and threading.current_thread() is threading.main_thread():
            self._before = before
            signal.signal(signal.SIGINT, self._came)

    def _came(self, number, frame):
        signal.signal(signal.SIGINT, self._before)
        self._note()

    def __exit__(self, *raised):
        if signal.getsignal(signal.SIGINT) == self._came:
            signal.signal(signal.SIGINT, self._before)

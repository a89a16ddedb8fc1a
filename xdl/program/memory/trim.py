"""Memory that is let go: what recording and planning took goes back to the system."""

import ctypes
import os


def give_memory_back():
    """Return what recording and comparing took to the system, where C can (glibc).

    Replays allocate nothing, so it would be kept for nothing.
    """
    trim = (
        getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    )
    if trim is not None:
        trim(0)

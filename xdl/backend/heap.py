"""How much freed memory the process keeps for its next arrays: ``XDL_HEAP_MB``.

glibc gives memory back to the system as it is freed, above some bound, and a training
step fetches it again, page by page. The bound is raised for the whole process when xdl
is imported; other C libraries have none that can be set.
"""

import ctypes
import os

from xdl.errors import ArgumentError

DEFAULT = 64
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_MOST = 2047  # megabytes: both are C's int


def megabytes() -> int:
    """Return the bound that is chosen, in MiB: ``XDL_HEAP_MB``, or the default, 64.

    Raises:
        ArgumentError: it is no whole number from 0 to 2047.
    """
    text = os.environ.get("XDL_HEAP_MB", str(DEFAULT))
    if not text.isdecimal() or int(text) > _MOST:
        raise ArgumentError(
            f"XDL_HEAP_MB: {text!r} came, needed a whole number of MiB from 0 (as the "
            f"C library does it) to {_MOST}"
        )
    return int(text)


def keep(mebibytes: int) -> bool:
    """Let up to so much freed memory stay with the process; 0 changes nothing.

    An array of more than half of it is the system's, and goes back to it.

    Returns:
        Whether the C library has taken it.
    """
    library = ctypes.CDLL(None) if os.name == "posix" else None
    set_option = getattr(library, "mallopt", None)
    if set_option is None or not mebibytes:
        return False
    largest_taken = set_option(_MMAP_THRESHOLD, mebibytes << 19)
    return bool(largest_taken and set_option(_TRIM_THRESHOLD, mebibytes << 20))

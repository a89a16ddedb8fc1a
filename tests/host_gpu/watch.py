"""Count what is asked of the host GPU, by what it is and by the line of xdl that asks.

``with watching() as seen: step()``; then ``seen.counts`` holds launches, waits (of the
host for the GPU), copies to the device, to the host and on it; ``seen.lines`` whose
they are; ``print(seen)`` shows both.
"""

import collections
import contextlib
import ctypes
import os
import pathlib
import sys

import xdl

ROOT = f"{pathlib.Path(xdl.__file__).parent}/"
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p)


def is_there():
    """Tell whether this process runs on the host GPU."""
    return "HOST_GPU" in os.environ


class Seen:
    """What was asked of the GPU.

    Attributes:
        counts: from "launch", "wait", "copy to the device", "copy to the host", "copy
            on the device", "memset" and "allocation" to how often.
        lines: the same, from the pair of it and the line of xdl that asked.
        kernels: from a kernel's name to its launches.
    """

    def __init__(self):
        self.counts = collections.Counter()
        self.lines = collections.Counter()
        self.kernels = collections.Counter()

    def note(self, kind, what):
        kind, what = kind.decode(), what.decode()
        if kind == "launch":
            self.kernels[what] += 1
        name = f"{kind} {what}" if kind == "copy" else kind
        self.counts[name] += 1
        self.lines[name, _line()] += 1

    def __str__(self):
        total = ", ".join(f"{name} {n}" for name, n in sorted(self.counts.items()))
        lines = [
            f"{n:6} {name:18} {line}" for (name, line), n in self.lines.most_common()
        ]
        return "\n".join([total, *lines])


def _line():
    """Return the nearest line of xdl, and the nearest outside of its backend."""
    frame, found = sys._getframe(2), []
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOT):
            found.append(f"{name.removeprefix(ROOT)}:{frame.f_lineno}")
            if not found[-1].startswith("backend/"):
                break
        frame = frame.f_back
    return " < ".join([*found[:1], *found[1:][-1:]]) or "not xdl"


@contextlib.contextmanager
def watching():
    """Count until the end of the block.

    Yields:
        What is seen.
    """
    seen = Seen()
    place = ctypes.c_void_p.in_dll(ctypes.CDLL("libcuda.so.1"), "host_gpu_on_event")
    callback = CALLBACK(seen.note)
    place.value = ctypes.cast(callback, ctypes.c_void_p).value
    try:
        yield seen
    finally:
        place.value = None

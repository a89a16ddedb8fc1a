"""What ``set_debug(True)`` does: find the first NaN, and say where it came from."""

import itertools
import linecache
import os
import sys
import weakref
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.errors import NonFiniteError

# pathlib would take 5 ms of `import xdl`.
_PACKAGE = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120
_MADE = "<xdl "
_count = itertools.count(1)

# The names of the layers that are being called, outermost first.
layer_path: ContextVar[Any] = ContextVar("xdl_layer_path", default=())


def user_line():
    """Return ``file:line: code`` of the innermost frame outside xdl."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_code.co_filename.startswith((_PACKAGE, _MADE)):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{line}: {linecache.getline(file, line).strip()}".rstrip(": ")


def as_file(name, text):
    """Let tracebacks show the lines of a text that was made, as those of a file.

    Returns:
        The name of that file, ``<xdl name>``.
    """
    file = f"{_MADE}{name}>"
    entry: Any = len(text), None, _LinesOf(text), file
    linecache.cache[file] = entry
    return file


class _LinesOf(Sequence):
    """The lines of a text, which is cut when they are asked for."""

    def __init__(self, text):
        self._text = text

    def __len__(self):
        return len(self._text.splitlines())

    def __getitem__(self, i):
        return self._text.splitlines(keepends=True)[i]


def made_file(owner, kind, text):
    """Do as ``as_file`` does, under a new name, for as long as ``owner`` lives."""
    file = as_file(f"{kind} {next(_count)}", text)
    weakref.finalize(owner, linecache.cache.pop, file, None)
    return file


def check_output(op, names, arrays, y):
    """Raise a NonFiniteError if an operation made NaN; name what it was given."""
    if not _has_nan(y):
        return
    given = ", ".join(
        _describe(name, array)
        for name, array in zip(names, arrays, strict=False)
        if hasattr(array, "dtype")
    )
    raise NonFiniteError(f"{op}: NaN came out of {given}; {_where(user_line())}")


def check_gradients(node, gradients):
    """Raise a NonFiniteError if the gradients of a node hold NaN and ``gy`` did not."""
    if any(gx is not None and _has_nan(gx) for gx in gradients):
        line = getattr(node, "place", "recorded before set_debug(True)")
        raise NonFiniteError(f"{node.op}: NaN came out of its gradient; {_where(line)}")


def _where(line):
    path = "/".join(layer_path.get())
    return f"layer {path}, {line}" if path else str(line)


def _has_nan(array):
    array = getattr(array, "_value", array)
    if not backend.is_floating(array):
        return False
    return bool(NAMESPACES[type(array)].any(array != array))


def _describe(name, array):
    text = f"(shape {array.shape}, {backend.dtype_name(array.dtype)})"
    if not array.size:
        return f"{name} {text}"
    xp = NAMESPACES[type(array)]
    low, high = float(xp.min(array)), float(xp.max(array))
    return f"{name} from {low:g} to {high:g} {text}"

"""A Recording: the instructions of a step, as they are written down.

One is active in a context (thread) at a time. The namespace computes with real arrays
and adds an ``Instruction`` for every call; ``xdl.program`` makes a program of them.
"""

import sys
from typing import Any

from xdl.errors import GraphError
from xdl.recording import begun, count_revision, current, ended
from xdl.tracing.values import Instruction, Value


class Recording:
    """The instructions of a step, as they are written down.

    Args:
        xp: the namespace that computes the real values.
        where: the Device of the real arrays.
        stream: (key, number) of the next draw of random bits.
        any_length: whether the instructions shall be the same for arrays with more or
            fewer rows: operations do not take them in blocks that fit in a cache.

    Attributes:
        asked: the shapes and sizes of arrays that code outside of xdl asked for, if it
            is for any length.
    """

    def __init__(self, xp, where, stream, any_length=False):
        self.xp, self.where = xp, where
        self.stream, self.any_length = stream, any_length
        self.instructions = []
        self.asked = []
        self.guards = []
        # Plain attributes that were read, with what they were; and those that were set.
        self.reads: dict = {}
        self.sets: dict = {}
        self.looked_at: list = []  # arrays that the program holds for as they are
        self.owners = ()
        self._token: Any = None
        # The frame of a kernel, and the place that it is.
        self._asked: tuple[Any, str] = (None, "")

    def __enter__(self):
        if current() is not None:
            raise GraphError("compile: a step was called while another is recorded")
        count_revision()  # no step inside this one takes its fast path
        self._token = begun(self)
        return self

    def __exit__(self, *exception):
        ended(self._token)
        self._asked = (None, "")

    def constant(self, array):
        """Return the Value of an array that comes from elsewhere."""
        return Value(array, "constant", array)

    def add(self, name, arguments, options, real):
        """Write an instruction down; return the Value of its real result."""
        instruction = Instruction(name, arguments, options, self.place())
        self.instructions.append(instruction)
        if real is not None:
            instruction.result = Value(real, instruction)
        return instruction.result

    def note_asked(self, size, frame):
        """Note that a size was asked for, if it is by code outside of xdl.

        Args:
            size: a shape or an int.
            frame: of the code that asks an array of the recording.
        """
        while frame.f_globals.get("__name__") in _SAYS_SIZES:
            frame = frame.f_back
        if not _is_ours(frame.f_globals.get("__name__")):
            self.asked.append(size)

    def place(self):
        """Return which operation, of which layers, the kernel that runs belongs to.

        It is found on the stack: a kernel does not know that it is recorded. What a
        kernel asks for has one place; so its frame is kept until another one asks.
        """
        frame: Any = sys._getframe(1)
        while frame is not None and not _is_kernel(frame.f_code):
            frame = frame.f_back
        if frame is None:
            self._asked = (None, "")
            return _path(sys._getframe(1))
        if frame is not self._asked[0]:
            kernel = type(frame.f_locals["self"])
            is_told = self.any_length and frame.f_code.co_name != "change"
            if is_told and not _is_ours(kernel.__module__):
                self.asked.append(object())  # it is told shapes by what calls it
            name = kernel.__name__ + _KERNELS[frame.f_code.co_name]
            path = _path(frame)
            self._asked = (frame, f"{path}: {name}" if path else name)
        return self._asked[1]


_SAYS_SIZES = frozenset({"xdl.core.variable"})  # of its array


def _is_ours(module):
    return str(module).partition(".")[0] == "xdl"


_KERNELS = {"compute": "", "gradient": " gradient", "change": ""}


def _is_kernel(code):
    return code.co_name in _KERNELS and "self" in code.co_varnames


def _path(frame):
    """Return the layers whose calls a frame is in, from the outermost on."""
    layers = []
    while frame is not None:
        if frame.f_code.co_name == "__call__":
            called = frame.f_locals.get("self")
            if hasattr(called, "modules"):
                layers.append(called._label())
        frame = frame.f_back
    return "/".join(reversed(layers))

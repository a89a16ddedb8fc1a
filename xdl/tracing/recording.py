"""What is written down while a step is recorded: values, and instructions.

A ``Recording`` is active in one context (thread) at a time. The namespace ``trace``
computes with real arrays and adds an ``Instruction`` for every call; ``xdl.program``
makes a program of them.
"""

import functools
import itertools
import math
import sys
from contextvars import ContextVar
from typing import Any

from xdl.errors import GraphError

_current = ContextVar("xdl_recording", default=None)
current = _current.get

# Counts the changes of what a program depends on besides arrays: hyperparameters,
# train and eval, frozen Variables. A replay learns with one comparison that it must
# look again.
revision = [0]

# Counts what comes into, and goes from, the stores and attributes that hold Variables,
# so that an optimizer sees with one comparison that it must look for new ones.
registrations = [0]

# Numbers that were never there: with `+= 1` in threads, one might come back.
_next = itertools.count(1).__next__


def count_revision():
    """Count a change of what a program depends on besides arrays."""
    revision[0] = _next()


def count_registration():
    """Count a change of which Variables there are: a program depends on it, too."""
    registrations[0] = revision[0] = _next()


class Value:
    """An array, or a Python number, that a program reads or makes.

    Attributes:
        shape, dtype: of the array; both None for a number.
        axes: its axes from the one with the longest stride on: how it lies in memory;
            None if it does not lie densely.
        origin: what it comes from: ``"input"``, ``"state"``, ``"number"``,
            ``"constant"`` or ``"outer"``, an array that others may write into; or the
            Instruction that makes it.
        data: which input, state or number it is; of the last two, the array.
    """

    __slots__ = ("axes", "data", "dtype", "origin", "shape")
    axes: Any
    data: Any
    dtype: Any
    origin: Any
    shape: Any

    def __init__(self, array, origin, data=None):
        self.origin, self.data = origin, data
        if type(array) in (int, float):  # NumPy's float64 is a float, too
            self.shape = self.dtype = self.axes = None
        else:
            self.dtype = array.dtype
            self.shape, self.axes = _lying(array.shape, array.strides, array.itemsize)

    @classmethod
    def like(cls, other, origin, shape=None):
        """Return a Value of the dtype of another one: of its shape, or a dense one."""
        value = cls.__new__(cls)
        value.origin, value.data, value.dtype = origin, None, other.dtype
        value.shape = other.shape if shape is None else shape
        value.axes = other.axes if shape is None else tuple(range(len(shape)))
        return value

    @property
    def is_number(self):
        """Whether it is a Python number rather than an array."""
        return self.shape is None

    @property
    def size(self):
        """The number of elements."""
        return 1 if self.shape is None else math.prod(self.shape)

    @property
    def nbytes(self):
        """The bytes of its elements; 0 for a number."""
        return 0 if self.shape is None else self.size * self.dtype.itemsize

    def __repr__(self):
        kind = self.origin if isinstance(self.origin, str) else self.origin.name
        dtype = "" if self.shape is None else f" {self.dtype}{list(self.shape)}"
        return f"<{kind}{dtype}>"


class Instruction:
    """One array call of a program.

    Attributes:
        name: the function of the namespace, such as ``"matmul"``.
        arguments: a tuple of Values, Python constants, slices and tuples of these.
        options: a dict of what is given by name.
        result: the Value that it makes; None for a check.
        is_view: whether the result shares the memory of the first argument.
        place: which operation and layer asked for it: a comment.
    """

    __slots__ = (
        "_arguments",
        "_operands",
        "_options",
        "is_view",
        "name",
        "place",
        "result",
    )
    result: Any

    def __init__(self, name, arguments, options, place=""):
        self.name, self._arguments, self._options = name, arguments, options
        self.place, self.result, self.is_view = place, None, False
        self._operands = None

    @property
    def arguments(self):
        """What is given by place."""
        return self._arguments

    @arguments.setter
    def arguments(self, arguments):
        self._arguments, self._operands = arguments, None

    @property
    def options(self):
        """What is given by name."""
        return self._options

    @options.setter
    def options(self, options):
        self._options, self._operands = options, None

    def operands(self):
        """Return every Value among the arguments, in order, nested ones too."""
        if self._operands is None:  # asked by every pass
            nested = (self._arguments, tuple(self._options.values()))
            self._operands = tuple(values_in(nested))
        return self._operands

    def forget(self):
        """Keep nothing that can be found again."""
        self._operands = None

    def __repr__(self):
        return f"{self.result} = {self.name}{self.arguments}"


def values_in(nested):
    """Return a list of the Values in nested tuples and lists."""
    found = []
    _collect(nested if isinstance(nested, tuple | list) else (nested,), found)
    return found


def _collect(nested, found):
    for item in nested:
        kind = type(item)
        if kind is Value:
            found.append(item)
        elif kind is tuple or kind is list:
            _collect(item, found)


def replaced(nested, change):
    """Return nested tuples with ``change(value)`` in the place of each Value."""
    kind = type(nested)
    if kind is Value:
        return change(nested)
    if kind is tuple or kind is list:
        return kind([replaced(item, change) for item in nested])
    return nested


def is_fill(value):
    """Tell whether a Value is a constant of which one number alone is in memory."""
    if value.origin != "constant" or value.axes is None or value.size < 2:
        return False
    return not any(value.data.strides)


def dense(constant):
    """Return the array of a constant as its Value says that it lies."""
    return constant.data.copy() if is_fill(constant) else constant.data


def is_given(value):
    """Tell whether a Value is an array that the program itself has."""
    return value.origin == "constant" or value.origin == "outer"


def owner_of(value):
    """Return the Value whose memory ``value`` shares: itself if it has its own."""
    while isinstance(value.origin, Instruction) and value.origin.is_view:
        value = value.origin.arguments[0]
    return value


def root(array):
    """Return the array whose memory ``array`` is a view of: itself if of none."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def memory_order(array):
    """Return the axes by falling strides if the array is dense in memory, or None."""
    return _lying(array.shape, array.strides, array.itemsize)[1]


@functools.lru_cache(maxsize=4096)
def _lying(shape, strides, itemsize):
    """Return a shape and the ``memory_order`` of its array: for many, the same two."""
    axes = sorted(range(len(shape)), key=lambda axis: (-abs(strides[axis]), axis))
    expected = itemsize
    for axis in reversed(axes):
        if shape[axis] != 1 and strides[axis] != expected:
            return shape, None
        expected *= shape[axis]
    return shape, tuple(axes)


def is_there(value, index, part):
    """Tell whether a part was the last that was put into an array, at an index."""
    origin = value.origin
    is_set = isinstance(origin, Instruction) and origin.name == "set_at"
    return is_set and origin.arguments[1:] == (index, part)


def axes_back(view, ndim):
    """Return the axes that undo a transposition."""
    if view.name == "matrix_transpose":
        return (*range(ndim - 2), ndim - 1, ndim - 2)
    axes = [axis % ndim for axis in view.arguments[1]]
    return tuple([axes.index(axis) for axis in range(ndim)])


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
        self._token = None
        self._asked = (None, "")  # the frame of a kernel, and the place that it is

    def __enter__(self):
        if current() is not None:
            raise GraphError("compile: a step was called while another is recorded")
        count_revision()  # no step inside this one takes its short way
        self._token = _current.set(self)
        return self

    def __exit__(self, *exception):
        _current.reset(self._token)
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
        frame = sys._getframe(1)
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


def for_any_length():
    """Tell whether what is recorded shall be the same for arrays with more rows."""
    recording = current()
    return recording is not None and recording.any_length


def told(size):
    """Note a size that code outside of xdl is told, in words or not; return it."""
    recording = current()
    if recording is not None:
        recording.asked.append(size)
    return size


def active():
    """Return the Recording of this context.

    Raises:
        GraphError: there is none: the value is left from a step that is over.
    """
    recording = current()
    if recording is None:
        raise GraphError(
            "compile: this value was left behind by a step that has been recorded; "
            "return it from the function to read it"
        )
    return recording


def not_in_state(label, shape):
    """Return what is said of a Variable that a step uses and does not know."""
    return (
        f"compile: {label} {tuple(shape)} is used in the step but is not in its state; "
        "give it, or the model or optimizer that holds it, to xdl.compile"
    )


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

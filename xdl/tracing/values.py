"""Values and instructions: what a recorded step is made of."""

import functools
import math
from typing import Any

from xdl.tracing.instructions import TABLE, Kind


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

    @property
    def row(self):
        """What an instruction of its name is: a Row of the table."""
        return TABLE[self.name]

    @property
    def axis(self):
        """Along which axis it works, as that was given."""
        place, default = self.row.axis
        if len(self._arguments) > place:
            return self._arguments[place]
        return self._options.get("axis", default)

    @property
    def keepdims(self):
        """Whether a reduction leaves an axis of one element in the place of each."""
        place = self.row.axis[0] + 1
        if len(self._arguments) > place:
            return self._arguments[place]
        return self._options.get("keepdims", False)

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
    found: list[Any] = []
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
    is_change = isinstance(origin, Instruction) and origin.row.kind == Kind.CHANGE
    return is_change and origin.arguments[1:] == (index, part)


def axes_of(transposition, ndim):
    """Return which axis of what is transposed each axis of the result is."""
    if len(transposition.arguments) == 1:  # of matrices
        return (*range(ndim - 2), ndim - 1, ndim - 2)
    return tuple([axis % ndim for axis in transposition.arguments[1]])


def axes_back(transposition, ndim):
    """Return the axes that undo a transposition."""
    axes = axes_of(transposition, ndim)
    return tuple([axes.index(axis) for axis in range(ndim)])

"""Strides: where in memory the elements of arrays lie.

A Layout has a stand-in: an array of the same strides whose elements nobody reads. NumPy
makes views of it, and so works out the strides of the view; no code here does.

A loop goes through the numbers of its result as they lie in memory. The map of an
operand says for the i-th of them which number of the operand's memory belongs to it: an
offset, and (length, stride) pairs, the last one for what varies fastest. Pairs that can
be one are one, so that reshapes, and transposes that come to the same, have equal maps.
"""

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from xdl.backend import numpy as host
from xdl.program.interpreter import compute
from xdl.tracing.values import Instruction, owner_of


class Layout:
    """How an array lies in a memory.

    Attributes:
        array: the stand-in; the memory begins ``offset`` elements before it.
    """

    __slots__ = ("array", "offset")

    def __init__(self, array, offset=0):
        self.array, self.offset = array, offset

    @staticmethod
    def stand_in(shape, dtype, axes):
        """Return a dense array whose axes lie in an order."""
        lengths = [shape[axis] for axis in axes]
        return np.empty(lengths, dtype).transpose(np.argsort(axes))

    @property
    def shape(self):
        """The shape of the array."""
        return self.array.shape

    @property
    def strides(self):
        """The strides, in elements."""
        return [stride // self.array.itemsize for stride in self.array.strides]

    def view(self, make):
        """Return the Layout of ``make(array)``; None: it is no view."""
        array = make(self.array)
        if not np.may_share_memory(array, self.array):
            return None
        distance = _start(array) - _start(self.array)
        return self._of(array, self.offset + distance // array.itemsize)

    def spread(self, shape):
        """Return the Layout broadcast to a shape."""
        lead = (0,) * (len(shape) - self.array.ndim)
        pairs = zip(self.array.strides, self.array.shape, strict=True)
        strides = [0 if n == 1 else stride for stride, n in pairs]
        return self._of(as_strided(self.array, shape, (*lead, *strides)), self.offset)

    def _of(self, array, offset):
        """Return another array in the same memory."""
        return type(self)(array, offset)


def _start(array):
    return array.__array_interface__["data"][0]


class Maps:
    """The maps of a program's Values; each is found once."""

    def __init__(self):
        self._layouts = {}

    def of(self, value, shape, order):
        """Return (owner, offset, map) of an operand; None: there is no such.

        Args:
            value: the operand, of more than one element.
            shape: of the result that it is broadcast to.
            order: the result's axes as they lie in memory.
        """
        owner = owner_of(value)
        layout = None if owner.axes is None else self._layout(value)
        if layout is None or not _is_broadcast(value.shape, shape):
            return None
        lying = layout.spread(shape)
        lengths, strides = lying.shape, lying.strides
        return owner, lying.offset, merged([(lengths[a], strides[a]) for a in order])

    def _layout(self, value):
        """Return how a Value lies in the memory of its owner, or None."""
        found, origin = self._layouts.get(value), value.origin
        if found is not None:
            return found
        if isinstance(origin, Instruction) and origin.is_view:
            found = self._view(origin)
            if found is None or found.shape != value.shape:
                return None
        else:
            found = Layout(Layout.stand_in(value.shape, np.int8, value.axes))
        self._layouts[value] = found
        return found

    def _view(self, view):
        """Return how what an instruction makes lies; None: that hangs on numbers."""
        base = self._layout(view.arguments[0])
        if base is None or len(view.operands()) > 1:
            return None
        rest = view.arguments[1:]
        return base.view(
            lambda array: compute(view, host, (array, *rest), view.options, None)
        )


def _is_broadcast(before, after):
    """Tell whether an array of a shape can be broadcast to another one."""
    if len(before) > len(after):
        return False
    tail = after[len(after) - len(before) :]
    return all(a in (1, b) for a, b in zip(before, tail, strict=True))


def lies_plain(value):
    """Tell whether an array lies in memory in the order of its axes, without gaps."""
    if value.axes is None:
        return False
    axes = [axis for axis in value.axes if value.shape[axis] != 1]
    return axes == sorted(axes)


def merged(axes):
    """Return axes with as few as there can be: what follows one another is one.

    Args:
        axes: for each its length, and its stride in one memory or in several.
    """
    found: list[Any] = []
    for length, *strides in axes:
        if length == 1:
            continue
        if found and found[-1][1:] == [stride * length for stride in strides]:
            found[-1] = [found[-1][0] * length, *strides]
        else:
            found.append([length, *strides])
    return tuple(map(tuple, found))


def covers(found, size):
    """Tell whether a map reads the first ``size`` numbers in order, maybe often."""
    expected = 1
    for length, stride in reversed(found):
        if stride == 0:
            continue
        if stride != expected:
            return False
        expected *= length
    return expected == size


def width(found, offset, size):
    """Return how long rows may be, so that each is a row of the owner's, or one number.

    Args:
        found: the map.
        offset: where it starts.
        size: how many numbers the owner has.
    """
    length, stride = found[-1]
    if stride == 0:
        return length
    if stride != 1:
        return 1
    return math.gcd(length, offset, size, *[step for _, step in found[:-1]])


def by_rows(found, columns):
    """Return the map of the rows, and whether the columns are all the same number."""
    *rows, (length, stride) = found
    if stride == 0:
        return merged([*rows, (length // columns, 0)]), True
    rows = [(count, step // columns) for count, step in rows]
    return merged([*rows, (length // columns, 1)]), False


def lifted(found, columns):
    """Return the map of what has one number for each row, over the columns too."""
    return merged([*found, (columns, 0)])


def breaks(rows):
    """Return the numbers of rows at which a map of rows changes its stride."""
    lengths = [length for length, _ in rows]
    return {math.prod(lengths[i:]) for i in range(1, len(lengths))}


def are_nested(steps):
    """Tell whether each number of rows divides the next larger one."""
    ordered = sorted(steps)
    pairs = zip(ordered, ordered[1:], strict=False)
    return all(large % small == 0 for small, large in pairs)


def stride_at(rows, step):
    """Return by how much a map of rows moves when ``step`` rows are gone by."""
    inner = 1
    for length, stride in reversed(rows):
        if step < inner * length:
            return stride * (step // inner)
        inner *= length
    return 0

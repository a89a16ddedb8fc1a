"""Maps: where in memory a native loop finds the numbers of an operand.

A loop goes through the numbers of its result as they lie in memory. The map of an
operand says for the i-th of them which number of the operand's memory belongs to it: an
offset, and (length, stride) pairs, the last one for what varies fastest. Pairs that can
be one are one, so that reshapes, and transposes that come to the same, have equal maps.
"""

import math
from typing import Any

import numpy as np

from xdl.backend import numpy as host
from xdl.program.interpreter import compute
from xdl.tracing.values import Instruction, owner_of


class Maps:
    """The maps of a program's Values; each is found once."""

    def __init__(self):
        self._views = {}

    def of(self, value, shape, order):
        """Return (owner, offset, map) of an operand; None: there is no such.

        Args:
            value: the operand, of more than one element.
            shape: of the result that it is broadcast to.
            order: the result's axes as they lie in memory.
        """
        owner = owner_of(value)
        if owner.axes is None:
            return None
        view = self._view(value)
        if view is None:
            return None
        start = view.__array_interface__["data"][0]
        offset = start - self._view(owner).__array_interface__["data"][0]
        try:
            lying = np.broadcast_to(view, shape).transpose(order)
        except ValueError:
            return None
        return owner, offset, merged(zip(lying.shape, lying.strides, strict=True))

    def _view(self, value):
        """Return an array of bytes that lies in memory as a Value does."""
        found = self._views.get(value)
        if found is not None:
            return found
        origin = value.origin
        if isinstance(origin, Instruction) and origin.is_view:
            base = self._view(origin.arguments[0])
            if base is None or any(True for _ in list(origin.operands())[1:]):
                return None
            arguments = (base, *origin.arguments[1:])
            view = compute(origin, host, arguments, origin.options, None)
            if not np.may_share_memory(view, base) or view.shape != value.shape:
                return None
        else:
            lengths = [value.shape[axis] for axis in value.axes]
            view = np.empty(lengths, np.int8).transpose(np.argsort(value.axes))
        self._views[value] = view
        return view


def lies_plain(value):
    """Tell whether an array lies in memory in the order of its axes, without gaps."""
    if value.axes is None:
        return False
    axes = [axis for axis in value.axes if value.shape[axis] != 1]
    return axes == sorted(axes)


def merged(pairs):
    """Return (length, stride) pairs with as few as there can be."""
    found: list[Any] = []
    for length, stride in pairs:
        if length == 1:
            continue
        if found and found[-1][1] == stride * length:
            found[-1] = (found[-1][0] * length, stride)
        else:
            found.append((length, stride))
    return tuple(found)


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

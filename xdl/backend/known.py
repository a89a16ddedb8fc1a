"""What is known of the integers in arrays on a GPU, so that nobody waits to ask it.

It is known of arrays that xdl made, or moved there from the host for one operation:
nobody else has them, so nobody writes into them.
"""

import weakref
from typing import Any

_MOST = 1 << 20  # elements: a GPU is faster with more, though it is waited for
_ranges: dict[
    Any, Any
] = {}  # from the id of an array to (a weak reference, the least, the greatest)
_checked: dict[
    Any, Any
] = {}  # from the id of an array to (a weak reference, the size of the axis)


def note(array, least, greatest):
    """Note the range of the integers of an array."""
    key = id(array)
    gone = weakref.ref(array, lambda _: _ranges.pop(key, None))
    _ranges[key] = gone, least, greatest


def note_moved(array, host):
    """Note the range of an array that was moved, asking the host's."""
    kind = getattr(getattr(host, "dtype", None), "kind", "")
    if kind and kind in "iu" and 0 < host.size <= _MOST:
        note(array, int(host.min()), int(host.max()))


def same(array, made):
    """Return ``made``, which holds the same numbers: what is known holds for it."""
    if (found := _ranges.get(id(array))) is not None:
        note(made, *found[1:])
    if (found := _checked.get(id(array))) is not None:
        note_checked(made, found[1])
    return made


def note_checked(indices, size):
    """Note that indices were found to be within an axis of a size."""
    key = id(indices)
    gone = weakref.ref(indices, lambda _: _checked.pop(key, None))
    _checked[key] = gone, size


def was_checked(indices, size):
    """Tell whether indices were found to be within an axis of a size."""
    found = _checked.get(id(indices))
    return found is not None and found[1] <= size


def is_within(array, low, high):
    """Tell whether all integers of an array are known to be in ``[low, high)``."""
    if not array.size:
        return True
    found = _ranges.get(id(array))
    return found is not None and low <= found[1] and found[2] < high

"""What a program holds for besides its state and its arguments.

The numbers, texts, lists and arrays that the step names, or reads as attributes of
modules, are those of the recording: with others there it is another program. An array
that operations were given is read where it lies, at each step. One that Python or NumPy
alone has looked at, such as a mask that picks, is compared with what it was.
"""

import dis
import sys
from collections import Counter

from xdl.backend import ARRAYS
from xdl.core.watch import items_of
from xdl.program.record.attributes import MISSING, is_equal, is_followed
from xdl.program.record.surroundings import called, variables
from xdl.tracing.values import root

MOST = 1 << 16  # bytes of an array that is compared because the step names it
_READING = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_ATTR"})
_SETTING = frozenset({"STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR"})


class Outside:
    """What a program was recorded with, to tell whether it is still there.

    Args:
        function: the step.
        recording: its Recording. The constants of it that others hold, too, become
            Values that are read where they lie.
        reads: (object, name, value) of the attributes that it has read.
    """

    def __init__(self, function, recording, reads):
        looked, lying = _let_lie(recording)
        named = [(*one, one[1].get(one[2], MISSING)) for one in _read(function)]
        self._named = [one for one in named if is_followed(one[3])]
        self._attributes = reads
        self._lists: list = []
        arrays = {id(array): array for array in looked}
        for *_, value in (*reads, *self._named):
            for array in self._arrays(value):
                if id(root(array)) not in lying and array.nbytes <= MOST:
                    arrays[id(array)] = array
        self._compared = [(array, array.tobytes()) for array in arrays.values()]

    def __bool__(self):
        return bool(self._named or self._lists or self._compared)

    def is_same(self):
        """Tell whether all is there as it was."""
        for _, holder, name, value in self._named:
            now = holder.get(name, MISSING)
            if now is not value and not is_equal(now, value):
                return False
        for one, before in self._lists:
            now = items_of(one)
            if len(now) != len(before):
                return False
            for new, old in zip(now, before, strict=True):
                if new is not old and not is_equal(new, old):
                    return False
        return all(array.tobytes() == before for array, before in self._compared)

    def values(self):
        """Return what the program was recorded with: a dict from names to values."""
        found = {f"{type(thing).__name__}.{n}": v for thing, n, v in self._attributes}
        return found | {label: value for label, _, _, value in self._named}

    def _arrays(self, value):
        """Return the arrays in a value; note the lists in it."""
        if type(value) in ARRAYS:
            return [value]
        if type(value) not in (list, tuple, dict):
            return []
        items = items_of(value)
        if type(value) is not tuple:
            self._lists.append((value, items))
        return [array for item in items for array in self._arrays(item)]


def _read(function):
    """Return those of ``variables`` that the function itself reads, and never sets."""
    reads, sets = set(), set()
    for step in _instructions(getattr(called(function)[1], "__code__", None)):
        kind = step.opname.replace("LOAD_METHOD", "LOAD_ATTR")
        is_attribute = kind.endswith("ATTR")
        if kind in _READING:
            reads.add((step.argval, is_attribute))
        elif kind in _SETTING:
            sets.add((step.argval, is_attribute))
    found = reads - sets
    return [one for one in variables(function) if (one[2], "." in one[0]) in found]


def _instructions(code):
    """Yield the instructions of a function, and of those written inside it."""
    if code is not None:
        yield from dis.get_instructions(code)
        for inner in code.co_consts:
            if isinstance(inner, type(code)):
                yield from _instructions(inner)


def _let_lie(recording):
    """Make constants that others hold, too, Values that are read where they lie.

    Returns:
        The arrays of ``looked_at`` that others hold; and the ids of the arrays whose
        memory it is that is read.
    """
    found = [v for one in recording.instructions for v in one.operands()]
    values = list({id(v): v for v in found if v.origin == "constant"}.values())
    looked = {id(array): array for array in recording.looked_at}
    shared = _shared(values, recording.looked_at)
    lying = set()
    for value in values:
        at = id(value.data)
        if at in shared and at not in looked:
            value.origin = "outer"
            lying.add(id(root(value.data)))
    return [looked[at] for at in shared & looked.keys()], lying


def _shared(values, looked_at):
    """Return the ids of arrays that others than a recording hold, and may write into.

    Args:
        values: the constants of the recording.
        looked_at: a list of arrays.
    """
    held = Counter([id(value.data) for value in values])
    held.update(map(id, looked_at))
    things = {id(value.data): value.data for value in values}
    things |= {id(array): array for array in looked_at}
    owner_of = {at: id(root(array)) for at, array in things.items()}
    held.update([owner for at, owner in owner_of.items() if owner != at])
    things |= {id(one): one for one in map(root, [*things.values()])}
    things[0] = object()  # which nobody else holds
    more = {at: sys.getrefcount(things[at]) - held[at] for at in things}
    return {
        at
        for at, owner in owner_of.items()
        if max(more[at], more[owner]) > more[0]
        and (_is_writeable(things[at]) or _is_writeable(things[owner]))
    }


def _is_writeable(array):
    flags = getattr(array, "flags", None)
    return getattr(flags, "writeable", type(array) is not bytes)

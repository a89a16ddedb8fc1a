"""Indices: where the numbers lie that ``x[index]`` names."""

import numpy as np

from xdl.program.cuda_executor.kernel import NoKernelError, literal_of, operand
from xdl.program.cuda_executor.memory import place_of
from xdl.program.cuda_executor.words import position
from xdl.program.fusion.strides import merged
from xdl.tracing.values import Value


class Indexed:
    """The numbers of an array that an index names.

    Attributes:
        shape: of them.
        arrays: for each array of integers: it, its place for each number, how long the
            axis is that it is for, and the stride of that.

    Args:
        layout: that of the array.
        index: as it stands between brackets.
        memory: a Memory.
    """

    def __init__(self, layout, index, memory):
        entries = _entries(index, len(layout.shape))
        is_array = [isinstance(entry, Value) for entry in entries]
        plain = tuple(
            [slice(None) if a else e for e, a in zip(entries, is_array, strict=True)]
        )
        self.layout = layout.view(lambda array: array[(*plain, ...)])
        if self.layout is None:
            raise NoKernelError("index")
        axes, before = _places(entries, any(is_array))
        values = [entry for entry in entries if isinstance(entry, Value)]
        self._found = [*zip(values, axes, strict=True)]
        self._block = np.broadcast_shapes(*[value.shape for value in values])
        rest = [a for a in range(len(self.layout.shape)) if a not in axes]
        self._axes = [*rest[:before], *[None] * len(self._block), *rest[before:]]
        self._first, self._memory = before, memory
        lengths = iter(self._block)
        self.shape = tuple(
            [next(lengths) if a is None else self.layout.shape[a] for a in self._axes]
        )

    def text(self, writer, order, index):
        """Return the text of where a number lies.

        Args:
            writer: a Writer.
            order: the axes of ``shape``, as the threads go through them.
            index: the text of which number.
        """
        strides = [0 if a is None else self.layout.strides[a] for a in self._axes]
        found = merged([(self.shape[a], strides[a]) for a in order])
        parts = [position(found, self.layout.offset, index, writer.integer)]
        for value, axis in self._found:
            length, stride = self.layout.shape[axis], self.layout.strides[axis]
            given = self._number(writer, value, order, index)
            parts.append(f"({writer.integer})inside_({given}, {length}) * {stride}")
        return " + ".join(parts)

    def _number(self, writer, value, order, index):
        """Return the text of the number that an array of integers has."""
        place = self._memory.place(value, self._block, range(len(self._block)))
        if place is None:
            raise NoKernelError("index")
        if isinstance(place, str):
            start = self._memory.start(value)
            return operand(value, "int64", lambda v: writer.single(v, start))
        spread = self._memory.layout(value).spread(self._block)
        lead, trail = self._first, len(self.shape) - self._first - len(self._block)
        strides = [*[0] * lead, *spread.strides, *[0] * trail]
        found = merged([(self.shape[a], strides[a]) for a in order])
        place = spread.offset, found
        return operand(value, "int64", lambda v: writer.read(v, place, index))

    @property
    def rows(self):
        """The array of integers, if all it does is to name rows; else None."""
        is_first = [axis for _, axis in self._found] == [0]
        return self._found[0][0] if is_first and self._first == 0 else None

    @property
    def may_repeat(self):
        """Whether a number may be named more than once."""
        return any(value.size > 1 for value, _ in self._found)


def _entries(index, ndim):
    """Return what stands between brackets, one by one, for all axes."""
    entries = list(index) if isinstance(index, tuple) else [index]
    if not all(map(_is_known, entries)):
        raise NoKernelError("index")
    entries = [_number(entry) for entry in entries]
    taken = sum(1 for entry in entries if entry is not None and entry is not Ellipsis)
    rest = [slice(None)] * (ndim - taken)
    at = next((i for i, e in enumerate(entries) if e is Ellipsis), None)
    if at is None:
        return [*entries, *rest]
    return [*entries[:at], *rest, *entries[at + 1 :]]


def _number(entry):
    """Return an entry; of a constant of one integer that."""
    is_one = isinstance(entry, Value) and not entry.is_number and entry.shape == ()
    number = literal_of(entry) if is_one else None
    return entry if number is None else number


def _is_known(entry):
    if isinstance(entry, Value):
        return not entry.is_number and entry.dtype.kind in "iu"
    if isinstance(entry, slice):
        bounds = (entry.start, entry.stop, entry.step)
        return not any(isinstance(bound, Value) for bound in bounds)
    is_integer = isinstance(entry, int) and not isinstance(entry, bool)
    return is_integer or entry is None or entry is Ellipsis


def _places(entries, has_arrays):
    """Return the axes of arrays once integers are gone, and how many are before.

    Arrays that stand side by side, integers among them, put their axes there; else
    those come first.
    """
    axes: list[int] = []
    chosen: list[int] = []
    axis = before = 0
    for i, entry in enumerate(entries):
        is_array = isinstance(entry, Value)
        if is_array or (has_arrays and isinstance(entry, int)):
            if not chosen:
                before = axis
            chosen.append(i)
        if is_array:
            axes.append(axis)
        axis += not isinstance(entry, int)
    are_apart = chosen and chosen[-1] - chosen[0] + 1 != len(chosen)
    return axes, 0 if are_apart else before


__all__ = ["Indexed", "place_of"]

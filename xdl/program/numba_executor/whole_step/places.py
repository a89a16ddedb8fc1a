"""Where the elements of arrays lie, for the text of native code: index arithmetic.

A Place has a stand-in: an array of the same strides whose elements nobody reads. NumPy
makes views of it, and so works out the strides of the view; no code here does.

Sizes, strides and offsets are written as ``$64``: a step reads them when it runs
(``step_sizes``).
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from xdl.program.errors import Ineligible


class Place:
    """An array: the name of the memory that it lies in, and where in it.

    Attributes:
        memory: the name.
        array: the stand-in; the memory begins ``offset`` elements before it.
        start: where the array begins that it is a view of, if its memory holds others
            too; else None.
    """

    __slots__ = ("array", "memory", "offset", "start")

    def __init__(self, memory, array, offset, start):
        self.memory, self.array, self.offset = memory, array, offset
        self.start = start

    @classmethod
    def dense(cls, memory, shape, dtype, axes, start=None):
        """Return the Place of a dense array whose axes lie in an order."""
        lengths = [shape[axis] for axis in axes]
        array = np.empty(lengths, dtype).transpose(np.argsort(axes))
        return cls(memory, array, start or 0, start)

    @property
    def shape(self):
        """The shape of the array."""
        return self.array.shape

    @property
    def strides(self):
        """The strides, in elements."""
        return [stride // self.array.itemsize for stride in self.array.strides]

    def view(self, make):
        """Return the Place of ``make(array)``, a view.

        Raises:
            Ineligible: it is a copy.
        """
        array = make(self.array)
        if not np.may_share_memory(array, self.array):
            raise Ineligible("a view that has to be a copy")
        distance = _start(array) - _start(self.array)
        offset = self.offset + distance // array.itemsize
        return Place(self.memory, array, offset, self.start)

    def spread(self, shape):
        """Return the Place broadcast to a shape."""
        lead = (0,) * (len(shape) - self.array.ndim)
        pairs = zip(self.array.strides, self.array.shape, strict=True)
        strides = [0 if n == 1 else stride for stride, n in pairs]
        array = as_strided(self.array, shape, (*lead, *strides))
        return Place(self.memory, array, self.offset, self.start)

    def _index(self, steps):
        """Return the terms of how far behind the first element another one lies."""
        moving = [pair for pair in steps if pair[1] not in (0, 1)]
        terms = [f"{name} * ${stride}" for name, stride in moving]
        terms += [name for name, stride in steps if stride == 1]
        return terms

    def position(self, steps):
        """Return the text of where an element lies in the memory.

        Args:
            steps: pairs (text of an index, stride).
        """
        return " + ".join([*self._index(steps), f"${self.offset}"])

    def element(self, steps):
        """Return the text of one element; ``steps`` as for ``position``."""
        if self.start is None:
            at = [f"${self.offset}"] if self.offset else []
            return f"{self.memory}[{' + '.join([*self._index(steps), *at]) or 0}]"
        index = " + ".join(self._index(steps)) or 0
        return f"{self.memory}@{self.start}@{self.offset}[{index}]"


def _start(array):
    return array.__array_interface__["data"][0]


class Nest:
    """Nested loops over all elements of arrays of one shape, as few as there can be.

    Axes that follow one another in all the arrays' memories become one.

    Args:
        shape: the shape.
        places: their Places; those that are broadcast have strides of 0. The first
            one decides which axis is the innermost, unless ``axes`` does.
        prefix: of the names of the indices.
        axes: the order of the axes, outermost first.

    Attributes:
        sizes: of the loops, outermost first.
        indices: the names of the loops' indices.
        places: the Places.
    """

    def __init__(self, shape, places, prefix="i", axes=None):
        lists = [place.strides for place in places]
        if axes is None:
            axes = sorted(range(len(shape)), key=lambda axis: -abs(lists[0][axis]))
        self.sizes: list[Any] = []
        self._strides: list[Any] = [[] for _ in lists]
        for axis in axes:
            if shape[axis] != 1:
                self._add(shape[axis], [strides[axis] for strides in lists])
        self.indices = [f"{prefix}{i}" for i in range(len(self.sizes))]
        self.places = list(places)

    def _add(self, size, strides):
        pairs = list(zip(self._strides, strides, strict=True))
        if self.sizes and all(before[-1] == size * stride for before, stride in pairs):
            self.sizes[-1] *= size
            for before, stride in pairs:
                before[-1] = stride
            return
        self.sizes.append(size)
        for before, stride in pairs:
            before.append(stride)

    def steps(self, place):
        """Return pairs (index, stride) for one of the places."""
        strides = self._strides[self.places.index(place)]
        return list(zip(self.indices, strides, strict=True))

    def loops(self):
        """Return the lines that open the loops."""
        pairs = zip(self.indices, self.sizes, strict=False)
        return [
            f"{'    ' * depth}for {index} in range(${size}):"
            for depth, (index, size) in enumerate(pairs)
        ]

    @property
    def indent(self):
        """What stands before the lines inside."""
        return "    " * len(self.sizes)

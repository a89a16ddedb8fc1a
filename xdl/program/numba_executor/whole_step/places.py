"""Where the elements of arrays lie, for the text of native code: index arithmetic.

Sizes, strides and offsets are written as ``$64``: a step reads them when it runs
(``sizes``).
"""

from xdl.program.errors import Ineligible
from xdl.program.fusion.strides import Layout, merged


class Place(Layout):
    """An array: the name of the memory that it lies in, and where in it.

    Attributes:
        memory: the name.
        start: where the array begins that it is a view of, if its memory holds others
            too; else None.
    """

    __slots__ = ("memory", "start")

    def __init__(self, memory, array, offset, start):
        super().__init__(array, offset)
        self.memory, self.start = memory, start

    @classmethod
    def dense(cls, memory, shape, dtype, axes, start=None):
        """Return the Place of a dense array whose axes lie in an order."""
        array = cls.stand_in(shape, dtype, axes)
        return cls(memory, array, start or 0, start)

    def view(self, make):
        """Return the Place of ``make(array)``, a view.

        Raises:
            Ineligible: it is a copy.
        """
        found = super().view(make)
        if found is None:
            raise Ineligible("a view that has to be a copy")
        return found

    def _of(self, array, offset):
        return Place(self.memory, array, offset, self.start)

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


class LoopNest:
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
        found = merged([(shape[a], *[strides[a] for strides in lists]) for a in axes])
        self.sizes = [size for size, *_ in found]
        self._strides = [[axis[k] for axis in found] for k in range(1, len(lists) + 1)]
        self.indices = [f"{prefix}{i}" for i in range(len(self.sizes))]
        self.places = list(places)

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

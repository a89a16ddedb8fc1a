"""Sizes of a native step: numbers that it reads when it runs, so that they may move.

The lines of an instruction have every size, stride and offset as ``$64``, and an
element of an arena as ``a_float32@512@520[i0]``: a place behind the array that begins
at 512. Here they become ``sizes[7]`` and ``p3[i0]``: a number that is read, one after
the other in the order of the text, and a pointer to what the loops of the instruction
go through. So programs that differ in the length of an axis have the same text.
"""

import re
from typing import Any

_SIZE = re.compile(r"\$(-?\d+)")
_ELEMENT = re.compile(r"(\w+)@(\d+)@(\d+)\[([^\[\]]*)\]")


class Sizes:
    """The numbers that a text reads.

    Attributes:
        numbers: they, in order.
    """

    def __init__(self):
        self.numbers = []
        self._instructions = self._pieces = 0

    def read(self, text):
        """Return a text or line that reads its sizes."""

        def number(found):
            self.numbers.append(int(found[1]))
            return f"sizes[{len(self.numbers) - 1}]"

        return _SIZE.sub(number, text)

    def resolved(self, lines):
        """Return the lines of an instruction that read their sizes."""
        pieces: dict[Any, Any] = {}
        elements: dict[Any, Any] = {}

        def element(found):
            memory, start, offset, index = found.groups()
            if found[0] not in elements:  # once: LLVM is to see that it is the same
                unnamed = f"p{self._pieces + len(pieces)}"
                name = pieces.setdefault((memory, start, offset), unnamed)
                elements[found[0]] = f"{name}[{self.read(index)}]"
            return elements[found[0]]

        lines = [self.read(_ELEMENT.sub(element, line)) for line in lines]
        arrays = list(dict.fromkeys(piece[:2] for piece in pieces))
        begin = []
        for (memory, start, offset), name in pieces.items():
            place = self.read(f"{memory}, ${offset}")
            own = arrays.index((memory, start))
            which = f"{self._instructions}, {own}, {len(arrays)}"
            begin.append(f"{name} = piece({place}, {which})")
        self._pieces += len(pieces)
        self._instructions += 1
        return [*begin, *lines]

"""Sizes of a native step: numbers that it reads when it runs, so that they may move.

The lines of an instruction have every size, stride and offset as ``$64``, and an
element of an arena as ``a_float32@512@520[i0]``: a place behind the array that begins
at 512. Here they become ``sizes[7]`` and ``p3[i0]``: a number that is read, one after
the other in the order of the text, and a pointer to what the loops of the instruction
go through. So programs that differ in the length of an axis have the same text.
"""

import re

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
        names, arrays, elements = {}, {}, {}

        def element(found):
            memory, start, offset, index = found.groups()
            if found[0] not in elements:  # once: LLVM is to see that it is the same
                arrays.setdefault((memory, start), len(arrays))
                if found.groups()[:3] not in names:
                    names[found.groups()[:3]] = f"p{self._pieces}"
                    self._pieces += 1
                name = names[found.groups()[:3]]
                elements[found[0]] = f"{name}[{self.read(index)}]"
            return elements[found[0]]

        lines = [self.read(_ELEMENT.sub(element, line)) for line in lines]
        self._instructions += 1
        begin = []
        for (memory, start, offset), name in names.items():
            place = self.read(f"{memory}, ${offset}")
            which = self._instructions, arrays[memory, start], len(arrays)
            begin.append(f"{name} = piece({place}, {', '.join(map(str, which))})")
        return [*begin, *lines]

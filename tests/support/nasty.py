"""Names and values that would leave their place in a text if they were pasted."""

import enum
import keyword

CODE = "open('canary', 'w').close()"
NAMES = [
    f"a\n{CODE}",
    f"a\r{CODE}",
    f"a\r\n{CODE}\n#",
    f"a\n    {CODE}",
    f"a\x0c\n{CODE}",
    f"a\x85{CODE}",
    f"a\u2028{CODE}\u2029",
    f"'); {CODE} #",
    f'"""\n{CODE}\n"""',
    f"'''\n{CODE}\n'''",
    f"a']; {CODE}; state['",
    "a\\",
    "a\\\n",
    "'",
    '"',
    "'\"",
    "{0}{name}%s",
    "a\0b",
    "\ud800",
    "a\udfffb",
    "\u202eevil\u202c",
    "\u200f",
    "\ufeff",
    "µ",
    "μ",
    "ﬁ",
    "fi",
    "x²",
    "x2",
    "²",
    "1",
    "",
    "_",
    "__",
    "__class__",
    "__import__",
    "__file__",
    "state",
    "numbers",
    "constants",
    "np",
    "key",
    "draw",
    "step",
    "float",
    "file",
    "allow_pickle",
    "saved_with",
    "checked_array",
    "scatter_add",
    "t3",
    "r",
    "constant0",
    "x" * 100_000,
    "a b/c.d-e",
    "ab\tc",
    "😀",
    *keyword.kwlist,
    *keyword.softkwlist,
]


class Loud:
    """An object whose ``repr``, ``str`` and format are code."""

    def __repr__(self):
        return CODE

    __str__ = __repr__

    def __format__(self, form):
        return CODE


class LoudInt(int):
    __repr__ = __str__ = Loud.__repr__
    __format__ = Loud.__format__


class LoudFloat(float):
    __repr__ = __str__ = Loud.__repr__
    __format__ = Loud.__format__


class LoudStr(str):
    __slots__ = ()
    __repr__ = __str__ = Loud.__repr__
    __format__ = Loud.__format__


class Colour(enum.Enum):
    RED = "red"


class Axis(enum.IntEnum):
    LAST = -1

    def __repr__(self):
        return CODE


class Mode(enum.Flag):
    A = 1
    B = 2

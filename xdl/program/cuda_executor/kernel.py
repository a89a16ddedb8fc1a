"""Kernel: the text of one launch, and what it is given."""

import hashlib
from typing import NamedTuple

from xdl.program.cuda_executor.words import TYPES, literal, position
from xdl.tracing.values import Value, is_fill, owner_of

_WIDE = 2**31  # numbers: beyond, indices have 64 bits


class Kernel(NamedTuple):
    """One launch.

    Attributes:
        name: of the function in ``source``; equal kernels have equal names.
        source: CUDA C++: one function; HEAD has what it calls.
        grid, block: how many blocks, and threads of each.
        arguments: Values, in order. Of one that the kernel reads, a pointer to the
            first number of its memory is given, which is dense (as its ``axes`` say; in
            the order of its axes if they say nothing); of one that is a Python number a
            pointer to a float64. Those that it writes come last.
        scratch: how many bytes of memory it needs besides; a pointer to them is given
            last if there are any. All kernels of one instruction share them, in order;
            nothing needs to be in them before the first.
        parameters: the types of the arguments.
    """

    name: str
    source: str
    grid: int
    block: int
    arguments: list[Value]
    scratch: int = 0
    parameters: tuple[str, ...] = ()


class NoKernelError(Exception):
    """There is no kernel for an instruction."""


class Writer:
    """Gathers what a kernel is given while its text is written.

    Attributes:
        names: from what is read to the name of its pointer.
        made: from output to the name of its pointer.
        wide: whether indices need 64 bits.
        before: lines that load single numbers.

    Args:
        taken: from output to the argument whose memory it is written over.
        sizes: how many numbers there are in whatever is worked on.
    """

    def __init__(self, taken, sizes):
        self.names: dict[Value, str] = {}
        self.made: dict[Value, str] = {}
        self._over = {owner_of(value) for value in taken.values()}
        self._taken = taken
        self.before: list[str] = []
        self._singles: dict[Value, str] = {}
        self.wide = max(sizes, default=0) >= _WIDE

    @property
    def integer(self):
        """The signed type of indices."""
        return "long long" if self.wide else "int"

    @property
    def unsigned(self):
        """The unsigned type of indices."""
        return "unsigned long long" if self.wide else "unsigned"

    def pointer(self, value):
        """Return the name of the pointer to the memory of what is read."""
        owner = owner_of(value)
        if not (owner.is_number or str(owner.dtype) in TYPES):
            raise NoKernelError(str(owner.dtype))
        if owner.size >= _WIDE and not self.wide:
            raise NoKernelError("wide")
        return self.names.setdefault(owner, f"a{len(self.names)}")

    def output(self, value):
        """Return the name of the pointer to what is written."""
        if str(value.dtype) not in TYPES or value.axes is None:
            raise NoKernelError(str(value.dtype))
        return self.made.setdefault(value, f"o{len(self.made)}")

    def single(self, value, offset):
        """Return the name of a number that is loaded first."""
        name = self._singles.get(value)
        if name is None:
            name = self._singles[value] = f"s{len(self._singles)}"
            kind = "double" if value.is_number else TYPES[str(value.dtype)]
            self.before.append(
                f"const {kind} {name} = {self.pointer(value)}[{offset}];"
            )
        return name

    def read(self, value, place, index):
        """Return the text of a number of an array.

        Args:
            value: a Value.
            place: (offset, map) of it.
            index: the text of which number of the map.
        """
        offset, found = place
        at = position(found, offset, index, self.integer)
        return f"{self.pointer(value)}[{at}]"

    def kernel(self, body, grid, block, scratch=0):
        """Return the Kernel of the lines of a body."""
        pointers = {**self.names, **self.made}
        types = [self._read_type(value) for value in self.names]
        types += [self._made_type(value) for value in self.made]
        return named(
            [*self.before, *body], types, pointers.values(), grid, block, scratch
        )._replace(arguments=[*pointers])

    def _read_type(self, value):
        if value.is_number:
            return "const double* __restrict__"
        restrict = "" if value in self._over else " __restrict__"
        return f"const {TYPES[str(value.dtype)]}*{restrict}"

    def _made_type(self, value):
        restrict = "" if value in self._taken else " __restrict__"
        return f"{TYPES[str(value.dtype)]}*{restrict}"


def named(lines, types, names, grid, block, scratch=0, before=""):
    """Return a Kernel, whose name is made of its text; it has no arguments yet.

    Args:
        lines: of its body.
        types: those of its arguments.
        names: those of its arguments.
        grid, block, scratch: as of a Kernel.
        before: functions that stand before it, if any.
    """
    given = [f"{kind} {name}" for kind, name in zip(types, names, strict=True)]
    given += ["void* scratch"] * (scratch > 0)
    body = "\n  ".join(lines)
    text = f"({', '.join(given)}) {{\n  {body}\n}}\n"
    key = f"{grid} {block} {scratch}\n{before}{text}"
    name = "k_" + hashlib.sha256(key.encode()).hexdigest()[:16]
    start = f'extern "C" __global__ void __launch_bounds__({block}) {name}'
    source = f"{before}{start}{text}"
    return Kernel(name, source, grid, block, [], scratch, tuple(types))


def literal_of(argument):
    """Return the number that an argument is, whatever is given; None: it is none."""
    if not isinstance(argument, Value):
        return argument
    is_constant = argument.origin == "constant" and not argument.is_number
    if is_constant and (argument.size == 1 or is_fill(argument)):
        return argument.data.reshape(-1)[:1].item()
    return None


def operand(argument, dtype, text_of):
    """Return the text of an argument as a number of a dtype.

    Args:
        argument: a Value, or a number.
        dtype: the name.
        text_of: a function: of a Value that is given its text.
    """
    number = literal_of(argument)
    if number is not None:
        return f"({literal(number, dtype)})"
    before = "float64" if argument.is_number else str(argument.dtype)
    text = text_of(argument)
    if before == dtype:
        return text
    return f"({text} != 0)" if dtype == "bool" else f"(({TYPES[dtype]}){text})"

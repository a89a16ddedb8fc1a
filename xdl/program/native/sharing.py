"""The text of a native function whose loop is cut into parts for the crew."""

import numba

from xdl.program.native.crew import hands

_TYPES = {"bool": "boolean"}
_LEAST = 2**15  # numbers: fewer, some 10 us, are gone through by one thread
_MODULE = """
from numba import carray, types
from xdl.program.native.cache import linked
from xdl.program.native.crew import PART, shared
from xdl.program.native.pointers import address, first, integers, pointer, scratch
from xdl.program.native.pointers import symbol

share, table, reals = shared(), scratch(types.int64, {length}), pointer(types.float64)
numbers = scratch(types.float64, {numbers})
{pointers}


@native(inner=True)
def lines(begin, end, {given}):
{body}


@callback(PART)
def part(index, task):
    t = integers(task)
    begin, end = index * t[0], min((index + 1) * t[0], t[1])
    s = reals(t[2])
    columns = t[3]
{read}
    lines(begin, end, {given})


linked(f"{{__name__}}_part", part.address, PART, part)
of_part = symbol(f"{{__name__}}_part")


@native
def group({given}):
    {sizes}
    count = {count}
    size = (count + {parts} - 1) // {parts}
    t, s = table(), numbers()
    t[0], t[1], t[2], t[3] = size, count, address(s), columns
{written}
    share(of_part(), address(t), (count + size - 1) // max(size, 1))
"""


def parts_of(group, sums):
    """Return into how many parts a group is cut: one, if it adds up all of its rows.

    Args:
        group: a finished NativeGroup.
        sums: the kinds of Values that go over all rows.
    """
    is_apart = not any(kind in sums for kind in group.kinds.values())
    return 2 * hands() if is_apart and group.size >= _LEAST and hands() > 1 else 1


def shared_module(given, body, sizes, count, parts):
    """Return the text of functions that do the lines of ``body`` in parts.

    Args:
        given: from the name of each argument to its type, in order; scratch rows, whose
            names begin with w, last.
        body: the lines, over ``range(begin, end)`` of ``count``.
        sizes: a line that sets ``columns``, and what ``count`` needs.
        count: the text of a number.
        parts: how many.
    """
    at, numbers, read, written = 4, 0, [], []
    for name, kind in given.items():
        if isinstance(kind, numba.types.Array):
            read.append(f"{name} = {_array(name, kind, at)}")
            shape = [f"{name}.shape[{i}]" for i in range(kind.ndim)]
            for i, text in enumerate([f"address(first({name}))", *shape]):
                written.append(f"t[{at + i}] = {text}")
            at += 1 + kind.ndim
        elif isinstance(kind, numba.types.Float):
            read.append(f"{name} = s[{numbers}]")
            written.append(f"s[{numbers}] = {name}")
            numbers += 1
        else:
            is_bool = isinstance(kind, numba.types.Boolean)
            read.append(f"{name} = t[{at}]" + " != 0" * is_bool)
            written.append(f"t[{at}] = {name}")
            at += 1
    arrays = [kind for kind in given.values() if isinstance(kind, numba.types.Array)]
    dtypes = sorted({str(kind.dtype) for kind in arrays})
    return _MODULE.format(
        pointers="\n".join(
            f"to_{t} = pointer(types.{_TYPES.get(t, t)})" for t in dtypes
        ),
        length=at,
        numbers=max(numbers, 1),
        given=", ".join(given),
        body=_indented(body),
        read=_indented(read),
        sizes=sizes,
        count=count,
        parts=parts,
        written=_indented(written),
    )


def _array(name, kind, at):
    """Return the text of an array of the table; each part has scratch rows its own."""
    pointer = f"to_{kind.dtype}"
    if name.startswith("w"):
        offset = f"index * columns * {kind.dtype.bitwidth // 8}"
        return f"carray({pointer}(t[{at}] + {offset}), (columns,))"
    shape = ", ".join(f"t[{at + 1 + i}]" for i in range(kind.ndim))
    return f"carray({pointer}(t[{at}]), ({shape},))"


def _indented(lines):
    return "\n".join("    " + line for line in lines)

"""The passes in order: each takes a program's instructions and makes a shorter list.

A pass never changes a number that comes out, except where its text says so.
"""

from xdl import backend
from xdl.program.passes.add_parts import added
from xdl.program.passes.common_subexpressions import shared
from xdl.program.passes.dead_code import needed
from xdl.program.passes.fold import folded
from xdl.program.passes.join_parts import joined
from xdl.program.passes.labels import flattened
from xdl.program.passes.repeated import unrepeated
from xdl.program.passes.rounded_once import rounded_once
from xdl.program.passes.rows import as_rows
from xdl.program.passes.tidy import tidied

PASSES = (
    *(folded, flattened, as_rows, tidied, unrepeated),
    *(rounded_once, shared, added, joined, needed),
)


def improved(program, xp):
    """Apply all passes to a program, in order; it is changed in place.

    Its constants lie on the host afterwards, whatever the device that it is for.

    Args:
        program: a Program.
        xp: the namespace of the host.
    """
    for value in {v for one in program.instructions for v in one.operands()}:
        if value.origin == "constant":
            value.data = backend.to_numpy(value.data)
    for change in PASSES:
        change(program, xp)
    return program

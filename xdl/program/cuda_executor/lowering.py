"""Lowering for a GPU: a sum of a few arrays is written as additions.

Then it is part of the group that reads it, or makes them: the gradient of a recurrent
state, one term for each gate, is such.
"""

from xdl.program.numba_executor.lowering import added, lowered, part_of, parted
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value

_FEW = 8  # terms


def lowered_for_threads(program):
    """Write instructions as others of which groups for threads can be made.

    Args:
        program: a Program; it is changed.
    """
    lowered(program)
    written: list[Instruction] = []
    for one in program.instructions:
        written += _additions(one) if _is_of_few(one) else [one]
    program.instructions = written
    parted(program)


def _is_of_few(one):
    """Tell whether an instruction adds up a few arrays that lie one behind another."""
    if one.row.kind != Kind.REDUCTION or one.name != "sum" or one.keepdims:
        return False
    x, result = one.arguments[0], one.result
    if not isinstance(x, Value) or x.dtype != result.dtype or x.dtype.kind != "f":
        return False
    is_first = one.axis in (0, (0,), [0], -len(x.shape)) and len(x.shape) > 1
    is_plain = x.axes == tuple(range(len(x.shape)))
    return is_first and is_plain and 1 < x.shape[0] <= _FEW and result.size > 1


def _additions(one):
    x, result = one.arguments[0], one.result
    new: list[Instruction] = []
    total = part_of(new, one, x, 0)
    for i in range(1, x.shape[0]):
        term = part_of(new, one, x, i)
        is_last = i == x.shape[0] - 1
        after = result if is_last else Value.like(result, None)
        added(new, one, "add", (total, term), {}, after)
        total = after
    return new

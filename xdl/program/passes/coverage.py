"""Coverage: arrays that parts are put into, and whether these are all of the array.

A convolution's slices, and the gradients of the parts of an array, are put together in
chains of ``set_at`` that begin with zeros. If the parts cover all of the array, nothing
need be there before.
"""

import numpy as np

from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, values_in


def is_set(instruction):
    """Tell whether an instruction sets a part of an array."""
    return instruction.row.kind == Kind.CHANGE and not instruction.row.adds


def is_sum(origin):
    """Tell whether a Value comes from an instruction that adds two arrays."""
    if not isinstance(origin, Instruction):
        return False
    return origin.row.kind == Kind.ELEMENTWISE and origin.row.adds


def is_part(one):
    """Tell whether the part that an instruction changes is always the same."""
    return not values_in(one.arguments[1])


def covered(program):
    """Return the results of the ``set_at`` whose first argument need not be copied.

    Args:
        program: a Program.
    """
    uses, written = program.uses(), set()
    chained = [one for one in program.instructions if is_set(one)]
    sets = {one: None for one in chained if is_part(one)}
    following = {one.arguments[0]: one for one in sets}
    for first in sets:
        if first.arguments[0].origin in sets:
            continue
        missing = np.ones(first.result.shape, bool)
        one = first
        while one is not None:
            missing[one.arguments[1]] = False
            is_last = uses.get(one.result) != 1
            one = None if is_last else following.get(one.result)
        if not missing.any():
            written.add(first.result)
    return written

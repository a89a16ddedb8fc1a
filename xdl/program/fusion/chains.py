"""Chains: elementwise instructions of one shape that a single native loop can run.

What lies between them stays in registers. Unlike the groups of rows, a chain may read
anything that broadcasts to its shape; it holds no reductions.
"""

from xdl.program.fusion.formulas import formula_of_few
from xdl.program.fusion.groups import REPEATED, SINGLE, WHOLE, Group, Grouper
from xdl.tracing.instructions import Kind

_RESHAPES = {Kind.RESHAPE, Kind.AXES}


def chained(instructions, uses):
    """Return the instructions with elementwise ones gathered; nothing is changed.

    Args:
        instructions: those of a program.
        uses: how often each of its Values is read.
    """
    return _ByShape(uses).run(instructions)


class Chain(Group):
    """A group of elementwise instructions."""

    __slots__ = ()

    def close(self, uses):
        """Find what it reads, what is read of it outside, and the kinds of all."""
        super().close(uses)
        found = (v for one in self.inner for v in (*one.operands(), one.result))
        self.kinds = {value: _kind(value, self.shape) for value in found}


class _ByShape(Grouper):
    """What has the same shape goes together."""

    def home(self, instruction, makers):
        shape = _shape_of(instruction)
        return next((g for g in self.open if g.shape == shape), None), shape

    def joined(self, group, number, instruction, how):
        group = Chain(how) if group is None else group
        group.inner.append(instruction)
        return group


def _shape_of(instruction):
    """Return the shape of an elementwise instruction, or None if it is another."""
    result = instruction.result
    if result is None or result.is_number or not result.shape or instruction.is_view:
        return None
    return None if formula_of_few(instruction) is None else result.shape


def _kind(value, shape):
    """Tell what may be written over: what is read just where the loop stands."""
    if value.shape is None or value.size == 1:
        return WHOLE if value.shape == shape else SINGLE
    is_plain = value.axes == tuple(range(len(value.shape)))
    is_whole = value.shape == shape and is_plain and _is_forward(value)
    return WHOLE if is_whole else REPEATED


def _is_forward(value):
    """Tell whether a Value is no view, or one of all of something in its order."""
    while not isinstance(value.origin, str) and value.origin.is_view:
        if value.origin.row.kind not in _RESHAPES:
            return False
        value = value.origin.arguments[0]
    return True

"""Liveness: how long the memory of each Value is needed."""

from xdl.tracing.values import owner_of


def last_reads(program):
    """Return the number of the last instruction that reads each Value's memory.

    It is from the Values that have memory of their own; what is returned, and what
    becomes state, is read after all of them.

    Args:
        program: a Program.
    """
    last = {}
    for i, instruction in enumerate(program.instructions):
        for value in instruction.operands():
            last[owner_of(value)] = i
    end = len(program.instructions)
    last.update((owner_of(value), end) for value in program.lasting())
    return last

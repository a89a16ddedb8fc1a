"""Which of Numba's two executors runs a program."""

from xdl.native import entries
from xdl.program.native.executor import NumbaExecutor
from xdl.program.native.places import Ineligible
from xdl.program.native.whole import NumbaWhole

entries.warn_of_refusal()


def executor(program):
    """Return what runs a program: one native function if it is small, else groups.

    Args:
        program: an improved Program.
    """
    try:
        return NumbaWhole(program)
    except Ineligible:
        return NumbaExecutor(program)

"""Which of Numba's two executors runs a program."""

from xdl.program.numba_executor import NumbaExecutor
from xdl.program.numba_whole import NumbaWhole
from xdl.program.places import Ineligible


def executor(program):
    """Return what runs a program: one native function if it is small, else groups.

    Args:
        program: an improved Program.
    """
    try:
        return NumbaWhole(program)
    except Ineligible:
        return NumbaExecutor(program)

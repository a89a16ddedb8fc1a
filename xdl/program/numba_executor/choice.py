"""Which of Numba's two executors runs a program."""

from xdl.native import entries
from xdl.program.errors import Ineligible
from xdl.program.numba_executor.executor import NumbaExecutor
from xdl.program.numba_executor.whole_step.executor import NumbaWhole

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

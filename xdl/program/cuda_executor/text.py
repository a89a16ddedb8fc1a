"""Text: from a group, or an instruction, to the kernels that do it."""

from xdl.program.cuda_executor.changes import CHANGES
from xdl.program.cuda_executor.flat import flat_group, flat_instruction
from xdl.program.cuda_executor.head import HEAD
from xdl.program.cuda_executor.kernel import Kernel, NoKernelError
from xdl.program.cuda_executor.merging import merged
from xdl.program.cuda_executor.moves import MOVES
from xdl.program.cuda_executor.reductions import REDUCTIONS
from xdl.program.cuda_executor.rows import row_group
from xdl.program.cuda_executor.scans import SCANS
from xdl.program.fusion.thread_formulas import formula_of_thread
from xdl.program.fusion.together import Together
from xdl.tracing.instructions import Kind

_WRITERS = {**CHANGES, **MOVES, **REDUCTIONS, **SCANS}
__all__ = ["HEAD", "Kernel", "kernels_of"]


def kernels_of(instruction, taken):
    """Return the Kernels that do what an instruction does, in order.

    Args:
        instruction: a NativeGroup, gathered for threads, several Together, or an
            Instruction that is no view.
        taken: from output to the argument whose memory it is written over.

    Returns:
        A list of Kernels; None: there are none for it.
    """
    write = _writer_of(instruction)
    try:
        return None if write is None else write(instruction, taken)
    except NoKernelError:
        return None


def _writer_of(one):
    """Return the function that writes the kernels of an instruction, or None."""
    if isinstance(one, Together):
        return _together
    if one.row.kind == Kind.GROUP:
        has_sums = any(inner.row.joins is not None for inner in one.inner)
        return row_group if has_sums else flat_group
    if one.result is None or one.result.is_number:
        return None
    if not one.result.size:
        return _nothing
    if formula_of_thread(one) is not None:
        return flat_instruction
    return _WRITERS.get(one.name)


def _together(group, taken):
    """Return the Kernels of groups that need nothing of one another."""
    every, kernels = [*taken.items()], []
    for part in group.parts:
        of_part = {out: value for out, value in every if out in part.outputs}
        made = kernels_of(part, of_part)
        if made is None or any(v not in part.arguments for v in of_part.values()):
            raise NoKernelError("together")
        kernels += made
    return merged(kernels)


def _nothing(one, taken):
    """Return the Kernels that make an array without numbers."""
    return []

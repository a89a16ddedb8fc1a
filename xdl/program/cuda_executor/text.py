"""Text: from a group, or an instruction, to the kernels that do it."""

from xdl.program.cuda_executor.changes import CHANGES
from xdl.program.cuda_executor.flat import flat_group, flat_instruction
from xdl.program.cuda_executor.head import HEAD
from xdl.program.cuda_executor.kernel import Kernel, NoKernelError
from xdl.program.cuda_executor.merging import merged
from xdl.program.cuda_executor.moves import MOVES, pieces
from xdl.program.cuda_executor.reductions import REDUCTIONS
from xdl.program.cuda_executor.rows import row_group
from xdl.program.cuda_executor.scans import SCANS
from xdl.program.fusion.pieces import Pieces
from xdl.program.fusion.thread_formulas import formula_of_thread
from xdl.program.fusion.together import Alone, Together
from xdl.program.memory.plan import joins_rows
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, owner_of

_WRITERS = {**CHANGES, **MOVES, **REDUCTIONS, **SCANS}
__all__ = ["HEAD", "Kernel", "has_kernels", "kernels_of"]


def kernels_of(instruction, taken):
    """Return the Kernels that do what an instruction does, in order.

    Args:
        instruction: a NativeGroup, gathered for threads, Pieces, several groups
            Together, or an Instruction that is no view.
        taken: from output to the argument whose memory it is written over.

    Returns:
        A list of Kernels; None: there are none for it.
    """
    write = _writer_of(instruction)
    try:
        return None if write is None else write(instruction, taken)
    except NoKernelError:
        return None


def has_kernels(one):
    """Tell whether kernels of an instruction in no group can be with those of others.

    What puts pieces behind one another is left to the plan, which may have them made
    there.
    """
    if joins_rows(one) and any(
        isinstance(owner_of(piece).origin, Instruction) for piece in one.arguments[0]
    ):
        return False
    return kernels_of(one, {}) is not None


def _writer_of(one):
    """Return the function that writes the kernels of an instruction, or None."""
    if isinstance(one, Together):
        return _together
    if isinstance(one, Pieces):
        return pieces
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
        one = part.inner[0] if isinstance(part, Alone) else part
        made = kernels_of(one, of_part)
        if made is None or any(v not in part.arguments for v in of_part.values()):
            raise NoKernelError("together")
        kernels.append(made)
    return merged(kernels)


def _nothing(one, taken):
    """Return the Kernels that make an array without numbers."""
    return []

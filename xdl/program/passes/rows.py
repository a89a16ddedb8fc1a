"""Rows: a product of a stack with one matrix is one of all rows."""

from xdl.program.passes.rewriting import made, renamed
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value


def as_rows(program, xp):
    """Multiply all rows by a matrix in one product, as ``xp.matmul`` does."""
    names, written = {}, []
    for instruction in program.instructions:
        if not _is_product_of_rows(instruction):
            written.append(instruction)
            continue
        x, weight = instruction.arguments
        result, (rows, columns) = instruction.result, weight.shape
        count = x.size // rows
        flat = made(
            written, instruction, "reshape", (x, (count, rows)), x, (count, rows)
        )
        shape = (count, columns)
        y = made(written, instruction, "matmul", (flat, weight), result, shape)
        names[result] = made(written, instruction, "reshape", (y, result.shape), result)
    program.instructions = written
    renamed(program, names)


def _is_product_of_rows(instruction):
    if instruction.row.kind != Kind.PRODUCT:
        return False
    x, weight = instruction.arguments
    is_many = isinstance(x, Value) and len(x.shape) > 2 and len(weight.shape) == 2
    return is_many and x.size > 0 and x.axes == tuple(range(len(x.shape)))

"""Labels: one element of each row is picked by its position in memory."""

from xdl.program.passes.rewriting import made, renamed
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value


def flattened(program, xp):
    """Pick one label of each row by its position in memory: a third of the time.

    ``x[rows, labels]``, where the rows are constant and the labels have been checked,
    is ``x.reshape(-1)[rows * columns + labels]``.
    """
    names, written, checked = {}, [], {}
    for instruction in program.instructions:
        if instruction.row.kind == Kind.CHECK_INDICES:
            labels, size = instruction.arguments
            checked[labels] = size
        if not _picks_labels(instruction, checked):
            written.append(instruction)
            continue
        x, (rows, labels), *added = instruction.arguments
        count = x.size
        first = Value(rows.data * x.shape[1], "constant", rows.data * x.shape[1])
        places = labels
        if first.data.any():
            places = made(written, instruction, "add", (first, labels), labels)
        flat = made(written, instruction, "reshape", (x, (count,)), x, (count,))
        like = instruction.result
        if instruction.row.kind == Kind.PART:
            arguments = (flat, (places,))
            names[like] = made(written, instruction, "getitem", arguments, like)
        else:
            arguments = (flat, (places,), *added)
            change = made(written, instruction, "scatter_add", arguments, x, (count,))
            shape = (change, x.shape)
            change.origin.options["distinct"] = True  # one place in each row
            names[like] = made(written, instruction, "reshape", shape, x)
    program.instructions = written
    renamed(program, names)


def _picks_labels(instruction, checked):
    row = instruction.row
    if row.kind != Kind.PART and not (row.kind == Kind.CHANGE and row.adds):
        return False
    x, index = instruction.arguments[:2]
    if not isinstance(index, tuple) or len(index) != 2 or len(x.shape) != 2:
        return False
    rows, labels = index
    is_pair = isinstance(rows, Value) and isinstance(labels, Value)
    if not is_pair or rows.origin != "constant" or x.axes != (0, 1):
        return False
    is_count = rows.data.tolist() == list(range(x.shape[0]))
    return is_count and checked.get(labels) == x.shape[1] and labels.dtype == rows.dtype

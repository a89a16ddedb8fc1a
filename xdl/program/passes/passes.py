"""Passes: each takes a program's instructions and makes a shorter list of them.

A pass never changes a number that comes out, except where its text says so.
"""

from typing import Any

from xdl.program.interpreter import compute
from xdl.program.passes.covering import added, joined
from xdl.program.passes.renaming import renamed
from xdl.program.passes.sharing import shared
from xdl.tracing.values import Instruction, Value, dense, replaced

CHECKS = frozenset({"check_indices", "refuse_non_finite"})
FILLS = frozenset({"new_zeros", "new_ones", "new_arange", "full"})
ALIKE = frozenset({"new_zeros", "new_ones"})
_LAYOUT = frozenset({"reshape", "broadcast_to", "astype", "positive"})


def improved(program, xp):
    """Apply all passes to a program, in order; it is changed in place."""
    for change in (folded, flattened, as_rows, tidied, shared, added, joined, needed):
        change(program, xp)
    return program


def folded(program, xp):
    """Compute now what follows from constants alone."""
    names: dict[Any, Any] = {}
    kept: list[Any] = []
    fills: dict[Any, Any] = {}
    for instruction in program.instructions:
        is_left = instruction in program.moving and instruction.name not in FILLS
        if is_left or not _is_constant(instruction, names):
            kept.append(instruction)
            continue
        fill = _fill(instruction)
        if fill in fills:
            names[instruction.result] = fills[fill]
            continue
        arguments = replaced(instruction.arguments, lambda v: _data(v, names))
        options = {
            k: replaced(v, lambda v: _data(v, names))
            for k, v in instruction.options.items()
        }
        if instruction.name in FILLS and instruction.name != "full":
            arguments = (_Like(instruction.arguments[0]), *arguments[1:])
        real = compute(instruction, xp, arguments, options, None)
        names[instruction.result] = fills[fill] = _constant(instruction, real, xp)
    program.instructions = kept
    renamed(program, names)


def _constant(instruction, real, xp):
    """Return the Value of a constant; one number where all of it is that number."""
    value = Value(real, "constant", real)
    is_plain = value.axes in (None, tuple(range(real.ndim)))
    if instruction.is_view and is_plain:
        value.data = xp.copy(real)  # what it is a part of is not kept for it
    if instruction.name in ALIKE and real.size > 1:
        first = xp.copy(xp.reshape(real, (-1,))[0, ...])
        value.data = xp.broadcast_to(first, real.shape)
    return value


def _fill(instruction):
    """Return what two equal fills have in common; of others, what no other has."""
    if instruction.name not in FILLS or instruction.name == "full":
        return instruction
    like, *rest = instruction.arguments
    return instruction.name, like.dtype, tuple(rest)


class _Like:
    """Stands for an array of which only the dtype is asked."""

    def __init__(self, value):
        self.dtype = value.dtype


def _data(value, names):
    value = names.get(value, value)
    return dense(value) if value.origin == "constant" else value


def _is_constant(instruction, names):
    if instruction.name in CHECKS or instruction.name == "random_bits":
        return False
    operands = instruction.operands()
    if instruction.name in FILLS and instruction.name != "full":
        operands = operands[1:]
    for value in operands:
        if value.origin != "constant" and value not in names:
            return False
    return True


def tidied(program, xp):
    """Leave out what changes nothing: copies, and reshapes to the same shape.

    Values are never written into once they are made, so a copy is the thing itself,
    unless it lies otherwise in memory: products are faster on dense arrays.
    """
    names: dict[Any, Any] = {}
    kept: list[Any] = []
    for instruction in program.instructions:
        same = _same_as(instruction, names)
        if same is None:
            kept.append(instruction)
        else:
            names[instruction.result] = same
    program.instructions = kept
    renamed(program, names)


def _same_as(instruction, names):
    """Return the Value that the result equals, or None."""
    name, result = instruction.name, instruction.result
    first = instruction.arguments[0] if instruction.arguments else None
    if not isinstance(first, Value) or result is None or result.is_number:
        return None
    while first in names:
        first = names[first]
    is_alike = first.shape == result.shape and first.dtype == result.dtype
    if name == "copy":
        return first if is_alike and first.axes == result.axes is not None else None
    if name in _LAYOUT and is_alike and first.axes == result.axes:
        return first
    if name in ("multiply", "divide") and is_alike:
        return first if _is_one(instruction.arguments[1]) else None
    if name in ("permute_dims", "matrix_transpose"):
        return _twice_transposed(instruction, first)
    return None


def _is_one(argument):
    if isinstance(argument, Value):
        is_number = argument.origin == "constant" and argument.size == 1
        return is_number and bool(argument.data == 1)
    return argument == 1


def _twice_transposed(instruction, first):
    before = first.origin
    if not isinstance(before, Instruction) or before.name not in (
        "permute_dims",
        "matrix_transpose",
    ):
        return None
    axes = _axes(instruction, len(first.shape))
    inner = _axes(before, len(first.shape))
    is_undone = [inner[a] for a in axes] == list(range(len(axes)))
    return before.arguments[0] if is_undone else None


def _axes(instruction, ndim):
    if instruction.name == "permute_dims":
        return [a % ndim for a in instruction.arguments[1]]
    return [*range(ndim - 2), ndim - 1, ndim - 2]


def flattened(program, xp):
    """Pick one label of each row by its position in memory: a third of the time.

    ``x[rows, labels]``, where the rows are constant and the labels have been checked,
    is ``x.reshape(-1)[rows * columns + labels]``.
    """
    names, written, checked = {}, [], {}
    for instruction in program.instructions:
        if instruction.name == "check_indices":
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
            places = _made(written, instruction, "add", (first, labels), labels)
        flat = _made(written, instruction, "reshape", (x, (count,)), x, (count,))
        like = instruction.result
        if instruction.name == "getitem":
            arguments = (flat, (places,))
            names[like] = _made(written, instruction, "getitem", arguments, like)
        else:
            arguments = (flat, (places,), *added)
            change = _made(written, instruction, "scatter_add", arguments, x, (count,))
            shape = (change, x.shape)
            change.origin.options["distinct"] = True  # one place in each row
            names[like] = _made(written, instruction, "reshape", shape, x)
    program.instructions = written
    renamed(program, names)


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
        flat = _made(
            written, instruction, "reshape", (x, (count, rows)), x, (count, rows)
        )
        shape = (count, columns)
        y = _made(written, instruction, "matmul", (flat, weight), result, shape)
        names[result] = _made(
            written, instruction, "reshape", (y, result.shape), result
        )
    program.instructions = written
    renamed(program, names)


def _is_product_of_rows(instruction):
    if instruction.name != "matmul":
        return False
    x, weight = instruction.arguments
    is_many = isinstance(x, Value) and len(x.shape) > 2 and len(weight.shape) == 2
    return is_many and x.size > 0 and x.axes == tuple(range(len(x.shape)))


def _picks_labels(instruction, checked):
    if instruction.name not in ("getitem", "scatter_add"):
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


def _made(written, instruction, name, arguments, like, shape=None):
    """Append an instruction in the place of another one; return its new Value."""
    new = Instruction(name, arguments, {}, instruction.place)
    new.is_view = name == "reshape"
    new.result = Value.like(like, new, shape)
    written.append(new)
    return new.result


def needed(program, xp):
    """Leave out what nothing reads."""
    wanted = set(program.lasting())
    wanted.update(number for number, _, _ in program.guards)
    kept = []
    for instruction in reversed(program.instructions):
        if instruction.name in CHECKS or instruction.result in wanted:
            wanted.update(instruction.operands())
            kept.append(instruction)
    program.instructions = kept[::-1]

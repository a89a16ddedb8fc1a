"""Moves: the kernels of what only picks numbers, puts them together or adds some in."""

from xdl.program.cuda_executor.flat import copied
from xdl.program.cuda_executor.indices import Indexed
from xdl.program.cuda_executor.kernel import NoKernelError, Writer, literal_of, operand
from xdl.program.cuda_executor.memory import (
    Memory,
    place_of,
    result_layout,
)
from xdl.program.cuda_executor.words import TYPES, literal, position
from xdl.program.fusion.groups import SINGLE
from xdl.program.fusion.strides import merged
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value

_BLOCK = 128
_PIECES = 100  # of one kernel: each is a pointer
_EACH = 8  # columns of a thread that adds up rows in registers


def _threads(writer, size):
    """Return the line in which a thread finds its number, and how many blocks."""
    first = f"blockIdx.x * ({writer.unsigned}){_BLOCK} + threadIdx.x"
    lines = [f"const {writer.unsigned} i = {first};", f"if (i >= {size}u) return;"]
    return lines, -(-size // _BLOCK)


def _kind(value):
    kind = TYPES.get(str(value.dtype))
    if kind is None or value.axes is None:
        raise NoKernelError(str(value.dtype))
    return kind


def _is_array(x):
    return isinstance(x, Value) and not x.is_number


def _layout(memory, x):
    layout = memory.layout(x) if _is_array(x) else None
    if layout is None:
        raise NoKernelError("view")
    return layout


def _picked(one, index):
    """Return the Kernels of ``x[index]``."""
    memory, x, result = Memory(), one.arguments[0], one.result
    indexed = Indexed(_layout(memory, x), index, memory)
    writer = Writer({}, [result.size, x.size])
    if indexed.shape != result.shape or x.dtype != result.dtype:
        raise NoKernelError("index")
    _kind(result)
    lines, grid = _threads(writer, result.size)
    at = indexed.text(writer, result.axes, "i")
    lines.append(f"{writer.output(result)}[i] = {writer.pointer(x)}[{at}];")
    return [writer.kernel(lines, grid, _BLOCK)]


def getitem(one, taken):
    """Return the Kernels that pick numbers by an index."""
    if one.options:
        raise NoKernelError("index")
    return _picked(one, one.arguments[1])


def take(one, taken):
    """Return the Kernels that pick rows along an axis."""
    x, indices = one.arguments[:2]
    if not isinstance(one.axis, int) or not _is_array(x):
        raise NoKernelError("take")
    return _picked(one, (*[slice(None)] * (one.axis % len(x.shape)), indices))


def take_along_axis(one, taken):
    """Return the Kernels that pick one number for each index."""
    x, indices = one.arguments[:2]
    axis = one.arguments[2] if len(one.arguments) > 2 else one.options.get("axis", -1)
    memory, result = Memory(), one.result
    layout, _ = _layout(memory, x), _kind(result)
    writer = Writer({}, [result.size, x.size])
    axis %= len(x.shape)
    strides = [0 if n == 1 else s for n, s in _pairs(layout)]
    length, stride = layout.shape[axis], layout.strides[axis]
    strides[axis] = 0
    found = merged([(result.shape[a], strides[a]) for a in result.axes])
    place = memory.place(indices, result.shape, result.axes)
    if place is None or place == SINGLE or indices.dtype.kind not in "iu":
        raise NoKernelError("index")
    lines, grid = _threads(writer, result.size)
    at = position(found, layout.offset, "i", writer.integer)
    given = operand(indices, "int64", lambda v: writer.read(v, place, "i"))
    at += f" + ({writer.integer})inside_({given}, {length}) * {stride}"
    lines.append(f"{writer.output(result)}[i] = {writer.pointer(x)}[{at}];")
    return [writer.kernel(lines, grid, _BLOCK)]


def _pairs(layout):
    return zip(layout.shape, layout.strides, strict=True)


def joined(one, taken):
    """Return the Kernels that put pieces side by side."""
    pieces, result = one.arguments[0], one.result
    _kind(result)
    axis = one.axis % len(result.shape)
    places, at = [], 0
    for piece in pieces:
        is_stack = one.row.kind == Kind.STACK
        length = 1 if is_stack else piece.shape[axis]
        index = at if is_stack else slice(at, at + length)
        places.append((piece, (*[slice(None)] * axis, index, Ellipsis)))
        at += length
    places = [(piece, index) for piece, index in places if piece.size]
    return _put(result, places)


def pieces(group, taken):
    """Return the Kernels that put the parts of Pieces into their array."""
    (result,) = group.outputs
    _kind(result)
    places = []
    for part, index in group.places:
        index = index if isinstance(index, tuple) else (index,)
        index = index if Ellipsis in index else (*index, Ellipsis)
        places.append((part, index))
    before = [] if group.covers else copied(group.base, result)
    return before + _put(result, [pair for pair in places if pair[0].size])


def _put(result, places):
    """Return Kernels that write pieces of a result."""
    parts = [places[i : i + _PIECES] for i in range(0, len(places), _PIECES)]
    return [_joined(result, part) for part in parts]


def _joined(result, places):
    """Return a Kernel that writes pieces of a result."""
    memory, writer = Memory(), Writer({}, [result.size])
    to, dtype, layout = writer.output(result), str(result.dtype), result_layout(result)
    lines, first = [], 0
    for piece, index in places:
        part = layout.view(lambda array, index=index: array[index])
        order = sorted(range(len(part.shape)), key=lambda a: -part.strides[a])
        target, found = place_of(part, order)
        at = position(found, target, "i", writer.integer)
        text = _piece(memory, writer, piece, order, dtype)
        blocks = -(-piece.size // _BLOCK)
        begin = f"(blockIdx.x - {first}u) * ({writer.unsigned}){_BLOCK} + threadIdx.x"
        first += blocks
        lines += [
            f"if (blockIdx.x < {first}u) {{",
            f"const {writer.unsigned} i = {begin};",
            f"if (i < {piece.size}u) {to}[{at}] = {text};",
            "return; }",
        ]
    return writer.kernel(lines, first, _BLOCK)


def _piece(memory, writer, piece, order, dtype):
    """Return the text of a number of a piece."""
    if literal_of(piece) is not None:
        return operand(piece, dtype, None)
    layout = _layout(memory, piece)
    place = place_of(layout, order)
    return operand(piece, dtype, lambda v: writer.read(v, place, "i"))


def filled(one, taken):
    """Return the Kernel that fills an array with a number, or counts."""
    result = one.result
    kind, dtype = _kind(result), str(result.dtype)
    writer = Writer({}, [result.size])
    lines, grid = _threads(writer, result.size)
    text = f"({kind})i"
    if one.row.kind != Kind.COUNT:
        if one.name not in ("new_zeros", "new_ones"):
            raise NoKernelError(one.name)
        text = literal(int(one.name == "new_ones"), dtype)
    lines.append(f"{writer.output(result)}[i] = {text};")
    return [writer.kernel(lines, grid, _BLOCK)]


MOVES = {
    "getitem": getitem,
    "take": take,
    "take_along_axis": take_along_axis,
    "concat": joined,
    "stack": joined,
    "new_zeros": filled,
    "new_ones": filled,
    "new_arange": filled,
}

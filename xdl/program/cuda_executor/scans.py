"""Scans: the kernels of running sums and products, and of triangles of matrices."""

from xdl.program.cuda_executor.kernel import NoKernelError, Writer, operand
from xdl.program.cuda_executor.memory import Memory, place_of
from xdl.program.cuda_executor.words import TYPES, literal, position
from xdl.program.fusion.strides import merged

_BLOCK = 128
_JOINS = {"cumulative_sum": "Plus_", "cumulative_prod": "Times_"}


def cumulative(one, taken):
    """Return the Kernel in which a thread goes along each line."""
    x, result = one.arguments[0], one.result
    axis = one.arguments[1] if len(one.arguments) > 1 else one.options.get("axis")
    layouts = _layouts(one)
    axis %= len(result.shape)
    writer = Writer({}, [result.size])
    order = [a for a in result.axes if a != axis]
    count, firsts, steps = result.size // result.shape[axis], [], []
    for layout in layouts:
        found = merged([(layout.shape[a], layout.strides[a]) for a in order])
        firsts.append(position(found, layout.offset, "n", writer.integer))
        steps.append(layout.strides[axis])
    dtype = str(result.dtype)
    term = operand(x, dtype, lambda v: f"{writer.pointer(v)}[from]")
    start = literal(int(one.name == "cumulative_prod"), dtype)
    lines = [
        *_number(writer, count, "n"),
        f"{writer.integer} from = {firsts[0]}, to = {firsts[1]};",
        f"{TYPES[dtype]} x = {start};",
        f"for (int k = 0; k < {result.shape[axis]}; k++) {{",
        f"x = {_JOINS[one.name]}()(x, {term});",
        f"{writer.output(result)}[to] = x;",
        f"from += {steps[0]}; to += {steps[1]}; }}",
    ]
    return [writer.kernel(lines, -(-count // _BLOCK), _BLOCK)]


def triangle(one, taken):
    """Return the Kernel that keeps one side of matrices, and has 0 on the other."""
    x, result = one.arguments[0], one.result
    given = one.arguments[1] if len(one.arguments) > 1 else one.options.get("k", 0)
    layout, _ = _layouts(one)
    if not isinstance(given, int) or len(result.shape) < 2:
        raise NoKernelError(one.name)
    writer, shape = Writer({}, [result.size]), result.shape
    places = [place_of(layout, result.axes)]
    for axis in (len(shape) - 1, len(shape) - 2):
        steps = [int(a == axis) for a in range(len(shape))]
        places.append((0, merged([(shape[a], steps[a]) for a in result.axes])))
    at, column, row = [
        position(found, offset, "i", writer.integer) for offset, found in places
    ]
    sign, dtype = "<=" if one.name == "tril" else ">=", str(result.dtype)
    number = f"{writer.pointer(x)}[{at}]"
    lines = [
        *_number(writer, result.size, "i"),
        f"const bool is_kept = (int)({column}) - (int)({row}) {sign} {given};",
        f"{writer.output(result)}[i] = is_kept ? {number} : ({literal(0, dtype)});",
    ]
    return [writer.kernel(lines, -(-result.size // _BLOCK), _BLOCK)]


def _layouts(one):
    """Return the Layouts of what is read and of what is made."""
    x, result, memory = one.arguments[0], one.result, Memory()
    known = str(x.dtype) in TYPES and str(result.dtype) in TYPES
    layout = memory.layout(x)
    if not known or layout is None or result.axes is None:
        raise NoKernelError(one.name)
    return layout, memory.layout(result)


def _number(writer, size, name):
    first = f"blockIdx.x * ({writer.unsigned}){_BLOCK} + threadIdx.x"
    return [
        f"const {writer.unsigned} {name} = {first};",
        f"if ({name} >= {size}u) return;",
    ]


SCANS = dict.fromkeys(_JOINS, cumulative)
SCANS |= dict.fromkeys(("tril", "triu"), triangle)

"""Matrix products in a native step: loops where they are tiny, else blocks or BLAS."""

from xdl.backend.blas import AS_IS, ROW_MAJOR, TRANSPOSED
from xdl.program.native.blas import GEMM
from xdl.program.native.places import Ineligible, Nest
from xdl.program.native.product import is_known
from xdl.program.native.step_words import loaded

_TINY = 256  # multiplications: below, loops are as fast (benchmarks/native.py)


class Products:
    """Writes matrix products.

    Args:
        lines: the Lines that they are added to.
    """

    def __init__(self, lines):
        self.lines, self.text = lines, lines.text

    def write(self, instruction):
        """Write one product of arrays of any number of axes."""
        x, y = instruction.arguments
        if str(x.dtype) not in ("float32", "float64") or x.dtype != y.dtype:
            raise Ineligible(f"a product of {x.dtype} and {y.dtype}")
        a, b = self.text.place(x), self.text.place(y)
        if len(a.shape) == 1 == len(b.shape):
            self._dot(instruction, a, b)
            return
        c = self.text.place(instruction.result)
        if len(a.shape) == 1:
            a, c = a.view(lambda v: v[None, :]), c.view(lambda v: v[..., None, :])
        if len(b.shape) == 1:
            b, c = b.view(lambda v: v[:, None]), c.view(lambda v: v[..., None])
        batch = c.shape[:-2]
        wide = [p.spread((*batch, *p.shape[-2:])) for p in (c, a, b)]
        firsts = [p.view(lambda v: v[..., 0, 0]) for p in wide]
        nest = Nest(batch, firsts, prefix="o")
        steps = [nest.steps(p) for p in firsts]
        zeros = (0,) * len(batch)
        matrices = [p.view(lambda v: v[(*zeros, ...)]) for p in wide]
        self.lines.add(nest, self._matrix(matrices, steps))

    def _matrix(self, matrices, steps):
        (_, a, b), (m, n) = matrices, matrices[0].shape
        dtype = str(matrices[0].array.dtype)
        layouts = [layout(p) for p in matrices]
        is_tiny = m * n * a.shape[1] <= _TINY
        is_native = is_known(dtype)
        is_fit = None not in layouts[: 1 if is_native else 3]
        if is_tiny or not is_fit or not (is_native or dtype in GEMM):
            return self._by_loops(matrices, steps)
        if layouts[0][0] == TRANSPOSED:  # the rows of c are its columns: swap all
            turned = [p.view(lambda v: v.T) for p in (matrices[0], b, a)]
            return self._matrix(turned, [steps[0], steps[2], steps[1]])
        pointers = [
            f"at({p.memory}, {p.position(s)})"
            for p, s in zip(matrices, steps, strict=True)
        ]
        write = self._by_blocks if is_native else self._by_blas
        return [write(matrices, layouts, pointers)]

    def _by_blocks(self, matrices, layouts, pointers):
        c, a, b = matrices
        given = [*c.shape, a.shape[1], pointers[1], *a.strides, pointers[2]]
        given += [*b.strides, pointers[0], layouts[0][1]]
        return f"product_{c.array.dtype}({', '.join(map(str, given))})"

    def _by_blas(self, matrices, layouts, pointers):
        (m, n), k = matrices[0].shape, matrices[1].shape[1]
        dtype = str(matrices[0].array.dtype)
        (_, step), (a_flag, a_step), (b_flag, b_step) = layouts
        given = f"{ROW_MAJOR}, {a_flag}, {b_flag}, {m}, {n}, {k}, {dtype}(1)"
        given += f", {pointers[1]}, {a_step}, {pointers[2]}, {b_step}"
        return f"gemm_{dtype}({given}, {dtype}(0), {pointers[0]}, {step})"

    def _by_loops(self, matrices, steps):
        c, a, b = matrices
        (m, n), k = c.shape, a.shape[1]
        dtype, total, size = str(c.array.dtype), self.lines.new(), self.text.size
        strides = [p.strides for p in matrices]
        row, column, term = "m", "n", "k"
        x = a.element([*steps[1], (row, strides[1][0]), (term, strides[1][1])])
        y = b.element([*steps[2], (term, strides[2][0]), (column, strides[2][1])])
        z = c.element([*steps[0], (row, strides[0][0]), (column, strides[0][1])])
        return [
            f"for {row} in range({size(m)}):",
            f"    for {column} in range({size(n)}):",
            f"        {total} = {dtype}(0)",
            f"        for {term} in range({size(k)}):",
            f"            {total} = plus_{dtype}({total}, {x} * {y})",
            f"        {z} = {total}",
        ]

    def _dot(self, instruction, a, b):
        nest, total = Nest(a.shape, [a, b]), self.lines.new()
        dtype = str(a.array.dtype)
        product = f"{loaded(a, nest.steps(a))} * {loaded(b, nest.steps(b))}"
        self.lines.body.append(f"{total} = {dtype}(0)")
        self.lines.add(nest, [f"{total} = plus_{dtype}({total}, {product})"])
        self.text.scalars[instruction.result] = total


def layout(place):
    """Return how BLAS is to read a matrix: a flag, and the step between its lines.

    The stride of an axis of one element says nothing. None: it cannot read it.
    """
    (rows, columns), (by_row, by_column) = place.shape, place.strides
    if rows == 1 and (by_column == 1 or columns == 1):
        return AS_IS, max(columns, 1)
    if by_row >= columns and (by_column == 1 or columns == 1):
        return AS_IS, by_row
    if by_column >= rows and (by_row == 1 or rows == 1):
        return TRANSPOSED, by_column
    return None

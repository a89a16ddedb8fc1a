"""Matrix products in a native step: those linked, or loops where no rows are dense."""

from xdl.program.errors import Ineligible
from xdl.program.numba_executor.whole_step.places import LoopNest
from xdl.program.numba_executor.whole_step.words import loaded


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
        nest = LoopNest(batch, firsts, prefix="o")
        steps = [nest.steps(p) for p in firsts]
        zeros = (0,) * len(batch)
        matrices = [p.view(lambda v: v[(*zeros, ...)]) for p in wide]
        self.lines.add(nest, self._matrix(matrices, steps))

    def _matrix(self, matrices, steps):
        (c, a, b), (m, n) = matrices, matrices[0].shape
        if 1 not in c.strides:
            return self._by_loops(matrices, steps)
        if c.strides[1] != 1 and n > 1:  # the rows of c are its columns: swap all
            turned = [p.view(lambda v: v.T) for p in (c, b, a)]
            return self._matrix(turned, [steps[0], steps[2], steps[1]])
        pointers = [
            f"at({p.memory}, {p.position(s)})"
            for p, s in zip(matrices, steps, strict=True)
        ]
        moving = [(m, n, a.shape[1]), a.strides, b.strides, c.strides[:1]]
        sizes, of_a, of_b, of_c = [", ".join(f"${n}" for n in of) for of in moving]
        given = f"{sizes}, {pointers[1]}, {of_a}, {pointers[2]}, {of_b}, {pointers[0]}"
        return [f"product_{c.array.dtype}({given}, {of_c}, False)"]

    def _by_loops(self, matrices, steps):
        c, a, b = matrices
        (m, n), k = c.shape, a.shape[1]
        dtype, total = str(c.array.dtype), self.lines.new()
        strides = [p.strides for p in matrices]
        row, column, term = "row", "column", "term"
        x = a.element([*steps[1], (row, strides[1][0]), (term, strides[1][1])])
        y = b.element([*steps[2], (term, strides[2][0]), (column, strides[2][1])])
        z = c.element([*steps[0], (row, strides[0][0]), (column, strides[0][1])])
        return [
            f"for {row} in range(${m}):",
            f"    for {column} in range(${n}):",
            f"        {total} = {dtype}(0)",
            f"        for {term} in range(${k}):",
            f"            {total} = plus_{dtype}({total}, {x} * {y})",
            f"        {z} = {total}",
        ]

    def _dot(self, instruction, a, b):
        nest, total = LoopNest(a.shape, [a, b]), self.lines.new()
        dtype = str(a.array.dtype)
        product = f"{loaded(a, nest.steps(a))} * {loaded(b, nest.steps(b))}"
        self.lines.body.append(f"{total} = {dtype}(0)")
        self.lines.add(nest, [f"{total} = plus_{dtype}({total}, {product})"])
        self.text.scalars[instruction.result] = total

"""Reductions in a native step: sums, products and extremes along axes.

Rows, and the parts of long ones, are added up in float64. What goes along the first
axis is taken for long: that may be the batch's, and no text depends on its length.
"""

from xdl.program.errors import Ineligible
from xdl.program.fusion.formulas import FLOATS
from xdl.program.numba_executor.accumulation import TERMS
from xdl.program.numba_executor.whole_step.places import LoopNest
from xdl.program.numba_executor.whole_step.words import cast, loaded


class Reductions:
    """Writes reductions.

    Args:
        lines: the Lines that they are added to.
    """

    def __init__(self, lines):
        self.lines, self.text = lines, lines.text

    def write(self, instruction):
        """Write one reduction."""
        x, axis = instruction.arguments[0], instruction.axis
        result = instruction.result
        known = self.text.scalar(x)
        if known is not None:
            text = cast(known, str(x.dtype), str(result.dtype))
            self.text.scalars[result] = text
            return
        place, ndim = self.text.place(x), len(x.shape)
        axis = range(ndim) if axis is None else axis
        axes = sorted(a % ndim for a in ([axis] if isinstance(axis, int) else axis))
        kept = [a for a in range(ndim) if a not in axes and x.shape[a] != 1]
        one = Reduction(instruction)
        if not kept:
            total = self._total(one, place, range(ndim), ())
            if result.shape:
                target = self.text.place(result)
                self.lines.body.append(f"{target.element(())} = {total}")
            else:
                self.text.scalars[result] = total
            return
        index = tuple([None if a in axes else slice(None) for a in range(ndim)])
        target = self.text.place(result)
        if len(target.shape) < ndim:
            target = target.view(lambda array: array[index])
        least = min(place.strides[a] for a in range(ndim) if x.shape[a] != 1)
        is_inner = any(place.strides[a] == least for a in axes if x.shape[a] != 1)
        if is_inner:
            self._by_rows(one, place, target, kept, axes)
        else:
            self._by_columns(one, place, target, kept, axes)

    def _by_rows(self, one, place, target, kept, axes):
        """Write loops over what stays, and in them loops over what goes."""
        first = _at_axes(axes, len(place.shape))
        outer = [target.view(lambda a: a[first]), place.view(lambda a: a[first])]
        shape = outer[0].shape
        nest = LoopNest(shape, outer, prefix="o")
        before, self.lines.body = self.lines.body, []
        total = self._total(one, place, axes, nest.steps(outer[1]))
        lines, self.lines.body = self.lines.body, before
        element = outer[0].element(nest.steps(outer[0]))
        self.lines.add(nest, [*lines, f"{element} = {total}"])

    def _total(self, one, place, axes, steps):
        """Write the reduction along axes, at the place where outer loops stand."""
        rest = tuple([slice(None) if a in axes else 0 for a in range(len(place.shape))])
        inner = place.view(lambda array: array[(*rest, ...)])
        nest, total = LoopNest(inner.shape, [inner]), self.lines.new()
        element = loaded(inner, [*steps, *nest.steps(inner)])
        is_long = 0 in axes or len(nest.sizes) > 1 or nest.sizes[-1:] > [TERMS]
        if one.is_sum and is_long and nest.sizes:
            self._in_parts(one, nest, axes, total, element)
        else:
            self.lines.body.append(f"{total} = {one.start}")
            self.lines.add(nest, [f"{total} = {one.joined(total, element)}"])
        return total

    def _in_parts(self, one, nest, axes, total, element):
        """Write a sum whose parts, the innermost loops, are added up in float64."""
        part, wide = self.lines.new(), self.lines.new()
        *outer, line = nest.loops()
        size, last = nest.sizes[-1], nest.indices[-1]
        indent = "    " * len(outer)
        if 0 in axes or size > TERMS:
            outer.append(f"{indent}for b in range(0, ${size}, {TERMS}):")
            indent += "    "
            line = f"{indent}for {last} in range(b, min(b + {TERMS}, ${size})):"
        lines = [f"{indent}{part} = {one.start}", line]
        lines.append(f"{indent}    {part} = {one.joined(part, element)}")
        lines.append(f"{indent}{wide} += {part}")
        self.lines.body += [
            f"{wide} = 0.0",
            *outer,
            *lines,
            f"{total} = {one.dtype}({wide})",
        ]

    def _by_columns(self, one, place, target, kept, axes):
        """Write loops over what goes, and in them loops over what stays."""
        total, start = target, one.start
        if one.is_sum:
            total, start = self.text.wide(target.shape), "0.0"
        nest = LoopNest(total.shape, [total])
        self.lines.add(nest, [f"{total.element(nest.steps(total))} = {start}"])
        order = [*axes, *sorted(kept, key=lambda a: -abs(place.strides[a]))]
        every = total.spread(place.shape)
        nest = LoopNest(place.shape, [place, every], axes=order)
        element = loaded(place, nest.steps(place))
        local, before = self.lines.new(), loaded(every, nest.steps(every))
        lines = [f"{local} = {one.joined(before, element, False)}"]
        self.lines.add(nest, [*lines, f"{every.element(nest.steps(every))} = {local}"])
        if total is not target:
            nest = LoopNest(target.shape, [target, total])
            text = cast(total.element(nest.steps(total)), "float64", one.dtype)
            self.lines.add(nest, [f"{target.element(nest.steps(target))} = {text}"])


_STARTS = {"ZERO": "{0}(0)", "ONE": "{0}(1)"}
_STARTS |= {"LOWEST": "-INFINITY_{0}", "INFINITY": "INFINITY_{0}"}


class Reduction:
    """How numbers are joined by a reduction.

    Attributes:
        start: the text of what it begins with.
        is_sum: whether it is a sum of floating numbers.
    """

    def __init__(self, instruction):
        self.row, self.dtype = instruction.row, str(instruction.result.dtype)
        self.before = str(instruction.arguments[0].dtype)
        is_float = self.dtype in FLOATS
        self.is_sum = self.row.adds and is_float
        if not is_float and self.row.symbol is None:
            raise Ineligible(f"{self.row.name} of {self.dtype}")
        self.start = _STARTS.get(self.row.start, self.row.start).format(self.dtype)

    def joined(self, total, element, in_any_order=True):
        """Return the text of a total with one more element."""
        element, symbol = cast(element, self.before, self.dtype), self.row.symbol
        if symbol is None or (self.is_sum and in_any_order):
            return f"{self.row.joins}_{self.dtype}({total}, {element})"
        return f"{total} {symbol} {element}"


def _at_axes(axes, ndim):
    return tuple([0 if a in axes else slice(None) for a in range(ndim)])

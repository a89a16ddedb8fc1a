"""The lines of a native step: loops for each instruction of a program."""

from typing import Any

from xdl.backend import numpy as host
from xdl.program.errors import Ineligible
from xdl.program.fusion.formulas import FLOATS, formula_of_few
from xdl.program.fusion.groups import Group
from xdl.program.interpreter import compute
from xdl.program.numba_executor.whole_step.gathers import Gathers
from xdl.program.numba_executor.whole_step.places import LoopNest
from xdl.program.numba_executor.whole_step.products import Products
from xdl.program.numba_executor.whole_step.reductions import Reductions
from xdl.program.numba_executor.whole_step.words import (
    cast,
    loaded,
    number_text,
    worded,
)
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value


class Lines:
    """Writes the lines.

    Args:
        text: the WholeText that knows where Values lie.

    Attributes:
        body: the lines.
    """

    def __init__(self, text):
        self.text, self.body = text, []
        self._count = 0
        gathers = Gathers(self)
        self._writers = {
            Kind.REDUCTION: Reductions(self).write,
            Kind.PRODUCT: Products(self).write,
            Kind.PART: gathers.part,
            Kind.TAKE: gathers.take,
            Kind.CHANGE: gathers.change,
            Kind.COPY: self._copy,
            Kind.RESHAPE: self._reshape,
            Kind.CONCAT: self._concat,
            Kind.STACK: self._stack,
            Kind.CHECK_INDICES: self._check_labels,
            Kind.CHECK_FINITE: self._refuse_non_finite,
        }

    def new(self):
        """Return a new name for a number."""
        self._count += 1
        return f"t{self._count}"

    def add(self, nest, lines):
        """Add loops around lines."""
        self.body += nest.loops()
        self.body += [nest.indent + line for line in lines]

    def write(self, instruction):
        """Write one instruction.

        Raises:
            Ineligible: it is not known here.
        """
        self._resolved(self._write, instruction)
        made = getattr(instruction, "outputs", (instruction.result,))
        if any(value in self.text.plan.over_state for value in made):
            self.text.is_changed = True

    def _resolved(self, write, *given):
        before, self.body = self.body, []
        write(*given)
        self.body = before + self.text.sizes.resolved(self.body)

    def _write(self, instruction):
        kind, result = instruction.row.kind, instruction.result
        if isinstance(instruction, Group):
            self._elementwise(instruction)
        elif result is not None and result.is_number:
            self._number(instruction)
        elif result is not None and instruction.is_view:
            self._view(instruction)
        elif kind in self._writers:
            self._writers[kind](instruction)
        elif not result.shape and formula_of_few(instruction) is not None:
            local = self.new()
            self.body += self.formula(instruction, self.single, local)
            self.text.scalars[result] = local
        else:
            raise Ineligible(instruction.name)

    def single(self, value):
        """Return the text of the only element of a Value."""
        known = self.text.scalar(value)
        if known is not None:
            return known
        return loaded(self.text.place(value), ())

    def formula(self, instruction, read, local):
        """Return the lines that compute one element into a local number."""
        formula = formula_of_few(instruction)
        dtype, lines, given = formula.computed, [], []
        pairs = zip(instruction.arguments, formula.dtypes, strict=False)
        for i, (argument, wanted) in enumerate(pairs):
            if not isinstance(argument, Value):
                is_exponent = "**" in formula.text  # LLVM knows better ways for some
                text = number_text if is_exponent else self.text.number
                given.append(text(argument, wanted))
                continue
            text = cast(read(argument), str(argument.dtype), wanted)
            is_chosen = " if " in formula.text  # and to be read whatever is chosen
            is_named = is_chosen or formula.text.count(f"{{{i}}}") > 1
            if is_named and not text.isidentifier():
                lines.append(f"{local}_{i} = {text}")
                text = f"{local}_{i}"
            given.append(text)
        words = worded(formula.text, dtype).format(*given)
        if dtype.startswith(("int", "uint")) and instruction.result.dtype != bool:
            words = f"{dtype}({words})"
        return [*lines, f"{local} = {words}"]

    def _number(self, instruction):
        parts = [
            self.single(a) if isinstance(a, Value) else repr(float(a))
            for a in instruction.arguments
        ]
        local, symbol = self.new(), instruction.row.symbol
        if not instruction.row.of_numbers:
            raise Ineligible(f"{instruction.name} of numbers")
        text = f"-{parts[0]}" if symbol is None else f"{parts[0]} {symbol} {parts[1]}"
        self.body.append(f"{local} = {text}")
        self.text.scalars[instruction.result] = local

    def _elementwise(self, group):
        """Write one loop for a chain of elementwise instructions."""
        places = {v: self.text.place(v).spread(group.shape) for v in group.outputs}
        for value in group.arguments:
            if self.text.scalar(value) is None:
                places[value] = self.text.place(value).spread(group.shape)
        nest = LoopNest(group.shape, list(places.values()))
        names: dict[Any, Any] = {}
        lines: list[Any] = []

        def read(value):
            if value in names:
                return names[value]
            place = places.get(value)
            if place is None:
                return self.text.scalar(value)
            return loaded(place, nest.steps(place))

        for one in group.inner:
            local = self.new()
            lines += self.formula(one, read, local)
            names[one.result] = local
            if one.result in group.outputs:
                place = places[one.result]
                lines.append(f"{place.element(nest.steps(place))} = {local}")
        self.add(nest, lines)

    def copied(self, value, place):
        """Write a Value into a Place, beside all instructions."""
        self._resolved(self.copy, value, place)

    def copy(self, value, place):
        """Write a Value into a Place of its shape, converted to the dtype there."""
        shape, before = place.shape, str(value.dtype or "float64")
        local, after = self.new(), str(place.array.dtype)
        scalar = self.text.scalar(value)
        if scalar is not None:
            nest = LoopNest(shape, [place])
            text = scalar
        else:
            source = self.text.place(value).spread(shape)
            nest = LoopNest(shape, [place, source])
            text = loaded(source, nest.steps(source))
        lines = [f"{local} = {cast(text, before, after)}"]
        self.add(nest, [*lines, f"{place.element(nest.steps(place))} = {local}"])

    def _view(self, instruction):
        base, *rest = instruction.arguments
        options = instruction.options
        if list(instruction.operands())[1:]:
            raise Ineligible("a view at a place that is computed")
        if self.text.scalar(base) is not None:
            self.text.scalars[instruction.result] = self.text.scalar(base)
            return
        self.text.places[instruction.result] = self.text.place(base).view(
            lambda array: compute(instruction, host, (array, *rest), options, None)
        )

    def _copy(self, instruction):
        self.copy(instruction.arguments[0], self.text.place(instruction.result))

    def _reshape(self, instruction):
        x = instruction.arguments[0]
        place = self.text.place(instruction.result)
        self.copy(x, place.view(lambda array: array.reshape(x.shape)))

    def _concat(self, instruction):
        xs, axis = _listed(instruction)
        axis %= len(instruction.result.shape)
        place, at = self.text.place(instruction.result), 0
        for x in xs:
            part = _at(axis, slice(at, at + x.shape[axis]))
            self.copy(x, place.view(lambda array, part=part: array[part]))
            at += x.shape[axis]

    def _stack(self, instruction):
        xs, axis = _listed(instruction)
        axis %= len(instruction.result.shape)
        place = self.text.place(instruction.result)
        for i, x in enumerate(xs):
            part = _at(axis, i)
            self.copy(x, place.view(lambda array, part=part: array[(*part, ...)]))

    def _check_labels(self, instruction):
        indices, size = instruction.arguments
        self.check(indices, 0, size)
        self.text.checked[indices] = min(size, self.text.checked.get(indices, size))

    def check(self, indices, first, end):
        """Write that integers outside of a range are refused."""
        local, text, places = self.new(), self.text.scalar(indices), []
        if text is None:
            places = [self.text.place(indices)]
        nest = LoopNest(indices.shape if places else (), places)
        for place in places:
            text = place.element(nest.steps(place))
        lines = [
            f"{local} = int64({text})",
            f"if {local} < ${first} or {local} >= ${end}:",
        ]
        self.add(nest, [*lines, "    return step"])

    def operand(self, argument, dtype):
        """Return the text of a number or of a scalar Value; None if it has a Place."""
        if not isinstance(argument, Value):
            return self.text.number(argument, dtype)
        text = self.text.scalar(argument)
        return text and cast(text, str(argument.dtype), dtype)

    def _refuse_non_finite(self, instruction):
        """Write a sum of zeros: it is NaN if any number was NaN or infinite.

        Numbers over a limit are made infinite first.
        """
        x, *limit = instruction.arguments
        dtype, total = str(x.dtype), self.new()
        if dtype not in FLOATS:
            raise Ineligible(f"a check of {dtype}")
        self.body.append(f"{total} = {dtype}(0)")
        if self.text.scalar(x) is not None:
            term = _zero(self.single(x), dtype, limit)
            self.body.append(f"{total} += {term}")
        else:
            place = self.text.place(x)
            nest = LoopNest(x.shape, [place])
            term = _zero(place.element(nest.steps(place)), dtype, limit)
            self.add(nest, [f"{total} = plus_{dtype}({total}, {term})"])
        self.body += [f"if {total} != {dtype}(0):", "    return step"]


def _zero(number, dtype, limit):
    """Return the text of 0, or of NaN for a number that is not finite or too large."""
    if limit:  # what is multiplied by this is infinite from the limit on
        largest = 2.0**1023 if dtype == "float64" else 2.0**127
        number = f"{number} * {dtype}({2 * (largest / limit[0])!r})"
    return f"{number} * {dtype}(0)"


def _listed(instruction):
    """Return the arrays that are joined, and along which axis."""
    xs, axis = instruction.arguments[0], instruction.axis
    is_listed = isinstance(xs, tuple | list) and all(isinstance(x, Value) for x in xs)
    if not is_listed or not isinstance(axis, int):
        raise Ineligible("arrays that are joined otherwise than along an axis")
    return xs, axis


def _at(axis, part):
    return (*[slice(None)] * axis, part)

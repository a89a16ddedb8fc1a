"""The lines of a native step: loops for each instruction of a program."""

import math

from xdl.backend import numpy as host
from xdl.backend.recording import Value
from xdl.program.groups import Group
from xdl.program.interpreter import compute
from xdl.program.lines import _reduction
from xdl.program.native.accumulation import TERMS
from xdl.program.native.places import Ineligible, Nest
from xdl.program.native.step_gathers import Gathers
from xdl.program.native.step_products import Products
from xdl.program.native.step_words import cast, formula_in, loaded, number_text, worded
from xdl.program.plan import REDUCTIONS

_SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "pow": "**"}
_MANY = 128  # rows: more of them are added up in float64
_ASSOCIATIVE = frozenset({"float32", "float64"})


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
            "matmul": Products(self).write,
            "getitem": gathers.getitem,
            "take": gathers.take,
            "scatter_add": gathers.change,
            "set_at": gathers.change,
            "copy": self._copy,
            "reshape": self._reshape,
            "concat": self._concat,
            "stack": self._stack,
            "check_indices": self._check_labels,
            "refuse_non_finite": self._refuse_non_finite,
        }

    def new(self):
        """Return a new name for a number."""
        self._count += 1
        return f"t{self._count}"

    def add(self, nest, lines):
        """Add loops around lines."""
        self.body += nest.loops(self.text.size)
        self.body += [nest.indent + line for line in lines]

    def write(self, instruction):
        """Write one instruction.

        Raises:
            Ineligible: it is not known here.
        """
        name, result = instruction.name, instruction.result
        if isinstance(instruction, Group):
            self._elementwise(instruction)
        elif result is not None and result.is_number:
            self._number(instruction)
        elif result is not None and instruction.is_view:
            self._view(instruction)
        elif name in REDUCTIONS:
            self._reduce(instruction)
        elif name in self._writers:
            self._writers[name](instruction)
        elif not result.shape and formula_in(instruction) is not None:
            local = self.new()
            self.body += self.formula(instruction, self.single, local)
            self.text.scalars[result] = local
        else:
            raise Ineligible(name)
        made = getattr(instruction, "outputs", (result,))
        if any(value in self.text.plan.over_state for value in made):
            self.text.is_changed = True

    def single(self, value):
        """Return the text of the only element of a Value."""
        known = self.text.scalar(value)
        if known is not None:
            return known
        return loaded(self.text.place(value), ())

    def formula(self, instruction, read, local):
        """Return the lines that compute one element into a local number."""
        formula = formula_in(instruction)
        dtype, lines, given = formula.computed, [], []
        pairs = zip(instruction.arguments, formula.dtypes, strict=False)
        for i, (argument, wanted) in enumerate(pairs):
            if not isinstance(argument, Value):
                given.append(number_text(argument, wanted))
                continue
            text = cast(read(argument), str(argument.dtype), wanted)
            lines.append(f"{local}_{i} = {text}")
            given.append(f"{local}_{i}")
        words = worded(formula.text, dtype).format(*given)
        if dtype.startswith(("int", "uint")) and instruction.result.dtype != bool:
            words = f"{dtype}({words})"
        return [*lines, f"{local} = {words}"]

    def _number(self, instruction):
        parts = [
            self.single(a) if isinstance(a, Value) else repr(float(a))
            for a in instruction.arguments
        ]
        local, symbol = self.new(), _SYMBOLS.get(instruction.name)
        if symbol is None and instruction.name != "negative":
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
        nest = Nest(group.shape, list(places.values()))
        names, lines = {}, []

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

    def copy(self, value, place):
        """Write a Value into a Place of its shape, converted to the dtype there."""
        shape, before = place.shape, str(value.dtype or "float64")
        local, after = self.new(), str(place.array.dtype)
        scalar = self.text.scalar(value)
        if scalar is not None:
            nest = Nest(shape, [place])
            text = scalar
        else:
            source = self.text.place(value).spread(shape)
            nest = Nest(shape, [place, source])
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
        nest = Nest(indices.shape if places else (), places)
        for place in places:
            text = place.element(nest.steps(place))
        lines = [
            f"{local} = int64({text})",
            f"if {local} < {first} or {local} >= {end}:",
        ]
        self.add(nest, [*lines, "    return step"])

    def operand(self, argument, dtype):
        """Return the text of a number or of a scalar Value; None if it has a Place."""
        if not isinstance(argument, Value):
            return number_text(argument, dtype)
        text = self.text.scalar(argument)
        return text and cast(text, str(argument.dtype), dtype)

    def _refuse_non_finite(self, instruction):
        """Write a sum of zeros: it is NaN if any number was NaN or infinite.

        Numbers over a limit are made infinite first.
        """
        x, *limit = instruction.arguments
        dtype, total = str(x.dtype), self.new()
        if dtype not in _ASSOCIATIVE:
            raise Ineligible(f"a check of {dtype}")
        self.body.append(f"{total} = {dtype}(0)")
        if self.text.scalar(x) is not None:
            term = _zero(self.single(x), dtype, limit)
            self.body.append(f"{total} += {term}")
        else:
            place = self.text.place(x)
            nest = Nest(x.shape, [place])
            term = _zero(place.element(nest.steps(place)), dtype, limit)
            self.add(nest, [f"{total} = plus_{dtype}({total}, {term})"])
        self.body += [f"if {total} != {dtype}(0):", "    return step"]

    def _reduce(self, instruction):
        x, axis, _ = _reduction(instruction)
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
                self.body.append(f"{target.element(())} = {total}")
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
        nest = Nest(shape, outer, prefix="o")
        before, self.body = self.body, []
        total = self._total(one, place, axes, nest.steps(outer[1]))
        lines, self.body = self.body, before
        element = outer[0].element(nest.steps(outer[0]))
        self.add(nest, [*lines, f"{element} = {total}"])

    def _total(self, one, place, axes, steps):
        """Write the reduction along axes, at the place where outer loops stand."""
        rest = tuple([slice(None) if a in axes else 0 for a in range(len(place.shape))])
        inner = place.view(lambda array: array[(*rest, ...)])
        nest, total = Nest(inner.shape, [inner]), self.new()
        element = loaded(inner, [*steps, *nest.steps(inner)])
        if one.is_sum and (len(nest.sizes) > 1 or nest.sizes[-1:] > [TERMS]):
            self._in_parts(one, nest, total, element)
        else:
            self.body.append(f"{total} = {one.start}")
            self.add(nest, [f"{total} = {one.joined(total, element)}"])
        return total

    def _in_parts(self, one, nest, total, element):
        """Write a sum whose parts, the innermost loops, are added up in float64."""
        part, wide = self.new(), self.new()
        *outer, line = nest.loops(self.text.size)
        size, last = nest.sizes[-1], nest.indices[-1]
        indent = "    " * len(outer)
        if size > TERMS:
            outer.append(f"{indent}for b in range(0, {size}, {TERMS}):")
            indent += "    "
            line = f"{indent}for {last} in range(b, min(b + {TERMS}, {size})):"
        lines = [f"{indent}{part} = {one.start}", line]
        lines.append(f"{indent}    {part} = {one.joined(part, element)}")
        lines.append(f"{indent}{wide} += {part}")
        self.body += [f"{wide} = 0.0", *outer, *lines, f"{total} = {one.dtype}({wide})"]

    def _by_columns(self, one, place, target, kept, axes):
        """Write loops over what goes, and in them loops over what stays."""
        total, start = target, one.start
        if one.is_sum and math.prod(place.shape[a] for a in axes) > _MANY:
            total, start = self.text.wide(target.shape), "0.0"
        nest = Nest(total.shape, [total])
        self.add(nest, [f"{total.element(nest.steps(total))} = {start}"])
        order = [*axes, *sorted(kept, key=lambda a: -abs(place.strides[a]))]
        every = total.spread(place.shape)
        nest = Nest(place.shape, [place, every], axes=order)
        element = loaded(place, nest.steps(place))
        local, before = self.new(), loaded(every, nest.steps(every))
        lines = [f"{local} = {one.joined(before, element, False)}"]
        self.add(nest, [*lines, f"{every.element(nest.steps(every))} = {local}"])
        if total is not target:
            nest = Nest(target.shape, [target, total])
            text = cast(total.element(nest.steps(total)), "float64", one.dtype)
            self.add(nest, [f"{target.element(nest.steps(target))} = {text}"])


class Reduction:
    """How numbers are joined by a reduction.

    Attributes:
        start: the text of what it begins with.
        is_sum: whether it is a sum of floating numbers.
    """

    def __init__(self, instruction):
        self.name, self.dtype = instruction.name, str(instruction.result.dtype)
        self.before = str(instruction.arguments[0].dtype)
        is_float = self.dtype in _ASSOCIATIVE
        self.is_sum = self.name == "sum" and is_float
        if not is_float and self.name in ("max", "min"):
            raise Ineligible(f"{self.name} of {self.dtype}")
        starts = {"sum": "{0}(0)", "prod": "{0}(1)", "all": "True", "any": "False"}
        starts |= {"max": "-INFINITY_{0}", "min": "INFINITY_{0}"}
        self.start = starts[self.name].format(self.dtype)

    def joined(self, total, element, in_any_order=True):
        """Return the text of a total with one more element."""
        element = cast(element, self.before, self.dtype)
        if self.is_sum and in_any_order:
            return f"plus_{self.dtype}({total}, {element})"
        if self.name in ("max", "min"):
            return f"{self.name}imum_{self.dtype}({total}, {element})"
        symbol = {"sum": "+", "prod": "*", "all": "&", "any": "|"}[self.name]
        return f"{total} {symbol} {element}"


def _zero(number, dtype, limit):
    """Return the text of 0, or of NaN for a number that is not finite or too large."""
    if limit:  # what is multiplied by this is infinite from the limit on
        largest = 2.0**1023 if dtype == "float64" else 2.0**127
        number = f"{number} * {dtype}({2 * (largest / limit[0])!r})"
    return f"{number} * {dtype}(0)"


def _listed(instruction):
    """Return the arrays that are joined, and along which axis."""
    xs, *rest = instruction.arguments
    axis = rest[0] if rest else instruction.options.get("axis", 0)
    is_listed = isinstance(xs, tuple | list) and all(isinstance(x, Value) for x in xs)
    if not is_listed or not isinstance(axis, int):
        raise Ineligible("arrays that are joined otherwise than along an axis")
    return xs, axis


def _at(axis, part):
    return (*[slice(None)] * axis, part)


def _at_axes(axes, ndim):
    return tuple([0 if a in axes else slice(None) for a in range(ndim)])

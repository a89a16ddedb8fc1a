"""Lines: the NumPy call, or few, that one instruction becomes."""

import math

import numpy as np

from xdl.backend import numpy as host
from xdl.backend import scatter, summation
from xdl.program.numpy_executor import kernels
from xdl.program.numpy_executor.names import Names
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, is_fill, owner_of, values_in

_OUT_BY_NAME = (np.maximum, np.minimum)  # NumPy warns of a third argument
_LISTED = 16  # indices: below, a list is faster
_FEW = 4096  # elements: below, counting the finite ones is faster than summing them


class Lines(Names):
    """Writes instructions, as expressions or into given memory."""

    def _call(self, instruction):
        function = self.object(getattr(host, instruction.name))
        given = [self.text(a) for a in instruction.arguments]
        given += [f"{k}={self.text(v)}" for k, v in instruction.options.items()]
        return f"{function}({', '.join(given)})"

    def _operator(self, instruction):
        symbol, parts = instruction.row.symbol, self._texts(instruction)
        return f"-{parts[0]}" if symbol is None else f"{parts[0]} {symbol} {parts[1]}"

    def _texts(self, instruction):
        return [self.text(a) for a in instruction.arguments]

    def _expression(self, instruction):
        """Return the text that makes a new array or scalar."""
        row, made = instruction.row, None
        if not instruction.result.shape and _of_scalars(instruction):
            return self._operator(instruction)
        if row.is_ufunc and not (row.kind == Kind.POWER and row.operator):
            parts = ", ".join(self._texts(instruction))
            return f"{self.object(ufunc_of(row))}({parts})"
        if row.kind in _EXPRESSIONS:
            made = _EXPRESSIONS[row.kind](self, instruction)
        return made or self._call(instruction)

    def _part_of(self, instruction):
        x, index = instruction.arguments
        return f"{self.text(x)}[{self._index(index)}]"

    def _random_bits(self, instruction):
        _, shape, width, number = instruction.arguments
        draw = self.object(kernels.random_bits)
        return f"{draw}({shape}, {width}, key, draw + {number})"

    def _whole_reduction(self, instruction):
        x, row = instruction.arguments[0], instruction.row
        if instruction.result.shape:
            return None
        if row.adds and x.size == 1 and x.dtype.kind == "f":
            return f"{self.text(x)}[{(0,) * len(x.shape)}] + 0.0"  # -0.0 sums to 0.0
        axis = self.text(instruction.axis)
        return f"{self._reduce(instruction)}({self.text(x)}, {axis})"

    def _written_copy(self, instruction):
        if instruction.row.adds:
            return None
        x, index, new = instruction.arguments
        name = self.name(instruction.result)
        self.body.append(f"{name} = {self.text(x)}.copy()")
        self.body.append(f"{name}[{self.text(index)}] = {self.text(new)}")
        return name

    def _write_into(self, instruction, out):
        """Write the lines that compute into the array called ``out``."""
        row = instruction.row
        if not row.is_ufunc:
            getattr(self, f"_write_{row.kind}")(instruction, out)
            return
        ufunc = ufunc_of(row)
        given = [self._operand(a, instruction) for a in instruction.arguments]
        if ufunc in _OUT_BY_NAME:
            out = f"out={out}"
        self.body.append(f"{self.object(ufunc)}({', '.join([*given, out])})")

    def _operand(self, argument, instruction):
        """Return the text of an operand of an elementwise function.

        NumPy takes its fast path where it has nothing to broadcast and nothing to
        convert: an array of one element is given without axes, a number as an array.
        """
        result = instruction.result
        if not isinstance(argument, Value):
            return self.text(argument)
        if argument.is_number and result.dtype.kind == "f":
            name = f"{self.name(argument)}_{result.dtype}"
            if argument.origin == "number":
                self.numbers[name] = (argument.data, result.dtype)
                return name
        is_lone = argument.size == 1 and argument.shape and result.size > 1
        if is_lone and self._is_bound(argument):
            return self._viewed(self.name(argument), "()")
        return self.text(argument)

    def _write_product(self, instruction, out):
        a, b = self._texts(instruction)
        shapes = [v.shape for v in instruction.arguments]
        if summation.is_long_dot(*shapes):
            product = self.object(summation.long_matmul)
            self.body.append(f"{self._copyto()}({out}, {product}({a}, {b}))")
            return
        if len(shapes[0]) > 2 and len(shapes[1]) == 2:
            self._write_tall_matmul(instruction, out, a, b)
            return
        is_plain = all(len(shape) == 2 for shape in shapes)
        function = (
            np.dot if is_plain and instruction.result.axes == (0, 1) else np.matmul
        )
        self.body.append(f"{self.object(function)}({a}, {b}, {out})")

    def _write_convolution(self, instruction, out):
        function = self.object(getattr(host, instruction.name))
        self.body.append(f"{function}({', '.join([*self._texts(instruction), out])})")

    def _write_tall_matmul(self, instruction, out, a, b):
        """Write one product of all rows of a stack with a matrix, as eager computes it.

        BLAS may round the rows of small products otherwise.
        """
        x, result = instruction.arguments[0], instruction.result
        *places, width = result.shape
        rows = math.prod(places)
        flat = f"({rows}, {x.shape[-1]})"
        if self._is_bound(x) and x.axes == tuple(range(len(x.shape))):
            a = self._viewed(a, flat)
        else:
            a = f"{a}.reshape({flat})"
        dot = self.object(np.dot)
        is_plain = result.axes == tuple(range(len(result.shape)))
        if is_plain and result not in self.plan.over_state:
            out = self._viewed(out, f"({rows}, {width})")
            self.body.append(f"{dot}({a}, {b}, {out})")
        else:
            product = f"{dot}({a}, {b}).reshape({tuple(result.shape)})"
            self.body.append(f"{self._copyto()}({out}, {product})")

    def _write_reduction(self, instruction, out):
        x, axis = instruction.arguments[0], instruction.axis
        function, keepdims = self._reduce(instruction), instruction.keepdims
        is_one_row = x.size == x.shape[-1] and axis in (-1, len(x.shape) - 1)
        if is_one_row and self._is_bound(x) and x.axes is not None:
            x, out = self._viewed(self.name(x), "-1"), self._viewed(out, "()")
            self.body.append(f"{function}({x}, 0, None, {out})")
            return
        self.body.append(
            f"{function}({self.text(x)}, {self.text(axis)}, None, {out}, {keepdims})"
        )

    def _reduce(self, instruction):
        """Return a name for the reduction of a ufunc, or what takes its place."""
        x, row = instruction.arguments[0], instruction.row
        if row.adds and summation.is_long(x.shape, instruction.axis):
            return self.object(summation.long_sum)
        ufunc = ufunc_of(row)
        name = f"{ufunc.__name__}_reduce"
        self.names[name] = ufunc.reduce
        return name

    def _viewed(self, name, shape):
        """Return the name of a bound array in another shape."""
        return self._once(f"{name}.reshape({shape})", f"{name}_as")

    def _write_change(self, instruction, out):
        x, index, new = instruction.arguments
        is_there = self._memory(owner_of(x)) is self._memory(instruction.result)
        if not is_there and instruction.result not in self._covered:
            self._write_start(out, x)
        is_distinct = "distinct" in instruction.options or _names_nothing_twice(index)
        if _is_slice(index):
            self._write_part(instruction.row, out, index, new)
            return
        at = f"{out}[{self._place(instruction, index)}]"
        if not instruction.row.adds:
            self.body.append(f"{at} = {self.text(new)}")
        elif is_distinct:
            self.body.append(f"{at} += {self.text(new)}")
        else:
            add = self.object(scatter.add_at)
            self.body.append(f"{add}({out}, {self.text(index)}, {self.text(new)})")

    def _write_start(self, out, x):
        """Write what there is before it is changed."""
        if is_fill(x):
            self.body.append(f"{out}.fill({self.text(x.data.flat[0].item())})")
        else:
            self.body.append(f"{self._copyto()}({out}, {self.text(x)})")

    def _write_part(self, row, out, index, new):
        """Write into a part, or add to it, that is a view made once."""
        parts = index if isinstance(index, tuple) else (index,)
        parts = parts if Ellipsis in parts else (*parts, ...)  # one element, too
        part = self._once(f"{out}[{self._index(parts)}]", f"{out}_at")
        if not row.adds:
            self.body.append(f"{part}[...] = {self.text(new)}")
        else:
            self.body.append(f"{self.object(np.add)}({part}, {self.text(new)}, {part})")

    def _place(self, instruction, index):
        """Return the text of an index; of one lone place a Python number: 2 us less."""
        if "distinct" in instruction.options and index[0].size == 1:
            return f"{self.text(index[0])}.item()"
        return self._index(index)

    def _memory(self, value):
        return self.plan.buffers.get(value, value)

    def _copyto(self):
        return self.object(np.copyto)

    def _write_copy(self, instruction, out):
        (x,) = self._texts(instruction)
        self.body.append(f"{self._copyto()}({out}, {x})")

    def _write_conversion(self, instruction, out):
        x, _ = self._texts(instruction)
        self.body.append(f"{self._copyto()}({out}, {x}, 'unsafe')")

    def _write_choice(self, instruction, out):
        condition, x, y = self._texts(instruction)
        self.body.append(f"{self._copyto()}({out}, {y})")
        self.body.append(f"{self._copyto()}({out}, {x}, where={condition})")

    def _write_reshape(self, instruction, out):
        x, _ = self._texts(instruction)
        turned = self._viewed(out, instruction.arguments[0].shape)
        self.body.append(f"{self._copyto()}({turned}, {x})")

    def _write_concat(self, instruction, out):
        xs, axis = self._texts(instruction)[0], instruction.axis
        if not self.plan.has_pieces(instruction.result):
            self.body.append(f"{self.object(np.concatenate)}({xs}, {axis}, {out})")
            return
        for i, first, x in self._not_placed(instruction):
            self._copy_piece(f"{out}[{first}:{first + x.shape[0]}]", f"{out}_{i}", x)

    def _write_stack(self, instruction, out):
        self._texts(instruction)
        axis = instruction.axis % len(instruction.result.shape)
        for i, _, x in self._not_placed(instruction):
            index = ", ".join([":"] * axis + [str(i), "..."])
            self._copy_piece(f"{out}[{index}]", f"{out}_{i}", x)

    def _not_placed(self, instruction):
        """Return (number, first row, piece) of the pieces that are not there yet."""
        row, offset, missing = 0, 0, []
        for i, x in enumerate(instruction.arguments[0]):
            if not self.plan.is_placed(x, instruction.result, offset):
                missing.append((i, row, x))
            row, offset = row + (x.shape or (1,))[0], offset + x.nbytes
        return missing

    def _copy_piece(self, view, name, x):
        piece = self._once(view, name)
        self.body.append(f"{self._copyto()}({piece}, {self.text(x)})")

    def _write_mask(self, instruction, out):
        mask, x = self._texts(instruction)
        zero_unless = self.object(kernels.zero_unless)
        self.body.append(f"{zero_unless}({mask}, {x}, {out})")

    def _write_finite_check(self, instruction):
        given = self._texts(instruction)
        x, *limit = instruction.arguments
        if limit:
            within = self.object(host.is_within)
            self.body.append(f"if not {within}({', '.join(given)}): raise Refused")
            return
        isfinite = self.object(np.isfinite)
        if x.size <= _FEW:
            flags = f"{isfinite}{len(self.planned)}"
            empty = f"{self.object(np.empty)}({x.shape}, {self.object(np.bool_)})"
            self.planned.append(f"{flags} = {empty}")
            test = f"0 in {isfinite}({given[0]}, {flags}).tobytes()"
        else:  # a sum that overflows is refused too: then the step runs eagerly
            self.names["add_reduce"] = np.add.reduce
            test = f"not {isfinite}(add_reduce({given[0]}, None))"
        self.body.append(f"if {test}: raise Refused")

    def _write_index_check(self, instruction):
        indices, size = instruction.arguments
        name = self.text(indices)
        if indices.size == 1:
            self.body.append(f"if not 0 <= {name}.item() < {size}: raise Refused")
            return
        if len(indices.shape) != 1 or not 0 < indices.size <= _LISTED:
            check = self.object(host.check_indices)
            self.body.append(f"{check}({name}, {size}, 'compile', Refused)")
            return
        self.body.append(f"listed = {name}.tolist()")
        test = f"min(listed) < 0 or max(listed) >= {size}"
        self.body.append(f"if {test}: raise Refused")


# What is written otherwise than as a call, where no memory is given.
_EXPRESSIONS = {
    Kind.PART: Lines._part_of,
    Kind.RANDOM: Lines._random_bits,
    Kind.REDUCTION: Lines._whole_reduction,
    Kind.CHANGE: Lines._written_copy,
}


def ufunc_of(row):
    """Return NumPy's function of one number or two for a Row."""
    return getattr(np, row.ufunc)


def _of_scalars(instruction):
    """Tell whether Python's operator computes it: of a power, whether no operand is a
    0-d array, whose operator is another than that of NumPy's scalars."""
    if not _has_operator(instruction.row):
        return False
    origins = [v.origin for v in instruction.operands() if not v.is_number]
    return instruction.row.kind != Kind.POWER or all(
        isinstance(origin, Instruction) and _has_operator(origin.row)
        for origin in origins
    )


def _has_operator(row):
    return row.of_numbers and row.symbol is not None


def _names_nothing_twice(index):
    """Tell whether no element can be named twice by an index.

    None can if it has no arrays, or one of them is a constant without a number twice.
    """
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [part for part in parts if isinstance(part, Value)]
    constants = [a.data for a in arrays if a.origin == "constant" and a.data.ndim == 1]
    return not arrays or any(_are_distinct(c.tolist()) for c in constants)


def _is_slice(index):
    """Tell whether an index has neither arrays nor numbers that change."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or type(part) in (int, slice) for part in parts
    ) and not values_in([(s.start, s.stop, s.step) for s in parts if type(s) is slice])


def _are_distinct(positions):
    return len(set(positions)) == len(positions) and min(positions, default=0) >= 0

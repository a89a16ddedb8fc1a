"""Lines: the NumPy call, or few, that one instruction becomes."""

import math

import numpy as np

from xdl.backend import numpy as host
from xdl.backend import scatter, summation
from xdl.program.memory.plan import INTO, REDUCTIONS, ufunc_of
from xdl.program.numpy_executor import kernels
from xdl.program.numpy_executor.names import Names
from xdl.tracing.values import Instruction, Value, is_fill, values_in

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "pow": "**",
}
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
        symbol = _SYMBOLS.get(instruction.name)
        parts = [self.text(a) for a in instruction.arguments]
        if symbol is None:
            return f"-{parts[0]}"
        return f"{parts[0]} {symbol} {parts[1]}"

    def _expression(self, instruction):
        """Return the text that makes a new array or scalar."""
        name = instruction.name
        if (
            name in _SYMBOLS
            and not instruction.result.shape
            and _of_scalars(instruction)
        ):
            return self._operator(instruction)
        if name == "getitem":
            x, index = instruction.arguments
            return f"{self.text(x)}[{self._index(index)}]"
        if name == "random_bits":
            _, shape, width, number = instruction.arguments
            draw = self.object(kernels.random_bits)
            return f"{draw}({shape}, {width}, key, draw + {number})"
        ufunc = None if name == "pow" else ufunc_of(name)
        if ufunc is not None:
            parts = ", ".join(map(self.text, instruction.arguments))
            return f"{self.object(ufunc)}({parts})"
        if name in REDUCTIONS and not instruction.result.shape:
            return self._whole_reduction(instruction)
        if name == "set_at":
            return self._written_copy(instruction)
        return self._call(instruction)

    def _whole_reduction(self, instruction):
        x, axis, _ = _reduction(instruction)
        if instruction.name == "sum" and x.size == 1 and x.dtype.kind == "f":
            return f"{self.text(x)}[{(0,) * len(x.shape)}] + 0.0"  # -0.0 sums to 0.0
        return f"{self._reduce(instruction)}({self.text(x)}, {self.text(axis)})"

    def _written_copy(self, instruction):
        x, index, new = instruction.arguments
        name = self.name(instruction.result)
        self.body.append(f"{name} = {self.text(x)}.copy()")
        self.body.append(f"{name}[{self.text(index)}] = {self.text(new)}")
        return name

    def _write_into(self, instruction, out):
        """Write the lines that compute into the array called ``out``."""
        name = instruction.name
        ufunc = ufunc_of(name)
        if ufunc is not None:
            given = [self._operand(a, instruction) for a in instruction.arguments]
            if ufunc in _OUT_BY_NAME:
                out = f"out={out}"
            self.body.append(f"{self.object(ufunc)}({', '.join([*given, out])})")
        elif name in REDUCTIONS:
            self._write_reduction(instruction, out)
        elif name in INTO:
            self._write_change(instruction, out)
        else:
            given = [self.text(a) for a in instruction.arguments]
            getattr(self, f"_write_{name}")(instruction, out, *given)

    def _operand(self, argument, instruction):
        """Return the text of an operand of an elementwise function.

        NumPy takes a short way where it has nothing to broadcast and nothing to
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

    def _write_matmul(self, instruction, out, a, b):
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
        x, axis, keepdims = _reduction(instruction)
        function = self._reduce(instruction)
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
        x, axis, _ = _reduction(instruction)
        if instruction.name == "sum" and summation.is_long(x.shape, axis):
            return self.object(summation.long_sum)
        ufunc = ufunc_of(REDUCTIONS[instruction.name])
        name = f"{ufunc.__name__}_reduce"
        self.names[name] = ufunc.reduce
        return name

    def _viewed(self, name, shape):
        """Return the name of a bound array in another shape."""
        return self._once(f"{name}.reshape({shape})", f"{name}_as")

    def _write_change(self, instruction, out):
        x, index, new = instruction.arguments
        is_there = self._memory(self.plan.owner(x)) is self._memory(instruction.result)
        if not is_there and instruction.result not in self._covered:
            self._write_start(out, x)
        is_distinct = "distinct" in instruction.options or _names_nothing_twice(index)
        if _is_slice(index):
            self._write_part(instruction.name, out, index, new)
            return
        at = f"{out}[{self._place(instruction, index)}]"
        if instruction.name == "set_at":
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

    def _write_part(self, name, out, index, new):
        """Write into a part, or add to it, that is a view made once."""
        parts = index if isinstance(index, tuple) else (index,)
        parts = parts if Ellipsis in parts else (*parts, ...)  # one element, too
        part = self._once(f"{out}[{self._index(parts)}]", f"{out}_at")
        if name == "set_at":
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

    def _write_copy(self, instruction, out, x):
        self.body.append(f"{self._copyto()}({out}, {x})")

    def _write_astype(self, instruction, out, x, dtype):
        self.body.append(f"{self._copyto()}({out}, {x}, 'unsafe')")

    def _write_where(self, instruction, out, condition, x, y):
        self.body.append(f"{self._copyto()}({out}, {y})")
        self.body.append(f"{self._copyto()}({out}, {x}, where={condition})")

    def _write_reshape(self, instruction, out, x, shape):
        turned = self._viewed(out, instruction.arguments[0].shape)
        self.body.append(f"{self._copyto()}({turned}, {x})")

    def _write_concat(self, instruction, out, xs, axis="0"):
        axis = instruction.options.get("axis", axis)
        if not self.plan.has_pieces(instruction.result):
            self.body.append(f"{self.object(np.concatenate)}({xs}, {axis}, {out})")
            return
        for i, first, x in self._not_placed(instruction):
            self._copy_piece(f"{out}[{first}:{first + x.shape[0]}]", f"{out}_{i}", x)

    def _write_stack(self, instruction, out, xs, axis="0"):
        axis = int(instruction.options.get("axis", axis)) % len(
            instruction.result.shape
        )
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

    def _write_zero_unless(self, instruction, out, mask, x):
        zero_unless = self.object(kernels.zero_unless)
        self.body.append(f"{zero_unless}({mask}, {x}, {out})")

    def _write_check(self, instruction):
        given = [self.text(a) for a in instruction.arguments]
        if instruction.name == "check_indices":
            self._write_index_check(*instruction.arguments)
            return
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

    def _write_index_check(self, indices, size):
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


def _of_scalars(instruction):
    """Tell whether the operator computes it: of a power, whether no operand is a 0-d
    array, whose operator is another than that of NumPy's scalars."""
    origins = [v.origin for v in instruction.operands() if not v.is_number]
    return instruction.name != "pow" or all(
        isinstance(origin, Instruction) and origin.name in _SYMBOLS
        for origin in origins
    )


def _reduction(instruction):
    x, *rest = instruction.arguments
    options = instruction.options
    axis = rest[0] if rest else options.get("axis")
    keepdims = rest[1] if len(rest) > 1 else options.get("keepdims", False)
    return x, axis, keepdims


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

"""The program as Python: one line of NumPy for each instruction.

What can be made once stands before the function: buffers in the arena, and views of
them. The function reads the arguments and writes with ``out`` into the buffers.
"""

import numpy as np

from xdl.backend import numpy as host
from xdl.backend.recording import Instruction, Value
from xdl.program import kernels
from xdl.program.groups import SINGLE, Group
from xdl.program.plan import INTO, REDUCTIONS, ufunc_of
from xdl.program.tiles import Tiling

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "pow": "**",
}
_VIEWS = {
    "matrix_transpose": "{0}.mT",
    "permute_dims": "{0}.transpose({1})",
    "reshape": "{0}.reshape({1})",
    "getitem": "{0}[{1}]",
}
_OUT_BY_NAME = (np.maximum, np.minimum)  # NumPy warns of a third argument
_LISTED = 16  # indices: below, a list is faster
_FEW = 4096  # elements: below, counting the finite ones is faster than summing them


class Source:
    """The text of a program, and what it names.

    Attributes:
        planned: the lines that run once.
        body: the lines of the function.
        names: from name to object: constants, dtypes and functions of the text.
        states: from name to slot number.
        numbers: from name to (number, dtype): hyperparameters as arrays.
        given_slots: the slots whose arrays each call is given.
    """

    def __init__(self, program, plan):
        self.program, self.plan = program, plan
        self.planned, self.body, self.names, self.states = [], [], {}, {}
        self._name_of, self._bound = {}, set()
        self.given_slots = []
        self.numbers, self._made_flat = {}, set()
        self._replaced = {u.slot for u in program.updates if not u.in_place}
        self._start()
        for i, instruction in enumerate(program.instructions):
            self._write(i, instruction)
        self._finish()

    def _start(self):
        for i, value in enumerate(self.program.inputs):
            if value is not None:
                self._name_of[value] = f"x{i}"

    def name(self, value):
        """Return the name of a Value; it is made at its first mention."""
        name = self._name_of.get(value)
        if name is not None:
            return name
        count = len(self._name_of)
        if value.origin == "number":
            name = f"n{value.data}"
        elif value.origin == "state":
            name = f"s{value.data}"
            self._add_state(value, name)
        elif value.origin == "constant":
            name = f"c{count}"
            self.names[name] = value.data
            self._bound.add(value)
        else:
            name = f"t{count}"
        self._name_of[value] = name
        return name

    def _add_state(self, value, name):
        """Name an array of the state: it is bound, or given at each call if replaced."""
        if value.data in self._replaced:
            self.given_slots.append(value.data)
        else:
            self.states[name] = value.data
            self._bound.add(value)

    def text(self, nested):
        """Return the text of an argument."""
        if isinstance(nested, Value):
            return self.name(nested)
        if isinstance(nested, slice):
            parts = (nested.start, nested.stop, nested.step)
            return f"slice({', '.join(map(self.text, parts))})"
        if isinstance(nested, tuple | list):
            inner = ", ".join(map(self.text, nested))
            return f"({inner},)" if len(nested) == 1 else f"({inner})"
        if nested is None or nested is Ellipsis or type(nested) in (bool, int, str):
            return "..." if nested is Ellipsis else repr(nested)
        if type(nested) is float and nested == nested and abs(nested) != float("inf"):
            return repr(nested)
        return self.object(nested)

    def _index(self, index):
        is_lone = isinstance(index, tuple) and len(index) == 1
        return self.text(index[0] if is_lone else index)

    def object(self, thing):
        """Return a name for an object of the text: a dtype, a function."""
        name = getattr(thing, "__name__", None) or f"k{len(self.names)}"
        while self.names.get(name, thing) is not thing:
            name += "_"
        self.names[name] = thing
        return name

    def _is_bound(self, value):
        self.name(value)
        return value in self._bound

    def _write(self, i, instruction):
        if isinstance(instruction, Group):
            self._write_group(instruction)
        elif instruction.result is None:
            self._write_check(instruction)
        elif instruction.result.is_number:
            self._assign(instruction, self._operator(instruction))
        elif instruction.is_view:
            self._write_view(instruction)
        elif instruction.result in self.plan.over_state:
            slot = self.plan.over_state[instruction.result]
            out = self.name(self.plan._states[slot])
            self._name_of[instruction.result] = out
            self._bound.add(instruction.result)
            self._write_into(instruction, out)
        elif instruction.result in self.plan.buffers:
            self._write_into(instruction, self._buffer(instruction.result))
        else:
            self._assign(instruction, self._expression(instruction))
        self._forget(i, instruction)

    def _write_group(self, group):
        """Write a loop over tiles; what it needs is cut once, where that is possible."""
        tiling = Tiling(group)
        for value in group.outputs:
            slot = self.plan.over_state.get(value)
            if slot is None:
                self._buffer(value)
            else:
                self._name_of[value] = self.name(self.plan._states[slot])
                self._bound.add(value)
        whole = [v for v in group.arguments if group.kinds[v] != SINGLE]
        arrays = dict.fromkeys([*whole, *group.outputs])
        listed = "".join(f"{self.name(v)}, " for v in arrays)
        count = len(self.names)
        self.names[f"cut{count}"] = lambda *given: tiling.make(
            group, dict(zip(arrays, given, strict=True))
        )
        tiles = f"cut{count}({listed})"
        if all(map(self._is_bound, arrays)):
            self.planned.append(f"g{count} = {tiles}")
            tiles = f"g{count}"
        names = {v: f"{self.name(v)}_" for v in arrays}
        scratch = [f"p{i}" for i in range(len(tiling.scratch))]
        names |= {v: scratch[slot] for v, slot in tiling.slots.items()}
        loop = ", ".join([*map(names.get, arrays), *scratch])
        self.body.append(f"for {loop}, in {tiles}:")
        for one in group.inner:
            self._write_inner(one, names)

    def _write_inner(self, one, names):
        """Write one instruction of a group on the parts of a tile."""
        kept, at = self._name_of, len(self.body)
        self._name_of = {**kept, **names}
        if one.name in REDUCTIONS:
            x, out = names[one.arguments[0]], names[one.result]
            self.body.append(f"{self._reduce(one)}({x}, 1, None, {out}, True)")
        else:
            self._write_into(one, names[one.result])
        for value in self._name_of.keys() - names.keys():
            kept[value] = self._name_of[value]
        self._name_of = kept
        self.body[at:] = ["    " + line for line in self.body[at:]]

    def _forget(self, i, instruction):
        """Let go of large arrays that NumPy allocated, after their last use."""
        for value in {self.plan.owner(v) for v in instruction.operands()}:
            is_fresh = isinstance(value.origin, Instruction) and not self._is_bound(value)
            if is_fresh and self.plan.last[value] == i and value.nbytes > _FEW:
                self.body.append(f"del {self.name(value)}")

    def _assign(self, instruction, text):
        self.body.append(f"{self.name(instruction.result)} = {text}")

    def _buffer(self, value):
        """Return the name of a Value in the arena; the line that makes it is planned."""
        name = self.name(value)
        offset = self.plan.buffers[value].offset
        dtype = self.object(value.dtype.type)
        line = f"{name} = buffer({offset}, {value.shape}, {dtype}"
        is_plain = value.axes == tuple(range(len(value.shape)))
        self.planned.append(line + (")" if is_plain else f", {value.axes})"))
        self._bound.add(value)
        return name

    def _write_view(self, instruction):
        base = instruction.arguments[0]
        template = _VIEWS.get(instruction.name)
        if template is None:
            text = self._call(instruction)
        else:
            text = template.format(*map(self.text, instruction.arguments))
        line = f"{self.name(instruction.result)} = {text}"
        others = list(instruction.operands())[1:]
        if self._is_bound(base) and all(map(self._is_bound, others)):
            self._bound.add(instruction.result)
            self.planned.append(line)
        else:
            self.body.append(line)

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
        if name in _SYMBOLS and not instruction.result.shape:
            return self._operator(instruction)
        if name == "getitem":
            x, index = instruction.arguments
            return f"{self.text(x)}[{self._index(index)}]"
        if name == "random_bits":
            _, shape, width, number = instruction.arguments
            draw = self.object(kernels.random_bits)
            return f"{draw}({shape}, {width}, key, draw + {number})"
        ufunc = ufunc_of(name)
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
        given = [self.text(a) for a in instruction.arguments]
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
            return self._viewed(self.name(argument), 0, "()")
        return self.text(argument)

    def _write_matmul(self, instruction, out, a, b):
        is_plain = all(len(v.shape) == 2 for v in instruction.arguments)
        function = np.dot if is_plain and instruction.result.axes == (0, 1) else np.matmul
        self.body.append(f"{self.object(function)}({a}, {b}, {out})")

    def _write_reduction(self, instruction, out):
        x, axis, keepdims = _reduction(instruction)
        function = self._reduce(instruction)
        is_one_row = x.size == x.shape[-1] and axis in (-1, len(x.shape) - 1)
        if is_one_row and self._is_bound(x) and x.axes is not None:
            x, out = self._viewed(self.name(x), "flat", "-1"), self._viewed(out, 0, "()")
            self.body.append(f"{function}({x}, 0, None, {out})")
            return
        self.body.append(
            f"{function}({self.text(x)}, {self.text(axis)}, None, {out}, {keepdims})"
        )

    def _reduce(self, instruction):
        """Return a name for the reduction of a ufunc."""
        ufunc = ufunc_of(REDUCTIONS[instruction.name])
        name = f"{ufunc.__name__}_reduce"
        self.names[name] = ufunc.reduce
        return name

    def _viewed(self, name, suffix, shape):
        """Return the name of a bound array in another shape."""
        view = f"{name}_{suffix}"
        if view not in self._made_flat:
            self._made_flat.add(view)
            self.planned.append(f"{view} = {name}.reshape({shape})")
        return view

    def _write_change(self, instruction, out):
        x, index, new = instruction.arguments
        if self._memory(self.plan.owner(x)) is not self._memory(instruction.result):
            self.body.append(f"{self._copyto()}({out}, {self.text(x)})")
        at = f"{out}[{self._index(index)}]"
        is_distinct = "distinct" in instruction.options or _names_nothing_twice(index)
        if instruction.name == "set_at":
            self.body.append(f"{at} = {self.text(new)}")
        elif is_distinct:
            self.body.append(f"{at} += {self.text(new)}")
        else:
            add = self.object(host._add_at)
            self.body.append(f"{add}({out}, {self.text(index)}, {self.text(new)})")

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
        flat = f"{out}_as"
        self.planned.append(f"{flat} = {out}.reshape({instruction.arguments[0].shape})")
        self.body.append(f"{self._copyto()}({flat}, {x})")

    def _write_concat(self, instruction, out, xs, axis="0"):
        axis = instruction.options.get("axis", axis)
        self.body.append(f"{self.object(np.concatenate)}({xs}, {axis}, {out})")

    def _write_stack(self, instruction, out, xs, axis="0"):
        axis = int(instruction.options.get("axis", axis)) % len(instruction.result.shape)
        for i, x in enumerate(instruction.arguments[0]):
            index = ", ".join([":"] * axis + [str(i), "..."])
            self.planned.append(f"{out}_{i} = {out}[{index}]")
            self.body.append(f"{self._copyto()}({out}_{i}, {self.text(x)})")

    def _write_zero_unless(self, instruction, out, mask, x):
        zero_unless = self.object(kernels.zero_unless)
        self.body.append(f"{zero_unless}({mask}, {x}, {out})")

    def _write_check(self, instruction):
        given = [self.text(a) for a in instruction.arguments]
        if instruction.name == "check_indices":
            self._write_index_check(*instruction.arguments)
            return
        (x,) = instruction.arguments
        isfinite = self.object(np.isfinite)
        if x.size <= _FEW:
            test = f"0 in {isfinite}({given[0]}).tobytes()"
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

    def _finish(self):
        """Write the end: what is returned, and the state that is changed last."""
        returned = [o.value for o in self.program.returned() if o.kind != "constant"]
        replaced = [
            u.value for u in self.program.updates if u.value and not u.in_place
        ]
        results = [self._given_away(value) for value in returned + replaced]
        over = self.plan.over_state
        late = [u for u in self.program.updates if u.in_place and u.value not in over]
        parts = [self._late(update) for update in late]
        for update, part in zip(late, parts, strict=True):
            name = self._state_name(update.slot)
            self.body.append(f"{self._copyto()}({name}, {part})")
        self.body.append(f"return ({''.join(f'{r}, ' for r in results)})")

    def _given_away(self, value):
        """Return the name of a result that no later replay writes into."""
        name = self.name(value)
        owner = self.plan.owner(value)
        is_fresh = isinstance(owner.origin, Instruction) and not self._is_bound(owner)
        if value.is_number or is_fresh:
            return name
        result = f"r{len(self.body)}"
        self.body.append(f"{result} = {name}.copy()")
        return result

    def _late(self, update):
        """Return the name of a new state that is still there when others are written."""
        if self.plan.owner(update.value).origin != "state":
            return self.name(update.value)
        return self._given_away(update.value)

    def _state_name(self, slot):
        name = f"s{slot}"
        self.states[name] = slot
        return name

    def text_of_function(self):
        """Return the whole text: the planned lines, and the function ``step``."""
        inputs = [f"x{i}" for i, v in enumerate(self.program.inputs) if v is not None]
        inputs += [f"s{slot}" for slot in self.given_slots]
        lines = [*self.planned, f"def step({', '.join([*inputs, 'key', 'draw'])}):"]
        return "\n".join([*lines, *["    " + line for line in self.body], ""])


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


def _are_distinct(positions):
    return len(set(positions)) == len(positions) and min(positions, default=0) >= 0

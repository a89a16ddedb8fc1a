"""The text of a whole step as one native function, for programs of small arrays.

The function works on pointers: to each array of the state and of the arguments, to what
it returns, and for each dtype to one arena and one piece that holds all constants. It
does several steps, over stacked arguments, and returns how many were done: a step that
fails a check ends it, and has changed nothing of the state. Asked for 0 steps, it does
one and asks first whether the arguments are what the program is for; -1 says no.
"""

import itertools
import math
from typing import Any

import numpy as np

from xdl.program.errors import Ineligible
from xdl.program.fusion.chains import chained
from xdl.program.memory.arena import Buffer, placed_in_arena
from xdl.program.memory.plan import Plan
from xdl.program.numba_executor.whole_step.lines import Lines
from xdl.program.numba_executor.whole_step.places import Place
from xdl.program.numba_executor.whole_step.sizes import Sizes
from xdl.program.numba_executor.whole_step.words import DTYPES, header, number_text
from xdl.tracing.values import Value, owner_of

LARGEST, LONGEST = 1 << 16, 400  # elements of an array; instructions
_WRITTEN = (0, 1, -1)  # numbers that stand in the text
_MOST_LOOPS = 64  # innermost ones; more take longer to compile than about five seconds


class Memory:
    """Something that the function is given a pointer to.

    Attributes:
        name: in the text.
        dtype: of the elements.
        kind: ``"arena"``, ``"constants"``, ``"outer"`` (an array of someone else),
            ``"state"``, ``"number"``, ``"input"``, ``"given"`` (state that is
            replaced), ``"result"`` or ``"sizes"``.
        data: the size of an arena; the constants, flat; the array from outside; the
            number of a slot or input; the shape of a result; the sizes.
    """

    def __init__(self, name, dtype, kind, data=None):
        self.name, self.dtype, self.kind = name, np.dtype(dtype), kind
        self.data = data


class WholeText:
    """The text of a program as native functions.

    Args:
        program: an improved Program; it is not changed.

    Attributes:
        memories: a dict from name to Memory, of all that the function is given.
        source: the text of a module.
        results: the kind of each result: ``"number"`` or else.

    Raises:
        Ineligible: it holds what is not known here, or arrays that are too large.
    """

    def __init__(self, program):
        self.program = _Planned(program)
        self.plan = Plan(self.program, joins=False)
        self.memories, self.scalars, self.places = {}, {}, {}
        self.sizes = Sizes()
        self._memory("sizes", "int64", "sizes", self.sizes.numbers)
        self.checked, self.is_changed = {}, False
        self._replaced = {u.slot for u in program.updates if not u.in_place}
        self._arenas()
        self.lines = Lines(self)
        for instruction in self.program.instructions:
            self.lines.write(instruction)
        self._finish()
        if not self.lines.body or self._loops() > _MOST_LOOPS:
            raise Ineligible(f"{self._loops()} loops")
        self.source = self._module()

    def _arenas(self):
        """Place the buffers in an arena for each dtype: no two pointers may meet."""
        self._add_buffers()
        by_dtype: dict[Any, Any] = {}
        for value, buffer in self.plan.buffers.items():
            by_dtype.setdefault(str(value.dtype), {})[id(buffer)] = buffer
        for dtype, buffers in by_dtype.items():
            name = f"a_{dtype}"
            size = placed_in_arena(buffers)
            self.memories[name] = Memory(name, dtype, "arena", size)

    def _add_buffers(self):
        """Give buffers also to what NumPy can only return, such as parts of arrays."""
        for i, instruction in enumerate(self.program.instructions):
            value = instruction.result
            if value is None or not value.shape or instruction.is_view:
                continue
            if value not in self.plan.buffers and value not in self.plan.over_state:
                last = max(i, self.plan.last.get(value, i))
                self.plan.buffers[value] = Buffer(value.nbytes, i, last)

    def given(self, kind):
        """Return the Memories of a kind, in order."""
        return [m for m in self.memories.values() if m.kind == kind]

    def scalar(self, value):
        """Return the text of a Value that is one number, or None if it has a Place."""
        if value in self.scalars:
            return self.scalars[value]
        if value.origin == "number":
            self._memory(f"h{value.data}", "float64", "number", value.data)
            self.scalars[value] = f"h{value.data}[0]"
        elif value.origin == "constant" and value.size == 1 and value.shape == ():
            text = self.number(np.asarray(value.data).item(), str(value.dtype))
            self.scalars[value] = text
        return self.scalars.get(value)

    def number(self, number, dtype):
        """Return the text of a number as a constant of a dtype: most are read."""
        if number in _WRITTEN or number != number or abs(number) == math.inf:
            return number_text(number, dtype)
        with np.errstate(all="ignore"):
            data = np.asarray(number).astype(dtype)
        place = self._constant(data)
        return place.element(())

    def _memory(self, name, dtype, kind, data):
        if name not in self.memories:
            self.memories[name] = Memory(name, dtype, kind, data)
        return name

    def wide(self, shape):
        """Return a Place for sums in float64; each use is over before the next."""
        memory = self.memories[self._memory("wide", "float64", "arena", 0)]
        memory.data = max(memory.data, 8 * math.prod(shape))
        return Place.dense(memory.name, shape, "float64", tuple(range(len(shape))))

    def place(self, value):
        """Return the Place of a Value that lies in memory.

        Raises:
            Ineligible: it does not.
        """
        if value not in self.places:
            self.places[value] = self._found(value)
        return self.places[value]

    def _found(self, value):
        if str(value.dtype) not in DTYPES or not value.dtype.isnative:
            raise Ineligible(f"an array of {value.dtype}")
        plain = tuple(range(len(value.shape)))
        if value.origin == "constant":
            return self._constant(np.asarray(value.data))
        if value.origin == "input":
            name = self._memory(f"x{value.data}", value.dtype, "input", value.data)
        elif value.origin == "state":
            return self._state(value)
        elif value.origin == "outer":
            return self._outer(value)
        elif value in self.plan.over_state:
            return self.place(self.plan._states[self.plan.over_state[value]])
        elif value in self.plan.buffers:
            return self._buffer(value)
        else:
            raise Ineligible(f"{value} lies nowhere")
        return Place.dense(name, value.shape, value.dtype, plain)

    def _state(self, value):
        name, axes = f"s{value.data}", value.axes
        kind = "state"
        if value.data in self._replaced:
            kind, axes = "given", tuple(range(len(value.shape)))
        if axes is None:
            raise Ineligible("state that does not lie densely")
        self._memory(name, value.dtype, kind, value.data)
        return Place.dense(name, value.shape, value.dtype, axes)

    def _outer(self, value):
        if value.axes is None or not value.data.flags.aligned:
            raise Ineligible("an array from outside that does not lie densely")
        known = [m.name for m in self.given("outer") if m.data is value.data]
        name = known[0] if known else f"outer{len(self.given('outer'))}"
        self._memory(name, value.dtype, "outer", value.data)
        return Place.dense(name, value.shape, value.dtype, value.axes)

    def _buffer(self, value):
        if value.axes is None:
            raise Ineligible("a result that does not lie densely")
        at = self.plan.buffers[value].offset // value.dtype.itemsize
        name = f"a_{value.dtype}"
        return Place.dense(name, value.shape, value.dtype, value.axes, at)

    def _constant(self, array):
        name = self._memory(f"c_{array.dtype}", array.dtype, "constants", [])
        pieces = self.memories[name].data
        at = sum(piece.size for piece in pieces)
        pieces.append(np.ascontiguousarray(array).reshape(-1))
        return Place.dense(name, array.shape, array.dtype, range(array.ndim), at)

    def memory_of(self, value):
        """Return the Buffer or the Value that says in which memory a Value lies."""
        owner = owner_of(value)
        slot = self.plan.over_state.get(owner)
        owner = owner if slot is None else self.plan._states[slot]
        return self.plan.buffers.get(owner, owner)

    def _finish(self):
        """Write the end: what is returned, and the state that is changed last."""
        returned = [o for o in self.program.returned() if o.kind != "constant"]
        replaced = [u for u in self.program.updates if u.value and not u.in_place]
        self.results = [output.kind for output in returned] + ["array"] * len(replaced)
        for i, one in enumerate(returned + replaced):
            value = one.value
            dtype = value.dtype if value.shape is not None else "float64"
            shape = value.shape or ()
            name = self._memory(f"r{i}", dtype, "result", shape)
            place = Place.dense(name, shape, dtype, tuple(range(len(shape))))
            self.lines.copied(value, place)
        for update in self.program.updates:
            if not update.in_place or update.value in self.plan.over_state:
                continue
            if owner_of(update.value).origin == "state":
                raise Ineligible("state that becomes other state")
            self.lines.copied(update.value, self._slot(update))

    def _slot(self, update):
        known = self.plan._states.get(update.slot)
        if known is not None:
            return self.place(known)
        array = self.program.state.slots[update.slot].get()
        return self._state(Value(array, "state", update.slot))

    def _loops(self):
        """Return how many loops there are that hold no loop."""
        are_heads = [line.lstrip().startswith("for ") for line in self.lines.body]
        return sum(a > b for a, b in itertools.pairwise([*are_heads, False]))

    def asked(self):
        """Return the Memories about whose arrays each call asks, in order."""
        return [m for m in self.memories.values() if m.kind in ("input", "given")]

    def table(self, states):
        """Return the integers that the questions read, of the inputs and the state.

        Of an input: its type, dtype, bytes and shape. Of the state: how many arrays
        there are, and of each where it begins, and its bytes.

        Args:
            states: its arrays, those that are ``given("state")``.
        """
        facts = []
        for memory in self.given("input"):
            value = self.program.inputs[memory.data]
            facts += [id(np.ndarray), id(memory.dtype), value.nbytes, *value.shape]
        pairs = [(array.ctypes.data, array.nbytes) for array in states]
        return np.array([*facts, len(states), *itertools.chain(*pairs)], np.int64)

    def _questions(self):
        """Return lines that ask whether the arguments are what the program is for."""
        lines, inputs = ["table = pointer_int64(start(table))"], self.given("input")
        shapes = [self.program.inputs[memory.data].shape for memory in inputs]
        places = [0, *itertools.accumulate(3 + len(shape) for shape in shapes)]
        pairs = list(zip([memory.name for memory in inputs], places, strict=False))
        lines += _refused(
            [
                f"is_other(object_{x}, at(table, {i}), {len(shape)})"
                for (x, i), shape in zip(pairs, shapes, strict=True)
            ]
        )
        names = [memory.name for memory in self.asked()]
        lines += [f"start_{name} = start(object_{name})" for name in names]
        missing = " or ".join([f"start_{name} == 0" for name in names])
        lines += [f"if {missing}:", "    return -1"] if missing else []
        state = f"at(table, {places[-1]})"
        tests = [f"meets(start_{x}, table[{i + 2}], {state})" for x, i in pairs]
        return lines + _refused(tests)

    def _module(self):
        """Return the text of the module."""
        asked = [f"object_{memory.name}" for memory in self.asked()]
        given = [f"array_{name}" for name in self.memories]
        body = [*map(self.sizes.read, self._advances()), *self.lines.body]
        lines = [
            "@native",
            f"def steps({', '.join(['count', 'table', *asked, *given])}):",
            *["    " + line for line in (*self._questions(), *self._pointers())],
            "    for step in range(max(count, 1)):",
            *["        " + line for line in body],
            "    return max(count, 1)",
        ]
        module = "\n".join(lines)
        return "\n".join([*header(module), "", "", module, ""])

    def _pointers(self):
        """Return lines that make pointers; those that advance are called ``first``."""
        return [
            f"{self._first(memory)}{name} = elements(array_{name})"
            for name, memory in self.memories.items()
        ]

    def _first(self, memory):
        return "first_" if memory.kind in ("input", "result") else ""

    def _advances(self):
        """Return lines that move pointers to stacked arrays to those of the step."""
        lines = []
        for memory in (*self.given("input"), *self.given("result")):
            shape = memory.data
            if memory.kind == "input":
                shape = self.program.inputs[memory.data].shape
            step = f"step * ${math.prod(shape)}"
            lines.append(f"{memory.name} = at(first_{memory.name}, {step})")
        return lines


def _refused(tests):
    """Return lines that refuse arguments of a single step if a test holds."""
    if not tests:
        return []
    return [f"if count == 0 and ({' or '.join(tests)}):", "    return -1"]


class _Planned:
    """A program whose elementwise instructions are gathered, for a Plan of its own."""

    def __init__(self, program):
        self.inputs, self.outputs = program.inputs, program.outputs
        self.updates, self.state = program.updates, program.state
        self.returned, self.lasting = program.returned, program.lasting
        if program.draws or len(program.instructions) > LONGEST:
            raise Ineligible("random draws" if program.draws else "a long program")
        for instruction in program.instructions:
            for value in (*instruction.operands(), instruction.result):
                if value is not None and not 0 < value.size <= LARGEST:
                    raise Ineligible(f"{value.size} elements")
        self.instructions = chained(program.instructions, program.uses())

"""The text of a whole step as one native function, for programs of small arrays.

The function works on pointers: to each array of the state and of the arguments, to what
it returns, and for each dtype to one arena and one piece that holds all constants. An
answer of 1 says that a check failed; nothing of the state has changed then. Python
calls a second one, which does several steps and returns how many were done; asked for
0 steps, it does one and asks first whether the arguments are what the program is for.
-1 says that they are not.
"""

import numpy as np

from xdl.backend.recording import Value
from xdl.program.chains import chained
from xdl.program.native_lines import Lines
from xdl.program.native_words import DTYPES, header, number_text
from xdl.program.places import Ineligible, Place
from xdl.program.plan import Buffer, Plan, placed_in_arena

LARGEST, LONGEST = 1 << 16, 400  # elements of an array; instructions
PASSED = frozenset({"input", "given", "result"})  # the kinds of what each call gives


class Memory:
    """Something that the function is given a pointer to.

    Attributes:
        name: in the text.
        dtype: of the elements.
        kind: ``"arena"``, ``"constants"``, ``"state"``, ``"number"``, ``"input"``,
            ``"given"`` (state that is replaced) or ``"result"``.
        data: the size of an arena; the constants, flat; the number of a slot or input;
            the shape of a result.
        nbytes: of an array of the state.
    """

    def __init__(self, name, dtype, kind, data=None):
        self.name, self.dtype, self.kind = name, np.dtype(dtype), kind
        self.data, self.nbytes = data, 0


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
        self.plan = Plan(self.program)
        self.memories, self.scalars, self.places = {}, {}, {}
        self.sizes, self._constants = {}, {}
        self.checked, self.is_changed = {}, False
        self._replaced = {u.slot for u in program.updates if not u.in_place}
        self._arenas()
        self.lines = Lines(self)
        for instruction in self.program.instructions:
            self.lines.write(instruction)
        self._finish()
        self.source = self._module()

    def _arenas(self):
        """Place the buffers in one arena for each dtype: pointers of two may not meet."""
        self._add_buffers()
        by_dtype = {}
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

    def size(self, number):
        """Return the text of a loop's length."""
        self.sizes[number] = f"n_{number}"
        return f"n_{number}"

    def scalar(self, value):
        """Return the text of a Value that is one number, or None if it has a Place."""
        if value in self.scalars:
            return self.scalars[value]
        if value.origin == "number":
            self._memory(f"h{value.data}", "float64", "number", value.data)
            self.scalars[value] = f"h{value.data}[0]"
        elif value.origin == "constant" and value.size == 1 and value.shape == ():
            text = number_text(np.asarray(value.data).item(), str(value.dtype))
            self.scalars[value] = text
        return self.scalars.get(value)

    def _memory(self, name, dtype, kind, data):
        if name not in self.memories:
            self.memories[name] = Memory(name, dtype, kind, data)
        return name

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
            return self._constant(value, plain)
        if value.origin == "input":
            name = self._memory(f"x{value.data}", value.dtype, "input", value.data)
        elif value.origin == "state":
            return self._state(value)
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
        self.memories[self._memory(name, value.dtype, kind, value.data)].nbytes = (
            value.nbytes
        )
        return Place.dense(name, value.shape, value.dtype, axes)

    def _buffer(self, value):
        if value.axes is None:
            raise Ineligible("a result that does not lie densely")
        at = self.plan.buffers[value].offset // value.dtype.itemsize
        name = f"a_{value.dtype}"
        return Place.dense(name, value.shape, value.dtype, value.axes, at)

    def _constant(self, value, plain):
        name = self._memory(f"c_{value.dtype}", value.dtype, "constants", [])
        pieces = self.memories[name].data
        at = sum(piece.size for piece in pieces)
        pieces.append(np.ascontiguousarray(value.data).reshape(-1))
        return Place.dense(name, value.shape, value.dtype, plain, at)

    def memory_of(self, value):
        """Return the Buffer or the Value that says in which memory a Value lies."""
        owner = self.plan.owner(value)
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
            self.lines.copy(value, place)
        for update in self.program.updates:
            if not update.in_place or update.value in self.plan.over_state:
                continue
            if self.plan.owner(update.value).origin == "state":
                raise Ineligible("state that becomes other state")
            self.lines.copy(update.value, self._slot(update))

    def _slot(self, update):
        known = self.plan._states.get(update.slot)
        if known is not None:
            return self.place(known)
        array = self.program.state.slots[update.slot].get()
        return self._state(Value(array, "state", update.slot))

    def _module(self):
        """Return the text of the module: one step, and what Python calls."""
        lines = [f"    {name} = hidden({n})" for n, name in self.sizes.items()]
        lines += ["    " + line for line in self.lines.body] + ["    return 0"]
        names = list(self.memories)
        head = f"@native(inner=True)\ndef step({', '.join(names)}):"
        module = "\n".join([head, *lines, "", "", *self._steps()])
        return "\n".join([*header(module), "", "", module, ""])

    def tabled(self):
        """Return the Memories whose addresses stand in the table, in order."""
        return [m for m in self.memories.values() if m.kind not in PASSED]

    def passed(self):
        """Return the Memories whose arrays each call gives, in order."""
        return [m for m in self.memories.values() if m.kind in PASSED]

    def _steps(self):
        """Return the function that Python calls."""
        names = [memory.name for memory in self.passed()]
        pointers, tabled = [], self.tabled()
        for memory in self.memories.values():
            address = f"start_{memory.name}"
            if memory.kind not in PASSED:
                address = f"table[{tabled.index(memory)}]"
            pointer = f"pointer_{memory.dtype}({address})"
            pointers.append(f"    p_{memory.name} = {pointer}")
        starts = [f"    start_{name} = start({name})" for name in names]
        missing = " or ".join([f"start_{name} == 0" for name in names])
        arguments = ", ".join(map(self._advanced, self.memories.values()))
        return [
            f"@native\ndef steps({', '.join(['count', 'table', *names])}):",
            "    table = pointer_int64(start(table))",
            *self._questions(len(tabled)),
            *starts,
            *([f"    if {missing}:", "        return -1"] if missing else []),
            *self._overlaps(),
            *pointers,
            "    for k in range(max(count, 1)):",
            f"        if step({arguments}) != 0:",
            "            return k",
            "    return max(count, 1)",
        ]

    def _questions(self, first):
        """Return lines that ask whether the arguments are what the program is for."""
        tests = []
        for i, memory in enumerate(self.given("input")):
            name, shape = memory.name, self.program.inputs[memory.data].shape
            kind, dtype = f"table[{first}]", f"table[{first + 1 + i}]"
            tests.append(f"is_other({name}, {kind}, {dtype}, {len(shape)})")
            tests += [f"length({name}, {a}) != {n}" for a, n in enumerate(shape)]
        if not tests:
            return []
        return [f"    if count == 0 and ({' or '.join(tests)}):", "        return -1"]

    def _overlaps(self):
        """Return lines that ask whether an argument shares memory with the state."""
        lines = []
        for memory in self.given("input"):
            size = self.program.inputs[memory.data].nbytes
            for state in self.given("state"):
                address = f"table[{self.tabled().index(state)}]"
                start, end = f"start_{memory.name}", f"{address} + {state.nbytes}"
                test = f"{start} < {end} and {address} < {start} + {size}"
                lines += [f"    if count == 0 and {test}:", "        return -1"]
        return lines

    def _advanced(self, memory):
        """Return the text of a pointer in the loop: what is stacked moves on."""
        if memory.kind == "input":
            shape = self.program.inputs[memory.data].shape
        elif memory.kind == "result":
            shape = memory.data
        else:
            return f"p_{memory.name}"
        return f"at(p_{memory.name}, k * {int(np.prod(shape))})"


class _Planned:
    """A program whose elementwise instructions are gathered, for a Plan of its own."""

    def __init__(self, program):
        self.inputs, self.outputs = program.inputs, program.outputs
        self.updates, self.state = program.updates, program.state
        self.returned, self.results = program.returned, program.results
        if program.draws or len(program.instructions) > LONGEST:
            raise Ineligible("random draws" if program.draws else "a long program")
        for instruction in program.instructions:
            for value in (*instruction.operands(), instruction.result):
                if value is not None and not 0 < value.size <= LARGEST:
                    raise Ineligible(f"{value.size} elements")
        self.instructions = chained(program.instructions, program.uses())

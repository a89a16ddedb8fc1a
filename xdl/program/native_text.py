"""The text of a whole step as one native function, for programs of small arrays.

The function works on pointers: to each array of the state and of the arguments, to what
it returns, and for each dtype to one arena and one piece that holds all constants. An
answer of 1 says that a check failed; nothing of the state has changed then. Python
calls a second one, which does several steps and returns how many were done; -1 if an
array is not contiguous.
"""

import numpy as np

from xdl.backend.recording import Value
from xdl.program.chains import chained
from xdl.program.native_lines import Lines
from xdl.program.native_words import DTYPES, header, number_text
from xdl.program.places import Ineligible, Place
from xdl.program.plan import Buffer, Plan, placed_in_arena

LARGEST, LONGEST = 1 << 16, 400  # elements of an array; instructions


class Memory:
    """Something that the function is given a pointer to.

    Attributes:
        name: in the text.
        dtype: of the elements.
        kind: ``"arena"``, ``"constants"``, ``"state"``, ``"number"``, ``"input"``,
            ``"given"`` (state that is replaced) or ``"result"``.
        data: the size of an arena; the constants, flat; the number of a slot or input;
            the shape of a result.
        axes: of an array of the state, how it must lie.
    """

    def __init__(self, name, dtype, kind, data=None, axes=None):
        self.name, self.dtype, self.kind = name, np.dtype(dtype), kind
        self.data, self.axes = data, axes


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

    def _memory(self, name, dtype, kind, data, axes=None):
        if name not in self.memories:
            self.memories[name] = Memory(name, dtype, kind, data, axes)
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
        kind = "given" if value.data in self._replaced else "state"
        if value.axes is None:
            raise Ineligible("state that does not lie densely")
        name = f"s{value.data}"
        self._memory(name, value.dtype, kind, value.data, value.axes)
        return Place.dense(name, value.shape, value.dtype, value.axes)

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

    def _pointers(self):
        """Return the lines that turn addresses into pointers, and the parameters."""
        lines, parameters, count = [], [], 0
        for memory in self.memories.values():
            if memory.kind in ("input", "given", "result"):
                parameters.append(memory.name)
                address = f"{memory.name}"
            else:
                address, count = f"table[{count}]", count + 1
            lines.append(f"    p_{memory.name} = pointer_{memory.dtype}({address})")
        return lines, parameters

    def tabled(self):
        """Return the Memories whose addresses stand in the table, in order."""
        passed = ("input", "given", "result")
        return [m for m in self.memories.values() if m.kind not in passed]

    def passed(self):
        """Return the names of the Memories that each call gives, in order."""
        return self._pointers()[1]

    def _steps(self):
        """Return the function that Python calls: it does several steps."""
        lines, parameters = self._pointers()
        arguments = ", ".join(map(self._advanced, self.memories.values()))
        head = f"@native\ndef steps({', '.join(['count', 'table', *parameters])}):"
        if parameters:
            missing = " or ".join([f"is_missing({name})" for name in parameters])
            head += f"\n    if {missing}:\n        return -1"
        return [
            head,
            "    table = pointer_int64(table)",
            *lines,
            "    for k in range(count):",
            f"        if step({arguments}) != 0:",
            "            return k",
            "    return count",
        ]

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

"""The program as Python: one line of NumPy for each instruction.

What can be made once stands before the function: buffers in the arena, and views of
them. The function reads the arguments and writes with ``out`` into the buffers.
"""

import re
from typing import Any

import numpy as np

from xdl.program.fusion.groups import SINGLE, Group
from xdl.program.numpy_executor.lines import Lines
from xdl.program.numpy_executor.tiles import Tiling
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, owner_of

_VIEWS = {Kind.TRANSPOSE, Kind.RESHAPE, Kind.PART}  # that are written as listed
_FAULTS = "(ArithmeticError, LookupError, ValueError, Warning)"
_LARGE = 4096  # bytes: above, memory that NumPy allocated is let go at once
_LINES = 256  # that are compiled at once
_NAME, _MAKES = re.compile(r"\w+"), re.compile(r"(\w+) = ")


class Source(Lines):
    """The text of a program, and what it names.

    Attributes:
        kept: from Values that attributes hold to their names.
        holds: whether it lets signals wait while it changes the state; its caller lets
            them go, when it has noted the change.
        spare: (offset, nbytes) of what is free in the arena from the first change on.
    """

    def __init__(self, program, plan):
        super().__init__(program, plan)
        self._first_change, self._bytes_then = None, 0
        self.kept, unchanged = {}, -1
        for i, instruction in enumerate(program.instructions):
            self._write(i, instruction)
            if self._first_change is None:
                unchanged = i
        self._finish()
        self.spare = plan.spare(unchanged + 1)

    def _write(self, i, instruction):
        if isinstance(instruction, Group):
            self._write_group(instruction)
        elif instruction.result is None:
            getattr(self, f"_write_{instruction.row.kind}")(instruction)
        elif instruction.result.is_number:
            self._assign(instruction, self._operator(instruction))
        elif instruction.is_view:
            self._write_view(instruction)
        elif instruction.result in self.plan.over_state:
            slot = self.plan.over_state[instruction.result]
            self._note_change()
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
        """Write a loop over tiles; what it needs is cut once where possible."""
        tiling = Tiling(group)
        self._place_outputs(group)
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
        loop = ", ".join([*[names[v] for v in arrays], *scratch])
        self.body.append(f"for {loop}, in {tiles}:")
        for one in group.inner:
            self._write_inner(one, names)

    def _place_outputs(self, group):
        """Give what a group puts out its memory: a buffer, or that of a weight."""
        for value in group.outputs:
            slot = self.plan.over_state.get(value)
            if slot is None:
                self._buffer(value)
            else:
                self._note_change()
                self._name_of[value] = self.name(self.plan._states[slot])
                self._bound.add(value)

    def _write_inner(self, one, names):
        """Write one instruction of a group on the parts of a tile."""
        kept, at = self._name_of, len(self.body)
        self._name_of = {**kept, **names}
        if one.row.kind == Kind.REDUCTION:
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
        for value in dict.fromkeys(map(owner_of, instruction.operands())):
            is_fresh = isinstance(value.origin, Instruction) and not self._is_bound(
                value
            )
            if is_fresh and self.plan.last[value] == i and value.nbytes > _LARGE:
                self.body.append(f"del {self.name(value)}")

    def _assign(self, instruction, text):
        if self._first_change is not None:
            self._bytes_then += instruction.result.nbytes
        self.body.append(f"{self.name(instruction.result)} = {text}")

    def _buffer(self, value):
        """Return the name of a Value in the arena; plan the line that makes it."""
        offset = self.plan.buffers[value].offset
        dtype = self.object(value.dtype.type)
        is_plain = value.axes == tuple(range(len(value.shape)))
        axes = "" if is_plain else f", {value.axes}"
        return self._bind(value, f"buffer({offset}, {value.shape}, {dtype}{axes})")

    def _bind(self, value, text):
        """Return the name of a Value that is made once by a text."""
        self._bound.add(value)
        if value not in self._name_of:
            self._name_of[value] = self._once(text, self.name(value))
        return self._name_of[value]

    def _write_view(self, instruction):
        base, row = instruction.arguments[0], instruction.row
        if row.kind in _VIEWS:
            write = self._index if row.kind == Kind.PART else self.text
            how = map(write, instruction.arguments[1:])
            text = row.listed.format(self.text(base), *how)
        else:
            text = self._call(instruction)
        others = instruction.operands()[1:]
        if self._is_bound(base) and all(map(self._is_bound, others)):
            self._bind(instruction.result, text)
        else:
            self.body.append(f"{self.name(instruction.result)} = {text}")

    def _finish(self):
        """Write the end: what is returned, and the state that is changed last."""
        returned = [o.value for o in self.program.returned() if o.kind != "constant"]
        replaced = [u.value for u in self.program.updates if u.value and not u.in_place]
        results = [self._given_away(value) for value in returned + replaced]
        over = self.plan.over_state
        late = [u for u in self.program.updates if u.in_place and u.value not in over]
        parts = [self._late(update) for update in late]
        self._keep()
        self._note_change()
        for update, part in zip(late, parts, strict=True):
            name = self._state_name(update.slot)
            self.body.append(f"{self._copyto()}({name}, {part})")
        self.holds = not self._is_one_call()
        self.body.append(f"return ({''.join(f'{r}, ' for r in results)})")

    def _keep(self):
        """Note where the results lie that attributes hold, of those that stay."""
        for value in [output.value for output in self.program.kept()]:
            origin = owner_of(value).origin
            if value.is_number or origin == "input":
                continue
            if origin == "state" and value not in self.plan.over_state:
                continue  # it is changed by now
            self.kept[value] = name = self.name(value)
            if not self._is_bound(value):
                self.body.append(f"kept[{name!r}] = {name}")

    def _given_away(self, value):
        """Return the name of a result that no later replay writes into."""
        name = self.name(value)
        owner = owner_of(value)
        is_fresh = isinstance(owner.origin, Instruction) and not self._is_bound(owner)
        if value.is_number or is_fresh:
            return name
        if self._first_change is not None:
            self._bytes_then += value.nbytes
        result = f"r{len(self.body)}"
        self.body.append(f"{result} = {name}.copy()")
        return result

    def _late(self, update):
        """Return the name of new state that stays when other state is written."""
        if owner_of(update.value).origin != "state":
            return self.name(update.value)
        return self._given_away(update.value)

    def _state_name(self, slot):
        name = f"s{slot}"
        self.states[name] = slot
        return name

    def _note_change(self):
        if self._first_change is None:
            self._first_change = len(self.body)

    def _is_one_call(self):
        """Tell whether the state changes in one call that runs no Python, or not."""
        lines = self.body[self._first_change :]
        calls = [line for line in lines if not line.startswith(("del ", "kept["))]
        if len(calls) > 1 or any(not u.in_place for u in self.program.updates):
            return False
        name = calls[0].partition("(")[0] if calls else "group"
        function = self.names.get(name)
        is_native = name.startswith("group")
        return is_native or isinstance(function, np.ufunc) or function is np.copyto

    def texts(self):
        """Return the texts to run: pieces of the planned lines, and the function.

        To compile a long text at once takes more memory than all that it describes.
        """
        pieces = range(0, len(self.planned), _LINES)
        planned = ["\n".join(self.planned[i : i + _LINES]) for i in pieces]
        return [*planned, *self._texts_of_function()]

    def _texts_of_function(self):
        """Return the text of the function ``step``; of a long one, of its parts too."""
        inputs = [f"x{i}" for i, v in enumerate(self.program.inputs) if v is not None]
        inputs += [f"s{slot}" for slot in self.given_slots]
        given = ", ".join([*inputs, "key", "draw"])
        first, rest = self.body[: self._first_change], self.body[self._first_change :]
        if len(self.body) <= 2 * _LINES:
            return ["\n".join([f"def step({given}):", *self._guarded(first, rest)])]
        before, after = _parts(first), _parts(rest)
        shared = _shared([*before, *after])
        texts: list[Any] = []
        calls: list[Any] = []
        for part in [*before, *after]:
            name = f"part{len(texts)}"
            lines = _sharing(shared, part)
            texts.append("\n    ".join([f"def {name}({given}):", *lines]))
            calls.append(f"{name}({given})")
        calls[-1] = f"return {calls[-1]}"
        first, rest = calls[: len(before)], calls[len(before) :]
        lines = self._guarded(first, rest)
        if shared:  # nothing of a step stays
            lines = ["    try:", *["    " + line for line in lines], "    finally:"]
            lines += [f"        {name} = None" for name in shared]
            lines = [f"    global {', '.join(shared)}", *lines]
        return [*texts, "\n".join([f"def step({given}):", *lines])]

    def _guarded(self, first, rest):
        """Return the body of a function: what comes before a change, and the rest."""
        lines = []
        # Before the state changes, what goes wrong is left to the eager step to say.
        if first:
            lines += ["    try:", *["        " + line for line in first]]
            lines += [f"    except {_FAULTS}:", "        raise Refused from None"]
        if self.holds:
            lines.append(f"    begin({self._bytes_then})")
        return [*lines, *["    " + line for line in rest], ""]


def _parts(lines):
    """Return lists of so many lines that are compiled at once."""
    parts: list[Any] = []
    for line in lines:
        is_full = not parts or len(parts[-1]) >= _LINES
        if is_full and not line.startswith(" "):  # it is of no loop
            parts.append([])
        parts[-1].append(line)
    return parts


def _shared(parts):
    """Return the names of what one part of a function makes and another one reads."""
    matches = [_MAKES.match(line) for part in parts for line in part]
    made = {match[1] for match in matches if match}
    seen: set[Any] = set()
    shared: set[Any] = set()
    for part in parts:
        mentioned = made.intersection(_NAME.findall("\n".join(part)))
        shared |= mentioned & seen
        seen |= mentioned
    return sorted(shared)


def _sharing(shared, part):
    """Return the lines of a part of a function that uses what others share."""
    names = set(_NAME.findall("\n".join(part))).intersection(shared)
    if not names:
        return part
    # A name that goes from a namespace makes all others slower to find.
    gone = {f"del {name}": f"{name} = None" for name in names}
    return [f"global {', '.join(sorted(names))}", *[gone.get(x, x) for x in part]]

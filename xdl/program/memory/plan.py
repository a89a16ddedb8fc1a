"""The plan: where each Value of a program lies in memory.

A Value that an instruction can write into given memory gets a buffer; buffers whose
lives do not overlap share one arena, so that a replay allocates nothing. An elementwise
result takes over the memory of an operand that dies with it, and the new value of a
weight is written over the old one as soon as nothing reads that any more. What becomes
a piece of a larger array, by ``stack`` or ``concat``, is made where it will lie there.
"""

from typing import Any

from xdl.program.fusion.groups import WHOLE, Group
from xdl.program.memory.arena import Buffer, placed_in_arena, room
from xdl.program.memory.liveness import last_reads
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, owner_of


class Plan:
    """Where the Values of a program lie.

    Attributes:
        buffers: from Value to Buffer.
        over_state: from Value to the number of the slot whose array it is written into.
        last: from Value to the number of the last instruction that reads it or what
            shares its memory; what is returned lives to the end.
        nbytes: of the arena.

    Args:
        program: a Program.
        joins: whether pieces are made where they will lie in a larger array.
        overwrites: whether the new value of a weight may be written over the old one.
    """

    def __init__(self, program, joins=True, overwrites=True):
        self.program, self._overwrites = program, overwrites
        self.end = len(program.instructions)
        self.buffers: dict[Any, Any] = {}
        self.over_state: dict[Any, Any] = {}
        self._states = {}
        self.last = last_reads(program)
        self._places = self._pieces() if joins else {}
        self._wholes = {whole for whole, _ in self._places.values()}
        self._assign()
        self.nbytes = placed_in_arena({id(b): b for b in self.buffers.values()})

    def _assign(self):
        instructions = self.program.instructions
        checks = [i for i, one in enumerate(instructions) if one.row.is_check]
        self.last_check = max(checks, default=-1)
        updates = self.program.updates if self._overwrites else ()
        targets = {u.value: u.slot for u in updates if u.in_place}
        for value in self.last:
            if value.origin == "state":
                self._states[value.data] = value
        for i, instruction in enumerate(instructions):
            if isinstance(instruction, Group):
                self._assign_group(i, instruction, targets)
                continue
            result = instruction.result
            if result is None or instruction.is_view or not can_write(instruction):
                continue
            slot = targets.get(result)
            if slot is not None and self._may_overwrite(slot, i, result):
                self.over_state[result] = slot
                continue
            self._give(result, i, self._taken_over(i, instruction))

    def _pieces(self):
        """Return where what is made to be a piece lies: from it to (whole, offset).

        It must be free when the pieces are put together, else it may be changed later.
        """
        places: dict[Any, Any] = {}
        changed = {u.value for u in self.program.updates}
        for i, instruction in enumerate(self.program.instructions):
            if not joins_rows(instruction) or instruction.result in changed:
                continue
            offset = 0
            for piece in instruction.arguments[0]:
                owner = owner_of(piece)
                is_whole = owner.nbytes == piece.nbytes and _is_dense(piece)
                is_free = self.last[owner] == i and _is_made(owner)
                if is_whole and is_free:
                    places.setdefault(owner, (instruction.result, offset))
                offset += piece.nbytes
        return places

    def spare(self, i):
        """Return (offset, nbytes) of what no instruction from i on reads or writes."""
        later = {id(b): b for b in self.buffers.values() if b.last >= i}.values()
        spans = sorted((b.offset, b.offset + room(b)) for b in later)
        at, found = 0, []
        for first, last in [*spans, (self.nbytes, self.nbytes)]:
            if first > at:
                found.append((at, first - at))
            at = max(at, last)
        return found

    def has_pieces(self, whole):
        """Tell whether any piece of a whole is made where it lies in it."""
        return whole in self._wholes

    def is_placed(self, piece, whole, offset):
        """Tell whether a piece was made where it lies in a whole."""
        return self._places.get(owner_of(piece)) == (whole, offset)

    def _give(self, result, i, buffer):
        """Let a Value live in a buffer, a new one if there is none yet."""
        if result in self.buffers or result in self._places:
            buffer = self._reserved(result, i)
        self.buffers[result] = buffer = buffer or Buffer(result.nbytes, i, 0)
        buffer.last = max(buffer.last, self.last.get(result, i))

    def _reserved(self, value, i):
        """Return the buffer of a piece, or of a whole whose first piece is made."""
        if value not in self.buffers:
            within, offset = self._places.get(value, (None, None))
            whole = within and self._reserved(within, i)
            self.buffers[value] = Buffer(value.nbytes, i, i, whole, offset)
        return self.buffers[value]

    def _assign_group(self, i, group, targets):
        """Place what a group gives out; it may write over what it has read by then."""
        read = {}
        for j, one in enumerate(group.inner):
            for value in one.operands():
                read[owner_of(value)] = j
        repeated = {owner_of(v) for v in group.arguments if group.kinds[v] != WHOLE}
        for j, one in enumerate(group.inner):
            result = one.result
            if result not in group.outputs:
                continue
            slot = targets.get(result)
            state = self._states.get(slot)
            is_read = read.get(state, -1) <= j and state not in repeated
            is_read = is_read and not self._is_read_late(one, state)
            if slot is not None and is_read and self._may_overwrite(slot, i, result):
                self.over_state[result] = slot
                continue
            dying = [
                v
                for v in group.arguments
                if self._dies_whole(v, i, result)
                and read[owner_of(v)] <= j
                and not self._is_read_late(one, owner_of(v))
                and owner_of(v) not in repeated
            ]
            buffer = self.buffers[owner_of(dying[0])] if dying else None
            if dying:
                repeated.add(owner_of(dying[0]))  # it is taken
            self._give(result, i, buffer)

    def _dies_whole(self, value, i, result):
        """Tell whether the memory of a Value is free after i, and fits ``result``."""
        owner = owner_of(value)
        dies = owner in self.buffers and self.last[owner] == i
        return dies and owner.nbytes == value.nbytes and _is_alike(value, result)

    def _may_overwrite(self, slot, i, result):
        """Tell whether a weight's array is free for its new value at instruction i."""
        state = self._states.get(slot)
        if state is None or i < self.last_check or self.last[state] > i:
            return False
        if self._is_read_late(self.program.instructions[i], state):
            return False
        is_once = [u.value for u in self.program.updates].count(result) == 1
        return is_once and _is_alike(state, result)

    def _is_read_late(self, instruction, owner):
        """Tell whether an instruction writes before it has read all of an operand."""
        if not instruction.row.in_parts:
            return False
        operands = list(instruction.operands())
        if instruction.row.kind == Kind.CHANGE:
            operands = operands[1:]  # the first one is copied at once
        return any(owner_of(value) is owner for value in operands)

    def _taken_over(self, i, instruction):
        """Return the buffer of an operand that dies here and may hold the result."""
        operands = instruction.operands()
        row = instruction.row
        if row.kind == Kind.CHANGE:
            operands = instruction.arguments[:1]
        elif not row.is_ufunc:
            return None
        for value in operands:
            owner = owner_of(value)
            is_free = not self._is_read_late(instruction, owner)
            if is_free and self._dies_whole(value, i, instruction.result):
                return self.buffers[owner]
        return None


def can_write(instruction):
    """Tell whether the result can be written into memory that is given."""
    result, row = instruction.result, instruction.row
    if result.is_number or not result.shape or result.axes is None:
        return False
    return row.has_out and (row.kind != Kind.RESHAPE or _is_dense(result))


def joins_rows(instruction):
    """Tell whether an instruction lays pieces of its dtype one behind the other."""
    is_join = instruction.row.kind in (Kind.STACK, Kind.CONCAT)
    if not is_join or not can_write(instruction):
        return False
    pieces, result = instruction.arguments[0], instruction.result
    are_alike = isinstance(pieces, tuple | list) and all(
        isinstance(piece, Value) and piece.dtype == result.dtype for piece in pieces
    )
    return (
        instruction.axis in (0, -len(result.shape)) and are_alike and _is_dense(result)
    )


def _is_dense(value):
    return value.axes == tuple(range(len(value.shape)))


def _is_made(value):
    """Tell whether a Value is made by an instruction that writes it anew."""
    origin = value.origin
    is_new = isinstance(origin, Instruction) and origin.row.kind != Kind.CHANGE
    return is_new and can_write(origin)


def _is_alike(a, b):
    return (a.shape, a.dtype, a.axes) == (b.shape, b.dtype, b.axes)

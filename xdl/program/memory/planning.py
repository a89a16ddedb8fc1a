"""Planning: where each Value of a program lies in memory.

A Value that an instruction can write into given memory gets a buffer; buffers whose
lives do not overlap share one arena, so that a replay allocates nothing. An elementwise
result takes over the memory of an operand that dies with it, and the new value of a
weight is written over the old one as soon as nothing reads that any more. What becomes
a piece of a larger array, by ``stack`` or ``concat``, is made where it will lie there.
"""

import bisect
import functools
import heapq
import itertools
from typing import Any

import numpy as np

from xdl.backend import numpy as host
from xdl.program.passes.passes import CHECKS
from xdl.tracing.values import Instruction, Value

_ALIGNMENT = 64  # bytes: a cache line, and the longest vector registers
_GAPS = 1 << 20  # bytes: so many that no buffer uses are not worth a search
REDUCTIONS = {
    "sum": "add",
    "prod": "multiply",
    "max": "maximum",
    "min": "minimum",
    "all": "logical_and",
    "any": "logical_or",
}
INTO = frozenset({"set_at", "scatter_add"})  # what changes a copy of its first argument
_IN_PARTS = INTO | {"where", "concat", "stack", "zero_unless"}  # several writes
PRODUCTS = frozenset({"matmul", "matmul_sum"})  # the latter of stacks, added up
_WITH_OUT = frozenset(
    {"astype", "where", "concat", "stack", "copy", "zero_unless", *INTO, *PRODUCTS}
    | REDUCTIONS.keys()
)
_UFUNCS = {"pow": "power", "abs": "absolute", "round": "rint"}


@functools.cache
def ufunc_of(name):
    """Return NumPy's elementwise function for a name of the namespace, or None."""
    found = getattr(np, _UFUNCS.get(name, name), None)
    known = hasattr(host, name) or name.startswith("bitwise_")
    is_elementwise = isinstance(found, np.ufunc) and found.signature is None
    return found if known and is_elementwise else None


class Buffer:
    """A piece of the arena: ``nbytes`` from ``offset`` on, used from ``first`` to
    ``last`` (numbers of instructions); or a piece of another Buffer."""

    __slots__ = ("_offset", "first", "last", "nbytes", "within")

    def __init__(self, nbytes, first, last, within=None, offset=None):
        self.nbytes, self.first, self.last = nbytes, first, last
        self.within, self._offset = within, offset

    @property
    def offset(self):
        """Where it begins in the arena."""
        return self._offset + (self.within.offset if self.within else 0)

    @offset.setter
    def offset(self, offset):
        self._offset = offset


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
    """

    def __init__(self, program, joins=True):
        self.program = program
        self.end = len(program.instructions)
        self.buffers: dict[Any, Any] = {}
        self.over_state: dict[Any, Any] = {}
        self._states = {}
        self.last = self._lives()
        self._places = self._pieces() if joins else {}
        self._wholes = {whole for whole, _ in self._places.values()}
        self._assign()
        self.nbytes = placed_in_arena({id(b): b for b in self.buffers.values()})

    def owner(self, value):
        """Return the Value whose memory ``value`` is a view of: itself if of none."""
        while isinstance(value.origin, Instruction) and value.origin.is_view:
            value = value.origin.arguments[0]
        return value

    def _lives(self):
        last = {}
        for i, instruction in enumerate(self.program.instructions):
            for value in instruction.operands():
                last[self.owner(value)] = i
        for value in self.program.lasting():
            last[self.owner(value)] = self.end
        return last

    def _assign(self):
        instructions = self.program.instructions
        checks = [i for i, one in enumerate(instructions) if one.name in CHECKS]
        self.last_check = max(checks, default=-1)
        targets = {u.value: u.slot for u in self.program.updates if u.in_place}
        for value in self.last:
            if value.origin == "state":
                self._states[value.data] = value
        for i, instruction in enumerate(instructions):
            if hasattr(instruction, "inner"):
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
            if not _joins_rows(instruction) or instruction.result in changed:
                continue
            offset = 0
            for piece in instruction.arguments[0]:
                owner = self.owner(piece)
                is_whole = owner.nbytes == piece.nbytes and _is_dense(piece)
                is_free = self.last[owner] == i and _is_made(owner)
                if is_whole and is_free:
                    places.setdefault(owner, (instruction.result, offset))
                offset += piece.nbytes
        return places

    def spare(self, i):
        """Return (offset, nbytes) of what no instruction from i on reads or writes."""
        later = {id(b): b for b in self.buffers.values() if b.last >= i}.values()
        spans = sorted((b.offset, b.offset + _room(b)) for b in later)
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
        return self._places.get(self.owner(piece)) == (whole, offset)

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
                read[self.owner(value)] = j
        repeated = {self.owner(v) for v in group.arguments if group.kinds[v] != "whole"}
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
                and read[self.owner(v)] <= j
                and not self._is_read_late(one, self.owner(v))
                and self.owner(v) not in repeated
            ]
            buffer = self.buffers[self.owner(dying[0])] if dying else None
            if dying:
                repeated.add(self.owner(dying[0]))  # it is taken
            self._give(result, i, buffer)

    def _dies_whole(self, value, i, result):
        """Tell whether the memory of a Value is free after i, and fits ``result``."""
        owner = self.owner(value)
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
        if instruction.name not in _IN_PARTS:
            return False
        operands = list(instruction.operands())
        if instruction.name in INTO:
            operands = operands[1:]  # the first one is copied at once
        return any(self.owner(value) is owner for value in operands)

    def _taken_over(self, i, instruction):
        """Return the buffer of an operand that dies here and may hold the result."""
        operands = instruction.operands()
        if instruction.name in INTO:
            operands = instruction.arguments[:1]
        elif ufunc_of(instruction.name) is None:
            return None
        for value in operands:
            owner = self.owner(value)
            is_free = not self._is_read_late(instruction, owner)
            if is_free and self._dies_whole(value, i, instruction.result):
                return self.buffers[owner]
        return None


def can_write(instruction):
    """Tell whether the result can be written into memory that is given."""
    result, name = instruction.result, instruction.name
    if result.is_number or not result.shape or result.axes is None:
        return False
    if name == "reshape":
        return result.axes == tuple(range(len(result.shape)))
    return name in _WITH_OUT or ufunc_of(name) is not None


def _joins_rows(instruction):
    """Tell whether an instruction lays pieces of its dtype one behind the other."""
    if instruction.name not in ("stack", "concat") or not can_write(instruction):
        return False
    pieces, *axis = instruction.arguments
    axis = axis[0] if axis else instruction.options.get("axis", 0)
    result = instruction.result
    are_alike = isinstance(pieces, tuple | list) and all(
        isinstance(piece, Value) and piece.dtype == result.dtype for piece in pieces
    )
    return axis in (0, -len(result.shape)) and are_alike and _is_dense(result)


def _is_dense(value):
    return value.axes == tuple(range(len(value.shape)))


def _is_made(value):
    """Tell whether a Value is made by an instruction that writes it anew."""
    origin = value.origin
    is_new = isinstance(origin, Instruction) and origin.name not in INTO
    return is_new and can_write(origin)


def _is_alike(a, b):
    return (a.shape, a.dtype, a.axes) == (b.shape, b.dtype, b.axes)


def placed_in_arena(buffers):
    """Give each Buffer its offset; return the size of the arena.

    Placed in the order of time, what is made lies where something is still in a cache;
    placed by size, it may take less memory.
    """
    own = [b for b in buffers.values() if b.within is None]
    places, nbytes = _by_time(own)
    if nbytes > _most_alive(own) + _GAPS:
        others, least = _by_size(own)
        if least < nbytes:
            places, nbytes = others, least
    for buffer in own:
        buffer.offset = places[id(buffer)]
    return nbytes


def _room(buffer):
    return -(-buffer.nbytes // _ALIGNMENT) * _ALIGNMENT


def _most_alive(buffers):
    """Return the bytes of all that live at one time: no arena is smaller."""
    changes: dict[Any, Any] = {}
    for buffer in buffers:
        for i, sign in ((buffer.first, 1), (buffer.last + 1, -1)):
            changes[i] = changes.get(i, 0) + sign * _room(buffer)
    return max(itertools.accumulate(changes[i] for i in sorted(changes)), default=0)


def _by_time(buffers):
    """Return offsets, first fit by time, and the size of the arena."""
    # of those that live: by offsets, by ends
    places: dict[Any, Any] = {}
    spans: list[Any] = []
    ends: list[Any] = []
    end = 0
    for buffer in sorted(buffers, key=lambda b: (b.first, -b.nbytes)):
        while ends and ends[0][0] < buffer.first:
            _, span = heapq.heappop(ends)
            del spans[bisect.bisect_left(spans, span)]
        size, at = _room(buffer), 0
        for first, last, _ in spans:
            if at + size <= first:
                break
            at = max(at, last)
        places[id(buffer)] = at
        span = (at, at + size, id(buffer))
        bisect.insort(spans, span)
        heapq.heappush(ends, (buffer.last, span))
        end = max(end, at + size)
    return places, end


def _by_size(buffers):
    """Return offsets, best fit from the largest on, and the size of the arena."""
    places, end = {}, 0
    lives = np.empty((4, len(buffers)), np.int64)  # first, last; from where to where
    for k, buffer in enumerate(sorted(buffers, key=lambda b: (-b.nbytes, b.first))):
        first, last, starts, ends = lives[:, :k]
        meets = np.flatnonzero((first <= buffer.last) & (last >= buffer.first))
        meets = meets[np.argsort(starts[meets])]
        lows = np.concatenate(([0], np.maximum.accumulate(ends[meets])))
        gaps = starts[meets] - lows[:-1]
        size = _room(buffer)
        fits = np.flatnonzero(gaps >= size)
        at = int(lows[fits[np.argmin(gaps[fits])]] if fits.size else lows[-1])
        places[id(buffer)] = at
        lives[:, k] = buffer.first, buffer.last, at, at + size
        end = max(end, at + size)
    return places, end

"""Lowering: instructions written as others of which native loops can be made.

Products with vectors become products and sums, and what is read in pieces is made so.
"""

from typing import Any

import numpy as np

from xdl.program.fusion.formulas import formula_of
from xdl.program.fusion.gathering import is_product
from xdl.program.fusion.strides import lies_plain
from xdl.program.passes.rewriting import renamed
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Instruction, Value, memory_order, owner_of


def lowered(program):
    """Write products with vectors as products and sums, so that groups take them.

    ``x @ v`` is a sum along the rows, ``v @ x`` one over them; the mean and the
    variance of a layer norm are such.
    """
    written: list[Any] = []
    for instruction in program.instructions:
        new = _product_as_sums(instruction) if is_product(instruction) else None
        written += [instruction] if new is None else new
    program.instructions = written


def _product_as_sums(instruction):
    a, b = instruction.arguments
    if a.dtype.kind != "f" or a.dtype != b.dtype or not instruction.result.shape:
        return None
    if not (lies_plain(a) and lies_plain(b)):
        return None
    new: list[Any] = []
    if len(b.shape) == 1 and len(a.shape) > 1:
        product = _product(new, instruction, a, b)
        _sum(new, instruction, product, -1)
        return new
    if len(a.shape) == 1 and len(b.shape) == 2:
        index = (slice(None), None)
        column = _view(new, instruction, a, (a.size, 1), "getitem", index)
        product = _product(new, instruction, b, column)
        _sum(new, instruction, product, 0)
        return new
    is_dot = a.shape[-2:-1] == (1,) == b.shape[-1:] and a.size == b.size
    if not is_dot or a.shape[:-2] != b.shape[:-2]:
        return None
    shape = (*a.shape[:-2], a.shape[-1])
    parts = [_view(new, instruction, x, shape, "reshape", shape) for x in (a, b)]
    product = _product(new, instruction, *parts)
    _sum(new, instruction, product, -1)
    return new


def added(new, instruction, name, arguments, options, result):
    """Write one more instruction in the place of another one; return it."""
    one = Instruction(name, arguments, options, instruction.place)
    one.result, result.origin = result, one
    new.append(one)
    return one


def _view(new, instruction, x, shape, name, how):
    result = Value.like(x, None, shape)
    added(new, instruction, name, (x, how), {}, result).is_view = True
    return result


def _product(new, instruction, a, b):
    for x, other in ((a, b), (b, a)):
        is_constant = owner_of(x).origin == "constant"
        if is_constant and other.size >= x.size and np.all(owner_of(x).data == 1):
            return other
    result = Value.like(a, None)
    added(new, instruction, "multiply", (a, b), {}, result)
    return result


def _sum(new, instruction, x, axis):
    """Write the sum that stands for a product; its result is the product's."""
    shape = x.shape[:-1] if axis == -1 else x.shape[1:]
    result = instruction.result
    if result.shape == shape:
        added(new, instruction, "sum", (x,), {"axis": axis}, result)
        return
    narrow = Value.like(x, None, shape)
    added(new, instruction, "sum", (x,), {"axis": axis}, narrow)
    one = added(new, instruction, "reshape", (narrow, result.shape), {}, result)
    one.is_view = True


_FEW = 4  # pieces: more are better left together


def parted(program):
    """Compute what is read in pieces alone piece by piece, so that groups join them.

    ``tanh(x)[i]`` becomes ``tanh(x[i])`` where nothing reads the whole of ``tanh(x)``:
    the gates of a recurrent cell are such pieces.
    """
    parts = _Parts(program)
    written = []
    for instruction in program.instructions:
        written += parts.pieces_of(instruction)
    program.instructions = written
    renamed(program, parts.names)


class _Parts:
    """The Values that are made in pieces along their first axis.

    Attributes:
        names: from a Value that was a piece to the one that is it now.
    """

    def __init__(self, program):
        self.names, self._pieces = {}, {}
        self._users: dict[Any, Any] = {}
        self._chosen: set[Any] = set()
        for instruction in program.instructions:
            for value in instruction.operands():
                self._users.setdefault(value, []).append(instruction)
        kept = set(program.lasting())
        for instruction in reversed(program.instructions):
            value = instruction.result
            if value is not None and value not in kept and self._is_parted(instruction):
                self._chosen.add(value)

    def _is_parted(self, instruction):
        value = instruction.result
        if value.is_number or len(value.shape) < 2 or not 1 < value.shape[0] <= _FEW:
            return False
        is_piece = instruction.is_view and _piece(instruction) is not None
        is_made = not instruction.is_view and formula_of(instruction) is not None
        if not (is_piece or is_made):
            return False
        users = self._users.get(value, ())
        return bool(users) and all(self._allows(value, user) for user in users)

    def _allows(self, value, user):
        """Tell whether a user reads single pieces, or is made in pieces itself."""
        if user.is_view:
            piece = _piece(user)
            return isinstance(piece, int) or user.result in self._chosen
        is_alike = user.result is not None and user.result.shape == value.shape
        return is_alike and user.result in self._chosen

    def pieces_of(self, instruction):
        """Return the instructions that stand for one."""
        value, first = instruction.result, next(iter(instruction.arguments), None)
        if value in self._chosen:
            return self._made_in_pieces(instruction)
        if instruction.is_view and first in self._pieces:
            self.names[value] = self._pieces[first][_piece(instruction)]
            return []
        return [instruction]

    def _made_in_pieces(self, instruction):
        value = instruction.result
        new: list[Any] = []
        first = instruction.arguments[0]
        if instruction.is_view and first in self._pieces:
            self._pieces[value] = self._pieces[first][_piece(instruction)]
            return new
        pieces = []
        for i in range(value.shape[0]):
            if instruction.is_view:
                at = _piece(instruction).start + i
                pieces.append(part_of(new, instruction, first, at))
                continue
            arguments = tuple(
                [self._argument(new, instruction, a, i) for a in instruction.arguments]
            )
            piece = Value.like(value, None, value.shape[1:])
            added(new, instruction, instruction.name, arguments, {}, piece)
            pieces.append(piece)
        self._pieces[value] = pieces
        return new

    def _argument(self, new, instruction, argument, i):
        """Return what the i-th piece of a result reads of an argument."""
        if not isinstance(argument, Value) or argument.is_number:
            return argument
        if argument in self._pieces:
            return self._pieces[argument][i]
        if len(argument.shape) < len(instruction.result.shape):
            return argument
        at = i if argument.shape[0] > 1 else 0
        return part_of(new, instruction, argument, at)


def _piece(view):
    """Return which part of the first axis a view is: an int, a slice, or None."""
    if view.row.kind != Kind.PART:
        return None
    x, index = view.arguments
    if isinstance(index, tuple):
        if len(index) != 1:
            return None
        index = index[0]
    if type(index) is int:
        return index % x.shape[0]
    if not isinstance(index, slice) or index.step not in (None, 1):
        return None
    if any(isinstance(bound, Value) for bound in (index.start, index.stop)):
        return None
    return slice(*index.indices(x.shape[0])[:2])


def part_of(new, instruction, x, at):
    """Write ``x[at]``; how it lies in memory is found from a like array."""
    like = np.empty([x.shape[axis] for axis in x.axes or range(len(x.shape))], np.int8)
    result = Value.like(x, None, x.shape[1:])
    if x.axes is None:
        result.axes = None
    else:
        result.axes = memory_order(like.transpose(np.argsort(x.axes))[at])
    added(new, instruction, "getitem", (x, at), {}, result).is_view = True
    return result

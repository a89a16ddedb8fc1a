"""Pieces: pointers into one array of which LLVM knows that they do not meet.

What an instruction reads and writes lies in pieces of the same arena, at places that
are known when the step runs. Without word that they are apart, LLVM would compare them
before every loop, and not vectorise one that writes over what it reads.

Reference: LLVM Language Reference, "noalias and alias.scope Metadata".
"""

import operator

from numba.core import types
from numba.extending import intrinsic, lower_builtin, models, register_model


class Piece(types.CPointer):
    """The type of a pointer to one of some pieces.

    Args:
        dtype: of the elements.
        instruction: the number of the instruction that the pieces are for.
        own: the number of the piece; others of this number may meet it.
        count: how many numbers there are.
    """

    def __init__(self, dtype, instruction, own, count):
        super().__init__(dtype)
        self.instruction, self.own, self.count = instruction, own, count

    @property
    def key(self):
        """What tells it from other types."""
        return self.dtype, self.instruction, self.own, self.count

    def mark(self, access):
        """Write at an access to memory which others it does not meet."""
        module = access.parent.function.module
        domain = module.add_metadata([f"xdl {self.instruction}"])
        scopes = [
            module.add_metadata([f"xdl {self.instruction} {i}", domain])
            for i in range(self.count)
        ]
        own = scopes.pop(self.own)
        access.set_metadata("alias.scope", module.add_metadata([own]))
        if scopes:
            access.set_metadata("noalias", module.add_metadata(scopes))


register_model(Piece)(models.PointerModel)


@intrinsic(prefer_literal=True)
def piece(typing, start, offset, instruction, own, count):
    """Return the pointer to the piece ``offset`` places after another pointer."""
    numbers = [number.literal_value for number in (instruction, own, count)]
    to = Piece(start.dtype, *numbers)

    def codegen(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return to(start, types.int64, instruction, own, count), codegen


@lower_builtin(operator.getitem, Piece, types.Integer)
def _read(context, builder, signature, arguments):
    number = builder.load(builder.gep(*arguments[:1], arguments[1:]))
    signature.args[0].mark(number)
    return number


@lower_builtin(operator.setitem, Piece, types.Integer, types.Any)
def _write(context, builder, signature, arguments):
    start, index, number = arguments
    signature.args[0].mark(builder.store(number, builder.gep(start, [index])))

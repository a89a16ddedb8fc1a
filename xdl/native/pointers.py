"""Pointers, addresses and names: what native code says of memory, in LLVM's terms."""

from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

_WORD = ir.IntType(64)


def pointer(number):
    """Make the pointer to numbers of some type at an address."""
    to = types.CPointer(number)

    def typed(typing, address):
        def codegen(context, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(to))

        return to(address), codegen

    return intrinsic(typed)


integers = pointer(types.int64)


@intrinsic
def address(typing, pointer):
    """Return the address of what a pointer points to."""

    def codegen(context, builder, signature, arguments):
        return builder.ptrtoint(arguments[0], _WORD)

    return types.int64(pointer), codegen


@intrinsic
def at(typing, start, offset):
    """Return the pointer to the element ``offset`` places after another one."""

    def codegen(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return start(start, types.int64), codegen


@intrinsic
def first(typing, array):
    """Return the pointer to an array's first element."""

    def codegen(context, builder, signature, arguments):
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), codegen


def scratch(number, size):
    """Make ``scratch()``: the pointer to some numbers that last for a call."""
    to = types.CPointer(number)

    @intrinsic
    def scratch(typing):
        def codegen(context, builder, signature, arguments):
            kind = context.get_value_type(number)
            with builder.goto_entry_block():  # not in a loop, and not filled with 0
                array = builder.alloca(ir.ArrayType(kind, size))
            array.align = 64
            return builder.bitcast(array, kind.as_pointer())

        return to(), codegen

    return scratch


def symbol(name):
    """Make ``symbol()``: the address of a function that is known by a name."""

    @intrinsic
    def symbol(typing):
        def codegen(context, builder, signature, arguments):
            kind = ir.FunctionType(ir.VoidType(), [])
            function = get_or_insert_function(builder.module, kind, name)
            return builder.ptrtoint(function, _WORD)

        return types.int64(), codegen

    return symbol

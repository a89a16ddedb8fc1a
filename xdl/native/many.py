"""Members: the native loop over many models that do steps of one native function.

Each thread takes the next member from a queue, does its steps, and takes another. The
function of the step is called at its address, as it is compiled: so a member's numbers
are those of the single step.
"""

import functools

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from xdl.native.cache import load

NEXT, END = 0, 8  # of a queue: the next member; whether to end after a step
QUEUE = 16
_TEXT = """
from xdl.native.many import END, NEXT, calling, move
from xdl.native.pointers import integers
from xdl.native.thread_pool import add, look

call = calling({arity})


@native(nogil=True)
def run(function, own, queue, batch, counts, done, numbers, words, places, results,
        steps, inputs, sizes, sources, rows):
    board, given = integers(queue), integers(own)
    member = add(board, NEXT, 1)
    while member < counts.size:
        row = integers(rows[member])
        for i in range(places.size):
            given[places[i]] = words[member, i]
        for step in range(counts[member]):
            if look(board, END) != 0:
                break
            for i in range(inputs.size):
                to, size = given[inputs[i]], sizes[i]
                for k in range(batch):
                    move(to + k * size, sources[i] + row[step * batch + k] * size, size)
            if call(function, own) != 1:
                break
            for i in range(results.size):
                given[results[i]] += steps[i]
            done[numbers[member]] += 1
        member = add(board, NEXT, 1)
"""


@global_compiler_lock
@functools.cache
def running(arity):
    """Return ``run`` for a native function of some number of words.

    The words that a step is given lie at the address ``own``, those of one thread. Of
    them a member has its own at ``places`` (k,): ``words`` (n, k). Those at ``results``
    (r,) go on by ``steps`` (r,) bytes after each step; at those of ``inputs`` (i,) the
    rows of a batch are gathered, of ``sizes`` (i,) bytes each, from ``sources`` (i,).
    Which ones lies at ``rows`` (n,): ``batch`` integers a step. A member does so many
    steps as ``counts`` (n,) says; ``done`` counts them, at ``numbers`` (n,).
    """
    return load(_TEXT.format(arity=arity)).run


def calling(arity):
    """Make ``call(function, given)``: of a native function, with words at an address.

    The function is one of Numba's that returns an integer and raises nothing.
    """
    word = ir.IntType(64)

    @intrinsic
    def call(typing, function, given):
        def codegen(context, builder, signature, arguments):
            pointer = word.as_pointer()
            status = ir.FunctionType(
                ir.IntType(32), [pointer, pointer, *[word] * arity]
            )
            known = builder.inttoptr(arguments[0], status.as_pointer())
            first = builder.inttoptr(arguments[1], pointer)
            words = [builder.load(builder.gep(first, [word(i)])) for i in range(arity)]
            result = cgutils.alloca_once(builder, word)
            nothing = cgutils.alloca_once_value(builder, word(0))
            builder.call(known, [result, nothing, *words])
            return builder.load(result)

        return types.int64(types.int64, types.int64), codegen

    return call


@intrinsic
def move(typing, to, source, size):
    """Copy bytes from an address to another one."""

    def codegen(context, builder, signature, arguments):
        to, source = (
            builder.inttoptr(place, ir.IntType(8).as_pointer())
            for place in arguments[:2]
        )
        cgutils.raw_memcpy(builder, to, source, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


def address_of(function, kinds):
    """Return the address of a compiled function for types, as ``call`` needs it."""
    compiled = function.overloads[kinds]
    name = compiled.fndesc.llvm_func_name
    return compiled.library.get_pointer_to_function(name)

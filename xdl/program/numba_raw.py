"""What the text of a native step names: functions of numbers, pointers and products.

``NAMES`` holds them all, such as ``exp_float32``; a text takes those that it needs. A
step works on bare pointers rather than on arrays: where an element lies is worked out
when the text is written, so that its shape and strides need not travel with it.
"""

import types as python

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from xdl.program.numba_bits import pointer
from xdl.program.numba_blas import GEMM
from xdl.program.numba_math import FUNCTIONS

_KINDS = {
    "bool": types.uint8,
    "uint8": types.uint8,
    "int8": types.int8,
    "int16": types.int16,
    "int32": types.int32,
    "int64": types.int64,
    "float32": types.float32,
    "float64": types.float64,
}


@intrinsic
def at(typing, start, offset):
    """Return the pointer to the element ``offset`` places after the one at ``start``."""

    def codegen(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return start(start, types.int64), codegen


@intrinsic
def hidden(typing, number):
    """Return an integer of which the compiler is not to know that it is constant.

    Loops over ten elements that LLVM sees to be ten become single instructions, half as
    fast (``benchmarks/native.py``).
    """

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)])
        opaque = ir.InlineAsm(kind, "", "=r,0", side_effect=False)
        return builder.call(opaque, arguments)

    return types.int64(types.int64), codegen


def _product(number):
    """Make BLAS's gemm of rows: a and b may be transposed, c may not."""
    flag, size, matrix = types.int32, types.int64, types.CPointer(number)
    layouts = (flag, flag, flag, size, size, size)
    numbers = (number, matrix, size, matrix, size, number, matrix, size)
    kind = types.void(*layouts, *numbers)
    return types.ExternalFunction(f"xdl_gemm_{number.name}", kind)


NAMES = {"at": at, "hidden": hidden}
NAMES |= {f"pointer_{n}": pointer(python.SimpleNamespace(number=t)) for n, t in _KINDS.items()}
NAMES |= {
    f"{name}_{dtype}": function
    for dtype, table in FUNCTIONS.items()
    for name, function in table.items()
    if name != "pointer"
}
NAMES |= {f"gemm_{dtype}": _product(_KINDS[dtype]) for dtype in GEMM}

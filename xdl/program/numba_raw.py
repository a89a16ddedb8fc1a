"""What the text of a native step names: functions of numbers, pointers and products.

``NAMES`` holds them all, such as ``exp_float32``; a text takes those that it needs. A
step works on bare pointers rather than on arrays: where an element lies is worked out
when the text is written, so that its shape and strides need not travel with it.
"""

import ctypes
import types as python

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

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


class Address(types.Type):
    """The type of an array of NumPy that is only asked where its elements lie.

    Numba's own arrays cost 50 ns each at a call from Python; this one costs 1. It is 0
    for an array that is not contiguous and aligned.
    """

    def __init__(self):
        super().__init__(name="xdl_address")


ADDRESS = Address()


@register_model(Address)
class _AddressModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.IntType(64))


# NumPy's array begins, after what every object of Python has, with the pointer to its
# elements; its flags stand six words later. NumPy keeps to this since its version 1.7.
_DATA = object.__basicsize__
_FLAGS = _DATA + 6 * 8
_CONTIGUOUS_AND_ALIGNED = 0x0101


def is_readable():
    """Tell whether arrays of this NumPy and Python are laid out as we know them."""
    x = np.arange(6, dtype=np.int16).reshape(2, 3)
    parts = (x, x[:, 1:], x.view(np.int8)[:, 1:-1])
    found = []
    for array in parts:
        data = ctypes.c_void_p.from_address(id(array) + _DATA).value
        flags = ctypes.c_int.from_address(id(array) + _FLAGS).value
        expected = array.flags.c_contiguous + 256 * array.flags.aligned
        found.append(data == array.ctypes.data)
        found.append(flags & _CONTIGUOUS_AND_ALIGNED == expected)
    return ctypes.sizeof(ctypes.c_void_p) == 8 and all(found)


@unbox(Address)
def _unboxed(kind, thing, c):
    def loaded(offset, number):
        start = c.builder.bitcast(thing, ir.IntType(8).as_pointer())
        place = c.builder.gep(start, [ir.Constant(ir.IntType(64), offset)])
        return c.builder.load(c.builder.bitcast(place, number.as_pointer()))

    needed = ir.Constant(ir.IntType(32), _CONTIGUOUS_AND_ALIGNED)
    flags = c.builder.and_(loaded(_FLAGS, ir.IntType(32)), needed)
    is_fit = c.builder.icmp_signed("==", flags, needed)
    data, none = loaded(_DATA, ir.IntType(64)), ir.Constant(ir.IntType(64), 0)
    return NativeValue(c.builder.select(is_fit, data, none))


@intrinsic
def is_missing(typing, address):
    """Tell whether an address is that of an array which is not contiguous."""

    def codegen(context, builder, signature, arguments):
        return builder.icmp_signed("==", arguments[0], ir.Constant(ir.IntType(64), 0))

    return types.boolean(address), codegen


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


NAMES = {"at": at, "hidden": hidden, "is_missing": is_missing}
NAMES |= {f"pointer_{n}": pointer(python.SimpleNamespace(number=t)) for n, t in _KINDS.items()}
NAMES |= {
    f"{name}_{dtype}": function
    for dtype, table in FUNCTIONS.items()
    for name, function in table.items()
    if name != "pointer"
}
NAMES |= {f"gemm_{dtype}": _product(_KINDS[dtype]) for dtype in GEMM}

"""What the text of a native step names: functions of numbers, pointers and products.

``NAMES`` holds them all, such as ``exp_float32``; a text takes those that it needs. A
step works on bare pointers rather than on arrays: where an element lies is worked out
when the text is written, so that its shape and strides need not travel with it.
"""

import ctypes

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

from xdl.program.native.bits import compiled
from xdl.program.native.mathematics import FUNCTIONS
from xdl.program.native.pieces import piece
from xdl.program.native.pointers import at, integers

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
    """The type of an object of Python that native code reads as it lies in memory.

    Numba's own arrays cost 50 ns each at a call from Python; these cost 1.
    """

    def __init__(self):
        super().__init__(name="xdl_address")


ADDRESS = Address()


@register_model(Address)
class _AddressModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.IntType(64))


@unbox(Address)
def _unboxed(kind, thing, c):
    return NativeValue(c.builder.ptrtoint(thing, ir.IntType(64)))


class Elements(types.Type):
    """The type of an array of which native code gets the pointer to its elements."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"xdl_elements_{dtype}")


ELEMENTS = {name: Elements(dtype) for name, dtype in _KINDS.items()}


@register_model(Elements)
class _ElementsModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        pointer = dmm.lookup(fe_type.dtype).get_data_type().as_pointer()
        super().__init__(dmm, fe_type, pointer)


@unbox(Elements)
def _unboxed_elements(kind, thing, c):
    to = c.context.get_value_type(kind)
    start = c.builder.ptrtoint(thing, ir.IntType(64))
    place = c.builder.add(start, ir.Constant(ir.IntType(64), _DATA))
    return NativeValue(c.builder.load(c.builder.inttoptr(place, to.as_pointer())))


@intrinsic
def elements(typing, array):
    """Return the pointer to an array's elements."""

    def codegen(context, builder, signature, arguments):
        return arguments[0]

    return types.CPointer(array.dtype)(array), codegen


# NumPy's array begins with what every object of Python has, the last of it its type.
# What follows has been there in this order since NumPy 1.7.
_DATA = object.__basicsize__
_TYPE, _NDIM, _SHAPE, _DTYPE, _FLAGS = (_DATA + 8 * i for i in (-1, 1, 2, 5, 6))
_CONTIGUOUS_AND_ALIGNED = 0x0101


def is_readable():
    """Tell whether arrays of this NumPy and Python are laid out as we know them."""

    def found(array, offset, kind=ctypes.c_void_p):
        return kind.from_address(id(array) + offset).value

    x = np.arange(6, dtype=np.int16).reshape(2, 3)
    alike = [ctypes.sizeof(ctypes.c_void_p) == 8]
    for array in (x, x[:, 1:], x.view(np.int8)[:, 1:-1]):
        flags = array.flags.c_contiguous + 256 * array.flags.aligned
        alike += [
            found(array, _TYPE) == id(np.ndarray),
            found(array, _DATA) == array.ctypes.data,
            found(array, _NDIM, ctypes.c_int) == array.ndim,
            ctypes.c_int64.from_address(found(array, _SHAPE) + 8).value == len(array.T),
            found(array, _DTYPE) == id(array.dtype),
            found(array, _FLAGS, ctypes.c_int) & _CONTIGUOUS_AND_ALIGNED == flags,
        ]
    return all(alike)


def _loaded(bits):
    """Make what reads an integer at some bytes from an address."""

    @intrinsic
    def loaded(typing, address, offset):
        def codegen(context, builder, signature, arguments):
            place = builder.add(*arguments)
            pointer = builder.inttoptr(place, ir.IntType(bits).as_pointer())
            return builder.load(pointer)

        return types.Integer.from_bitwidth(bits)(address, types.int64), codegen

    return loaded


_word, _half = _loaded(64), _loaded(32)


@compiled
def start(x):
    """Return the address of an array's first element; 0 if it cannot be read as it is.

    It has to be contiguous and aligned.
    """
    is_fit = _half(x, _FLAGS) & _CONTIGUOUS_AND_ALIGNED == _CONTIGUOUS_AND_ALIGNED
    return _word(x, _DATA) if is_fit else 0


@compiled
def is_other(x, facts):
    """Tell whether an object is not an array of some type, dtype and shape.

    ``facts`` has them: type, dtype, bytes, number of axes, shape.
    """
    if _word(x, _TYPE) != facts[0] or _word(x, _DTYPE) != facts[1]:
        return True
    if _half(x, _NDIM) != facts[3]:
        return True
    lengths, differs = _word(x, _SHAPE), False
    for axis in range(facts[3]):
        differs |= _word(lengths, 8 * axis) != facts[4 + axis]
    return differs


@compiled
def meets(first, size, others):
    """Tell whether bytes from an address on are also some of others'.

    ``others`` has their number, and of each its address and size.
    """
    for i in range(others[0]):
        other, other_size = others[2 * i + 1], others[2 * i + 2]
        if first < other + other_size and other < first + size:
            return True
    return False


NAMES = {"at": at, "start": start, "elements": elements, "piece": piece}
NAMES |= {"is_other": is_other, "meets": meets}
NAMES["pointer_int64"] = integers
NAMES |= {
    f"{name}_{dtype}": function
    for dtype, table in FUNCTIONS.items()
    for name, function in table.items()
}

"""What the text of a native step names: functions of numbers, pointers and products.

``NAMES`` holds them all, such as ``exp_float32``; a text takes those that it needs. A
step works on bare pointers rather than on arrays: where an element lies is worked out
when the text is written, so that its shape and strides need not travel with it.
"""

import ctypes

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

from xdl.native.aliasing import piece
from xdl.native.mathematics import FUNCTIONS
from xdl.native.pointers import at, integers

_WORD = ir.IntType(64)
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


def _word(builder, place, bits=64):
    """Write the integer that lies at an address."""
    pointer = builder.inttoptr(place, ir.IntType(bits).as_pointer())
    return builder.load(pointer)


def _of(builder, thing, offset, bits=64):
    """Write the integer that lies some bytes behind the beginning of an object."""
    return _word(builder, builder.add(thing, _WORD(offset)), bits)


@intrinsic
def start(typing, x):
    """Return the address of an array's first element; 0 if it cannot be read as it is.

    It has to be contiguous and aligned.
    """

    def codegen(context, builder, signature, arguments):
        wanted = ir.IntType(32)(_CONTIGUOUS_AND_ALIGNED)
        flags = builder.and_(_of(builder, arguments[0], _FLAGS, 32), wanted)
        first = _of(builder, arguments[0], _DATA)
        is_fit = builder.icmp_unsigned("==", flags, wanted)
        return builder.select(is_fit, first, _WORD(0))

    return types.int64(x), codegen


@intrinsic(prefer_literal=True)
def is_other(typing, x, facts, ndim):
    """Tell whether an object is not an array of some type, dtype and shape.

    Args:
        x: the object.
        facts: the pointer to its type, dtype, bytes and shape.
        ndim: how many axes the shape has, a number that is written.
    """

    def codegen(context, builder, signature, arguments):
        thing, known, _ = arguments

        def is_alike(found, i):
            wanted = builder.load(builder.gep(known, [_WORD(i)]))
            return builder.icmp_unsigned("==", found, wanted)

        result = cgutils.alloca_once_value(builder, cgutils.true_bit)
        with builder.if_then(is_alike(_of(builder, thing, _TYPE), 0)):
            axes = _of(builder, thing, _NDIM, 32)
            has_axes = builder.icmp_unsigned("==", axes, axes.type(ndim.literal_value))
            is_array = is_alike(_of(builder, thing, _DTYPE), 1)
            with builder.if_then(builder.and_(is_array, has_axes)):
                lengths, alike = _of(builder, thing, _SHAPE), cgutils.true_bit
                for i in range(ndim.literal_value):
                    one = is_alike(_of(builder, lengths, 8 * i), 3 + i)
                    alike = builder.and_(alike, one)
                builder.store(builder.not_(alike), result)
        return builder.load(result)

    return types.boolean(x, facts, ndim), codegen


@intrinsic
def meets(typing, first, size, others):
    """Tell whether bytes from an address on are also some of others'.

    ``others`` points to their number, and to the address and size of each.
    """

    def codegen(context, builder, signature, arguments):
        first, size, known = arguments
        end, found = builder.add(first, size), cgutils.false_bit
        found = cgutils.alloca_once_value(builder, found)
        with cgutils.for_range(builder, builder.load(known)) as loop:
            at = builder.add(builder.mul(loop.index, _WORD(2)), _WORD(1))
            other = builder.load(builder.gep(known, [at]))
            length = builder.load(builder.gep(known, [builder.add(at, _WORD(1))]))
            begins = builder.icmp_signed("<", first, builder.add(other, length))
            both = builder.and_(begins, builder.icmp_signed("<", other, end))
            builder.store(builder.or_(builder.load(found), both), found)
        return builder.load(found)

    return types.boolean(first, types.int64, others), codegen


NAMES = {"at": at, "start": start, "elements": elements, "piece": piece}
NAMES |= {"is_other": is_other, "meets": meets}
NAMES["pointer_int64"] = integers
NAMES |= {
    f"{name}_{dtype}": function
    for dtype, table in FUNCTIONS.items()
    for name, function in table.items()
}

"""The NumPy namespace: Array API names at NumPy's full speed.

Names whose NumPy spelling is fast enough are NumPy's own. The functions written out
below skip NumPy's Python wrappers, which cost more than the work on a small array
(``benchmarks/overhead.py``), or are among the extras that the standard lacks.
"""

import builtins
import functools
import math
import typing
import warnings

import numpy as np
from numpy import (  # noqa: F401  (the namespace is this module)
    abs,
    acos,
    acosh,
    add,
    argmax,
    argmin,
    asarray,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    concat,
    cos,
    cosh,
    divide,
    equal,
    exp,
    expm1,
    floor,
    floor_divide,
    full,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    positive,
    power,
    reciprocal,
    remainder,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    take_along_axis,
    tan,
    tanh,
    tril,
    triu,
    where,
)

from xdl.backend import random
from xdl.backend.convolution import (  # noqa: F401
    BLOCK,
    convolution,
    convolution_by_input,
    convolution_by_weight,
)
from xdl.backend.erf import erf_by_polynomials
from xdl.backend.indices import refuse_index
from xdl.backend.quiet import Quiet
from xdl.backend.rounding import (  # noqa: F401
    round_to_bfloat16,
    round_to_float16,
    round_to_tfloat32,
)
from xdl.backend.scatter import scatter_add, scatter_set  # noqa: F401
from xdl.backend.summation import (
    CHAIN,
    LONG,
    is_long_dot,
    long_matmul,
    long_sum,
    long_vecdot,
)

float16, float32, float64 = np.float16, np.float32, np.float64
bool, int8, int16, int32, int64 = np.bool, np.int8, np.int16, np.int32, np.int64
uint8, uint16, uint32, uint64 = np.uint8, np.uint16, np.uint32, np.uint64

# Infinity and NaN are values that go on: the update of a weight refuses them, and debug
# mode finds where they came from. NumPy's warnings would name lines of xdl.
warnings.filterwarnings(
    "ignore", r".* encountered in ", RuntimeWarning, module=r"xdl\."
)

_BITS = {
    np.dtype(np.float16): np.int16,
    np.dtype(np.float32): np.int32,
    np.dtype(np.float64): np.int64,
}
_FEW, _MANY = 16, 4096
fused = None  # no kernels that do what operations compose
tensor_cores = None  # that multiply what was rounded
TILE = 32768  # elements: all that erf reads and writes for them fits in a cache
_min_of, _max_of = builtins.min, builtins.max

# Called by place, which is quicker; NumPy's stubs know ``keepdims`` by name alone.
_add: typing.Any = np.add.reduce
_multiply: typing.Any = np.multiply.reduce
_maximum: typing.Any = np.maximum.reduce
_minimum: typing.Any = np.minimum.reduce
_logical_and: typing.Any = np.logical_and.reduce
_logical_or: typing.Any = np.logical_or.reduce


def sum(x, axis=None, keepdims=False):
    if x.size > CHAIN:
        return long_sum(x, axis, None, None, keepdims)
    return _add(x, axis, None, None, keepdims)


def prod(x, axis=None, keepdims=False):
    return _multiply(x, axis, None, None, keepdims)


def max(x, axis=None, keepdims=False):
    return _maximum(x, axis, None, None, keepdims)


def min(x, axis=None, keepdims=False):
    return _minimum(x, axis, None, None, keepdims)


def all(x, axis=None, keepdims=False):
    return _logical_and(x, axis, None, None, keepdims)


def any(x, axis=None, keepdims=False):
    return _logical_or(x, axis, None, None, keepdims)


def cumulative_sum(x, axis):
    return np.add.accumulate(x, axis)


def cumulative_prod(x, axis):
    return np.multiply.accumulate(x, axis)


def argsort(x, axis=-1, stable=True):
    return x.argsort(axis, stable=stable)


def sort(x, axis=-1):
    return np.sort(x, axis)


def stack(xs, axis=0):
    ndim = xs[0].ndim + 1
    index = (slice(None),) * (axis % ndim) + (None,)
    return np.concatenate([x[index] for x in xs], axis)  # half of np.stack's time


def pow(x1, x2):
    if getattr(x1, "ndim", 0) or getattr(x2, "ndim", 0):
        return power(x1, x2)
    # As the operator of scalars has it, which rounds otherwise than the ufunc.
    x1, x2 = [x[()] if isinstance(x, np.ndarray) else x for x in (x1, x2)]
    return x1**x2


def vecdot(x1, x2):
    if x1.shape[-1] > LONG:
        return long_vecdot(x1, x2)
    return np.vecdot(x1, x2)


def matmul(x1, x2):
    if x1.shape[-1] > LONG and is_long_dot(x1.shape, x2.shape):
        return long_matmul(x1, x2)
    if x2.ndim != 2 or x1.ndim < 2:
        return np.matmul(x1, x2)
    if x1.ndim == 2:  # the same numbers in half the time on small ones
        return np.dot(x1, x2)
    *rows, inner = x1.shape
    y = np.dot(x1.reshape(math.prod(rows), inner), x2)  # one product instead of many
    return y.reshape(*rows, x2.shape[1])


def reshape(x, shape):
    return x.reshape(shape)


def broadcast_to(x, shape):
    fills = x.size == 1 and x.ndim <= len(shape)
    if fills and isinstance(x, np.ndarray):  # 0.5 us instead of 3
        return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    return np.broadcast_to(x, shape)


def permute_dims(x, axes):
    return x.transpose(axes)


def matrix_transpose(x):
    return x.mT


def expand_dims(x, axis):
    return np.expand_dims(x, axis)


def squeeze(x, axis):
    return x.squeeze(axis)


def astype(x, dtype):  # copy=False takes 0.9 us more on a scalar
    try:
        return x if x.dtype == dtype else x.astype(dtype)
    except (FloatingPointError, RuntimeWarning):  # what is too large becomes infinity
        with quiet():
            return x.astype(dtype)


def round(x):
    return x.round()


def take(x, indices, axis):
    return x.take(indices, axis)


def copy(x):
    return x.copy()


def quiet():
    """Return a context in which NumPy says nothing of infinities and NaN."""
    return Quiet()


def owns(x):
    """Tell whether no other array shares the memory of ``x``, as far as it knows."""
    return x.base is None


def zero_unless(mask, x):
    """Return ``x`` where ``mask`` holds and 0 elsewhere: 20 times as fast as where."""
    bits = _BITS.get(x.dtype)
    if bits is None:
        return np.where(mask, x, x.dtype.type(0))
    return (mask.astype(bits) * x.view(bits)).view(x.dtype)


def has_non_finite(x):
    """Tell whether any element is NaN or infinite."""
    if x.size > _MANY and x.dtype.char in "fd" and _squares(x) < math.inf:
        return False  # in half a pass, where no square is infinite
    return 0 in np.isfinite(x).tobytes()  # on one element a third of all()'s time


def is_within(x, limit):
    """Tell whether every element is a number of at most ``limit`` in magnitude."""
    if not x.ndim:
        return -limit <= x <= limit
    if x.size > _MANY and float(_squares(x)) <= limit * limit:
        return True  # in half a pass, where it is not near the limit
    return 0 not in np.less_equal(np.abs(x), _array_of(limit, x.dtype)).tobytes()


def _squares(x):
    flat = x.reshape(-1)
    with np.errstate(all="ignore"):
        return float(np.dot(flat, flat))  # its comparison warns of nothing


@functools.cache
def _array_of(number, dtype):
    return np.array(number, dtype)  # 0.5 us less than the number in a ufunc


def read_only(x):
    """Return a view of ``x`` that refuses writes."""
    view = x.view()
    view.flags.writeable = False
    return view


def new_zeros(like, shape):
    return np.zeros(shape, like.dtype)


def new_ones(like, shape):
    if not shape:
        return like.dtype.type(1)  # scalar arithmetic is ten times faster than 0-d
    y = np.empty(shape, like.dtype)
    y.fill(1)  # np.ones takes three times as long on one element
    return y


def new_arange(like, stop):
    """Count from 0 to stop - 1 (int64), on the device of ``like``."""
    return np.arange(stop)


def reserve(nbytes):
    """Raise a MemoryError unless there is memory for so much."""
    np.empty(nbytes, np.uint8)


def random_bits(like, shape, width, key, number):
    """Return the integers of ``random.bits`` in a shape, on the device of ``like``."""
    return random.bits(math.prod(shape), width, key, number).reshape(shape)


# The extras: what networks need and the standard lacks.


def getitem(x, index):
    """Return ``x[index]``; an integer out of range is an ``IndexError``."""
    return x[index]


def check_indices(indices, size, who, error):
    """Raise ``error`` unless every index lies in ``[0, size)``; one pass."""
    if indices.size <= _FEW:
        listed = indices.reshape(-1).tolist()  # 0.3 us instead of 1.5
        if listed and (_min_of(listed) < 0 or _max_of(listed) >= size):
            refuse_index(indices, size, who, error)
        return
    # A negative number read as unsigned is larger than any size.
    unsigned = indices.astype(np.int64, copy=False).view(np.uint64)
    if np.maximum.reduce(unsigned, None) >= size:
        refuse_index(indices, size, who, error)


def erf(x):
    """Return the error function of every element, tile by tile."""
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    flat = x.reshape(-1).astype(dtype, copy=False)
    y = np.empty(flat.shape, x.dtype)
    for i in range(0, flat.size, TILE):
        tile = flat[i : i + TILE]
        y[i : i + TILE] = erf_by_polynomials(np, tile, dtype is np.float64)
    return y.reshape(x.shape)

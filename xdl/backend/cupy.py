"""The CuPy namespace: the names of ``xdl.backend.numpy``, computed on a GPU.

It is imported on the first use of a GPU, and no other file imports CuPy. Importing it
needs no driver; ``require`` says what is missing before anything is computed.

CuPy differs from NumPy where a user would not see it: an index outside its axis wraps
around instead of failing, so every index array is checked here, and each check waits
for the GPU. A process computes on one GPU, for CuPy's kernels run on the GPU that is
current, whichever their arrays are on.
"""

import contextlib
import importlib
import math
import os
import sys

import cupy
import cupyx
from cupy import (  # noqa: F401  (the namespace is this module)
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
    stack,
    subtract,
    tan,
    tanh,
    tril,
    triu,
    where,
)
from cupy import cumprod as cumulative_prod  # noqa: F401
from cupy import cumsum as cumulative_sum  # noqa: F401
from cupy import power as pow  # noqa: F401
from cupyx.scipy import special

from xdl.backend import TOGETHER, known, random, register
from xdl.backend import convolution as by_products
from xdl.backend.cuda import checks as _asked
from xdl.backend.cuda.convolution import Convolutions
from xdl.backend.cuda.kernels import Fused
from xdl.backend.cuda.library import CudaLibrary
from xdl.backend.cuda.one_gpu import OneGpu
from xdl.backend.cuda.optim import Together
from xdl.backend.cuda.rounding import TensorCores, roundings
from xdl.backend.indices import checked, greatest, inside, refuse_index

float16, float32, float64 = cupy.float16, cupy.float32, cupy.float64
bool, int8, int16, int32, int64 = (
    cupy.bool_,
    cupy.int8,
    cupy.int16,
    cupy.int32,
    cupy.int64,
)
uint8, uint16, uint32, uint64 = cupy.uint8, cupy.uint16, cupy.uint32, cupy.uint64

BLOCK = 1 << 26  # elements: of blocks a GPU wants few, and they need memory

# What scatter_add computes in where CuPy has no atomic addition of the dtype itself.
_ATOMIC = {
    "float16": "float32",
    "bfloat16": "float32",
    "bool": "int32",
    "int8": "int32",
    "int16": "int32",
    "int64": "uint64",  # additions of two's complement are the same
    "uint8": "uint32",
    "uint16": "uint32",
}


def sum(x, axis=None, keepdims=False):
    return x.sum(axis=axis, keepdims=keepdims)


def prod(x, axis=None, keepdims=False):
    return x.prod(axis=axis, keepdims=keepdims)


def max(x, axis=None, keepdims=False):
    return x.max(axis=axis, keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    return x.min(axis=axis, keepdims=keepdims)


def all(x, axis=None, keepdims=False):
    return x.all(axis=axis, keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    return x.any(axis=axis, keepdims=keepdims)


def argsort(x, axis=-1, stable=True):
    return cupy.argsort(x, axis)  # always a stable one


def sort(x, axis=-1):
    return cupy.sort(x, axis)


def matmul(x1, x2):
    """Multiply as NumPy does; 16-bit stacks in float32: CuPy fails or is slow."""
    if x1.ndim > 1 < x2.ndim and x1.ndim + x2.ndim > 4:
        if math.prod(x2.shape[:-2]) == 1:  # one tall product, without a stack
            rows = x1.reshape(math.prod(x1.shape[:-1]), x1.shape[-1])
            y = matmul(rows, x2.reshape(x2.shape[-2:]))
            more = (1,) * (x2.ndim - x1.ndim)
            return y.reshape(*more, *x1.shape[:-1], x2.shape[-1])
        if math.prod(x1.shape[:-2]) == 1:  # a wide one, where x2 is not much larger
            many = math.prod(x2.shape[:-2])
            if x1.size * many >= x2.size:
                return matmul(x2.mT, x1.mT).mT
            x1 = cupy.broadcast_to(x1, (*x2.shape[:-2], *x1.shape[-2:])).copy()
    is_plain = x1.ndim == x2.ndim == 2
    if is_plain or not (_is_short(x1.dtype) or _is_short(x2.dtype)):
        return cupy.matmul(x1, x2)
    y = cupy.matmul(x1.astype(float32), x2.astype(float32))
    return y.astype(x1.dtype)


def _is_short(dtype):
    return dtype.name in ("float16", "bfloat16")


def _product(x1, x2, out=None):
    if out is not None and not _is_short(out.dtype):
        return cupy.matmul(x1, x2, out=out)
    y = matmul(x1, x2)
    if out is None:
        return y
    out[...] = y
    return out


class _Cupy:
    """CuPy, but for products: those of stacks are one where they can be."""

    matmul = staticmethod(_product)

    def __getattr__(self, name):
        return getattr(cupy, name)


_OF_CUPY = _Cupy()


round_to_tfloat32, round_to_bfloat16, round_to_float16 = roundings(cupy)
tensor_cores = TensorCores(cupy)


def convolution(x, taps, bias, options):
    with x.device:
        return _convolved("convolution", x, taps, (bias, options))


def convolution_by_input(g, taps, size, options):
    with g.device:
        return _convolved("convolution_by_input", g, taps, (size, options))


def convolution_by_weight(x, g, window, options):
    with x.device:
        return _convolved("convolution_by_weight", x, g, (window, options))


def _convolved(name, a, b, given):
    if fused is not None and _convolutions.takes(a, b):
        return getattr(_convolutions, name)(a, b, *given)
    return getattr(by_products, name)(a, b, *given, None, _OF_CUPY, BLOCK)


def reshape(x, shape):
    return known.same(x, x.reshape(shape))


def broadcast_to(x, shape):
    return cupy.broadcast_to(x, shape)


def permute_dims(x, axes):
    return x.transpose(axes)


def matrix_transpose(x):
    return x.mT


def expand_dims(x, axis):
    return cupy.expand_dims(x, axis)


def squeeze(x, axis):
    return x.squeeze(axis)


def astype(x, dtype):
    if isinstance(dtype, str) and dtype == "bfloat16":  # NumPy learns the name from it
        dtype = importlib.import_module("ml_dtypes").bfloat16
    return x.astype(dtype, copy=False)


def round(x):
    return x.round()


def erf(x):
    """Return the error function of every element; of 16 bits it is CuPy's in double."""
    wide = x.astype(float64 if x.dtype == float64 else float32, copy=False)
    return special.erf(wide).astype(x.dtype, copy=False)


def vecdot(x1, x2):
    products = x1 * x2
    return products.sum(axis=-1).astype(products.dtype, copy=False)


def copy(x):
    return x.copy()


def quiet():
    """Return a context that does nothing: a GPU warns of no infinity and no NaN."""
    return contextlib.nullcontext()


def owns(x):
    """Tell whether no other array shares the memory of ``x``, as far as it knows."""
    return x.base is None


def zero_unless(mask, x):
    """Return ``x`` where ``mask`` holds and 0 elsewhere."""
    return cupy.where(mask, x, x.dtype.type(0))


def has_non_finite(x):
    """Tell whether any element is NaN or infinite; it waits for the GPU."""
    return not cupy.isfinite(x).all().item()


def is_within(x, limit):
    """Answer False: to know it, one would wait for the GPU."""
    return False


def read_only(x):
    """Return ``x``: CuPy has no arrays that refuse writes."""
    return x


def new_zeros(like, shape):
    with like.device:
        return cupy.zeros(shape, like.dtype)


def new_ones(like, shape):
    with like.device:
        return cupy.ones(shape, like.dtype)


def new_arange(like, stop):
    """Count from 0 to stop - 1 (int64), on the device of ``like``."""
    with like.device:
        y = cupy.arange(stop)
    known.note(y, 0, stop - 1)
    return y


def reserve(nbytes):
    """Do nothing: a pool that grew for this would keep the memory from others."""


def random_bits(like, shape, width, key, number):
    """Return the integers of ``random.bits`` in a shape, on the device of ``like``."""
    with like.device:
        if fused is not None:
            return fused.bits(shape, width, key, number)
        bits = random.bits(math.prod(shape), width, key, number)
        return cupy.asarray(bits.reshape(shape))


# Indexing: checked here, for CuPy takes every index modulo the length of its axis.


def _ask():
    ask = _asked.asks.get()
    if ask is not None:
        return ask
    return None if fused is None else _checks.ask_range


def getitem(x, index):
    """Return ``x[index]``; an integer out of range is an ``IndexError``."""
    return x[checked(x, index, _ask())]


def take(x, indices, axis):
    return x.take(inside(indices, axis, x.shape[axis], _ask()), axis)


def take_along_axis(x, indices, axis):
    return cupy.take_along_axis(x, inside(indices, axis, x.shape[axis], _ask()), axis)


def scatter_add(x, index, values):
    """Return a copy of ``x`` with ``values`` added at ``index``, duplicates too.

    Duplicates of floating numbers are added in no fixed order.
    """
    index = checked(x, index, _ask(), trusts=True)
    if not isinstance(values, cupy.ndarray):
        with x.device:
            # A kernel fills it: nothing is copied from the host.
            values = cupy.full((), values, x.dtype)
    wide = _ATOMIC.get(x.dtype.name, x.dtype)
    y = x.astype(wide)
    cupy.add.at(y, index, values.astype(wide, copy=False))
    return y.astype(x.dtype, copy=False)


def scatter_set(x, index, values):
    """Return a copy of ``x`` with ``values`` at ``index``; of duplicates the last."""
    index, y = checked(x, index, _ask()), x.copy()
    parts = index if isinstance(index, tuple) else (index,)
    has_array = [part for part in parts if isinstance(part, cupy.ndarray)]
    if has_array and getattr(values, "ndim", 0) > 0:
        with x.device:
            last = cupy.zeros(x.shape, uint64)
            shape = last[index].shape
            numbers = cupy.arange(math.prod(shape), dtype=uint64).reshape(shape)
        # Every duplicate writes the value of the last, for they write in no order.
        cupy.maximum.at(last, index, numbers)
        flat = cupy.broadcast_to(values, shape).reshape(-1)
        values = flat.take(last[index].astype(int64), 0)
    y[index] = values
    return y


def check_indices(indices, size, who, error):
    """Raise ``error`` unless every index is in ``[0, size)``, once that is known."""
    if known.is_within(indices, 0, size):
        return
    if fused is None:
        if greatest(indices.astype(int64, copy=False)) >= size:
            refuse_index(indices.get(), size, who, error)
        return

    def refuse(part, when):
        refuse_index(indices.get(), size, who, error, when)

    _checks.ask_range(indices, 0, size, refuse)


# The device: what is missing, and how arrays come and go.

_gpu = OneGpu(cupy)
require = _gpu.require
_checks = _asked.CudaChecks(cupy, cupyx)
register(cupy.ndarray, sys.modules[__name__], CudaLibrary(cupy, _gpu, _checks))
_kernels = Fused(cupy), Together(cupy, _checks)
_convolutions = Convolutions(cupy)
fused = None


def _use_kernels(on):
    """Compute with the kernels of xdl, or with their portable twins."""
    global fused
    fused = _kernels[0] if on else None
    TOGETHER.pop(cupy.ndarray, None)
    if on:
        TOGETHER[cupy.ndarray] = _kernels[1]


_use_kernels(os.environ.get("XDL_CUDA_KERNELS") != "0")

"""The NumPy namespace: Array API names at NumPy's full speed.

Names whose NumPy spelling is fast enough are NumPy's own. The functions written out
below skip NumPy's Python wrappers, which cost more than the work on a small array
(``benchmarks/overhead.py``), or are among the extras that the standard lacks.
"""

import builtins

import numpy as np
from numpy import (  # noqa: F401  (the namespace is this module)
    abs,
    add,
    argmax,
    argmin,
    argsort,
    asarray,
    concat,
    cos,
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
    logical_and,
    logical_not,
    logical_or,
    matmul,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    positive,
    reciprocal,
    remainder,
    sign,
    sin,
    sqrt,
    square,
    stack,
    subtract,
    take_along_axis,
    tanh,
    tril,
    triu,
    where,
)
from numpy import power as pow  # noqa: F401

from xdl.backend.indices import refuse_index

float16, float32, float64 = np.float16, np.float32, np.float64
bool, int8, int16, int32, int64 = np.bool, np.int8, np.int16, np.int32, np.int64
uint8, uint16, uint32, uint64 = np.uint8, np.uint16, np.uint32, np.uint64

FEW = 16
min_of, max_of = builtins.min, builtins.max


def sum(x, axis=None, keepdims=False):
    return np.add.reduce(x, axis, None, None, keepdims)


def prod(x, axis=None, keepdims=False):
    return np.multiply.reduce(x, axis, None, None, keepdims)


def max(x, axis=None, keepdims=False):
    return np.maximum.reduce(x, axis, None, None, keepdims)


def min(x, axis=None, keepdims=False):
    return np.minimum.reduce(x, axis, None, None, keepdims)


def all(x, axis=None, keepdims=False):
    return np.logical_and.reduce(x, axis, None, None, keepdims)


def any(x, axis=None, keepdims=False):
    return np.logical_or.reduce(x, axis, None, None, keepdims)


def reshape(x, shape):
    return x.reshape(shape)


def broadcast_to(x, shape):
    if x.size == 1 and isinstance(x, np.ndarray):  # 0.5 us instead of 3
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


def astype(x, dtype):
    return x.astype(dtype, copy=False)


def take(x, indices, axis):
    return x.take(indices, axis)


def copy(x):
    return x.copy()


def quiet():
    """Return a context in which NumPy does not warn of infinities and NaN."""
    return np.errstate(all="ignore")


def owns(x):
    """Tell whether no other array shares the memory of ``x``, as far as it knows."""
    return x.base is None


def has_non_finite(x):
    """Tell whether any element is NaN or infinite."""
    return 0 in np.isfinite(x).tobytes()  # on one element a third of all()'s time


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


# The extras: what networks need and the standard lacks.


def getitem(x, index):
    """Return ``x[index]``; an integer out of range is an ``IndexError``."""
    return x[index]


def scatter_add(x, index, values):
    """Return a copy of ``x`` with ``values`` added at ``index``, duplicates too."""
    y = x.copy()
    np.add.at(y, index, values)
    return y


def check_indices(indices, size, who, error):
    """Raise ``error`` unless every index lies in ``[0, size)``; one pass."""
    if indices.size <= FEW:
        listed = indices.reshape(-1).tolist()  # 0.3 us instead of 1.5
        if listed and (min_of(listed) < 0 or max_of(listed) >= size):
            refuse_index(indices, size, who, error)
        return
    # A negative number read as unsigned is larger than any size.
    unsigned = indices.astype(np.int64, copy=False).view(np.uint64)
    if np.maximum.reduce(unsigned, None) >= size:
        refuse_index(indices, size, who, error)

"""The operations: each a function of Variables, arrays and numbers.

``xdl.ops`` is itself a namespace that gradients are computed with when they are to be
differentiated again.
"""

from xdl.ops.activation import log_softmax, relu, sigmoid, softmax
from xdl.ops.arithmetic import (
    abs,
    add,
    divide,
    floor_divide,
    multiply,
    negative,
    power,
    remainder,
    sign,
    square,
    subtract,
)
from xdl.ops.creation import (
    asarray,
    check_indices,
    new_arange,
    new_ones,
    new_zeros,
    quiet,
)
from xdl.ops.elementary import exp, expm1, log, log1p, reciprocal, sqrt, tanh
from xdl.ops.indexing import getitem, index_add, take
from xdl.ops.join import concat
from xdl.ops.linear import linear, matmul
from xdl.ops.logic import (
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from xdl.ops.loss import mean_squared_error, softmax_cross_entropy, square_error
from xdl.ops.reduce import logsumexp, max, mean, min, sum
from xdl.ops.search import all, any, argmax, argmin
from xdl.ops.selection import clip, maximum, minimum, where
from xdl.ops.shape import (
    astype,
    broadcast_to,
    expand_dims,
    matrix_transpose,
    permute_dims,
    reshape,
    squeeze,
    transpose,
)

scatter_add = index_add

_FOR_GRADIENTS = {"asarray", "check_indices", "quiet", "scatter_add"}
_FOR_GRADIENTS |= {"new_arange", "new_ones", "new_zeros"}

__all__ = [
    name
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and name not in _FOR_GRADIENTS
]

from xdl.ops import operators  # noqa: E402  (it needs the names above)

operators._install()

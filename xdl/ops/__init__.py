"""The operations: each a function of Variables, arrays and numbers.

``xdl.ops`` is itself a namespace that gradients are computed with when they are to be
differentiated again.
"""

from xdl.ops.activation import log_softmax, relu, sigmoid, softmax
from xdl.ops.adaptive import adaptive_avg_pool2d
from xdl.ops.arithmetic import (
    abs,
    add,
    divide,
    floor_divide,
    multiply,
    negative,
    positive,
    power,
    remainder,
    sign,
    square,
    subtract,
)
from xdl.ops.arrange import flip, roll, tril, triu
from xdl.ops.attention import scaled_dot_product_attention
from xdl.ops.batch_normalization import batch_norm
from xdl.ops.binary_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
)
from xdl.ops.conv import conv1d, conv2d
from xdl.ops.conv3d import conv3d
from xdl.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from xdl.ops.creation import (
    asarray,
    check_indices,
    from_dlpack,
    new_arange,
    new_ones,
    new_zeros,
    quiet,
    zero_unless,
)
from xdl.ops.ctc import ctc_loss
from xdl.ops.distance_loss import cosine_embedding_loss, kl_div, triplet_loss
from xdl.ops.elementary import exp, expm1, log, log1p, reciprocal, sqrt, tanh
from xdl.ops.embedding import embedding
from xdl.ops.exponential import erf, exp2, log2, log10, logaddexp, rsqrt
from xdl.ops.indexing import getitem, index_add, take
from xdl.ops.interpolate import interpolate
from xdl.ops.join import concat, stack
from xdl.ops.label_loss import hinge_loss, nll_loss
from xdl.ops.layout import diagonal, flatten, moveaxis, repeat, swapaxes, tile
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
from xdl.ops.loss import softmax_cross_entropy
from xdl.ops.moments import norm, prod, std, var
from xdl.ops.normalization import group_norm, instance_norm, layer_norm, rms_norm
from xdl.ops.padding import pad
from xdl.ops.parting import split, unstack
from xdl.ops.picking import index_update, one_hot, take_along_axis
from xdl.ops.pool import avg_pool2d, max_pool2d
from xdl.ops.pool1d import avg_pool1d, max_pool1d
from xdl.ops.products import dot, einsum, outer, tensordot, vecdot
from xdl.ops.random import dropout
from xdl.ops.rectifiers import (
    celu,
    elu,
    hard_sigmoid,
    hard_swish,
    hard_tanh,
    leaky_relu,
    relu6,
    selu,
)
from xdl.ops.recurrent import gru, lstm, rnn
from xdl.ops.recurrent_cells import gru_cell, lstm_cell, rnn_cell
from xdl.ops.reduce import logsumexp, max, mean, min, sum
from xdl.ops.regression_loss import (
    huber_loss,
    l1_loss,
    mean_squared_error,
    smooth_l1_loss,
    square_error,
)
from xdl.ops.rounding import ceil, floor, round
from xdl.ops.scan import cumulative_prod, cumulative_sum, diff
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
from xdl.ops.smooth_activation import gelu, glu, mish, silu, softplus, softsign
from xdl.ops.sorting import argsort, sort, topk
from xdl.ops.trigonometry import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
)

scatter_add = index_add
scatter_set = index_update

_FOR_GRADIENTS = {"asarray", "check_indices", "quiet", "scatter_add"}
_FOR_GRADIENTS |= {"new_arange", "new_ones", "new_zeros", "scatter_set", "zero_unless"}

__all__ = [
    name
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and name not in _FOR_GRADIENTS
]

from xdl.ops import operators, special  # noqa: E402  (they need the names above)

operators._install()

"""Where the names of ``xdl.ops`` come from; see ``xdl.late``.

An operation and the function that calls it stand in one line.
"""

# fmt: off
# ruff: noqa: I001  (a line for each name would be twice as many)
from xdl.ops import special as special
from xdl.ops.activation.hard import (
    HardShrink as HardShrink, hard_shrink as hard_shrink,
    HardSigmoid as HardSigmoid, hard_sigmoid as hard_sigmoid,
    HardSwish as HardSwish, hard_swish as hard_swish,
    HardTanh as HardTanh, hard_tanh as hard_tanh,
    ReLU6 as ReLU6, relu6 as relu6,
)
from xdl.ops.activation.rectifiers import (
    CELU as CELU, celu as celu,
    ELU as ELU, elu as elu,
    LeakyReLU as LeakyReLU, leaky_relu as leaky_relu,
    PReLU as PReLU, prelu as prelu,
    Relu as Relu, relu as relu,
    SELU as SELU, selu as selu,
)
from xdl.ops.activation.sigmoid import (
    GLU as GLU, glu as glu,
    LogSigmoid as LogSigmoid, log_sigmoid as log_sigmoid,
    Sigmoid as Sigmoid, sigmoid as sigmoid,
    SiLU as SiLU, silu as silu,
)
from xdl.ops.activation.smooth import (
    GELU as GELU, gelu as gelu,
    Mish as Mish, mish as mish,
    Softplus as Softplus, softplus as softplus,
    Softsign as Softsign, softsign as softsign,
)
from xdl.ops.activation.softmax import (
    LogSoftmax as LogSoftmax, log_softmax as log_softmax,
    Softmax as Softmax, softmax as softmax,
)
from xdl.ops.attention import (
    ScaledDotProductAttention as ScaledDotProductAttention,
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from xdl.ops.convolution.conv1d import Conv1d as Conv1d, conv1d as conv1d
from xdl.ops.convolution.conv2d import Conv2d as Conv2d, conv2d as conv2d
from xdl.ops.convolution.conv3d import Conv3d as Conv3d, conv3d as conv3d
from xdl.ops.convolution.conv_transpose import (
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
)
from xdl.ops.convolution.interpolation import (
    Interpolate as Interpolate, interpolate as interpolate,
)
from xdl.ops.creation import (
    asarray as asarray,
    check_indices as check_indices,
    from_dlpack as from_dlpack,
    is_within as is_within,
    linspace as linspace,
    new_arange as new_arange,
    new_ones as new_ones,
    new_zeros as new_zeros,
    quiet as quiet,
    zero_unless as zero_unless,
)
from xdl.ops.elementwise.arithmetic import (
    Abs as Abs, abs as abs,
    Add as Add, add as add,
    Divide as Divide, divide as divide,
    Hypot as Hypot, hypot as hypot,
    Multiply as Multiply, multiply as multiply,
    Negative as Negative, negative as negative,
    Positive as Positive, positive as positive,
    Power as Power, power as power,
    Sign as Sign, sign as sign,
    Square as Square, square as square,
    Subtract as Subtract, subtract as subtract,
)
from xdl.ops.elementwise.comparison import (
    Equal as Equal, equal as equal,
    Greater as Greater, greater as greater,
    GreaterEqual as GreaterEqual, greater_equal as greater_equal,
    IsFinite as IsFinite, isfinite as isfinite,
    IsInf as IsInf, isinf as isinf,
    IsNan as IsNan, isnan as isnan,
    Less as Less, less as less,
    LessEqual as LessEqual, less_equal as less_equal,
    LogicalAnd as LogicalAnd, logical_and as logical_and,
    LogicalNot as LogicalNot, logical_not as logical_not,
    LogicalOr as LogicalOr, logical_or as logical_or,
    NotEqual as NotEqual, not_equal as not_equal,
)
from xdl.ops.elementwise.division import (
    FloorDivide as FloorDivide, floor_divide as floor_divide,
    Remainder as Remainder, remainder as remainder,
)
from xdl.ops.elementwise.elementary import (
    Exp as Exp, exp as exp,
    Expm1 as Expm1, expm1 as expm1,
    Log as Log, log as log,
    Log1p as Log1p, log1p as log1p,
    Reciprocal as Reciprocal, reciprocal as reciprocal,
    Sqrt as Sqrt, sqrt as sqrt,
    Tanh as Tanh, tanh as tanh,
)
from xdl.ops.elementwise.exponential import (
    Erf as Erf, erf as erf,
    Exp2 as Exp2, exp2 as exp2,
    Log10 as Log10, log10 as log10,
    Log2 as Log2, log2 as log2,
    LogAddExp as LogAddExp, logaddexp as logaddexp,
    Rsqrt as Rsqrt, rsqrt as rsqrt,
)
from xdl.ops.elementwise.rounding import (
    Ceil as Ceil, ceil as ceil,
    Floor as Floor, floor as floor,
    Round as Round, round as round,
)
from xdl.ops.elementwise.selection import (
    Clip as Clip, clip as clip,
    Maximum as Maximum, maximum as maximum,
    Minimum as Minimum, minimum as minimum,
    Where as Where, where as where,
)
from xdl.ops.elementwise.trigonometry import (
    Acos as Acos, acos as acos,
    Acosh as Acosh, acosh as acosh,
    Asin as Asin, asin as asin,
    Asinh as Asinh, asinh as asinh,
    Atan as Atan, atan as atan,
    Atan2 as Atan2, atan2 as atan2,
    Atanh as Atanh, atanh as atanh,
    Cos as Cos, cos as cos,
    Cosh as Cosh, cosh as cosh,
    Sin as Sin, sin as sin,
    Sinh as Sinh, sinh as sinh,
    Tan as Tan, tan as tan,
)
from xdl.ops.indexing.composed import (
    diagonal as diagonal,
    repeat as repeat,
)
from xdl.ops.indexing.embedding import Embedding as Embedding, embedding as embedding
from xdl.ops.indexing.getitem import (
    GetItem as GetItem, getitem as getitem,
    IndexAdd as IndexAdd, index_add as index_add,
    Take as Take, take as take,
)
from xdl.ops.indexing.padding import Pad as Pad, pad as pad
from xdl.ops.indexing.picking import (
    IndexUpdate as IndexUpdate, index_update as index_update,
    OneHot as OneHot, one_hot as one_hot,
    TakeAlongAxis as TakeAlongAxis, take_along_axis as take_along_axis,
)
from xdl.ops.indexing.sorting import (
    Argsort as Argsort, argsort as argsort,
    Sort as Sort, sort as sort,
    topk as topk,
)
from xdl.ops.layout.arrange import (
    Flip as Flip, flip as flip,
    Roll as Roll, roll as roll,
    Tril as Tril, tril as tril,
    Triu as Triu, triu as triu,
)
from xdl.ops.layout.composed import (
    flatten as flatten,
    moveaxis as moveaxis,
    swapaxes as swapaxes,
    tile as tile,
)
from xdl.ops.layout.join import (
    Concat as Concat, concat as concat,
    Stack as Stack, stack as stack,
)
from xdl.ops.layout.parting import (
    Split as Split, split as split,
    Unstack as Unstack, unstack as unstack,
)
from xdl.ops.layout.shape import (
    Astype as Astype, astype as astype,
    BroadcastTo as BroadcastTo, broadcast_to as broadcast_to,
    matrix_transpose as matrix_transpose,
    PermuteDims as PermuteDims, permute_dims as permute_dims,
    Reshape as Reshape, reshape as reshape,
    transpose as transpose,
)
from xdl.ops.layout.unit_axes import (
    ExpandDims as ExpandDims, expand_dims as expand_dims,
    Squeeze as Squeeze, squeeze as squeeze,
)
from xdl.ops.loss.binary import (
    BinaryCrossEntropy as BinaryCrossEntropy,
    binary_cross_entropy as binary_cross_entropy,
    BinaryCrossEntropyWithLogits as BinaryCrossEntropyWithLogits,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from xdl.ops.loss.cross_entropy import (
    SoftmaxCrossEntropy as SoftmaxCrossEntropy,
    softmax_cross_entropy as softmax_cross_entropy,
)
from xdl.ops.loss.ctc import CtcLoss as CtcLoss, ctc_loss as ctc_loss
from xdl.ops.loss.distance import (
    CosineEmbeddingLoss as CosineEmbeddingLoss,
    cosine_embedding_loss as cosine_embedding_loss,
    KlDiv as KlDiv, kl_div as kl_div,
    TripletLoss as TripletLoss, triplet_loss as triplet_loss,
)
from xdl.ops.loss.labels import (
    HingeLoss as HingeLoss, hinge_loss as hinge_loss,
    NllLoss as NllLoss, nll_loss as nll_loss,
)
from xdl.ops.loss.regression import (
    HuberLoss as HuberLoss, huber_loss as huber_loss,
    L1Loss as L1Loss, l1_loss as l1_loss,
    MeanSquaredError as MeanSquaredError, mean_squared_error as mean_squared_error,
    SmoothL1Loss as SmoothL1Loss, smooth_l1_loss as smooth_l1_loss,
    SquareError as SquareError, square_error as square_error,
)
from xdl.ops.normalization.batch_norm import (
    BatchNorm as BatchNorm, batch_norm as batch_norm,
)
from xdl.ops.normalization.layer_norm import (
    group_norm as group_norm,
    instance_norm as instance_norm,
    LayerNorm as LayerNorm, layer_norm as layer_norm,
    RMSNorm as RMSNorm, rms_norm as rms_norm,
)
from xdl.ops.pooling.adaptive import adaptive_avg_pool2d as adaptive_avg_pool2d
from xdl.ops.pooling.avg_pool import (
    AvgPool1d as AvgPool1d, avg_pool1d as avg_pool1d,
    AvgPool2d as AvgPool2d, avg_pool2d as avg_pool2d,
)
from xdl.ops.pooling.max_pool import (
    MaxPool1d as MaxPool1d, max_pool1d as max_pool1d,
    MaxPool2d as MaxPool2d, max_pool2d as max_pool2d,
)
from xdl.ops.product.matmul import (
    Linear as Linear, linear as linear,
    Matmul as Matmul, matmul as matmul,
)
from xdl.ops.product.products import (
    dot as dot,
    Einsum as Einsum, einsum as einsum,
    outer as outer,
    tensordot as tensordot,
    VecDot as VecDot, vecdot as vecdot,
)
from xdl.ops.random import Dropout as Dropout, dropout as dropout
from xdl.ops.recurrent.cells import (
    gru_cell as gru_cell,
    lstm_cell as lstm_cell,
    rnn_cell as rnn_cell,
)
from xdl.ops.recurrent.gru import Gru as Gru, gru as gru
from xdl.ops.recurrent.lstm import Lstm as Lstm, lstm as lstm
from xdl.ops.recurrent.rnn import Rnn as Rnn, rnn as rnn
from xdl.ops.reduction.moments import (
    Norm as Norm, norm as norm,
    Prod as Prod, prod as prod,
    Std as Std, std as std,
    Var as Var, var as var,
)
from xdl.ops.reduction.reduce import (
    LogSumExp as LogSumExp, logsumexp as logsumexp,
    Max as Max, max as max,
    Mean as Mean, mean as mean,
    Min as Min, min as min,
    Sum as Sum, sum as sum,
)
from xdl.ops.reduction.scan import (
    CumulativeProd as CumulativeProd, cumulative_prod as cumulative_prod,
    CumulativeSum as CumulativeSum, cumulative_sum as cumulative_sum,
    diff as diff,
)
from xdl.ops.reduction.search import (
    All as All, all as all,
    Any as Any, any as any,
    ArgMax as ArgMax, argmax as argmax,
    ArgMin as ArgMin, argmin as argmin,
)

scatter_add = index_add
scatter_set = index_update

# As everywhere in xdl: initials stay capital.
ArgSort = Argsort
CTCLoss = CtcLoss
GRU = Gru
IsNaN = IsNan
KLDiv = KlDiv
LSTM = Lstm
NLLLoss = NllLoss
RNN = Rnn
ReLU = Relu

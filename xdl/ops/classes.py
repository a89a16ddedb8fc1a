"""Where the operations' classes of ``xdl.ops`` come from; see ``xdl.late``."""

from xdl.ops.activation.hard import HardShrink as HardShrink
from xdl.ops.activation.hard import HardSigmoid as HardSigmoid
from xdl.ops.activation.hard import HardSwish as HardSwish
from xdl.ops.activation.hard import HardTanh as HardTanh
from xdl.ops.activation.hard import ReLU6 as ReLU6
from xdl.ops.activation.rectifiers import CELU as CELU
from xdl.ops.activation.rectifiers import ELU as ELU
from xdl.ops.activation.rectifiers import SELU as SELU
from xdl.ops.activation.rectifiers import LeakyReLU as LeakyReLU
from xdl.ops.activation.rectifiers import PReLU as PReLU
from xdl.ops.activation.rectifiers import Relu as Relu
from xdl.ops.activation.sigmoid import GLU as GLU
from xdl.ops.activation.sigmoid import LogSigmoid as LogSigmoid
from xdl.ops.activation.sigmoid import Sigmoid as Sigmoid
from xdl.ops.activation.sigmoid import SiLU as SiLU
from xdl.ops.activation.smooth import GELU as GELU
from xdl.ops.activation.smooth import Mish as Mish
from xdl.ops.activation.smooth import Softplus as Softplus
from xdl.ops.activation.smooth import Softsign as Softsign
from xdl.ops.activation.softmax import LogSoftmax as LogSoftmax
from xdl.ops.activation.softmax import Softmax as Softmax
from xdl.ops.attention import ScaledDotProductAttention as ScaledDotProductAttention
from xdl.ops.convolution.conv1d import Conv1d as Conv1d
from xdl.ops.convolution.conv2d import Conv2d as Conv2d
from xdl.ops.convolution.conv3d import Conv3d as Conv3d
from xdl.ops.convolution.interpolation import Interpolate as Interpolate
from xdl.ops.elementwise.arithmetic import Abs as Abs
from xdl.ops.elementwise.arithmetic import Add as Add
from xdl.ops.elementwise.arithmetic import Divide as Divide
from xdl.ops.elementwise.arithmetic import Hypot as Hypot
from xdl.ops.elementwise.arithmetic import Multiply as Multiply
from xdl.ops.elementwise.arithmetic import Negative as Negative
from xdl.ops.elementwise.arithmetic import Positive as Positive
from xdl.ops.elementwise.arithmetic import Power as Power
from xdl.ops.elementwise.arithmetic import Sign as Sign
from xdl.ops.elementwise.arithmetic import Square as Square
from xdl.ops.elementwise.arithmetic import Subtract as Subtract
from xdl.ops.elementwise.comparison import Equal as Equal
from xdl.ops.elementwise.comparison import Greater as Greater
from xdl.ops.elementwise.comparison import GreaterEqual as GreaterEqual
from xdl.ops.elementwise.comparison import IsFinite as IsFinite
from xdl.ops.elementwise.comparison import IsInf as IsInf
from xdl.ops.elementwise.comparison import IsNan as IsNan
from xdl.ops.elementwise.comparison import Less as Less
from xdl.ops.elementwise.comparison import LessEqual as LessEqual
from xdl.ops.elementwise.comparison import LogicalAnd as LogicalAnd
from xdl.ops.elementwise.comparison import LogicalNot as LogicalNot
from xdl.ops.elementwise.comparison import LogicalOr as LogicalOr
from xdl.ops.elementwise.comparison import NotEqual as NotEqual
from xdl.ops.elementwise.division import FloorDivide as FloorDivide
from xdl.ops.elementwise.division import Remainder as Remainder
from xdl.ops.elementwise.elementary import Exp as Exp
from xdl.ops.elementwise.elementary import Expm1 as Expm1
from xdl.ops.elementwise.elementary import Log as Log
from xdl.ops.elementwise.elementary import Log1p as Log1p
from xdl.ops.elementwise.elementary import Reciprocal as Reciprocal
from xdl.ops.elementwise.elementary import Sqrt as Sqrt
from xdl.ops.elementwise.elementary import Tanh as Tanh
from xdl.ops.elementwise.exponential import Erf as Erf
from xdl.ops.elementwise.exponential import Exp2 as Exp2
from xdl.ops.elementwise.exponential import Log2 as Log2
from xdl.ops.elementwise.exponential import Log10 as Log10
from xdl.ops.elementwise.exponential import LogAddExp as LogAddExp
from xdl.ops.elementwise.exponential import Rsqrt as Rsqrt
from xdl.ops.elementwise.rounding import Ceil as Ceil
from xdl.ops.elementwise.rounding import Floor as Floor
from xdl.ops.elementwise.rounding import Round as Round
from xdl.ops.elementwise.selection import Clip as Clip
from xdl.ops.elementwise.selection import Maximum as Maximum
from xdl.ops.elementwise.selection import Minimum as Minimum
from xdl.ops.elementwise.selection import Where as Where
from xdl.ops.elementwise.trigonometry import Acos as Acos
from xdl.ops.elementwise.trigonometry import Acosh as Acosh
from xdl.ops.elementwise.trigonometry import Asin as Asin
from xdl.ops.elementwise.trigonometry import Asinh as Asinh
from xdl.ops.elementwise.trigonometry import Atan as Atan
from xdl.ops.elementwise.trigonometry import Atan2 as Atan2
from xdl.ops.elementwise.trigonometry import Atanh as Atanh
from xdl.ops.elementwise.trigonometry import Cos as Cos
from xdl.ops.elementwise.trigonometry import Cosh as Cosh
from xdl.ops.elementwise.trigonometry import Sin as Sin
from xdl.ops.elementwise.trigonometry import Sinh as Sinh
from xdl.ops.elementwise.trigonometry import Tan as Tan
from xdl.ops.indexing.embedding import Embedding as Embedding
from xdl.ops.indexing.getitem import GetItem as GetItem
from xdl.ops.indexing.getitem import IndexAdd as IndexAdd
from xdl.ops.indexing.getitem import Take as Take
from xdl.ops.indexing.padding import Pad as Pad
from xdl.ops.indexing.picking import IndexUpdate as IndexUpdate
from xdl.ops.indexing.picking import OneHot as OneHot
from xdl.ops.indexing.picking import TakeAlongAxis as TakeAlongAxis
from xdl.ops.indexing.sorting import Argsort as Argsort
from xdl.ops.indexing.sorting import Sort as Sort
from xdl.ops.layout.arrange import Flip as Flip
from xdl.ops.layout.arrange import Roll as Roll
from xdl.ops.layout.arrange import Tril as Tril
from xdl.ops.layout.arrange import Triu as Triu
from xdl.ops.layout.join import Concat as Concat
from xdl.ops.layout.join import Stack as Stack
from xdl.ops.layout.parting import Split as Split
from xdl.ops.layout.parting import Unstack as Unstack
from xdl.ops.layout.shape import Astype as Astype
from xdl.ops.layout.shape import BroadcastTo as BroadcastTo
from xdl.ops.layout.shape import PermuteDims as PermuteDims
from xdl.ops.layout.shape import Reshape as Reshape
from xdl.ops.layout.unit_axes import ExpandDims as ExpandDims
from xdl.ops.layout.unit_axes import Squeeze as Squeeze
from xdl.ops.loss.binary import BinaryCrossEntropy as BinaryCrossEntropy
from xdl.ops.loss.binary import (
    BinaryCrossEntropyWithLogits as BinaryCrossEntropyWithLogits,
)
from xdl.ops.loss.cross_entropy import SoftmaxCrossEntropy as SoftmaxCrossEntropy
from xdl.ops.loss.ctc import CtcLoss as CtcLoss
from xdl.ops.loss.distance import CosineEmbeddingLoss as CosineEmbeddingLoss
from xdl.ops.loss.distance import KlDiv as KlDiv
from xdl.ops.loss.distance import TripletLoss as TripletLoss
from xdl.ops.loss.labels import HingeLoss as HingeLoss
from xdl.ops.loss.labels import NllLoss as NllLoss
from xdl.ops.loss.regression import HuberLoss as HuberLoss
from xdl.ops.loss.regression import L1Loss as L1Loss
from xdl.ops.loss.regression import MeanSquaredError as MeanSquaredError
from xdl.ops.loss.regression import SmoothL1Loss as SmoothL1Loss
from xdl.ops.loss.regression import SquareError as SquareError
from xdl.ops.normalization.batch_norm import BatchNorm as BatchNorm
from xdl.ops.normalization.layer_norm import LayerNorm as LayerNorm
from xdl.ops.normalization.layer_norm import RMSNorm as RMSNorm
from xdl.ops.pooling.avg_pool import AvgPool1d as AvgPool1d
from xdl.ops.pooling.avg_pool import AvgPool2d as AvgPool2d
from xdl.ops.pooling.max_pool import MaxPool1d as MaxPool1d
from xdl.ops.pooling.max_pool import MaxPool2d as MaxPool2d
from xdl.ops.product.matmul import Linear as Linear
from xdl.ops.product.matmul import Matmul as Matmul
from xdl.ops.product.products import Einsum as Einsum
from xdl.ops.product.products import VecDot as VecDot
from xdl.ops.random import Dropout as Dropout
from xdl.ops.recurrent.gru import Gru as Gru
from xdl.ops.recurrent.lstm import Lstm as Lstm
from xdl.ops.recurrent.rnn import Rnn as Rnn
from xdl.ops.reduction.moments import Norm as Norm
from xdl.ops.reduction.moments import Prod as Prod
from xdl.ops.reduction.moments import Std as Std
from xdl.ops.reduction.moments import Var as Var
from xdl.ops.reduction.reduce import LogSumExp as LogSumExp
from xdl.ops.reduction.reduce import Max as Max
from xdl.ops.reduction.reduce import Mean as Mean
from xdl.ops.reduction.reduce import Min as Min
from xdl.ops.reduction.reduce import Sum as Sum
from xdl.ops.reduction.scan import CumulativeProd as CumulativeProd
from xdl.ops.reduction.scan import CumulativeSum as CumulativeSum
from xdl.ops.reduction.search import All as All
from xdl.ops.reduction.search import Any as Any
from xdl.ops.reduction.search import ArgMax as ArgMax
from xdl.ops.reduction.search import ArgMin as ArgMin

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

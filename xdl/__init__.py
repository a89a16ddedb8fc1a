"""xdl: a deep learning framework on plain arrays, NumPy on the CPU, CuPy on CUDA."""

from xdl import models, nn, ops, optim, testing
from xdl.backend import device, use_device
from xdl.backend.random import seed
from xdl.config import show_config
from xdl.core.graph import Graph
from xdl.core.mode import enable_grad, no_grad, set_debug
from xdl.core.module import Model, Module
from xdl.core.op import Op
from xdl.core.parameter import Parameter
from xdl.core.variable import Variable
from xdl.errors import *  # noqa: F403
from xdl.io import load, save
from xdl.models import LinearModel, LinearRegression
from xdl.nn import SoftmaxLoss, SquareLoss, init
from xdl.ops import *  # noqa: F403
from xdl.ops.linear import Matmul
from xdl.optim import SGD
from xdl.program import compile
from xdl.transform import (
    gradient,
    hessian_vector_product,
    recompute,
    value_and_gradient,
)

__version__ = "0.1.0"

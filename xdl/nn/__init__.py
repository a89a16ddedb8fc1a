"""Layers: what keeps weights, or remembers what it was given."""

from xdl.nn import init
from xdl.nn.linear import Linear
from xdl.nn.loss import Loss, SoftmaxLoss, SquareLoss

__all__ = ["Linear", "Loss", "SoftmaxLoss", "SquareLoss", "init"]

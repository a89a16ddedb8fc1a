"""Optimizers: how gradients change weights."""

from xdl.optim.optimizer import Optimizer
from xdl.optim.sgd import SGD

__all__ = ["SGD", "Optimizer"]

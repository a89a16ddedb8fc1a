"""How gradients change weights: optimizers, schedules, clipping, averages."""

from xdl.optim.adagrad import Adadelta, Adagrad
from xdl.optim.adam import Adam, AdamW
from xdl.optim.clip import clip_grad_norm, clip_grad_value
from xdl.optim.ema import EMA
from xdl.optim.lamb import LAMB
from xdl.optim.lion import Lion
from xdl.optim.muon import Muon
from xdl.optim.nadam import NAdam, RAdam
from xdl.optim.one_cycle import OneCycleLR
from xdl.optim.optimizer import Optimizer
from xdl.optim.plateau import ReduceLROnPlateau
from xdl.optim.rmsprop import RMSprop
from xdl.optim.schedule import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    Schedule,
    SequentialLR,
    StepLR,
)
from xdl.optim.sgd import SGD

__all__ = [
    "EMA",
    "LAMB",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearLR",
    "Lion",
    "Muon",
    "NAdam",
    "OneCycleLR",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm",
    "clip_grad_value",
]

"""Models to use, and to copy from: one screen each."""

from xdl.models.gpt import GPT
from xdl.models.lenet import LeNet
from xdl.models.linear import LinearModel, LinearRegression
from xdl.models.mlp import MLP
from xdl.models.recurrent import LSTMLanguageModel, RNNClassifier
from xdl.models.resnet import ResNet

__all__ = [
    "GPT",
    "LSTMLanguageModel",
    "LeNet",
    "LinearModel",
    "LinearRegression",
    "MLP",
    "RNNClassifier",
    "ResNet",
]

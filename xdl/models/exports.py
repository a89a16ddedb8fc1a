"""Where the names of ``xdl.models`` come from; see ``xdl.late``."""

from xdl.models.gpt import GPT as GPT
from xdl.models.lenet import LeNet as LeNet
from xdl.models.linear import LinearModel as LinearModel
from xdl.models.linear import LinearRegression as LinearRegression
from xdl.models.mlp import MLP as MLP
from xdl.models.recurrent import LSTMLanguageModel as LSTMLanguageModel
from xdl.models.recurrent import RNNClassifier as RNNClassifier
from xdl.models.resnet import ResNet as ResNet

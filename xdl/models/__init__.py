"""Models to use, and to copy from: one screen each."""

from xdl.models.gpt import GPT
from xdl.models.linear import LinearModel, LinearRegression
from xdl.models.mlp import MLP

__all__ = ["GPT", "LinearModel", "LinearRegression", "MLP"]

"""Models to use, and to copy from: one screen each."""

from xdl.models.linear import LinearModel, LinearRegression

__all__ = ["LinearModel", "LinearRegression"]

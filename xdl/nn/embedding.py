"""The embedding layer."""

from __future__ import annotations

from xdl.core.module import Module
from xdl.core.variable import Variable
from xdl.nn import init
from xdl.ops import embedding
from xdl.typing import ArrayLike, Initializer


class Embedding(Module):
    """Look up a trainable row for every index.

    Args:
        rows: how many there are, an int.
        features: the length of a row, an int.
        initializer: for the weight; default N(0, 1).

    Attributes:
        weight: a Variable (rows, features).

    Raises (when it is called):
        IndexRangeError: an index is outside [0, rows).
        DtypeError: the indices are not integers.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.Embedding(10, 4)
        >>> layer([[1, 2, 3]]).shape
        (1, 3, 4)
    """

    def __init__(
        self,
        rows: int,
        features: int,
        initializer: Initializer | None = None,
    ) -> None:
        super().__init__()
        shape = [rows, features]
        self.weight = self.parameter.get_variable(
            "weight", shape, initializer or init.normal
        )

    def forward(self, indices: ArrayLike) -> Variable:
        return embedding(indices, self.weight)

    def __repr__(self) -> str:
        rows, features = self.weight.shape
        return f"Embedding({rows}, {features})"

"""The embedding layer."""

from xdl.core.module import Module
from xdl.nn import init
from xdl.ops import embedding


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

    def __init__(self, rows, features, initializer=None):
        super().__init__()
        shape = [rows, features]
        self.weight = self.parameter.get_variable(
            "weight", shape, initializer or init.normal
        )

    def forward(self, indices):
        return embedding(indices, self.weight)

    def __repr__(self):
        rows, features = self.weight.shape
        return f"Embedding({rows}, {features})"

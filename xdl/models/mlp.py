"""Layers one after another: the multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

from xdl.core.module import Model
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.nn import Dropout, Linear, SoftmaxLoss, init
from xdl.ops import relu
from xdl.typing import ArrayLike


class MLP(Model):
    """Classify with affine layers and ReLU between them.

    Args:
        sizes: features of a sample, of each hidden layer, and the classes: two ints
            or more.
        dropout: the part of the hidden features that is dropped in training; default
            0.

    Attributes:
        layers: the Linear layers.
        output: the scores (n, classes) of the last ``forward``.

    Raises:
        ArgumentError: ``sizes`` are not two ints or more.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([4, 8, 3])
        >>> model.forward([[1.0, 2.0, 3.0, 4.0]]).shape
        (1, 3)

    Reference: Rumelhart, Hinton and Williams, "Learning representations by
    back-propagating errors", 1986; the initial weights are those of He et al.,
    "Delving Deep into Rectifiers", 2015.
    """

    def __init__(self, sizes: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        if not isinstance(sizes, list | tuple) or len(sizes) < 2:
            raise ArgumentError(
                f"MLP: sizes {sizes!r} came, needed a list of two ints or more: "
                "[features, ..., classes]"
            )
        self.layers = [
            Linear(rows, columns, initializer=init.kaiming_normal)
            for rows, columns in zip(sizes, sizes[1:], strict=False)
        ]
        self.dropout = Dropout(dropout)
        self.loss_ops = SoftmaxLoss()

    def forward(self, x: ArrayLike) -> Variable:
        """Return the scores (n, classes) of samples (n, features)."""
        for layer in self.layers[:-1]:
            x = self.dropout(relu(layer(x)))
        self.output = self.layers[-1](x)
        return self.output

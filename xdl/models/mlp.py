"""Layers one after another: the multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdl.arguments import kind
from xdl.core.module import Model
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.nn import Dropout, Linear, Loss, SoftmaxLoss, init
from xdl.ops import relu
from xdl.typing import ArrayLike, Initializer


class MLP(Model):
    """Classify, or predict numbers, with affine layers and ReLU between them.

    Args:
        sizes: features of a sample, of each hidden layer, and the classes, or numbers
            to predict: two ints or more.
        dropout: the part of the hidden features that is dropped in training; default
            0.
        activation: what is between the layers: a function, or a layer; default
            ``xdl.relu``.
        norm: None, or what makes a layer of the number of features, such as
            ``xdl.nn.BatchNorm1d`` or ``xdl.nn.LayerNorm``: there is one before each
            activation.
        initializer: for all weights; default: ``xdl.init.xavier_uniform``, from which
            nets of 2 to 9 layers on tables and digits came further in as many steps
            than from ``xdl.init.kaiming_normal``.
        loss: a loss layer; default ``xdl.nn.SoftmaxLoss()``. For numbers,
            ``xdl.nn.SquareLoss()``.

    Attributes:
        layers: the Linear layers.
        norms: the layers before the activations; none without ``norm``.
        output: the scores (n, classes) of the last ``forward``.

    Raises:
        ArgumentError: ``sizes`` are not two ints or more, or an option is none.

    Example:
        >>> import xdl
        >>> model = xdl.models.MLP([4, 8, 3])
        >>> model.forward([[1.0, 2.0, 3.0, 4.0]]).shape
        (1, 3)
        >>> regression = xdl.models.MLP(
        ...     [4, 8, 1], activation=xdl.tanh, loss=xdl.nn.SquareLoss()
        ... )

    Reference: Rumelhart, Hinton and Williams, "Learning representations by
    back-propagating errors", 1986; the initial weights are those of Glorot and Bengio,
    "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        dropout: float = 0.0,
        activation: Callable[..., Variable] = relu,
        norm: Callable[[int], Callable[..., Variable]] | None = None,
        initializer: Initializer = init.xavier_uniform,
        loss: Loss | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(sizes, list | tuple) or len(sizes) < 2:
            raise ArgumentError(
                f"MLP: sizes {sizes!r} came, needed a list of two ints or more: "
                "[features, ..., classes]"
            )
        loss = SoftmaxLoss() if loss is None else loss
        is_function = callable(activation) and not isinstance(activation, type)
        _require("activation", activation, is_function, "a function or a layer")
        _require("norm", norm, norm is None or callable(norm), "a function of a size")
        _require("loss", loss, isinstance(loss, Loss), "a loss layer")
        self.layers = [
            Linear(rows, columns, initializer=initializer)
            for rows, columns in zip(sizes, sizes[1:], strict=False)
        ]
        self.norms = [norm(size) for size in sizes[1:-1]] if norm is not None else []
        self.activation = activation
        self.dropout = Dropout(dropout)
        self.loss_ops = loss

    def forward(self, x: ArrayLike) -> Variable:
        """Return the scores (n, classes) of samples (n, features)."""
        activation, dropout, norms = self.activation, self.dropout, self.norms
        for i, layer in enumerate(self.layers[:-1]):
            x = layer(x)
            x = activation(norms[i](x) if norms else x)
            x = dropout(x) if dropout.p else x
        self.output = self.layers[-1](x)
        return self.output


def _require(name, value, fits, needed):
    if not fits:
        hint = f"; make one: {value.__name__}()" if isinstance(value, type) else ""
        raise ArgumentError(f"MLP: {name}: {kind(value)} came, needed {needed}{hint}")

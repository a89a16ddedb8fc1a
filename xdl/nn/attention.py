"""The attention layer, and the block that transformers repeat."""

from __future__ import annotations

from xdl.core.module import Module
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.nn.activation import GELU
from xdl.nn.linear import Linear
from xdl.nn.normalization import LayerNorm
from xdl.nn.structure import Dropout, Sequential
from xdl.ops import permute_dims, reshape, scaled_dot_product_attention
from xdl.typing import ArrayLike


class MultiHeadAttention(Module):
    """Let every position attend to others in several ways at once.

    The features are projected to queries, keys and values, split among the heads,
    mixed by ``scaled_dot_product_attention``, joined and projected again.

    Args:
        size: features of a position, an int that the heads divide.
        heads: an int.
        bias: whether the projections add one; default True.

    Attributes:
        projection: a Linear (size, 3 size): queries, keys, values.
        output: a Linear (size, size).

    Raises:
        ArgumentError: the heads do not divide the features.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.MultiHeadAttention(8, heads=2)
        >>> layer(xdl.Variable([[[0.0] * 8] * 5]), causal=True).shape
        (1, 5, 8)

    Reference: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2.
    """

    def __init__(self, size: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        size, heads = plain("MultiHeadAttention", "size or heads", (size, heads))
        if heads < 1 or size % heads:
            raise ArgumentError(
                f"MultiHeadAttention: {heads} heads came, needed a divisor of {size}"
            )
        self.size, self.heads = size, heads
        self.projection = Linear(size, 3 * size, bias)
        self.output = Linear(size, size, bias)

    def forward(
        self,
        x: ArrayLike,
        mask: ArrayLike | None = None,
        causal: bool = False,
    ) -> Variable:
        """Attend within ``x``.

        Args:
            x: an array (n, positions, size).
            mask: as for ``scaled_dot_product_attention``, broadcast to
                (n, heads, positions, positions); default None.
            causal: let position i see 0 to i alone; default False.

        Returns:
            An array (n, positions, size).

        Raises:
            ShapeError: ``x`` has not three axes.
        """
        projected = self.projection(x)
        if projected.ndim != 3:
            raise ShapeError(
                f"{self}: x of shape {projected.shape[:-1]} + ({self.size},) came, "
                "needed three axes"
            )
        n, positions, _ = projected.shape
        features = self.size // self.heads
        split = reshape(projected, (n, positions, 3, self.heads, features))
        q, k, v = permute_dims(split, (2, 0, 3, 1, 4))
        mixed = scaled_dot_product_attention(q, k, v, mask, causal)
        joined = reshape(permute_dims(mixed, (0, 2, 1, 3)), (n, positions, self.size))
        return self.output(joined)

    def __repr__(self) -> str:
        return f"MultiHeadAttention({self.size}, heads={self.heads})"


class TransformerBlock(Module):
    """Attention and two affine layers, each on normalised input and added to it.

    ``x = x + dropout(attention(norm(x)))``, then ``x = x + dropout(mlp(norm(x)))``: the
    order in which the norm comes first, as in GPT-2.

    Args:
        size: features of a position, an int that the heads divide.
        heads: an int.
        hidden: features between the two affine layers; default 4 size.
        dropout: the part of the features that is dropped in training; default 0.

    Raises:
        ArgumentError: the heads do not divide the features.

    Example:
        >>> import xdl
        >>> block = xdl.nn.TransformerBlock(8, heads=2)
        >>> block(xdl.Variable([[[0.5] * 8] * 5]), causal=True).shape
        (1, 5, 8)

    Reference: Radford et al., "Language Models are Unsupervised Multitask Learners",
    2019, section 2.3.
    """

    def __init__(
        self,
        size: int,
        heads: int,
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = hidden or 4 * size
        self.attention_norm = LayerNorm(size)
        self.attention = MultiHeadAttention(size, heads)
        self.mlp_norm = LayerNorm(size)
        self.mlp = Sequential(
            Linear(size, hidden), GELU(approximate="tanh"), Linear(hidden, size)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: ArrayLike,
        mask: ArrayLike | None = None,
        causal: bool = False,
    ) -> Variable:
        """Compute the block; arguments as for ``MultiHeadAttention``."""
        mixed = self.attention(self.attention_norm(x), mask, causal)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.mlp(self.mlp_norm(x)))

"""A language model of transformer blocks: GPT."""

from __future__ import annotations

from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.models.language import LanguageModel
from xdl.nn import Dropout, Embedding, LayerNorm, SoftmaxLoss, TransformerBlock, init
from xdl.ops import matmul, matrix_transpose
from xdl.typing import ArrayLike


def _small(shape):
    return init.normal(shape, std=0.02)


class GPT(LanguageModel):
    """Predict the next token from those before it.

    The scores of the tokens are products with the embedding itself (weight tying).

    Args:
        tokens: the size of the vocabulary, an int.
        context: the most positions that are seen at once, an int.
        size: features of a position, an int that the heads divide.
        heads, layers: ints.
        dropout: the part of the features that is dropped in training; default 0.

    Attributes:
        embedding, positions: Embeddings (tokens, size) and (context, size).
        blocks: the TransformerBlocks.
        output: the scores (n, positions, tokens) of the last ``forward``.

    Raises (when it is called):
        ShapeError: there are more positions than ``context``.
        IndexRangeError: a token is outside the vocabulary.

    Example:
        >>> import xdl
        >>> xdl.seed(0)
        >>> model = xdl.models.GPT(tokens=5, context=8, size=16, heads=2, layers=1)
        >>> model.forward([[0, 1, 2]]).shape
        (1, 3, 5)
        >>> len(model.generate([0, 1], 3))
        5

    References: Radford et al., "Language Models are Unsupervised Multitask Learners",
    2019; tying: Press and Wolf, "Using the Output Embedding to Improve Language
    Models", 2017.
    """

    def __init__(
        self,
        tokens: int,
        context: int,
        size: int,
        heads: int,
        layers: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.context = context
        self.embedding = Embedding(tokens, size, _small)
        self.positions = Embedding(context, size, _small)
        self.dropout = Dropout(dropout)
        self.blocks = [
            TransformerBlock(size, heads, dropout=dropout) for _ in range(layers)
        ]
        self.norm = LayerNorm(size)
        self.loss_ops = SoftmaxLoss()

    def forward(self, tokens: ArrayLike) -> Variable:
        """Return the scores of the token after each of ``tokens`` (n, positions)."""
        x = self.embedding(tokens)
        length = x.shape[1] if x.ndim == 3 else 0
        if not 0 < length <= self.context:
            raise ShapeError(
                f"GPT: tokens of shape {x.shape[:-1]} came, needed (n, 1 to "
                f"{self.context})"
            )
        x = self.dropout(x + self.positions(list(range(length))))
        for block in self.blocks:
            x = block(x, causal=True)
        table = matrix_transpose(self.embedding.weight)
        self.output = matmul(self.norm(x), table)
        return self.output

    def _following(self, tokens, state):
        return self.forward([tokens[-self.context :]]), None

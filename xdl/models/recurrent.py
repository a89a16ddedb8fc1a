"""What reads sequences step by step: a classifier, and a language model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdl.core.module import Model
from xdl.core.variable import Variable
from xdl.models.language import LanguageModel
from xdl.nn import LSTM, Dropout, Embedding, Linear, Recurrent, SoftmaxLoss, init
from xdl.ops import concat, getitem, matmul, matrix_transpose
from xdl.typing import ArrayLike


class RNNClassifier(Model):
    """Classify sequences by the state in which a recurrent layer ends.

    Args:
        input_size: features of a step, an int.
        hidden_size: features of the state, an int.
        classes: an int.
        layer: ``xdl.nn.LSTM`` (default), ``xdl.nn.GRU`` or ``xdl.nn.RNN``.
        options: of that layer: ``layers``, ``bidirectional``, ``dropout``, ...

    Attributes:
        recurrent: the recurrent layer.
        head: the Linear layer behind its last state (of both directions, if two).
        output: the scores (n, classes) of the last ``forward``.

    Example:
        >>> import numpy as np
        >>> import xdl
        >>> model = xdl.models.RNNClassifier(3, 8, classes=2, bidirectional=True)
        >>> model.forward(np.zeros((4, 5, 3), "f4"), lengths=[5, 2, 1, 4]).shape
        (4, 2)

    References: Elman, "Finding Structure in Time", 1990; Hochreiter and Schmidhuber,
    "Long Short-Term Memory", 1997; both directions: Schuster and Paliwal,
    "Bidirectional Recurrent Neural Networks", 1997.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        classes: int,
        layer: Callable[..., Recurrent[Any]] = LSTM,
        **options: Any,
    ) -> None:
        super().__init__()
        self.recurrent = layer(input_size, hidden_size, batch_first=True, **options)
        self.head = Linear(hidden_size * len(self.recurrent.directions), classes)
        self.loss_ops = SoftmaxLoss()

    def forward(self, x: ArrayLike, lengths: ArrayLike | None = None) -> Variable:
        """Return the scores (n, classes) of sequences.

        Args:
            x: an array (n, t, input_size).
            lengths: ints (n,) from 0 to t: how many steps each sequence has; default t.
                What stands behind them changes nothing.
        """
        _, state = self.recurrent(x, lengths=lengths)
        h = state[0] if isinstance(state, tuple) else state  # of an LSTM: (h, c)
        count = len(self.recurrent.directions)
        last = [getitem(h, i) for i in range(-count, 0)]
        self.output = self.head(concat(last, axis=-1) if count > 1 else last[0])
        return self.output


class LSTMLanguageModel(LanguageModel):
    """Predict the next token from a state that all those before it have left.

    Args:
        tokens: the size of the vocabulary, an int.
        size: features of the embedding and of the state, an int.
        layers: how many LSTM layers stand on each other; default 1.
        dropout: the part of the features that is dropped in training, before, between
            and behind the layers; default 0.
        tied: whether the scores are products with the embedding itself; default False.

    Attributes:
        embedding: an Embedding (tokens, size).
        recurrent: the LSTM.
        head: the Linear layer of the scores, or None if they are tied.
        output: the scores (n, t, tokens) of the last ``forward``.
        state: the pair (h, c) in which it ended, without its graph.

    Raises (when it is called):
        IndexRangeError: a token is outside the vocabulary.
        ShapeError: the tokens have not two axes, or the state another shape.

    Example:
        >>> import xdl
        >>> model = xdl.models.LSTMLanguageModel(tokens=5, size=16)
        >>> model.forward([[0, 1, 2]]).shape
        (1, 3, 5)
        >>> model.forward([[3]], model.state).shape  # goes on where that ended
        (1, 1, 5)
        >>> len(model.generate([0, 1], 3))
        5

    References: Mikolov et al., "Recurrent Neural Network Based Language Model", 2010;
    dropout: Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization",
    2014; tying: Inan, Khosravi and Socher, "Tying Word Vectors and Word Classifiers",
    2017.
    """

    def __init__(
        self,
        tokens: int,
        size: int,
        layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        super().__init__()
        # Small rows, as Zaremba et al. draw them: tied scores start near each other.
        self.embedding = Embedding(tokens, size, lambda s: init.uniform(s, -0.1, 0.1))
        self.dropout = Dropout(dropout)
        self.recurrent = LSTM(size, size, layers, batch_first=True, dropout=dropout)
        self.head = None if tied else Linear(size, tokens)
        self.state: tuple[Variable, Variable] | None = None
        self.loss_ops = SoftmaxLoss()

    def forward(self, tokens: ArrayLike, state: Any = None) -> Variable:
        """Return the scores of the token after each of ``tokens``.

        Args:
            tokens: ints (n, t).
            state: where to go on: ``self.state`` of the text before it; default zeros.

        Returns:
            Scores (n, t, tokens).
        """
        x, (h, c) = self.recurrent(self.dropout(self.embedding(tokens)), state)
        self.state = h.detach(), c.detach()
        x = self.dropout(x)
        if self.head is None:
            self.output = matmul(x, matrix_transpose(self.embedding.weight))
        else:
            self.output = self.head(x)
        return self.output

    def _following(self, tokens, state):
        new = tokens if state is None else tokens[-1:]
        return self.forward([new], state), self.state

"""One step of a recurrent network: a sequence of the length 1."""

from __future__ import annotations

from xdl.core.case import Case
from xdl.core.op import composed
from xdl.core.variable import Variable
from xdl.ops.layout.unit_axes import expand_dims
from xdl.ops.recurrent.gru import gru
from xdl.ops.recurrent.lstm import lstm
from xdl.ops.recurrent.rnn import rnn
from xdl.typing import ArrayLike


@composed(cases=(Case([(2, 3), (2, 4), (2, 4), (3, 16), (4, 16)]),))
def lstm_cell(
    x: ArrayLike,
    h: ArrayLike,
    c: ArrayLike,
    weight: ArrayLike,
    hidden_weight: ArrayLike,
    bias: ArrayLike | None = None,
) -> tuple[Variable, Variable]:
    """Take one step of a long short-term memory.

    Args:
        x: an array (n, d).
        h, c, weight, hidden_weight, bias: as for ``lstm``.

    Returns:
        The new h and c (n, k).

    Raises:
        ShapeError: a shape does not fit the others.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([[0.0, 0.0, 1.0, 0.0]])
        >>> h, c = xdl.lstm_cell([[1.0]], [[0.0]], [[0.0]], w, w)
        >>> round(c.item(), 3)
        0.381
    """
    _, h, c = lstm(expand_dims(x, 0), h, c, weight, hidden_weight, bias)
    return h, c


@composed(cases=(Case([(2, 3), (2, 4), (3, 12), (4, 12)]),))
def gru_cell(
    x: ArrayLike,
    h: ArrayLike,
    weight: ArrayLike,
    hidden_weight: ArrayLike,
    bias: ArrayLike | None = None,
    hidden_bias: ArrayLike | None = None,
) -> Variable:
    """Take one step of gated recurrent units.

    Args:
        x: an array (n, d).
        h, weight, hidden_weight, bias, hidden_bias: as for ``gru``.

    Returns:
        The new h (n, k).

    Raises:
        ShapeError: a shape does not fit the others.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([[0.0, 0.0, 1.0]])
        >>> round(xdl.gru_cell([[1.0]], [[0.0]], w, w).item(), 3)
        0.381
    """
    _, h = gru(expand_dims(x, 0), h, weight, hidden_weight, bias, hidden_bias)
    return h


@composed(cases=(Case([(2, 3), (2, 4), (3, 4), (4, 4)]),))
def rnn_cell(
    x: ArrayLike,
    h: ArrayLike,
    weight: ArrayLike,
    hidden_weight: ArrayLike,
    bias: ArrayLike | None = None,
    activation: str = "tanh",
) -> Variable:
    """Take one step of a simple recurrent network.

    Args:
        x: an array (n, d).
        h, weight, hidden_weight, bias, activation: as for ``rnn``.

    Returns:
        The new h (n, k).

    Raises:
        ShapeError: a shape does not fit the others.
        ArgumentError: ``activation`` is neither "tanh" nor "relu".

    Example:
        >>> import xdl
        >>> xdl.rnn_cell([[1.0]], [[2.0]], [[3.0]], [[4.0]], activation="relu")
        Variable([[11.]], dtype=float32)
    """
    sequence = expand_dims(x, 0)
    _, h = rnn(sequence, h, weight, hidden_weight, bias, activation=activation)
    return h

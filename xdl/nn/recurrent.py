"""Recurrent layers: stacked, in one direction or both."""

from __future__ import annotations

import math
from typing import Any, Generic, TypeVar

from xdl import backend
from xdl.core.module import Module
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError, ShapeError
from xdl.nn import init
from xdl.nn.structure import Dropout
from xdl.ops import concat, expand_dims, getitem, gru, lstm, permute_dims, rnn, stack
from xdl.ops.axes import as_operand
from xdl.ops.creation import new_arange, new_zeros
from xdl.typing import ArrayLike, Initializer

State = TypeVar("State")


class Recurrent(Module, Generic[State]):
    """What LSTM, GRU and RNN have in common; not used by itself.

    Example:
        >>> import xdl
        >>> issubclass(xdl.nn.LSTM, xdl.nn.Recurrent)
        True
    """

    _gates = 1
    _states = 1
    _has_hidden_bias = False
    _weights: dict[str, tuple]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = False,
        bias: bool = True,
        initializer: Initializer | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = plain(type(self).__name__, "size", (input_size, hidden_size, layers))
        input_size, hidden_size, layers = sizes
        if min(sizes) < 1:
            raise ArgumentError(
                f"{type(self).__name__}: sizes {input_size} and {hidden_size} and "
                f"{layers} layers came, needed 1 or more"
            )
        self.input_size, self.hidden_size = input_size, hidden_size
        self.layers, self.batch_first = layers, batch_first
        self.directions = ("", "_reverse") if bidirectional else ("",)
        self.dropout = Dropout(dropout)
        vars(self)["_weights"] = {}  # not to be looked through: they are stored by name
        for layer in range(layers):
            size = hidden_size * len(self.directions) if layer else input_size
            for direction in self.directions:
                label = f"{layer}{direction}"
                self._weights[label] = self._made(label, size, bias, initializer)

    def _made(self, label, size, bias, initializer):
        """Return the weights and biases of one layer in one direction."""
        bound = 1 / math.sqrt(self.hidden_size)
        width = self._gates * self.hidden_size
        initializer = initializer or (lambda s: init.uniform(s, -bound, bound))
        get = self.parameter.get_variable
        found = [
            get(f"weight_{label}", [size, width], initializer),
            get(f"hidden_weight_{label}", [self.hidden_size, width], initializer),
        ]
        names = ("bias", "hidden_bias") if self._has_hidden_bias else ("bias",)
        if not bias:
            return found + [None] * len(names)
        return found + [get(f"{name}_{label}", width, init.zeros) for name in names]

    def forward(
        self,
        x: ArrayLike,
        state: Any = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[Variable, State]:
        """Run over a sequence.

        Args:
            x: an array (t, n, input_size), or (n, t, input_size) if ``batch_first``.
            state: the first state (layers * directions, n, hidden_size), for an LSTM a
                pair (h, c) of them; default zeros.
            lengths: ints (n,): how many steps each sequence has, from 0 to t; default
                t. The outputs after the last are 0, and the states those of the last;
                what ``x`` holds there does not matter.

        Returns:
            A pair: the outputs (t, n, directions * hidden_size), n before t if
            ``batch_first``, and the last state, shaped as the first.

        Raises:
            ShapeError: a shape does not fit.
            DtypeError: ``x`` holds integers.
        """
        return self._over(as_operand(x), state, lengths)

    def _over(self, x, state, lengths):
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ShapeError(
                f"{self}: x of shape {x.shape} came, needed three axes and "
                f"{self.input_size} features"
            )
        x = permute_dims(x, (1, 0, 2)) if self.batch_first else x
        states = self._first(x, state)
        mask = self._mask(x, lengths)
        last: list[Any] = []
        for layer in range(self.layers):
            x = self.dropout(x) if layer else x
            outputs = []
            for direction in self.directions:
                row = len(last)
                given = [getitem(s, row) for s in states]
                weights = self._weights[f"{layer}{direction}"]
                y, *new = self._run(x, given, weights, mask, direction != "")
                outputs.append(y)
                last.append(new)
            x = concat(outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        joined = tuple(stack(parts) for parts in zip(*last, strict=True))
        x = permute_dims(x, (1, 0, 2)) if self.batch_first else x
        return x, joined if self._states > 1 else joined[0]

    def _run(self, x, states, weights, mask, reverse):
        """Return the outputs of one layer in one direction, and its last states."""
        raise NotImplementedError

    def _first(self, x, state):
        """Return the first states as a list of arrays."""
        shape = (self.layers * len(self.directions), x.shape[1], self.hidden_size)
        if state is None:
            weight = self._weights["0"][0]
            return [new_zeros(weight, shape)] * self._states
        states = list(state) if self._states > 1 else [state]
        shapes = [tuple(getattr(s, "shape", ())) for s in states]
        if shapes != [shape] * self._states:
            raise ShapeError(
                f"{self}: states of shapes {shapes} came, needed {self._states} of "
                f"{shape}"
            )
        return states

    def _mask(self, x, lengths):
        """Return which steps of which sequence count, or None: all."""
        if lengths is None:
            return None
        lengths = getattr(lengths, "_value", lengths)
        lengths = backend.asarray(lengths, self._weights["0"][0].device)
        if not backend.is_integer(lengths):
            raise DtypeError(f"{self}: lengths are {lengths.dtype}, needed integers")
        xp = backend.namespace(lengths)
        xp.check_indices(lengths, x.shape[0] + 1, f"{self} lengths", ArgumentError)
        steps = new_arange(self._weights["0"][0], x.shape[0])
        mask = expand_dims(steps, 1) < lengths
        if mask.shape != tuple(x.shape[:2]):
            raise ShapeError(f"{self}: needed {x.shape[1]} lengths")
        return mask

    def __repr__(self) -> str:
        options = f", layers={self.layers}" if self.layers > 1 else ""
        options += ", bidirectional=True" if len(self.directions) > 1 else ""
        options += ", batch_first=True" if self.batch_first else ""
        options += f", dropout={self.dropout.p}" if self.dropout.p else ""
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{options})"


class LSTM(Recurrent[tuple[Variable, Variable]]):
    """Run a long short-term memory over sequences; equations as in ``xdl.lstm``.

    Args:
        input_size: features that come in at a step, an int.
        hidden_size: features that go out, an int.
        layers: how many stand on each other; default 1.
        bidirectional: whether each layer also runs from the last step to the first, and
            gives the outputs of both, joined; default False.
        batch_first: whether x and the outputs have the batch on their first axis.
        bias: whether a bias is added; default True. It starts at zero.
        initializer: for the weights; default U(-b, b) with b = 1 / sqrt(hidden_size).
        dropout: the part of the features that is dropped in training between a layer
            and the next, from 0 to 1; default 0. One layer alone drops none.

    Attributes:
        parameter: ``weight_0`` (input_size, 4 hidden_size), ``hidden_weight_0``
            (hidden_size, 4 hidden_size), ``bias_0``; 1, 2, ... for further layers,
            ``weight_0_reverse`` for the second direction.

    Raises:
        ArgumentError: a size or the number of layers is below 1, or ``dropout`` is
            outside [0, 1].

    Example:
        >>> import xdl
        >>> layer = xdl.nn.LSTM(3, 4, layers=2)
        >>> y, (h, c) = layer(xdl.Variable([[[1.0, 2.0, 3.0]]]))
        >>> y.shape, h.shape, c.shape
        ((1, 1, 4), (2, 1, 4), (2, 1, 4))
    """

    _gates = 4
    _states = 2

    def _run(self, x, states, weights, mask, reverse):
        weight, hidden_weight, bias = weights
        h, c = states
        return lstm(x, h, c, weight, hidden_weight, bias, mask, reverse)


class GRU(Recurrent[Variable]):
    """Run gated recurrent units over sequences; equations as in ``xdl.gru``.

    Args:
        input_size, hidden_size, layers, bidirectional, batch_first: as for ``LSTM``.
        bias, initializer, dropout: likewise.

    Attributes:
        parameter: as for ``LSTM`` with 3 hidden_size columns, and ``hidden_bias_0``.

    Raises:
        ArgumentError: a size or the number of layers is below 1, or ``dropout`` is
            outside [0, 1].

    Example:
        >>> import xdl
        >>> layer = xdl.nn.GRU(3, 4, bidirectional=True, batch_first=True)
        >>> y, h = layer(xdl.Variable([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]))
        >>> y.shape, h.shape
        ((1, 2, 8), (2, 1, 4))
    """

    _gates = 3
    _has_hidden_bias = True

    def _run(self, x, states, weights, mask, reverse):
        (h,), (weight, hidden_weight, bias, hidden_bias) = states, weights
        return gru(x, h, weight, hidden_weight, bias, hidden_bias, mask, reverse)


class RNN(Recurrent[Variable]):
    """Run a simple recurrent network over sequences; equations as in ``xdl.rnn``.

    Args:
        input_size, hidden_size, layers, bidirectional, batch_first: as for ``LSTM``.
        bias, initializer, dropout: likewise.
        activation: "tanh" or "relu".

    Attributes:
        parameter: as for ``LSTM`` with hidden_size columns.

    Raises:
        ArgumentError: a size or the number of layers is below 1; ``dropout`` is
            outside [0, 1]; ``activation`` is another.

    Example:
        >>> import xdl
        >>> y, h = xdl.nn.RNN(3, 4)(xdl.Variable([[[1.0, 2.0, 3.0]]]))
        >>> y.shape, h.shape
        ((1, 1, 4), (1, 1, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = False,
        bias: bool = True,
        initializer: Initializer | None = None,
        activation: str = "tanh",
        dropout: float = 0.0,
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise ArgumentError(f'RNN: {activation!r} came, needed "tanh" or "relu"')
        super().__init__(
            input_size,
            hidden_size,
            layers,
            bidirectional,
            batch_first,
            bias,
            initializer,
            dropout,
        )
        self.activation = activation

    def _run(self, x, states, weights, mask, reverse):
        (h,), (weight, hidden_weight, bias) = states, weights
        return rnn(x, h, weight, hidden_weight, bias, mask, reverse, self.activation)

"""The simple recurrent network."""

from __future__ import annotations

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.recurrent.recurrence import Recurrence, parts
from xdl.typing import ArrayLike

_MASK = [[True, True], [True, False], [False, True]]


class Rnn(Recurrence):
    cases = (
        Case([(3, 2, 3), (2, 2), (3, 2), (2, 2), (2,), None]),
        Case([(3, 2, 3), (2, 2), (3, 2), (2, 2), None, None], {"reverse": True}),
        Case([(3, 2, 1), (2, 2), (1, 2), (2, 2), (2,), _MASK], {"activation": "relu"}),
        Case(
            [[[[0.0]], [[2.0]]], [[0.0]], [[1.0]], [[3.0]], [0.0], None],
            {"activation": "relu"},
            gradients=[[[[0.0]], [[2.0]]], [[0.0]], [[4.0]], [[0.0]], [2.0]],
        ),
        BadCase(
            [(3, 2, 3), (2, 2), (3, 2), (2, 3), None, None],
            ShapeError,
            "hidden_weight has shape (2, 3), needed (2, 2)",
        ),
        BadCase(
            [(3, 2, 3), (2, 2), (3, 2), (2, 2), None, [[True]]],
            ShapeError,
            "mask has shape (1, 1), needed (3, 2)",
        ),
        BadCase(
            [(3, 2, 3), (2, 2), (3, 2), (2, 2), None, None],
            ArgumentError,
            "'sine' came",
            {"activation": "sine"},
        ),
    )

    def __init__(self, reverse=False, activation="tanh"):
        if activation not in ("tanh", "relu"):
            raise ArgumentError(f'Rnn: {activation!r} came, needed "tanh" or "relu"')
        self.reverse, self.activation = reverse, activation

    def shape(self, x, h, weight, hidden_weight, bias=None, mask=None):
        return self._check(x, (h,), weight, hidden_weight, (bias,), mask)

    def flops(self, y, x, h, weight, hidden_weight, *others):
        return self._flops(x, hidden_weight)

    def compute(self, xp, x, h, weight, hidden_weight, bias=None, mask=None):
        arrays = (x, h, weight, hidden_weight, bias, mask)
        self.shape(*(a if a is None else a.shape for a in arrays))
        return self._run(xp, x, (h,), weight, hidden_weight, (bias,), mask)

    def gradient(
        self, xp, gy, x, h, weight, hidden_weight, bias, mask, saved, before, wanted
    ):
        back = self._run_back(xp, gy, x, hidden_weight, mask, saved, before)
        gzs, gqs, (gh,) = back
        chosen = (wanted[0], *wanted[2:5])
        found = self._of_weights(xp, gzs, gqs, x, weight, mask, before, chosen)
        gx, gweight, ghidden, gbias, _ = found
        return gx, gh, gweight, ghidden, gbias, None

    def _step(self, xp, z, states, across):
        z = xp.getitem(z + xp.matmul(states[0], across), 0)
        h = xp.tanh(z) if self.activation == "tanh" else xp.maximum(z, 0)
        return (h,), h

    def _step_back(self, xp, gstates, saved, before):
        (gh,) = gstates
        if self.activation == "tanh":
            gz = gh * (1 - saved * saved)
        else:
            gz = xp.zero_unless(saved != 0, gh)  # also where it is NaN
        gz = xp.expand_dims(gz, axis=0)
        return gz, gz, [None]

    def to_onnx(self, graph, x, h, weight, hidden_weight, bias=None, mask=None):
        weights, activation = (weight, hidden_weight), self.activation.capitalize()
        return self._to_onnx(
            graph, (0,), x, (h,), weights, (bias, None), mask, activations=(activation,)
        )


@function_of(Rnn)
def rnn(
    x: ArrayLike,
    h: ArrayLike,
    weight: ArrayLike,
    hidden_weight: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
    activation: str = "tanh",
) -> tuple[Variable, Variable]:
    """Run a simple recurrent network over a sequence.

    Each step gives ``h = tanh(x weight + h hidden_weight + bias)``.

    Args:
        x: a sequence (t, n, d).
        h: the first state (n, k).
        weight, hidden_weight: arrays (d, k) and (k, k).
        bias: an array (k,), or None.
        mask: booleans or numbers (t, n), or None: all true. Where it is false (0) the
            state stays as it is and the output is 0, whatever stands in ``x``.
        reverse: whether the steps are taken from the last to the first.
        activation: "tanh", or "relu" in its place, with the gradient 0 at 0.

    Returns:
        The outputs (t, n, k), and h after the last step (n, k). The class gives them
        as one array.

    Raises:
        ShapeError: a shape does not fit the others, or there is no step.
        ArgumentError: ``activation`` is another.

    Example:
        >>> import xdl
        >>> x, h = xdl.Variable([[[1.0]], [[2.0]]]), [[0.0]]
        >>> y, h = xdl.rnn(x, h, [[1.0]], [[3.0]], activation="relu")
        >>> y.reshape((2,)), h
        (Variable([1., 5.], dtype=float32), Variable([[5.]], dtype=float32))

    Reference: Elman, "Finding Structure in Time", 1990.
    """
    op = Rnn(reverse, activation)
    return parts(op(x, h, weight, hidden_weight, bias, mask), 1)

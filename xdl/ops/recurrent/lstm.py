"""Long short-term memory."""

from __future__ import annotations

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.elementwise import logistic
from xdl.ops.recurrent.recurrence import Recurrence, parts
from xdl.typing import ArrayLike

_MASK = [[True, True], [True, False], [False, True]]


class Lstm(Recurrence):
    gates = 4
    sigmoids = (0, 1, 3)
    states = 2
    cases = (
        Case([(3, 2, 3), (2, 2), (2, 2), (3, 8), (2, 8), (8,), None]),
        Case([(1, 2, 3), (2, 2), (2, 2), (3, 8), (2, 8), None, None]),
        Case(
            [(3, 2, 1), (2, 2), (2, 2), (1, 8), (2, 8), (8,), _MASK], {"reverse": True}
        ),
        Case([(3, 2, 3), (2, 1), (2, 1), (3, 4), (1, 4), (4,), _MASK]),
        BadCase(
            [(3, 2, 3), (2, 2), (2, 2), (3, 6), (2, 8), None, None],
            ShapeError,
            "weight has shape (3, 6), needed (3, 8)",
        ),
        BadCase(
            [(3, 2, 3), (2, 2), (3, 2), (3, 8), (2, 8), None, None],
            ShapeError,
            "state 1 has shape (3, 2), needed (2, 2)",
        ),
        BadCase(
            [(0, 2, 3), (2, 2), (2, 2), (3, 8), (2, 8), None, None],
            ShapeError,
            "t at least 1",
        ),
    )

    def __init__(self, reverse=False):
        self.reverse = reverse

    def shape(self, x, h, c, weight, hidden_weight, bias=None, mask=None):
        return self._check(x, (h, c), weight, hidden_weight, (bias,), mask)

    def flops(self, y, x, h, c, weight, hidden_weight, *others):
        return self._flops(x, hidden_weight)

    def compute(self, xp, x, h, c, weight, hidden_weight, bias=None, mask=None):
        arrays = (x, h, c, weight, hidden_weight, bias, mask)
        self.shape(*(a if a is None else a.shape for a in arrays))
        return self._run(xp, x, (h, c), weight, hidden_weight, (bias,), mask)

    def gradient(
        self, xp, gy, x, h, c, weight, hidden_weight, bias, mask, saved, before, wanted
    ):
        back = self._run_back(xp, gy, x, hidden_weight, mask, saved, before)
        gzs, gqs, (gh, gc) = back
        chosen = (wanted[0], *wanted[3:6])
        found = self._of_weights(xp, gzs, gqs, x, weight, mask, before, chosen)
        gx, gweight, ghidden, gbias, _ = found
        return gx, gh, gc, gweight, ghidden, gbias, None

    def _step(self, xp, z, states, across):
        h, c = states
        q = xp.matmul(h, across)
        if xp.fused is not None and xp.fused.takes(q):
            h, c, *saved = xp.fused.lstm(q, z, c)
            return (h, c), tuple(saved)
        q += z
        smooth, rest = logistic.sigmoid_and_rest(xp, xp.getitem(q, slice(0, 3)))
        i, f, o = (xp.getitem(smooth, k) for k in range(3))
        g = xp.tanh(xp.getitem(q, 3))
        c = f * c + i * g
        bent = xp.tanh(c)
        return (o * bent, c), (smooth, rest, g, bent)

    def _step_back(self, xp, gstates, saved, before):
        gh, gc = gstates
        if xp.fused is not None and xp.fused.takes(gh):
            gz, gc = xp.fused.lstm_gradient(gh, gc, saved, before[1])
            return gz, gz, [None, gc]
        smooth, rest, g, bent = saved
        i, f, o = (xp.getitem(smooth, k) for k in range(3))
        slopes = smooth * rest
        si, sf, so = (xp.getitem(slopes, k) for k in range(3))
        gc = gc + gh * o * (1 - bent * bent)
        gates = (gc * g * si, gc * before[1] * sf, gh * bent * so, gc * i * (1 - g * g))
        gz = xp.stack(gates, axis=0)
        return gz, gz, [None, gc * f]

    def to_onnx(self, graph, x, h, c, weight, hidden_weight, bias=None, mask=None):
        weights = (weight, hidden_weight)
        order = (0, 3, 1, 2)  # i, o, f, g
        return self._to_onnx(graph, order, x, (h, c), weights, (bias, None), mask)


@function_of(Lstm)
def lstm(
    x: ArrayLike,
    h: ArrayLike,
    c: ArrayLike,
    weight: ArrayLike,
    hidden_weight: ArrayLike,
    bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
) -> tuple[Variable, Variable, Variable]:
    """Run a long short-term memory over a sequence.

    With z = x weight + h hidden_weight + bias, cut into i, f, g and o, each step gives
    ``c = sigmoid(f) c + sigmoid(i) tanh(g)`` and ``h = sigmoid(o) tanh(c)``.

    Args:
        x: a sequence (t, n, d).
        h, c: the first states (n, k).
        weight, hidden_weight: arrays (d, 4 k) and (k, 4 k), the gates in the order
            i, f, g, o.
        bias: an array (4 k,), or None.
        mask: booleans or numbers (t, n), or None: all true. Where it is false (0) the
            states stay as they are and the output is 0, whatever stands in ``x``.
        reverse: whether the steps are taken from the last to the first.

    Returns:
        The outputs (t, n, k), and h and c after the last step (n, k). The class gives
        them as one array.

    Raises:
        ShapeError: a shape does not fit the others, or there is no step.

    Example:
        >>> import xdl
        >>> x, state = xdl.Variable([[[1.0]], [[2.0]]]), [[0.0]]
        >>> w = [[0.0, 0.0, 1.0, 0.0]]
        >>> y, h, c = xdl.lstm(x, state, state, w, w)
        >>> y.shape, h.shape, round(c.item(), 3)
        ((2, 1, 1), (1, 1), 0.678)

    Reference: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the gate f
    is that of Gers et al., "Learning to Forget", 2000.
    """
    return parts(Lstm(reverse)(x, h, c, weight, hidden_weight, bias, mask), 2)

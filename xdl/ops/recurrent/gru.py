"""Gated recurrent units."""

from __future__ import annotations

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.elementwise import logistic
from xdl.ops.recurrent.recurrence import Recurrence, parts
from xdl.typing import ArrayLike

_MASK = [[True, True], [True, False], [False, True]]
_NUMBERS = [[1.0, 1.0], [0.5, 0.0], [0.0, 2.0]]


class Gru(Recurrence):
    gates = 3
    sigmoids = (0, 1)
    cases = (
        Case([(3, 2, 3), (2, 2), (3, 6), (2, 6), (6,), (6,), None]),
        Case([(1, 2, 3), (2, 2), (3, 6), (2, 6), None, None, None], {"reverse": True}),
        Case([(3, 2, 1), (2, 2), (1, 6), (2, 6), (6,), (6,), _MASK]),
        Case([(3, 2, 1), (2, 2), (1, 6), (2, 6), (6,), (6,), _NUMBERS]),
        BadCase(
            [(3, 2, 3), (2, 2), (3, 6), (2, 6), (6,), (4,), None],
            ShapeError,
            "bias has shape (4,), needed (6,)",
        ),
        BadCase(
            [(3, 2), (2, 2), (3, 6), (2, 6), None, None, None],
            ShapeError,
            "needed (t, n, features)",
        ),
    )

    def __init__(self, reverse=False):
        self.reverse = reverse

    def shape(self, x, h, weight, hidden_weight, bias=None, other=None, mask=None):
        return self._check(x, (h,), weight, hidden_weight, (bias, other), mask)

    def flops(self, y, x, h, weight, hidden_weight, *others):
        return self._flops(x, hidden_weight)

    def compute(
        self, xp, x, h, weight, hidden_weight, bias=None, hidden_bias=None, mask=None
    ):
        arrays = (x, h, weight, hidden_weight, bias, hidden_bias, mask)
        self.shape(*(a if a is None else a.shape for a in arrays))
        biases = (bias, hidden_bias)
        return self._run(xp, x, (h,), weight, hidden_weight, biases, mask)

    def gradient(
        self,
        xp,
        gy,
        x,
        h,
        weight,
        hidden_weight,
        bias,
        hidden_bias,
        mask,
        saved,
        before,
        wanted,
    ):
        back = self._run_back(xp, gy, x, hidden_weight, mask, saved, before)
        gzs, gqs, (gh,) = back
        chosen = (wanted[0], *wanted[2:6])
        found = self._of_weights(xp, gzs, gqs, x, weight, mask, before, chosen)
        gx, *others = found
        return gx, gh, *others, None

    def _step(self, xp, z, states, across, hidden_bias):
        (h,) = states
        q = xp.matmul(h, across)
        if hidden_bias is not None:
            q += hidden_bias
        first = slice(0, 2)
        z12 = xp.getitem(z, first) + xp.getitem(q, first)
        smooth, rest = logistic.sigmoid_and_rest(xp, z12)
        reset, keep = xp.getitem(smooth, 0), xp.getitem(smooth, 1)
        inner = xp.getitem(q, 2)
        new = xp.tanh(xp.getitem(z, 2) + reset * inner)
        return (new + keep * (h - new),), (smooth, rest, new, inner)

    def _step_back(self, xp, gstates, saved, before):
        (gh,) = gstates
        smooth, rest, new, inner = saved
        reset, keep = xp.getitem(smooth, 0), xp.getitem(smooth, 1)
        slopes = smooth * rest
        gnew = gh * xp.getitem(rest, 1) * (1 - new * new)
        gkeep = gh * (before[0] - new) * xp.getitem(slopes, 1)
        greset = gnew * inner * xp.getitem(slopes, 0)
        gz = xp.stack((greset, gkeep, gnew), axis=0)
        gq = xp.stack((greset, gkeep, gnew * reset), axis=0)
        return gz, gq, [gh * keep]

    def to_onnx(self, graph, x, h, weight, hidden_weight, *others):
        *biases, mask = (*others, None, None, None)[:3]
        return self._to_onnx(
            graph,
            (1, 0, 2),  # z, r, n
            x,
            (h,),
            (weight, hidden_weight),
            biases,
            mask,
            linear_before_reset=1,
        )


@function_of(Gru)
def gru(
    x: ArrayLike,
    h: ArrayLike,
    weight: ArrayLike,
    hidden_weight: ArrayLike,
    bias: ArrayLike | None = None,
    hidden_bias: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reverse: bool = False,
) -> tuple[Variable, Variable]:
    """Run gated recurrent units over a sequence.

    With p = x weight + bias and q = h hidden_weight + hidden_bias, each cut into three,
    a step gives ``r = sigmoid(p1 + q1)``, ``z = sigmoid(p2 + q2)``,
    ``n = tanh(p3 + r q3)`` and ``h = (1 - z) n + z h``.

    Args:
        x: a sequence (t, n, d).
        h: the first state (n, k).
        weight, hidden_weight: arrays (d, 3 k) and (k, 3 k), in the order r, z, n.
        bias, hidden_bias: arrays (3 k,), or None. The second differs from the first in
            n alone, where r multiplies it.
        mask: booleans or numbers (t, n), or None: all true. Where it is false (0) the
            state stays as it is and the output is 0, whatever stands in ``x``.
        reverse: whether the steps are taken from the last to the first.

    Returns:
        The outputs (t, n, k), and h after the last step (n, k). The class gives them
        as one array.

    Raises:
        ShapeError: a shape does not fit the others, or there is no step.

    Example:
        >>> import xdl
        >>> x, w = xdl.Variable([[[1.0]], [[2.0]]]), [[0.0, 0.0, 1.0]]
        >>> y, h = xdl.gru(x, [[0.0]], w, w)
        >>> y.shape, round(h.item(), 3)
        ((2, 1, 1), 0.678)

    Reference: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder",
    2014, with the reset after the product.
    """
    arrays = (x, h, weight, hidden_weight, bias, hidden_bias, mask)
    return parts(Gru(reverse)(*arrays), 1)

"""Recurrent networks: one weight, used at every step of a sequence."""

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.elementwise import logistic
from xdl.ops.recurrent.recurrence import Recurrence, parts

_MASK = [[True, True], [True, False], [False, True]]
_NUMBERS = [[1.0, 1.0], [0.5, 0.0], [0.0, 2.0]]


class Lstm(Recurrence):
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


class Gru(Recurrence):
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


class Rnn(Recurrence):
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

    cases = (
        Case([(3, 2, 3), (2, 2), (3, 2), (2, 2), (2,), None]),
        Case([(3, 2, 3), (2, 2), (3, 2), (2, 2), None, None], {"reverse": True}),
        Case([(3, 2, 1), (2, 2), (1, 2), (2, 2), (2,), _MASK], {"activation": "relu"}),
        Case(
            [[[[0.0]], [[2.0]]], [[0.0]], [[1.0]], [[3.0]], [0.0], None],
            {"activation": "relu"},
            smooth=False,
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


@function_of(Lstm)
def lstm(x, h, c, weight, hidden_weight, bias=None, mask=None, reverse=False):
    return parts(Lstm(reverse)(x, h, c, weight, hidden_weight, bias, mask), 2)


@function_of(Gru)
def gru(
    x, h, weight, hidden_weight, bias=None, hidden_bias=None, mask=None, reverse=False
):
    arrays = (x, h, weight, hidden_weight, bias, hidden_bias, mask)
    return parts(Gru(reverse)(*arrays), 1)


@function_of(Rnn)
def rnn(
    x,
    h,
    weight,
    hidden_weight,
    bias=None,
    mask=None,
    reverse=False,
    activation="tanh",
):
    op = Rnn(reverse, activation)
    return parts(op(x, h, weight, hidden_weight, bias, mask), 1)

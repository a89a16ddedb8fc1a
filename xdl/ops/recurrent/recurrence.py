"""The loop of recurrent networks: what LSTM, GRU and the simple one have in common.

What goes into the steps is projected by one product of matrices before the first, and
the weights get their gradients from one product after the last; the loop does what
must be done in order.

Within it each gate is an array of its own, (gates, n, k), those with a sigmoid first:
their products are faster than one of four times the width, and nothing is cut out of
rows.
"""

from xdl.core.op import Op
from xdl.errors import GraphError, ShapeError
from xdl.ops.layout.parting import split
from xdl.ops.layout.unit_axes import squeeze


class Recurrence(Op):
    """The loop over the steps; a subclass says what one step and its gradient are.

    The result is one array: the outputs of all steps and, as further rows, the states
    after the last.
    """

    conditions = ("mask",)
    residuals = ("saved", "before")
    floating = True
    refuses_integers = multiplies = True
    gates = 1
    sigmoids: tuple = ()
    states = 1
    reverse = False

    def _check(self, x, states, weight, hidden_weight, biases, mask):
        """Return the shape of the result, or raise a ShapeError."""
        if len(x) != 3 or len(hidden_weight) != 2 or not x[0]:
            raise ShapeError(
                f"{self}: x of shape {x} came, needed (t, n, features), t at least 1"
            )
        size = hidden_weight[0]
        width = self.gates * size
        state = (x[1], size)
        named: list[tuple] = [(f"state {i}", s, state) for i, s in enumerate(states)]
        named += [("weight", weight, (x[2], width))]
        named += [("hidden_weight", hidden_weight, (size, width))]
        named += [("bias", bias, (width,)) for bias in biases]
        named += [("mask", mask, x[:2])]
        for name, came, needed in named:
            if came is not None and came != needed:
                raise ShapeError(f"{self}: {name} has shape {came}, needed {needed}")
        return (x[0] + self.states, *state)

    def _flops(self, x_shape, hidden_weight_shape):
        size, width = hidden_weight_shape
        return 2 * x_shape[0] * x_shape[1] * (x_shape[2] + size) * width

    def _order(self, length):
        return range(length)[::-1] if self.reverse else range(length)

    def _run(self, xp, x, states, weight, hidden_weight, biases, mask):
        (length, n, features), size = x.shape, hidden_weight.shape[0]
        x = _counted(xp, mask, x)
        x = xp.reshape(x, (length * n, features))
        projected = xp.matmul(x, self._stacked(xp, weight))
        bias, *others = (b if b is None else self._stacked(xp, b) for b in biases)
        if bias is not None:
            projected += bias  # in place: new arrays of this size cost more than sums
        projected = xp.reshape(projected, (self.gates, length, n, size))
        across = self._stacked(xp, hidden_weight)
        outputs, saved, before = ([None] * length for _ in range(3))
        for t in self._order(length):
            z = xp.getitem(projected, (slice(None), t))
            before[t] = states
            if mask is not None:
                is_on = xp.getitem(mask, t)
                before[t] = tuple([_counted(xp, is_on, s) for s in states])
            new, saved[t] = self._step(xp, z, before[t], across, *others)
            outputs[t] = new[0]
            if mask is not None:
                outputs[t] = _counted(xp, is_on, new[0])
                new = _chosen(xp, is_on, new, states)
            states = new
        return xp.stack((*outputs, *states), axis=0), tuple(saved), tuple(before)

    def _run_back(self, xp, gy, x, hidden_weight, mask, saved, before):
        """Return the gradients of what goes into the steps, and of the first states.

        The former are two lists: for the projected x, and for the projected state.
        """
        length = x.shape[0]
        gstates = [xp.getitem(gy, length + i) for i in range(self.states)]
        across = self._transposed(xp, hidden_weight)
        gzs, gqs = [None] * length, [None] * length
        for t in reversed(self._order(length)):
            g, idle = xp.getitem(gy, t), None
            if mask is not None:
                is_on = xp.getitem(mask, t)
                is_off = xp.logical_not(is_on)
                idle = [_counted(xp, is_off, s) for s in gstates]
                g, *gstates = (_counted(xp, is_on, s) for s in (g, *gstates))
            gstates = [gstates[0] + g, *gstates[1:]]
            back = self._step_back(xp, gstates, saved[t], before[t])
            gzs[t], gqs[t], direct = back
            gh = xp.sum(xp.matmul(gqs[t], across), axis=0)
            direct[0] = gh if direct[0] is None else direct[0] + gh
            gstates = direct if idle is None else _sums(direct, idle)
        return gzs, gqs, gstates

    def _of_weights(self, xp, gzs, gqs, x, weight, mask, before, wanted):
        """Return the gradients of x, both weights and both biases."""
        x = _counted(xp, mask, x)
        gz = self._joined(xp, gzs)
        gq = gz if gqs[0] is gzs[0] else self._joined(xp, gqs)
        gx = gweight = ghidden = gbias = gother = None
        if wanted[0]:
            parts = enumerate(self._by_gate(xp, weight))
            products = [
                xp.matmul(xp.getitem(gz, i), xp.matrix_transpose(part))
                for i, part in parts
            ]
            gx = xp.reshape(_sum(products), x.shape)
        if wanted[1]:
            rows = xp.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))
            gweight = self._side_by_side(xp, xp.matmul(xp.matrix_transpose(rows), gz))
        if wanted[2]:
            h = xp.concat([states[0] for states in before], axis=0)
            ghidden = self._side_by_side(xp, xp.matmul(xp.matrix_transpose(h), gq))
        ones = xp.new_ones(gz, (1, gz.shape[1]))  # a product is faster than a sum
        if wanted[3]:
            gbias = xp.reshape(self._side_by_side(xp, xp.matmul(ones, gz)), (-1,))
        if len(wanted) > 4 and wanted[4]:
            gother = xp.reshape(self._side_by_side(xp, xp.matmul(ones, gq)), (-1,))
        return gx, gweight, ghidden, gbias, gother

    @property
    def _inside(self):
        """Return the number of each gate in the weights, in the order of the loop."""
        others = [i for i in range(self.gates) if i not in self.sigmoids]
        return (*self.sigmoids, *others)

    def _by_gate(self, xp, weight):
        """Return a weight (rows, gates * k) or a bias as a list of (rows, k)."""
        parts = xp.reshape(weight, (-1, self.gates, weight.shape[-1] // self.gates))
        return [xp.getitem(parts, (slice(None), i)) for i in self._inside]

    def _stacked(self, xp, weight):
        """Return a weight as (gates, rows, k)."""
        return xp.stack(self._by_gate(xp, weight), axis=0)

    def _transposed(self, xp, weight):
        """Return a weight as (gates, k, rows), copied: products take 0.6 of their time.

        Each gate is taken out of the wide rows first, which is thrice as fast.
        """
        parts = self._stacked(xp, weight)
        flipped = [xp.matrix_transpose(xp.getitem(parts, i)) for i in range(self.gates)]
        flat = xp.concat([xp.reshape(part, (-1,)) for part in flipped], axis=0)
        return xp.reshape(flat, (self.gates, -1, weight.shape[0]))

    def _side_by_side(self, xp, weights):
        """Return (gates, rows, k) as (rows, gates * k), the gates as in weights."""
        parts = [xp.getitem(weights, self._inside.index(i)) for i in range(self.gates)]
        width = self.gates * weights.shape[2]
        return xp.reshape(xp.stack(parts, axis=1), (weights.shape[1], width))

    def _joined(self, xp, gzs):
        """Return a gradient (gates, n, k) for each step as (gates, t * n, k)."""
        gates, n, size = gzs[0].shape
        return xp.reshape(xp.stack(gzs, axis=1), (gates, len(gzs) * n, size))

    def _step(self, xp, z, states, across, *biases):
        """Return the new states, the output first, and what the way back needs.

        Args:
            xp: the namespace.
            z: the projected input with its bias (gates, n, k).
            states: those before the step, (n, k) each.
            across: the hidden weight (gates, k, k).
            biases: those that are not in ``z``, likewise.
        """
        raise NotImplementedError

    def _step_back(self, xp, gstates, saved, before):
        """Return the gradients of the projected input and of the projected state.

        And a list of those that reach the states before directly: None for none.
        """
        raise NotImplementedError

    def _to_onnx(self, graph, order, x, states, weights, biases, mask, **attributes):
        """Write the loop as ONNX's, whose gates stand in another order.

        Args:
            graph: the graph.
            order: the numbers of the gates in ONNX's order.
            x: the sequence.
            states: the first states.
            weights: of x and of h.
            biases: both, or None for either.
            mask: None, or a GraphError is raised: ONNX knows lengths alone.
            **attributes: further ones.
        """
        if mask is not None:
            raise GraphError(f"{self}: ONNX takes lengths of sequences, and no mask")
        size = graph.shape(weights[1])[0]
        columns = [k * size + i for k in order for i in range(size)]
        columns = graph.integers(columns)
        first = graph.integers(0)

        def arranged(array):  # (features, gates), or (gates,), to (1, gates, ...)
            array = graph.add("Gather", array, columns, axis=-1)
            return graph.add("Unsqueeze", graph.add("Transpose", array), first)

        w, r = map(arranged, weights)
        bias = None
        if any(b is not None for b in biases):
            none = graph.add(
                "Expand", graph.number(0, x), graph.integers(self.gates * size)
            )
            both = [none if b is None else b for b in biases]
            bias = graph.add("Concat", *map(arranged, both), axis=1)
        given = [graph.add("Unsqueeze", s, first) for s in states]
        direction = "reverse" if self.reverse else "forward"
        y, *last = graph.add(
            type(self).__name__.upper(),
            *(x, w, r, bias, None),
            *given,
            outputs=1 + len(states),
            hidden_size=size,
            direction=direction,
            **attributes,
        )
        y = graph.add("Squeeze", y, graph.integers(1))
        return graph.add("Concat", y, *last, axis=0)


def _counted(xp, mask, x):
    """Return rows, 0 where the mask is false: nothing then comes of what is in them."""
    return x if mask is None else xp.zero_unless(mask[..., None], x)


def _chosen(xp, mask, xs, others):
    pairs = zip(xs, others, strict=True)
    return [xp.where(mask[..., None], x, other) for x, other in pairs]


def _sums(xs, others):
    return [x + other for x, other in zip(xs, others, strict=True)]


def _sum(xs):
    total, *rest = xs
    for x in rest:
        total += x
    return total


def parts(joined, states):
    """Return the outputs of the steps and the states after the last."""
    length = joined.shape[0] - states
    ends = [length + i for i in range(states)]
    outputs, *last = split(joined, ends)
    return outputs, *(squeeze(state, 0) for state in last)

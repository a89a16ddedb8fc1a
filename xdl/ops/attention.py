"""Attention: every position takes a weighted mean of what the others hold."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, broadcast_shapes, function_of
from xdl.core.option import number
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.recording import for_any_length
from xdl.typing import ArrayLike

_ROWS, _MOST = 64, 8  # targets of a block, at least; blocks of a call, at most
_BIAS = [[0.5, -math.inf], [-math.inf, -math.inf]]


class ScaledDotProductAttention(Op):
    torch = Counterpart(
        "nn.functional.scaled_dot_product_attention", {"is_causal": "causal"}
    )
    multiplies = True
    conditions = ("mask",)
    residuals = ("weights",)
    cases = (
        Case([(2, 3), (4, 3), (4, 5), None, None]),
        Case([(2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4), None, None], {"causal": True}),
        Case([(2, 3), (4, 3), (4, 5), None, (2, 4)], {"scale": 0.5}),
        Case([(2, 3), (2, 3), (2, 5), [[True, False], [False, False]], None]),
        Case([(5, 2, 3), (4, 3), (4, 5), [True, False, True, True], None]),
        Case([(2, 3), (3, 3), (3, 5), [1, 1, 0], None]),
        Case([(2, 3), (2, 3), (2, 5), None, _BIAS]),
        Case([(2, 3), (2, 3), (2, 5), None, _BIAS], {"causal": True}),
        BadCase([(2, 3), (4, 5), (4, 5), None, None], ShapeError, "3 features, k 5"),
        BadCase([(2, 3), (4, 3), (2, 5), None, None], ShapeError, "4 sources, v 2"),
        BadCase([(3,), (4, 3), (4, 5), None, None], ShapeError, "two axes"),
        Case([(2, 3), (0, 3), (0, 5), None, None]),
        Case([(2, 2, 3), (0, 3), (0, 5), None, (2, 0)], {"causal": True}),
        Case([(0, 3), (4, 3), (4, 5), None, None], {"causal": True}),
        Case([(0, 2, 3), (0, 4, 3), (0, 4, 5), [True, False, True, True], None]),
        Case([(2, 0), (4, 0), (4, 5), None, None]),
    )

    def __init__(self, causal=False, scale=None):
        self.causal = bool(causal)
        self.scale = (
            None if scale is None else float(number("Attention", "scale", scale))
        )

    def shape(self, q_shape, k_shape, v_shape, mask_shape=None, bias_shape=None):
        if min(len(q_shape), len(k_shape), len(v_shape)) < 2:
            raise ShapeError(f"{self}: needed two axes or more in q, k and v")
        if q_shape[-1] != k_shape[-1]:
            raise ShapeError(f"{self}: q has {q_shape[-1]} features, k {k_shape[-1]}")
        if k_shape[-2] != v_shape[-2]:
            raise ShapeError(f"{self}: k has {k_shape[-2]} sources, v {v_shape[-2]}")
        stacks = [q_shape[:-2], k_shape[:-2], v_shape[:-2]]
        for extra in (mask_shape, bias_shape):
            if extra is not None:
                full = (*q_shape[:-1], k_shape[-2])
                broadcast_shapes(self, (extra, full))
                stacks.append(tuple(extra[:-2]))
        return (*broadcast_shapes(self, stacks), q_shape[-2], v_shape[-1])

    def flops(self, y_shape, q_shape, k_shape, v_shape, *others):
        pairs = math.prod(y_shape[:-1]) * k_shape[-2]
        return pairs * (2 * k_shape[-1] + 2 * v_shape[-1] + 5)

    def compute(self, xp, q, k, v, mask=None, bias=None):
        fits = min(q.ndim, k.ndim, v.ndim) > 1 and k.shape[-2] == v.shape[-2]
        if not fits or q.shape[-1] != k.shape[-1]:
            self.shape(q.shape, k.shape, v.shape)
        ends = self._ends(xp, q.shape, k.shape, mask, bias)
        if len(ends) > 1:
            return self._in_blocks(xp, q, k, v, ends)
        return self._attended(xp, q, k, v, mask, bias)

    def _in_blocks(self, xp, q, k, v, ends):
        """Return the output, and the weights of each block of targets."""
        parts = []
        for i, j in _blocks(ends):
            seen = k[..., :j, :], v[..., :j, :]
            parts.append(self._attended(xp, q[..., i:j, :], *seen, first=i))
        ys, weights = zip(*parts, strict=True)
        return xp.concat(ys, axis=-2), weights

    def _attended(self, xp, q, k, v, mask=None, bias=None, first=0):
        """Return the output and the weights of targets of which one is the first."""
        scores = xp.matmul(q * self._factor(q.shape), xp.matrix_transpose(k))
        if bias is not None:
            scores = scores + bias
        if not scores.shape[-1]:  # no keys: weights of none
            return xp.matmul(scores, v), scores
        allowed = self._allowed(xp, scores, mask, bias, first)
        if allowed is None:
            weights = _softmax(xp, scores, None)
            return xp.matmul(weights, v), weights
        has_key = None
        if mask is not None or bias is not None:  # causal alone leaves the first key
            has_key = xp.any(allowed, axis=-1, keepdims=True)
        # As where(allowed, scores, -inf), in a third of its time.
        nothing = xp.new_zeros(scores, allowed.shape)
        scores = xp.zero_unless(allowed, scores)
        scores += xp.where(allowed, nothing, -math.inf)
        weights = _softmax(xp, scores, has_key)
        return _mixed(xp, weights, v), weights

    def gradient(self, xp, gy, q, k, v, mask, bias, weights, wanted):
        if type(weights) is not tuple:
            return self._back(xp, gy, q, k, v, weights, wanted, mask, bias)
        gqs: list[Any] = []
        sums = _Sums(xp, k), _Sums(xp, v)
        for (i, j), part in reversed(list(zip(_spans(weights), weights, strict=True))):
            given = gy[..., i:j, :], q[..., i:j, :], k[..., :j, :], v[..., :j, :]
            gq, *found = self._back(xp, *given, part, wanted, first=i)
            gqs.insert(0, gq)
            for total, one in zip(sums, found, strict=False):
                total.add(one, i)
        gq = xp.concat(gqs, axis=-2) if wanted[0] else None
        return gq, *[total.joined() for total in sums], None, None

    def _back(self, xp, gy, q, k, v, weights, wanted, mask=None, bias=None, first=0):
        gweights = xp.matmul(gy, xp.matrix_transpose(v))
        allowed = self._allowed(xp, weights, mask, bias, first)
        if allowed is not None:
            weights = xp.zero_unless(allowed, weights)
            gweights = xp.zero_unless(allowed, gweights)
            # Where a score counts, what is not finite in q and k is in its weight.
            q, k = (xp.zero_unless(xp.isfinite(x), x) for x in (q, k))
        gv = xp.matmul(xp.matrix_transpose(weights), gy) if wanted[2] else None
        if xp.fused is not None and xp.fused.takes_rows(weights):
            gweights = xp.fused.softmax_gradient(gweights, weights)
        else:
            gweights *= weights
            mean = xp.sum(gweights, axis=-1, keepdims=True)
            gweights -= weights * mean
        gscores = gweights if allowed is None else xp.zero_unless(allowed, gweights)
        factor = self._factor(q.shape)
        gq = xp.matmul(gscores, k) * factor if wanted[0] else None
        gk = None
        if wanted[1]:
            gk = xp.matmul(xp.matrix_transpose(gscores), q) * factor
        return gq, gk, gv, None, gscores if wanted[4] else None

    def rewrap(self, node, wrap):
        """Take 0 for what takes part in no score: derivatives then see nothing else."""
        *inputs, weights, wanted = node.kept
        pairs = zip(inputs, node.inputs, strict=True)
        q, k, v, mask, bias = (a if a is None else wrap(a, n) for a, n in pairs)
        if type(weights) is tuple:  # each target and each key that is seen counts
            ends = [j for _, j in _spans(weights)]
            weights = self._in_blocks(NAMESPACES[Variable], q, k, v, ends)[1]
            return [q, k, v, mask, bias, weights, wanted]
        xp, weights = NAMESPACES[Variable], wrap(weights, None)
        allowed = self._allowed(xp, weights, mask, bias)
        if allowed is not None:
            allowed = xp.broadcast_to(allowed, weights.shape)
            q = xp.zero_unless(xp.any(allowed, axis=-1, keepdims=True), q)
            is_seen = xp.any(allowed, axis=-2, keepdims=True)
            k, v = (xp.zero_unless(xp.matrix_transpose(is_seen), x) for x in (k, v))
        weights = self._attended(xp, q, k, v, mask, bias)[1]
        return [q, k, v, mask, bias, weights, wanted]

    def _factor(self, q_shape):
        if self.scale is not None:
            return self.scale
        return 1 / math.sqrt(max(1, q_shape[-1]))  # any for no features: scores are 0

    def _ends(self, xp, q_shape, k_shape, mask, bias):
        """Return where blocks of targets end that see no key after their last one.

        A block is a few targets, of which the scores stay in a cache.
        """
        targets, sources = q_shape[-2], k_shape[-2]
        if not self.causal or mask is not None or bias is not None or for_any_length():
            return [targets]
        size = max(1, math.prod(q_shape[:-2]) * sources)
        rows = max(_ROWS, -(-targets // _MOST), xp.BLOCK // size)
        return [*range(rows, targets, rows), targets]

    def _allowed(self, xp, scores, mask, bias, first=0):
        """Return which scores count, to be broadcast to them, or None: all."""
        found = [] if mask is None else [mask]
        if bias is not None:
            found.append(bias != -math.inf)
        if self.causal:
            targets = xp.expand_dims(xp.new_arange(scores, scores.shape[-2]), axis=1)
            targets = targets + first if first else targets
            found.append(targets >= xp.new_arange(scores, scores.shape[-1]))
        return functools.reduce(xp.logical_and, found) if found else None

    def to_onnx(self, graph, q, k, v, mask=None, bias=None):
        (*_, targets, features), k_shape = graph.shape(q), graph.shape(k)
        *places, last, others = range(len(k_shape))
        k = graph.add("Transpose", k, perm=(*places, others, last))
        factor = graph.number(self._factor((features,)), q)
        scores = graph.add("MatMul", graph.add("Mul", q, factor), k)
        if bias is not None:
            scores = graph.add("Add", scores, bias)
        found = [] if mask is None else [graph.condition(mask)]
        if bias is not None:
            never = graph.number(-math.inf, q)
            found.append(graph.add("Not", graph.add("Equal", bias, never)))
        if self.causal and targets:
            rows = [[i <= j for i in range(k_shape[-2])] for j in range(targets)]
            found.append(graph.constant(rows, "bool"))
        both = functools.partial(graph.add, "And")
        allowed = functools.reduce(both, found) if found else None
        if allowed is not None:  # a finite number: a row without any key gives no NaN
            scores = graph.add("Where", allowed, scores, graph.number(-1e30, q))
        weights = graph.add("Softmax", scores, axis=-1)
        if allowed is not None:
            weights = graph.add("Where", allowed, weights, graph.number(0, q))
        return graph.add("MatMul", weights, v)


@function_of(ScaledDotProductAttention)
def scaled_dot_product_attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    mask: ArrayLike | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> Variable:
    """Mix values by how well their keys fit each query.

    ``softmax(scale q kᵀ + bias) v``, the softmax over the keys that the mask and
    ``causal`` leave; a query that has none gives zeros. The other keys and their
    values do not matter, whatever stands in them.

    Args:
        q: queries (..., targets, features).
        k: keys (..., sources, features).
        v: values (..., sources, outputs).
        mask: None; an array of booleans or integers that broadcasts to (..., targets,
            sources), true (not 0) where a key takes part; or a floating one that is
            added to the scores: -inf where a key takes no part.
        causal: let target i see the sources 0 to i alone; default False.
        scale: a number; default 1 / sqrt(features).

    Returns:
        An array (..., targets, outputs).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import xdl
        >>> q = k = [[1.0, 0.0], [0.0, 1.0]]
        >>> v = [[10.0], [20.0]]
        >>> xdl.scaled_dot_product_attention(q, k, v, causal=True, scale=100.0)
        Variable([[10.],
                  [20.]], dtype=float32)

    Reference: Vaswani et al., "Attention Is All You Need", 2017, equation 1.
    """
    bias = None
    if mask is not None:
        mask = as_variable(mask)
        if backend.is_floating(mask):
            mask, bias = None, mask
    return ScaledDotProductAttention(causal, scale)(q, k, v, mask, bias)


def _blocks(ends):
    """Return the pairs (first, end) of blocks, by where they end."""
    return list(zip((0, *ends), ends, strict=False))


def _spans(weights):
    """Return the pairs (first, end) of blocks of targets, by their weights."""
    return _blocks(list(itertools.accumulate(part.shape[-2] for part in weights)))


class _Sums:
    """The gradient by keys, or values, added up from the last block to the first.

    Each block sees those that the ones before it see, and some more: what a block adds
    to the latter is complete.

    Args:
        xp: the namespace.
        whole: all keys, or values.
    """

    def __init__(self, xp, whole):
        self._xp, self._whole, self._rest, self._pieces = xp, whole, None, []

    def add(self, part, first):
        """Add the gradient by what a block sees, None if it is not wanted.

        Args:
            part: an array.
            first: how many of its rows the blocks before this one see, too.
        """
        if part is None:
            return
        self._rest = part if self._rest is None else part + self._rest
        if first < part.shape[-2]:
            self._pieces.insert(0, self._rest[..., first:, :])
            self._rest = self._rest[..., :first, :]

    def joined(self):
        """Return the whole gradient: 0 for what no block sees."""
        if self._rest is None:
            return None
        shape = list(self._pieces[0].shape)
        shape[-2] = self._whole.shape[-2] - sum(p.shape[-2] for p in self._pieces)
        if shape[-2]:
            self._pieces.append(self._xp.new_zeros(self._whole, tuple(shape)))
        return self._xp.concat(self._pieces, axis=-2)


def _softmax(xp, scores, has_any):
    """Return the softmax on the last axis, 0 where the row has no score that counts."""
    if has_any is None and xp.fused is not None and xp.fused.takes_rows(scores):
        return xp.fused.softmax(scores)
    top = xp.max(scores, axis=-1, keepdims=True)
    if has_any is not None:
        top = xp.where(has_any, top, 0.0)
    weights = xp.exp(scores - top)
    total = xp.sum(weights, axis=-1, keepdims=True)
    if has_any is not None:
        total = xp.where(has_any, total, 1.0)
    weights /= total
    return weights


def _mixed(xp, weights, v):
    """Return ``weights @ v`` to which a weight of 0 adds 0, whatever v is there."""
    is_finite = xp.isfinite(v)
    y = xp.matmul(weights, xp.zero_unless(is_finite, v))
    is_bad = xp.logical_not(is_finite)
    others = xp.sum(xp.zero_unless(is_bad, v), axis=-2, keepdims=True)
    touched = xp.astype(xp.any(is_bad, axis=-1, keepdims=True), v.dtype)
    is_touched = xp.matmul(weights, touched) != 0
    return xp.where(xp.logical_and(is_touched, others != 0), others, y)

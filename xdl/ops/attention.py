"""Attention: every position takes a weighted mean of what the others hold."""

import math

from xdl import backend
from xdl.core.case import BadCase, Case
from xdl.core.op import Op, broadcast_shapes, function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError


class ScaledDotProductAttention(Op):
    """Mix values by how well their keys fit each query.

    ``softmax(scale q kᵀ + bias) v``, the softmax over the keys that the mask and
    ``causal`` leave; a query that has none gives zeros.

    Args:
        q: queries (..., targets, features).
        k: keys (..., sources, features).
        v: values (..., sources, outputs).
        mask: None; a boolean array that broadcasts to (..., targets, sources), true
            where a key takes part; or a floating one that is added to the scores.
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

    own_dtype = ("mask",)
    residuals = ("weights",)
    cases = (
        Case([(2, 3), (4, 3), (4, 5), None, None]),
        Case([(2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4), None, None], {"causal": True}),
        Case([(2, 3), (4, 3), (4, 5), None, (2, 4)], {"scale": 0.5}),
        Case([(2, 3), (2, 3), (2, 5), [[True, False], [False, False]], None]),
        Case([(5, 2, 3), (4, 3), (4, 5), [True, False, True, True], None]),
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
        self.causal, self.scale = bool(causal), scale

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
        scores = xp.matmul(q * self._factor(q.shape), xp.matrix_transpose(k))
        if bias is not None:
            scores = scores + bias
        allowed = self._allowed(xp, scores, mask)
        if allowed is not None:
            scores = xp.where(allowed, scores, -math.inf)
        if not scores.shape[-1]:  # no keys: weights of none
            return xp.matmul(scores, v), scores
        top = xp.max(scores, axis=-1, keepdims=True)
        if allowed is not None:  # a row without any key
            top = xp.where(top == -math.inf, 0.0, top)
        weights = xp.exp(scores - top)
        total = xp.sum(weights, axis=-1, keepdims=True)
        if allowed is not None:
            total = xp.where(total == 0, 1.0, total)
        weights = weights / total
        return xp.matmul(weights, v), weights

    def gradient(self, xp, gy, q, k, v, mask, bias, weights, wanted):
        gv = xp.matmul(xp.matrix_transpose(weights), gy) if wanted[2] else None
        gweights = weights * xp.matmul(gy, xp.matrix_transpose(v))
        mean = xp.sum(gweights, axis=-1, keepdims=True)
        gscores = gweights - weights * mean
        factor = self._factor(q.shape)
        gq = xp.matmul(gscores, k) * factor if wanted[0] else None
        gk = None
        if wanted[1]:
            gk = xp.matmul(xp.matrix_transpose(gscores), q) * factor
        return gq, gk, gv, None, gscores if wanted[4] else None

    def _factor(self, q_shape):
        if self.scale is not None:
            return float(self.scale)
        return 1 / math.sqrt(max(1, q_shape[-1]))  # any for no features: scores are 0

    def _allowed(self, xp, scores, mask):
        """Return which scores count, broadcast to them, or None: all."""
        if not self.causal:
            return mask
        targets = xp.expand_dims(xp.new_arange(scores, scores.shape[-2]), axis=1)
        earlier = targets >= xp.new_arange(scores, scores.shape[-1])
        return earlier if mask is None else xp.logical_and(earlier, mask)

    def to_onnx(self, graph, q, k, v, mask=None, bias=None):
        (*_, targets, features), k_shape = graph.shape(q), graph.shape(k)
        *places, last, others = range(len(k_shape))
        k = graph.add("Transpose", k, perm=(*places, others, last))
        factor = graph.number(self._factor((features,)), q)
        scores = graph.add("MatMul", graph.add("Mul", q, factor), k)
        if bias is not None:
            scores = graph.add("Add", scores, bias)
        allowed = mask
        if self.causal and targets:
            rows = [[i <= j for i in range(k_shape[-2])] for j in range(targets)]
            earlier = graph.constant(rows, "bool")
            allowed = earlier if mask is None else graph.add("And", earlier, mask)
        if allowed is not None:  # a finite number: a row without any key gives no NaN
            scores = graph.add("Where", allowed, scores, graph.number(-1e30, q))
        weights = graph.add("Softmax", scores, axis=-1)
        if allowed is not None:
            weights = graph.add("Where", allowed, weights, graph.number(0, q))
        return graph.add("MatMul", weights, v)


@function_of(ScaledDotProductAttention)
def scaled_dot_product_attention(q, k, v, mask=None, causal=False, scale=None):
    bias = None
    if mask is not None:
        mask = mask if isinstance(mask, Variable) else backend.asarray(mask)
        if backend.dtype_name(mask.dtype) != "bool":
            mask, bias = None, mask
    return ScaledDotProductAttention(causal, scale)(q, k, v, mask, bias)

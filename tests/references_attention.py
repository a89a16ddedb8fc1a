"""References for attention and embedding: plain NumPy and SciPy."""

import numpy as np
import scipy.special


def _attention(q, k, v, mask=None, bias=None, causal=False, scale=None):
    scores = np.einsum("...td,...sd->...ts", q, k)
    scores = scores * (max(1, q.shape[-1]) ** -0.5 if scale is None else scale)
    scores = scores if bias is None else scores + bias
    allowed = np.ones(scores.shape, bool) if mask is None else mask
    allowed = np.broadcast_to(allowed, scores.shape)
    allowed = np.tril(allowed) if causal else allowed
    if not scores.size:  # the softmax of nothing is refused
        return np.zeros((*scores.shape[:-1], v.shape[-1]))
    weights = scipy.special.softmax(np.where(allowed, scores, -1e9), axis=-1)
    weights = np.where(allowed.any(axis=-1, keepdims=True), weights, 0)
    return np.einsum("...ts,...sv->...tv", weights, v)


REFERENCES = {
    "Embedding": lambda indices, weight: weight[indices],
    "ScaledDotProductAttention": _attention,
}

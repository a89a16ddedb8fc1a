"""References for attention: plain NumPy and SciPy."""

import numpy as np
import scipy.special


def _attention(q, k, v, mask=None, bias=None, causal=False, scale=None):
    """Attend query by query, over the keys that each may see and no others."""
    stack = np.broadcast_shapes(*(a.shape[:-2] for a in (q, k, v)))
    full = (*stack, q.shape[-2], k.shape[-2])
    scale = max(1, q.shape[-1]) ** -0.5 if scale is None else scale
    bias = np.broadcast_to(0.0 if bias is None else bias, full)
    allowed = (bias != -np.inf) & (True if mask is None else mask != 0)
    allowed = np.tril(allowed) if causal else allowed
    q, k, v = (np.broadcast_to(a, (*stack, *a.shape[-2:])) for a in (q, k, v))
    y = np.zeros((*full[:-1], v.shape[-1]))
    for *rows, target in np.ndindex(full[:-1]):
        seen = allowed[(*rows, target)]
        scores = k[(*rows, seen)] @ q[(*rows, target)] * scale
        scores = scores + bias[(*rows, target, seen)]
        if seen.any():
            y[(*rows, target)] = scipy.special.softmax(scores) @ v[(*rows, seen)]
    return y


REFERENCES = {
    "ScaledDotProductAttention": _attention,
}

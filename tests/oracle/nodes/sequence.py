"""Operators of sequences: recurrent networks, attention and their losses."""

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut, data, ints, like

_ACTIVATIONS = {
    "RNN": [["Tanh"], ["Relu"]],
    "GRU": [["Sigmoid", "Tanh"]],
    "LSTM": [["Sigmoid", "Tanh", "Tanh"]],
}


def _mask(x, lengths):
    if lengths is None:
        return None
    return data(np.arange(x.shape[0])[:, None]) < lengths


def _gates(weight, order):
    """Return ONNX's gates (k * gates, d) as xdl's (d, gates * k), in another order."""
    parts = xdl.split(weight, len(order), axis=0)
    return xdl.transpose(xdl.concat([parts[i] for i in order], axis=0))


def _recurrent(order, run, has_hidden_bias=False):
    """Return an operator that runs one of xdl's functions over both directions."""

    def operator(call, x, w, r, b=None, lengths=None, *states):
        kind, is_first = call.get("direction", "forward"), call.get("layout", 0)
        directions = [False, True] if kind == "bidirectional" else [kind == "reverse"]
        names = _activations(call, len(directions), states)
        x = xdl.permute_dims(x, (1, 0, 2)) if is_first else x
        mask = _mask(x, lengths)
        ends = []
        for i, reverse in enumerate(directions):
            weights = [_gates(w[i], order), _gates(r[i], order)]
            weights += _biases(None if b is None else b[i], order, has_hidden_bias)
            zeros = xdl.broadcast_to(like(x, 0), (x.shape[1], r.shape[2]))
            first = [s[:, i] if is_first else s[i] for s in states]
            first += [zeros] * (2 - len(first))
            ends.append(run(x, first, weights, mask, reverse, names))
        outputs, *last = [list(part) for part in zip(*ends, strict=True)]
        order_of_axes = (2, 0, 1, 3) if is_first else (0, 1, 2, 3)
        y = xdl.permute_dims(xdl.stack(outputs, 1), order_of_axes)
        return [y, *(xdl.stack(part, 1 if is_first else 0) for part in last)]

    return operator


def _activations(call, count, states):
    """Return the names of the activations, which must be those that xdl has."""
    names = [name.decode() for name in call.get("activations") or ()]
    usual = _ACTIVATIONS[call.op_type]
    names = names or usual[0] * count
    if names not in [u * count for u in usual] or call.get("clip"):
        raise LeftOut("the gates have other activations")
    if len(states) > 2:
        raise LeftOut("xdl's cells have no peepholes")
    if call.op_type == "GRU" and not call.get("linear_before_reset", 0):
        raise LeftOut("xdl resets after the product, as PyTorch does")
    return names


def _biases(b, order, has_hidden_bias):
    if b is None:
        return [None, None] if has_hidden_bias else [None]
    both = [_gates(part, order) for part in xdl.split(b, 2)]
    return both if has_hidden_bias else [both[0] + both[1]]


def _lstm(x, first, weights, mask, reverse, names):
    return xdl.lstm(x, *first, *weights, mask, reverse)


def _gru(x, first, weights, mask, reverse, names):
    return xdl.gru(x, first[0], *weights, mask, reverse)


def _rnn(x, first, weights, mask, reverse, names):
    return xdl.rnn(x, first[0], *weights, mask, reverse, names[0].lower())


def _heads(x, count):
    """Return (n, t, heads * size) as (n, heads, t, size)."""
    if x.ndim == 4:
        return x
    n, t, width = x.shape
    parts = xdl.reshape(x, (n, t, count, width // count))
    return xdl.permute_dims(parts, (0, 2, 1, 3))


def _joined(x):
    n, heads, t, size = x.shape
    return xdl.reshape(xdl.permute_dims(x, (0, 2, 1, 3)), (n, t, heads * size))


def _allowed(call, q, k, offset, lengths):
    """Return a boolean mask of what the options let each query see, or None."""
    rows = np.arange(q.shape[2])[:, None] + offset
    columns = np.arange(k.shape[2])
    found = []
    if call.get("is_causal", 0):
        found.append(columns <= rows)
    for name, sign in (("left_window_size", 1), ("right_window_size", -1)):
        width = call.get(name, -1)
        if width >= 0:
            found.append(sign * (rows - columns) <= width)
    if lengths is not None:
        found.append(columns < np.asarray(lengths).reshape(-1, 1, 1, 1))
    return np.logical_and.reduce(np.broadcast_arrays(*found)) if found else None


def _mask_of(q, k, mask, allowed):
    """Return one mask: boolean, or one that is added with -inf for what is hidden."""
    if mask is not None and mask.shape[-1] < k.shape[2]:
        pairs = [(0, 0)] * (mask.ndim - 1) + [(0, k.shape[2] - mask.shape[-1])]
        is_boolean = mask.dtype.kind == "b"
        mask = xdl.pad(mask, pairs, value=False if is_boolean else -np.inf)
    if allowed is None:
        return mask
    allowed = data(allowed)
    if mask is None:
        return allowed
    if mask.dtype.kind == "b":
        return xdl.logical_and(mask, allowed)
    return xdl.where(allowed, mask, like(mask, -np.inf))


def _attention(call, q, k, v, mask=None, past_k=None, past_v=None, lengths=None):
    is_flat = q.ndim == 3
    q = _heads(q, call.get("q_num_heads"))
    k, v = (_heads(x, call.get("kv_num_heads")) for x in (k, v))
    offset = 0
    if past_k is not None:
        offset = past_k.shape[2]
        k, v = xdl.concat([past_k, k], 2), xdl.concat([past_v, v], 2)
    elif lengths is not None:
        offset = lengths.numpy().reshape(-1, 1, 1, 1) - q.shape[2]
    present = [k, v]
    allowed = _allowed(call, q, k, offset, None if lengths is None else ints(lengths))
    mask = _mask_of(q, k, mask, allowed)
    times = q.shape[1] // k.shape[1]
    k, v = (xdl.repeat(x, times, axis=1) if times > 1 else x for x in (k, v))
    scale, cap = call.get("scale"), call.get("softcap", 0.0)
    if call.outputs > 3 or cap:
        y, shown = _in_steps(call, q, k, v, mask, scale, cap)
    else:
        y, shown = xdl.scaled_dot_product_attention(q, k, v, mask, scale=scale), None
    return [_joined(y) if is_flat else y, *present, shown][: call.outputs]


def _in_steps(call, q, k, v, mask, scale, cap):
    """Return the outputs, and the scores at the step that is asked for."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = [xdl.matmul(q, xdl.matrix_transpose(k)) * scale]
    scores.append(xdl.tanh(scores[0] / cap) * cap if cap else scores[0])
    if mask is not None and mask.dtype.kind == "b":
        mask = xdl.where(mask, like(q, 0), like(q, -np.inf))
    scores.append(scores[1] if mask is None else scores[1] + mask)
    top = xdl.max(scores[2], -1, True)
    is_seen = xdl.greater(top, like(q, -np.inf))
    weights = xdl.softmax(xdl.where(is_seen, scores[2], like(q, 0)), -1)
    scores.append(xdl.where(is_seen, weights, like(q, 0)))
    return xdl.matmul(scores[3], v), scores[call.get("qk_matmul_output_mode", 0)]


def _rotary(call, x, cos, sin, positions=None):
    is_flat = x.ndim == 3
    heads = call.get("num_heads", 0)
    x = xdl.permute_dims(_heads(x, heads), (0, 2, 1, 3))
    size = call.get("rotary_embedding_dim", 0) or x.shape[-1]
    turned, rest = x[..., :size], x[..., size:]
    if positions is not None:
        cos, sin = xdl.take(cos, positions, 0), xdl.take(sin, positions, 0)
    cos, sin = xdl.expand_dims(cos, 2), xdl.expand_dims(sin, 2)
    is_mixed = call.get("interleaved", 0)
    if is_mixed:
        a, b = turned[..., 0::2], turned[..., 1::2]
    else:
        a, b = xdl.split(turned, 2, -1)
    real, imaginary = cos * a - sin * b, sin * a + cos * b
    if is_mixed:
        turned = xdl.reshape(xdl.stack([real, imaginary], -1), turned.shape)
    else:
        turned = xdl.concat([real, imaginary], -1)
    y = xdl.permute_dims(xdl.concat([turned, rest], -1), (0, 2, 1, 3))
    return _joined(y) if is_flat else y


def _causal_conv(call, x, weight, bias=None, past=None):
    width = weight.shape[2] - 1
    if past is None:
        past = xdl.broadcast_to(like(x, 0), (*x.shape[:2], width))
    x = xdl.concat([past, x], 2)
    y = xdl.conv1d(x, weight, bias, groups=x.shape[1])
    y = xdl.silu(y) if call.get("activation", "none") in ("silu", "swish") else y
    return [y, x[:, :, x.shape[2] - width :]][: call.outputs]


def _linear_attention(call, q, k, v, state=None, decay=None, beta=None):
    heads, groups = call.get("q_num_heads"), call.get("kv_num_heads")
    rule = call.get("update_rule", "gated_delta")
    q, k, v = _heads(q, heads), _heads(k, groups), _heads(v, groups)
    n, _, t, size = k.shape
    if state is None:
        state = xdl.broadcast_to(like(q, 0), (n, groups, size, v.shape[3]))
    decay = _heads(decay, groups) if decay is not None else None
    beta = _heads(beta, beta.shape[2]) if beta is not None else None
    scale, outputs = call.get("scale", 0.0) or size**-0.5, []
    for i in range(t):
        value = v[:, :, i]
        if rule in ("gated", "gated_delta"):
            state = state * xdl.expand_dims(xdl.exp(decay[:, :, i]), -1)
        if rule in ("delta", "gated_delta"):
            found = xdl.einsum("bhdm,bhd->bhm", state, k[:, :, i])
            value = beta[:, :, i] * (value - found)
        state = state + xdl.einsum("bhd,bhm->bhdm", k[:, :, i], value)
        read = xdl.repeat(state, heads // groups, axis=1)
        outputs.append(xdl.einsum("bhd,bhdm->bhm", q[:, :, i], read) * scale)
    return [_joined(xdl.stack(outputs, 2)), state][: call.outputs]


def _classes_last(x):
    return xdl.moveaxis(x, 1, -1) if x.ndim > 1 else x


def _nll(call, x, target, weight=None):
    return xdl.nll_loss(
        *(_classes_last(x), target, weight),
        ignore_index=call.get("ignore_index"),
        reduction=call.get("reduction", "mean"),
    )


def _cross_entropy(call, x, target, weight=None):
    loss = xdl.softmax_cross_entropy(
        *(_classes_last(x), target, weight),
        ignore_index=call.get("ignore_index"),
        reduction=call.get("reduction", "mean"),
    )
    return [loss, xdl.log_softmax(x, 1)][: call.outputs]


OPERATORS = {
    "Attention": _attention,
    "CausalConvWithState": _causal_conv,
    "GRU": _recurrent([1, 0, 2], _gru, has_hidden_bias=True),
    "LSTM": _recurrent([0, 2, 3, 1], _lstm),
    "LinearAttention": _linear_attention,
    "NegativeLogLikelihoodLoss": _nll,
    "RNN": _recurrent([0], _rnn),
    "RotaryEmbedding": _rotary,
    "SoftmaxCrossEntropyLoss": _cross_entropy,
}

"""References for recurrent networks: the equations of a step, in plain NumPy."""

import numpy as np
from scipy.special import expit


def _loop(step, x, states, mask, reverse):
    """Return the outputs, then the last states, as the operations join them."""
    length = len(x)
    outputs = np.zeros((length, *states[0].shape))
    mask = np.ones(x.shape[:2], bool) if mask is None else mask != 0
    for t in reversed(range(length)) if reverse else range(length):
        new = step(x[t], *states)
        outputs[t] = np.where(mask[t][:, None], new[0], 0)
        states = [
            np.where(mask[t][:, None], a, b) for a, b in zip(new, states, strict=True)
        ]
    return np.concatenate([outputs, *(s[None] for s in states)])


def _lstm(x, h, c, weight, hidden_weight, bias=None, mask=None, reverse=False):
    def step(row, h, c):
        z = row @ weight + h @ hidden_weight + (0 if bias is None else bias)
        i, f, g, o = np.split(z, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        return expit(o) * np.tanh(c), c

    return _loop(step, x, [h, c], mask, reverse)


def _gru(x, h, weight, hidden_weight, bias, hidden_bias, mask=None, reverse=False):
    def step(row, h):
        p = np.split(row @ weight + (0 if bias is None else bias), 3, axis=1)
        q = h @ hidden_weight + (0 if hidden_bias is None else hidden_bias)
        q = np.split(q, 3, axis=1)
        r, z = expit(p[0] + q[0]), expit(p[1] + q[1])
        return ((1 - z) * np.tanh(p[2] + r * q[2]) + z * h,)

    return _loop(step, x, [h], mask, reverse)


def _rnn(
    x, h, weight, hidden_weight, bias, mask=None, reverse=False, activation="tanh"
):
    def step(row, h):
        z = row @ weight + h @ hidden_weight + (0 if bias is None else bias)
        return (np.tanh(z) if activation == "tanh" else np.maximum(z, 0),)

    return _loop(step, x, [h], mask, reverse)


REFERENCES = {"Gru": _gru, "Lstm": _lstm, "Rnn": _rnn}

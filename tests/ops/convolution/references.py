"""Convolutions and resizing in plain NumPy, one place of a window at a time."""

import numpy as np


def per_axis(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


def framed(x, padding, value=0.0):
    """Return arrays (n, channels, ...) with ``value`` around them."""
    widths = [(p, p) for p in per_axis(padding, x.ndim - 2)]
    return np.pad(x, [(0, 0), (0, 0), *widths], constant_values=value)


def views(x, window, stride=1, dilation=1):
    """Return what the window sees: (n, channels, *places, *window)."""
    axes = x.ndim - 2
    stride, dilation = per_axis(stride, axes), per_axis(dilation, axes)
    wide = [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, wide, tuple(range(2, x.ndim)))
    steps = tuple(slice(None, None, step) for step in (*stride, *dilation))
    return seen[:, :, *steps]


def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolve over as many axes as there are after the channels."""
    seen = views(framed(x, padding), weight.shape[2:], stride, dilation)
    seen = np.stack(np.split(seen, groups, axis=1))
    weights = np.stack(np.split(weight, groups))
    places, window = "hij"[: x.ndim - 2], "eab"[: x.ndim - 2]
    y = np.einsum(f"gnc{places}{window},goc{window}->ngo{places}", seen, weights)
    y = y.reshape(len(x), weight.shape[0], *y.shape[3:])
    return y if bias is None else y + np.expand_dims(bias, tuple(range(1, x.ndim - 1)))


def basis(shape):
    """Yield each index of a shape with an array that is 1 there, and 0 elsewhere."""
    for index in np.ndindex(*shape):
        one = np.zeros(shape)
        one[index] = 1.0
        yield index, one


def weighed_sum(weights, g):
    """Return the sum of the products whose weight is not 0."""
    return np.sum(np.where(weights != 0, g * weights, 0))


def _conv_by_input(g, weight, size, groups=1, **options):
    """Take the product of ``g`` with what each element of an image leads to."""
    axes = g.ndim - 2
    shape = (1, weight.shape[1] * groups, *per_axis(size, axes))
    gx = np.zeros((len(g), *shape[1:]))
    for index, one in basis(shape):
        led_to = conv(one, weight, groups=groups, **options)
        gx[(slice(None), *index[1:])] = np.sum(g * led_to, axis=tuple(range(1, g.ndim)))
    return gx


def _conv_by_weight(x, g, window, groups=1, **options):
    """Take the product of ``g`` with what each element of the weight leads to."""
    window = per_axis(window, g.ndim - 2)
    gweight = np.zeros((g.shape[1], x.shape[1] // groups, *window))
    for index, one in basis(gweight.shape):
        gweight[index] = np.sum(g * conv(x, one, groups=groups, **options))
    return gweight


def _sources(i, n, m, step, mode, align_corners):
    """Return the numbers of the elements that element i is made of, and weights."""
    step = n / m if step is None else step
    if mode == "nearest":
        return [(min(int(i * step + 1e-9), n - 1), 1.0)]
    if align_corners:
        place = i * (n - 1) / max(m - 1, 1)
    else:
        place = min(max((i + 0.5) * step - 0.5, 0.0), n - 1.0)
    left = int(place)
    return [(left, left + 1 - place), (min(left + 1, n - 1), place - left)]


def _interpolate(x, size, steps=None, mode="nearest", align_corners=False):
    for axis, m in enumerate(size):
        step = steps[axis] if steps else None
        along = np.moveaxis(x, axis + 2, 0)
        y = np.zeros((m, *along.shape[1:]))
        for i in range(m):
            for j, weight in _sources(i, len(along), m, step, mode, align_corners):
                y[i] += weight * along[j] if weight else 0
        x = np.moveaxis(y, 0, axis + 2)
    return x


def _interpolate_by_input(g, size, **options):
    """Take the product of ``g`` with what each element of an image leads to."""
    gx = np.zeros((*g.shape[:2], *size))
    for index, one in basis(gx.shape):
        gx[index] = weighed_sum(_interpolate(one, g.shape[2:], **options), g)
    return gx


REFERENCES = {
    "Conv1d": conv,
    "Conv2d": conv,
    "Conv2dByInput": _conv_by_input,
    "Conv2dByWeight": _conv_by_weight,
    "Conv3d": conv,
    "Conv3dByInput": _conv_by_input,
    "Conv3dByWeight": _conv_by_weight,
    "Interpolate": _interpolate,
    "InterpolateByInput": _interpolate_by_input,
}

"""References for convolution of volumes and for resizing, in plain NumPy."""

import numpy as np

from tests.support.references_conv import basis, weighed_sum


def _triple(value):
    return value if isinstance(value, tuple) else (value,) * 3


def _conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    stride, dilation = _triple(stride), _triple(dilation)
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in _triple(padding))])
    window = weight.shape[2:]
    wide = [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, wide, axis=(2, 3, 4))
    steps = tuple(slice(None, None, step) for step in (*stride, *dilation))
    seen = np.stack(np.split(seen[:, :, *steps], groups, axis=1))
    weights = np.stack(np.split(weight, groups))
    y = np.einsum("gnchijeab,goceab->ngohij", seen, weights)
    y = y.reshape(len(x), weight.shape[0], *y.shape[3:])
    return y if bias is None else y + bias[:, None, None, None]


def _conv3d_by_input(g, weight, size, groups=1, **options):
    """Take the product of ``g`` with what each element of a volume leads to."""
    shape = (1, weight.shape[1] * groups, *size)
    gx = np.zeros((len(g), *shape[1:]))
    for index, one in basis(shape):
        led_to = _conv3d(one, weight, groups=groups, **options)
        gx[(slice(None), *index[1:])] = np.sum(g * led_to, axis=(1, 2, 3, 4))
    return gx


def _conv3d_by_weight(x, g, window, groups=1, **options):
    """Take the product of ``g`` with what each element of the weight leads to."""
    gweight = np.zeros((g.shape[1], x.shape[1] // groups, *window))
    for index, one in basis(gweight.shape):
        gweight[index] = np.sum(g * _conv3d(x, one, groups=groups, **options))
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
    "Conv3d": _conv3d,
    "Conv3dByInput": _conv3d_by_input,
    "Conv3dByWeight": _conv3d_by_weight,
    "Interpolate": _interpolate,
    "InterpolateByInput": _interpolate_by_input,
}

"""References for convolution and pooling: plain NumPy, one place at a time."""

import numpy as np


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


def _framed(x, padding, value=0.0):
    rows, columns = _pair(padding)
    widths = ((0, 0), (0, 0), (rows, rows), (columns, columns))
    return np.pad(x, widths, constant_values=value)


def _views(x, window, stride=1, dilation=1):
    """Return what the window sees: (n, channels, rows, columns, *window)."""
    (d1, d2), (s1, s2) = _pair(dilation), _pair(stride)
    wide = [d * (w - 1) + 1 for d, w in zip((d1, d2), window, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, wide, axis=(2, 3))
    return seen[:, :, ::s1, ::s2, ::d1, ::d2]


def _conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    seen = _views(_framed(x, padding), weight.shape[2:], stride, dilation)
    seen = np.stack(np.split(seen, groups, axis=1))
    weights = np.stack(np.split(weight, groups))
    y = np.einsum("gncijab,gocab->ngoij", seen, weights)
    y = y.reshape(len(x), weight.shape[0], *seen.shape[3:5])
    return y if bias is None else y + bias[:, None, None]


def basis(shape):
    for index in np.ndindex(*shape):
        one = np.zeros(shape)
        one[index] = 1.0
        yield index, one


def weighed_sum(weights, g):
    """Return the sum of the products whose weight is not 0."""
    return np.sum(np.where(weights != 0, g * weights, 0))


def _conv2d_by_input(g, weight, size, groups=1, **options):
    """Take the product of ``g`` with what each element of an image leads to."""
    shape = (1, weight.shape[1] * groups, *_pair(size))
    gx = np.zeros((len(g), *shape[1:]))
    for index, one in basis(shape):
        led_to = _conv2d(one, weight, groups=groups, **options)
        gx[(slice(None), *index[1:])] = np.sum(g * led_to, axis=(1, 2, 3))
    return gx


def _conv2d_by_weight(x, g, window, groups=1, **options):
    """Take the product of ``g`` with what each element of the weight leads to."""
    shape = (g.shape[1], x.shape[1] // groups, *_pair(window))
    gweight = np.zeros(shape)
    for index, one in basis(shape):
        gweight[index] = np.sum(g * _conv2d(x, one, groups=groups, **options))
    return gweight


def _max_pool2d(x, window, stride=None, padding=0):
    x = _framed(x, padding, -np.inf)
    return _views(x, _pair(window), stride or window).max(axis=(-2, -1))


def _avg_pool2d(x, window, stride=None, padding=0):
    x = _framed(x, padding)
    return _views(x, _pair(window), stride or window).mean(axis=(-2, -1))


def _max_pick2d(x, winners, window, stride=None, padding=0):
    seen = _views(_framed(x, padding), _pair(window), stride or window)
    flat = seen.reshape(*seen.shape[:4], -1)
    return np.take_along_axis(flat, winners[..., None], axis=-1)[..., 0]


def _by_image(pool):
    """Return the function that multiplies ``g`` by what each element leads to."""

    def call(g, *winners, size, **options):
        gx = np.zeros((*g.shape[:2], *_pair(size)))
        for index, one in basis(gx.shape):
            gx[index] = weighed_sum(pool(one, *winners, **options), g)
        return gx

    return call


def _one_row_high(images):
    """Return the function of sequences that are images one row high."""

    def call(x, *arrays, window=None, stride=None, padding=0, **options):
        x, *weights = (
            a if a is None or a.ndim < 3 else a[:, :, None] for a in (x, *arrays)
        )
        if window is not None:
            options["window"] = (1, window)
            stride = window if stride is None else stride
        stride = 1 if stride is None else np.ravel(stride)[0]
        options |= {"stride": (1, stride), "padding": (0, np.ravel(padding)[0])}
        if "dilation" in options:
            options["dilation"] = (1, options["dilation"])
        return images(x, *weights, **options)[:, :, 0]

    return call


REFERENCES = {
    "AvgPool1d": _one_row_high(_avg_pool2d),
    "Conv1d": _one_row_high(_conv2d),
    "MaxPool1d": _one_row_high(_max_pool2d),
    "AvgPool2d": _avg_pool2d,
    "AvgUnpool2d": _by_image(_avg_pool2d),
    "Conv2d": _conv2d,
    "Conv2dByInput": _conv2d_by_input,
    "Conv2dByWeight": _conv2d_by_weight,
    "MaxPick2d": _max_pick2d,
    "MaxPool2d": _max_pool2d,
    "MaxUnpool2d": _by_image(_max_pick2d),
}

GRADIENTS_AT_KINKS = {
    "MaxPool1d": [[[[0.0, 2.0, 0.0, 0.0]]]],
    "MaxPool2d-6": [[[[[0.0, 2.0, 0.0, 0.0]]]]],
    "MaxPool2d-7": [[[[[1.0, 1.0], [1.0, 1.0]]]]],
}

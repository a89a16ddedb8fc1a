"""Poolings in plain NumPy, one place of a window at a time."""

import numpy as np

from tests.ops.convolution.references import (
    basis,
    framed,
    per_axis,
    views,
    weighed_sum,
)


def _pool(function, value):
    """Return the pooling by a function of the elements of each window."""

    def call(x, window, stride=None, padding=0):
        axes = x.ndim - 2
        seen = views(
            framed(x, padding, value), per_axis(window, axes), stride or window
        )
        return function(seen, axis=tuple(range(-axes, 0)))

    return call


_avg_pool, _max_pool = _pool(np.mean, 0.0), _pool(np.max, -np.inf)


def _max_pick2d(x, winners, window, stride=None, padding=0):
    seen = views(framed(x, padding), per_axis(window, 2), stride or window)
    flat = seen.reshape(*seen.shape[:4], -1)
    return np.take_along_axis(flat, winners[..., None], axis=-1)[..., 0]


def _by_image(pool):
    """Return the function that multiplies ``g`` by what each element leads to."""

    def call(g, *winners, size, **options):
        gx = np.zeros((*g.shape[:2], *per_axis(size, 2)))
        for index, one in basis(gx.shape):
            gx[index] = weighed_sum(pool(one, *winners, **options), g)
        return gx

    return call


REFERENCES = {
    "AvgPool1d": _avg_pool,
    "AvgPool2d": _avg_pool,
    "AvgUnpool2d": _by_image(_avg_pool),
    "MaxPick2d": _max_pick2d,
    "MaxPool1d": _max_pool,
    "MaxPool2d": _max_pool,
    "MaxUnpool2d": _by_image(_max_pick2d),
}

"""What picks, changes and orders elements, in plain NumPy."""

import numpy as np


def _filled(template, indices):
    """Return an index with its arrays in place of the placeholders."""
    arrays = iter(indices)
    return tuple(next(arrays) if type(p) is object else p for p in template)


def _getitem(x, *indices, template):
    return x[_filled(template, indices)]


def _index_add(x, value, *indices, template):
    y = x.copy()
    np.add.at(y, _filled(template, indices), value)
    return y


def _index_update(x, value, *indices, template):
    y = x.copy()
    y[_filled(template, indices)] = value
    return y


def _argsort(x, axis=-1, descending=False):
    greatest = np.where(np.isnan(x), np.inf, x)
    return np.argsort(-greatest if descending else x, axis, stable=True)


def _sort(x, axis=-1, descending=False, stable=False):
    return np.flip(np.sort(x, axis), axis) if descending else np.sort(x, axis)


def _broadcast_and_pick(x, indices, axis):
    """Pick as NumPy does; its own function refuses to broadcast ``x``."""
    moved, places = np.moveaxis(x, axis, -1), np.moveaxis(indices, axis, -1)
    rest = np.broadcast_shapes(moved.shape[:-1], places.shape[:-1])
    moved = np.broadcast_to(moved, (*rest, moved.shape[-1]))
    places = np.broadcast_to(places, (*rest, places.shape[-1]))
    rows = np.indices((*rest, 1))[:-1]
    return np.moveaxis(moved[(*rows, places)], -1, axis)


def _pad(x, widths, value=0):
    return np.pad(x, widths, constant_values=value)


REFERENCES = {
    "Argsort": _argsort,
    "Embedding": lambda indices, weight: weight[indices],
    "GetItem": _getitem,
    "IndexAdd": _index_add,
    "IndexUpdate": _index_update,
    "OneHot": lambda x, size, dtype="float32": np.eye(size, dtype=dtype)[x],
    "Pad": _pad,
    "Sort": _sort,
    "TakeAlongAxis": lambda x, i, axis=-1: _broadcast_and_pick(x, i, axis),
}

"""The normalizations in plain NumPy."""

import numpy as np


def _layer_norm(x, weight, bias, features, eps=1e-5):
    axes = tuple(range(-np.size(features), 0))
    centred = x - x.mean(axes, keepdims=True)
    return _affine(centred / np.sqrt(x.var(axes, keepdims=True) + eps), weight, bias)


def _rms_norm(x, weight, features, eps=1e-5):
    axes = tuple(range(-np.size(features), 0))
    mean_square = np.mean(x * x, axes, keepdims=True)
    return _affine(x / np.sqrt(mean_square + eps), weight, None)


def _batch_norm(x, weight, bias, eps=1e-5):
    y = np.moveaxis(x, 1, -1)
    axes = tuple(range(y.ndim - 1))
    y = (y - y.mean(axes)) / np.sqrt(y.var(axes) + eps)
    return np.moveaxis(_affine(y, weight, bias), -1, 1)


def _affine(y, weight, bias):
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


REFERENCES = {
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
}

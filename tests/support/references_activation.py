"""References of the activations, the normalizations and dropout."""

import numpy as np
import scipy.special


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def _celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


def _gelu(x, approximate="none"):
    if approximate == "none":
        return x * scipy.special.ndtr(x)
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _glu(x, axis=-1):
    first, second = np.split(x, 2, axis)
    return first * scipy.special.expit(second)


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


def dropout_mask(shape, p=0.5, key=0, number=0):
    """Return 1 / (1 - p) where NumPy's own Philox lets an element stay, else 0."""
    if p == 1:
        return np.zeros(shape)
    kind = np.uint16 if 0.01 <= p <= 0.99 else np.uint32
    words = np.array([key % 2**64, key // 2**64 % 2**64], np.uint64)
    philox = np.random.Philox(key=words, counter=[0, 0, number, 0])
    drawn = philox.random_raw(np.prod(shape, dtype=int)).view(kind)
    bits = drawn[: np.prod(shape, dtype=int)].reshape(shape)
    return (bits >= np.floor(p * 2.0 ** (8 * bits.itemsize))) / (1 - p)


def _dropout(x, mask):
    return np.where(mask != 0, x * mask, 0)


def _leaky_relu(x, negative_slope=0.01):
    below = np.minimum(x, 0) * negative_slope if negative_slope else 0
    return np.maximum(x, 0) + below


REFERENCES = {
    "BatchNorm": _batch_norm,
    "CELU": _celu,
    "Dropout": lambda x, **options: _dropout(x, dropout_mask(x.shape, **options)),
    "ELU": _elu,
    "GELU": _gelu,
    "GLU": _glu,
    "HardSigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "HardSwish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "HardTanh": lambda x, min=-1.0, max=1.0: np.clip(x, min, max),
    "LayerNorm": _layer_norm,
    "LeakyReLU": _leaky_relu,
    "Mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "RMSNorm": _rms_norm,
    "ReLU6": lambda x: np.clip(x, 0, 6),
    "SELU": lambda x: 1.0507009873554804934 * _elu(x, 1.6732632423543772848),
    "SiLU": lambda x: x * scipy.special.expit(x),
    "Softplus": lambda x, beta=1.0: np.logaddexp(0, beta * x) / beta,
    "Softsign": lambda x: x / (1 + np.abs(x)),
}

GRADIENTS_AT_KINKS = {
    "CELU": [[np.exp(-200.0), 1.0, 1.0]],
    "ELU": [[0.5 * np.exp(-100.0), 0.5, 1.0]],
    "HardSigmoid": [[0.0, 0.0, 1 / 6, 0.0]],
    "HardSwish": [[0.0, 0.0, 0.5, 1.0]],
    "HardTanh": [[0.0, 0.0, 1.0, 0.0, 0.0]],
    "LeakyReLU": [[0.25, 0.25, 1.0]],
    "ReLU6": [[0.0, 0.0, 1.0, 0.0]],
    "SELU": [[0.0, 1.7580993408473768, 1.0507009873554805]],
}

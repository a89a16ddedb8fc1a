"""The data that all peers of `benchmarks.peers` step on, the same for each."""

import math

import numpy as np

GPT = {"tokens": 128, "context": 64, "size": 128, "heads": 4, "layers": 4}
GPT_BATCH = 8
LSTM = {"tokens": 128, "size": 256, "length": 64, "batch": 32}
CNN_BATCH = 64


def samples(n, features, classes=10):
    """Return float32 inputs (n, features) and integer labels (n,)."""
    rng = np.random.default_rng(0)
    inputs = rng.random((n, features), dtype=np.float32)
    return inputs, rng.integers(0, classes, n)


def starting(shape):
    """Return first weights by shape: zeros for a bias, OIHW for a convolution."""
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    if len(shape) == 2:
        return weights(*shape)
    return weights(math.prod(shape[1:]), shape[0]).T.reshape(shape)


def images(n):
    """Return float32 images (n, 1, 28, 28) and integer labels (n,)."""
    inputs, labels = samples(n, 28 * 28)
    return inputs.reshape(n, 1, 28, 28), labels


def text(n, length, tokens):
    """Return integer tokens (n, length + 1): inputs and, shifted by one, targets."""
    return np.random.default_rng(0).integers(0, tokens, (n, length + 1))


def weights(rows, columns):
    """Return the float32 starting weights (rows, columns) of a layer."""
    rng = np.random.default_rng([rows, columns])
    return (rng.standard_normal((rows, columns)) / rows**0.5).astype(np.float32)


RESNET = {"width": 16, "blocks": (3, 3, 3)}
RESNET_BATCH = 32
WIDE_GPT = {"tokens": 128, "context": 128, "size": 384, "heads": 6, "layers": 6}
LONG_GPT = {"tokens": 128, "context": 512, "size": 128, "heads": 4, "layers": 4}
TABLE = (32, 256, 256, 2)
TABLE_BATCH = 256
GRU = {"features": 16, "size": 64, "length": 32, "batch": 32, "classes": 5}
FIELD = (2, 64, 64, 64, 1)  # x and t to u
FIELD_POINTS = 512
SIGNALS = {"channels": 8, "length": 256, "batch": 64, "classes": 6}
SEPARABLE = {"channels": 32, "size": 32, "batch": 32, "classes": 10}
WORDS = {"rows": 50_000, "size": 64, "length": 32, "batch": 64, "classes": 4}


def arrays(n, *shape, classes):
    """Return float32 inputs (n, *shape), some below 0, and integer labels (n,)."""
    inputs, labels = samples(n, math.prod(shape), classes)
    return (inputs - np.float32(0.5)).reshape(n, *shape), labels

"""Dropout by the numbers that NumPy's own generator draws."""

import numpy as np


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


REFERENCES = {
    "Dropout": lambda x, **options: _dropout(x, dropout_mask(x.shape, **options)),
}

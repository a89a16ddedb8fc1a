"""What the tests of compiled steps share: eager and replayed, to the bit."""

import numpy as np

from xdl import Variable
from xdl.backend import to_numpy
from xdl.program.nest import leaves


def arrays_of(returned):
    """Return what a step returned, flat: copies of arrays, and Python values."""
    return [_plain(leaf) for leaf in leaves(returned)]


def _plain(leaf):
    if isinstance(leaf, Variable):
        return leaf.numpy()
    return to_numpy(leaf).copy() if hasattr(leaf, "dtype") else leaf


def differing(expected, actual):
    """Return the positions at which two lists of arrays differ in any bit.

    The sign of a zero is no difference, nor is which NaN it is.
    """
    pairs = zip(expected, actual, strict=True)
    return [i for i, (a, b) in enumerate(pairs) if not _is_same(a, b)]


def _is_same(a, b):
    if not hasattr(a, "dtype") or not hasattr(b, "dtype"):
        return type(a) is type(b) and a == b
    is_alike = (a.shape, a.dtype) == (b.shape, b.dtype)
    return is_alike and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")

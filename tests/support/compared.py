"""What the tests of compiled steps share: eager and replayed, to the bit."""

import numpy as np

from xdl import Variable
from xdl.backend import is_floating, random, to_numpy
from xdl.program.pytree import leaves


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
    return is_alike and np.array_equal(a, b, equal_nan=is_floating(a))


def batch(seed=0, rows=5):
    """Return samples and labels for the model of the fixtures."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 4)).astype("f4"), rng.integers(0, 3, rows)


def all_of(model, optimizer):
    """Return the weights, their gradients, the optimizer's state, and the draws."""
    weights = list(model.parameter.values())
    gradients = [variable.grad for variable in weights]
    state = arrays_of([*weights, *optimizer.state.values()])
    return [*state, *arrays_of(gradients), random.state()]

"""Fresh arrays: what a kernel has just made, and nobody else has, is written into."""

from xdl.backend import numpy as host
from xdl.backend.scatter import add_at


def add_into(xp, x, index, values):
    """Return a fresh array with values added at an index: NumPy's is the array itself.

    A copy of zeros for the gradient of a large table takes longer than its few rows.
    """
    if xp is not host:
        return xp.scatter_add(x, index, values)
    add_at(x, index, values)
    return x

"""What a gradient needs beside operations, for when it is differentiated itself.

Gradients are written against ``xp``. Where ``xp`` is ``xdl.ops``, the arrays are
Variables, and these are the names that no operation stands for.
"""

import contextlib

from xdl.backend import NAMESPACES
from xdl.core.variable import Variable


def _like(maker):
    def make(like, shape):
        array = like._value
        return Variable._of(getattr(NAMESPACES[type(array)], maker)(array, shape))

    return make


new_zeros = _like("new_zeros")
new_ones = _like("new_ones")
new_arange = _like("new_arange")


def quiet():
    """Return an empty context: the operations silence NumPy themselves."""
    return contextlib.nullcontext()


def check_indices(indices, size, who, error):
    """Do nothing: the forward computation has checked them."""


def asarray(x):
    """Return ``x``, which is a Variable already."""
    return x

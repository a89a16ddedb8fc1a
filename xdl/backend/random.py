"""Random numbers: one seed for a model, the same on every device.

Numbers are drawn on the host by NumPy and moved, so that a seed gives the same model
on the CPU and on a GPU.
"""

from contextvars import ContextVar

import numpy as np

from xdl.errors import ArgumentError

_generator = ContextVar("xdl_generator", default=None)


def seed(number):
    """Make every later random draw of this thread reproducible.

    Args:
        number: a non-negative int.

    Raises:
        ArgumentError: ``number`` is not a non-negative int.

    Example:
        >>> import xdl
        >>> def draw():
        ...     xdl.seed(0)
        ...     return xdl.Parameter().get_variable("w", [2, 2]).numpy()
        >>> bool((draw() == draw()).all())
        True
    """
    if (
        isinstance(number, bool)
        or not isinstance(number, int | np.integer)
        or number < 0
    ):
        raise ArgumentError(f"seed: {number!r} came, needed a non-negative int")
    _generator.set(np.random.Generator(np.random.PCG64(int(number))))


def generator():
    """Return this thread's NumPy generator; without ``seed`` it starts from entropy."""
    current = _generator.get()
    if current is None:
        current = np.random.default_rng()
        _generator.set(current)
    return current

"""Initializers: functions of a shape that return the first values of a weight.

Any function of a shape is one, ``np.zeros`` too. Give options with a lambda:
``get_variable("w", [3, 2], initializer=lambda shape: init.normal(shape, std=0.02))``.
Values are drawn on the host as float64, so that a seed gives the same model on every
device and, but for rounding, in every dtype.
"""

from xdl.backend import numpy as host
from xdl.backend import random
from xdl.core.parameter import scaled_normal
from xdl.errors import ArgumentError

__all__ = ["constant", "normal", "ones", "scaled_normal", "uniform", "zeros"]


def zeros(shape):
    """Return zeros.

    Args:
        shape: a tuple of ints.

    Example:
        >>> import xdl
        >>> xdl.init.zeros((2,))
        array([0., 0.])
    """
    return host.full(shape, 0.0)


def ones(shape):
    """Return ones.

    Args:
        shape: a tuple of ints.

    Example:
        >>> import xdl
        >>> xdl.init.ones((2,))
        array([1., 1.])
    """
    return host.full(shape, 1.0)


def constant(shape, value):
    """Return an array filled with one number.

    Args:
        shape: a tuple of ints.
        value: the number.

    Example:
        >>> import xdl
        >>> xdl.init.constant((2,), 3.0)
        array([3., 3.])
    """
    return host.full(shape, float(value))


def uniform(shape, low=-1.0, high=1.0):
    """Draw evenly from [low, high).

    Args:
        shape: a tuple of ints.
        low, high: the ends, low <= high.

    Raises:
        ArgumentError: ``low`` is greater than ``high``.

    Example:
        >>> import xdl
        >>> w = xdl.init.uniform((100,), -0.5, 0.5)
        >>> bool((abs(w) <= 0.5).all())
        True
    """
    if not low <= high:
        raise ArgumentError(f"init.uniform: low {low} is greater than high {high}")
    return random.generator().uniform(low, high, shape)


def normal(shape, mean=0.0, std=1.0):
    """Draw from a normal distribution.

    Args:
        shape: a tuple of ints.
        mean: its centre.
        std: its standard deviation, >= 0.

    Raises:
        ArgumentError: ``std`` is negative or NaN.

    Example:
        >>> import xdl
        >>> xdl.init.normal((3, 2), std=0.02).shape
        (3, 2)
    """
    if not std >= 0:
        raise ArgumentError(f"init.normal: std {std} came, needed >= 0")
    return random.generator().normal(mean, std, shape)

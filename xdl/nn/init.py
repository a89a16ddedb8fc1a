"""Initializers: functions of a shape that return the first values of a weight.

Any function of a shape is one, ``np.zeros`` too. Give options with a lambda:
``get_variable("w", [3, 2], initializer=lambda shape: init.normal(shape, std=0.02))``.
Values are drawn on the host as float64, so that a seed gives the same model on every
device and, but for rounding, in every dtype.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdl.arguments import explained
from xdl.backend import numpy as host
from xdl.backend import random
from xdl.core.option import number
from xdl.core.parameter import scaled_normal
from xdl.errors import ArgumentError, ShapeError
from xdl.typing import Array

__all__ = [
    "constant",
    "eye",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "normal",
    "ones",
    "orthogonal",
    "scaled_normal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


@explained
def zeros(shape: Sequence[int]) -> Array:
    """Return zeros.

    Args:
        shape: a tuple of ints.

    Example:
        >>> import xdl
        >>> xdl.init.zeros((2,))
        array([0., 0.])
    """
    return host.full(shape, 0.0)


@explained
def ones(shape: Sequence[int]) -> Array:
    """Return ones.

    Args:
        shape: a tuple of ints.

    Example:
        >>> import xdl
        >>> xdl.init.ones((2,))
        array([1., 1.])
    """
    return host.full(shape, 1.0)


@explained
def constant(shape: Sequence[int], value: float) -> Array:
    """Return an array filled with one number.

    Args:
        shape: a tuple of ints.
        value: the number.

    Example:
        >>> import xdl
        >>> xdl.init.constant((2,), 3.0)
        array([3., 3.])
    """
    return host.full(shape, float(number("init.constant", "value", value)))


@explained
def uniform(shape: Sequence[int], low: float = -1.0, high: float = 1.0) -> Array:
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
    low, high = _numbers("uniform", low=low, high=high)
    if not low <= high:
        raise ArgumentError(f"init.uniform: low {low} is greater than high {high}")
    return random.generator().uniform(low, high, shape)


@explained
def normal(shape: Sequence[int], mean: float = 0.0, std: float = 1.0) -> Array:
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
    mean, std = _numbers("normal", mean=mean, std=std)
    _refuse_negative("normal", std)
    return random.generator().normal(mean, std, shape)


@explained
def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
) -> Array:
    """Draw from a normal distribution, again wherever a value is not in [low, high].

    Args:
        shape: a tuple of ints.
        mean, std: of the distribution before it is cut, std >= 0. Cut at two
            deviations, the deviation that is left is 0.88 of ``std``.
        low, high: the ends, as values, with some of the distribution between them.

    Raises:
        ArgumentError: ``std`` is negative or NaN, ``low`` is not less than ``high``, or
            next to nothing of the distribution lies between them.

    Example:
        >>> import xdl
        >>> w = xdl.init.truncated_normal((100,), std=0.02, low=-0.04, high=0.04)
        >>> bool((abs(w) <= 0.04).all())
        True

    Reference: Robert, "Simulation of Truncated Normal Variables", 1995: drawing again.
    """
    options = {"mean": mean, "std": std, "low": low, "high": high}
    mean, std, low, high = _numbers("truncated_normal", **options)
    _refuse_negative("truncated_normal", std)
    if not low < high or not _share_between(mean, std, low, high) > 1e-3:
        raise ArgumentError(
            f"init.truncated_normal: low {low} and high {high} came, needed a part of "
            f"the distribution (mean {mean}, std {std}) between them"
        )
    values = random.generator().normal(mean, std, shape)
    flat = host.reshape(host.asarray(values), (-1,))
    while True:
        (outside,) = ((flat < low) | (flat > high)).nonzero()
        if not outside.size:
            return host.reshape(flat, shape)
        flat[outside] = random.generator().normal(mean, std, outside.size)


@explained
def xavier_uniform(shape: Sequence[int], gain: float = 1.0) -> Array:
    """Draw evenly with the variance 2 gain**2 / (fan_in + fan_out).

    For layers before tanh, sigmoid or softmax. The fans of a matrix (in, out) are its
    lengths; those of convolution weights (out, in, height, width) are the channels
    times the window, height * width.

    Args:
        shape: a tuple of two ints or more.
        gain: a factor.

    Raises:
        ShapeError: the shape has less than two axes.

    Example:
        >>> import xdl
        >>> w = xdl.init.xavier_uniform((4, 2))
        >>> bool((abs(w) <= 1.0).all())
        True

    Reference: Glorot and Bengio, "Understanding the Difficulty of Training Deep
    Feedforward Neural Networks", 2010, equation 16.
    """
    (gain,) = _numbers("xavier_uniform", gain=gain)
    fan_in, fan_out = _fans("xavier_uniform", shape)
    return _even(shape, gain * _deviation(2.0, fan_in + fan_out))


@explained
def xavier_normal(shape: Sequence[int], gain: float = 1.0) -> Array:
    """Draw normally with the variance 2 gain**2 / (fan_in + fan_out).

    Arguments, errors and fans are those of ``xavier_uniform``.

    Example:
        >>> import xdl
        >>> xdl.init.xavier_normal((16, 3, 5, 5)).shape
        (16, 3, 5, 5)

    Reference: Glorot and Bengio, 2010, equation 12.
    """
    (gain,) = _numbers("xavier_normal", gain=gain)
    fan_in, fan_out = _fans("xavier_normal", shape)
    return normal(shape, std=gain * _deviation(2.0, fan_in + fan_out))


@explained
def kaiming_uniform(
    shape: Sequence[int], slope: float = 0.0, mode: str = "fan_in"
) -> Array:
    """Draw evenly with the variance 2 / ((1 + slope**2) fan).

    For layers before relu, or leaky_relu with that slope. The fans are those of
    ``xavier_uniform``.

    Args:
        shape: a tuple of two ints or more.
        slope: of the activation for negative inputs: 0 for relu, 1 for none.
        mode: "fan_in" keeps the variance in forward, "fan_out" in backward.

    Raises:
        ShapeError: the shape has less than two axes.
        ArgumentError: another mode.

    Example:
        >>> import xdl
        >>> w = xdl.init.kaiming_uniform((6, 100))
        >>> bool((abs(w) <= 1.0).all())
        True

    Reference: He et al., "Delving Deep into Rectifiers", 2015, equations 10 and 14.
    """
    (slope,) = _numbers("kaiming_uniform", slope=slope)
    fan = _fan("kaiming_uniform", shape, mode)
    return _even(shape, _deviation(2.0 / (1 + slope**2), fan))


@explained
def kaiming_normal(
    shape: Sequence[int], slope: float = 0.0, mode: str = "fan_in"
) -> Array:
    """Draw normally with the variance 2 / ((1 + slope**2) fan).

    Arguments and errors are those of ``kaiming_uniform``.

    Example:
        >>> import xdl
        >>> xdl.init.kaiming_normal((3, 2)).shape
        (3, 2)

    Reference: He et al., 2015, equations 10, 14 and 15.
    """
    (slope,) = _numbers("kaiming_normal", slope=slope)
    fan = _fan("kaiming_normal", shape, mode)
    return normal(shape, std=_deviation(2.0 / (1 + slope**2), fan))


@explained
def lecun_normal(shape: Sequence[int]) -> Array:
    """Draw normally with the variance 1 / fan_in; for selu, or no activation.

    Args:
        shape: a tuple of two ints or more; the fans are those of ``xavier_uniform``.

    Raises:
        ShapeError: the shape has less than two axes.

    Example:
        >>> import xdl
        >>> xdl.init.lecun_normal((3, 2)).shape
        (3, 2)

    Reference: LeCun et al., "Efficient BackProp", 1998, equation 16.
    """
    fan_in, _ = _fans("lecun_normal", shape)
    return normal(shape, std=_deviation(1.0, fan_in))


@explained
def orthogonal(shape: Sequence[int], gain: float = 1.0) -> Array:
    """Draw a matrix whose rows or columns, the fewer, are orthonormal, times ``gain``.

    All such matrices are equally likely. Of more than two axes, all but the first are
    taken as one.

    Args:
        shape: a tuple of two ints or more.
        gain: a factor.

    Raises:
        ShapeError: the shape has less than two axes.

    Example:
        >>> import xdl
        >>> w = xdl.init.orthogonal((4, 2))
        >>> (w.T @ w).round(6) + 0.0
        array([[1., 0.],
               [0., 1.]])

    Reference: Saxe, McClelland and Ganguli, "Exact Solutions to the Nonlinear Dynamics
    of Learning in Deep Linear Neural Networks", 2014; the signs: Mezzadri, "How to
    Generate Random Matrices from the Classical Compact Groups", 2007, section 5.
    """
    (gain,) = _numbers("orthogonal", gain=gain)
    _fans("orthogonal", shape)
    rows, columns = shape[0], math.prod(shape[1:])
    if rows < columns:
        return gain * host.reshape(random.orthonormal(columns, rows).T, shape)
    return gain * host.reshape(random.orthonormal(rows, columns), shape)


@explained
def eye(shape: Sequence[int]) -> Array:
    """Return ones on the diagonal and zeros beside it.

    Args:
        shape: a tuple of two ints.

    Raises:
        ShapeError: the shape has not two axes.

    Example:
        >>> import xdl
        >>> xdl.init.eye((2, 3))
        array([[1., 0., 0.],
               [0., 1., 0.]])
    """
    if len(shape) != 2:
        raise ShapeError(f"init.eye: shape {tuple(shape)} came, needed two axes")
    values = host.full(shape, 0.0)
    places = range(min(shape))
    values[places, places] = 1.0
    return values


def _fans(who, shape):
    """Return how many inputs lead to an output, and how many outputs an input has."""
    if len(shape) < 2:
        raise ShapeError(
            f"init.{who}: shape {tuple(shape)} came, needed two axes or more"
        )
    if len(shape) == 2:
        return shape
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _fan(who, shape, mode):
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(
            f"init.{who}: mode {mode!r} came, needed 'fan_in' or 'fan_out'"
        )
    return _fans(who, shape)[mode == "fan_out"]


def _deviation(variance, fan):
    return math.sqrt(variance / max(fan, 1))


def _even(shape, deviation):
    """Draw evenly, of mean 0; the ends are sqrt(3) deviations away."""
    end = math.sqrt(3.0) * deviation
    return random.generator().uniform(-end, end, shape)


def _share_between(mean, std, low, high):
    if std == 0:
        return float(low <= mean <= high)
    ends = [math.erf((end - mean) / (std * math.sqrt(2))) for end in (low, high)]
    return (ends[1] - ends[0]) / 2


def _numbers(who, **options):
    return [number(f"init.{who}", name, value) for name, value in options.items()]


def _refuse_negative(who, std):
    if not std >= 0:
        raise ArgumentError(f"init.{who}: std {std} came, needed >= 0")

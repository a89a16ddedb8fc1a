"""The logistic function and its relatives, each written once.

They are made of exp(x) for x limited to where it does not overflow, and of nothing that
cancels: 1 - sigmoid(x) is sigmoid(-x). So they hold to a few units in the last place
at every x, also where they are subnormal (docs/accuracy.md). What is limited is smooth
elsewhere, so that they can be differentiated any number of times.
"""

from __future__ import annotations

from xdl import backend

_LARGEST = 88.0  # exp of it is finite in single precision
_LARGEST_OF = {"float64": 709.0}
FLAT = 40.0  # from here on sigmoid(x) is 1 in double precision
_FAR = -64.0  # from here on exp(x) is split in two


def sigmoid(xp, x):
    """Return 1 / (1 + exp(-x))."""
    z = xp.exp(xp.minimum(x, _LARGEST))
    z /= z + 1
    return z


def sigmoid_and_rest(xp, x):
    """Return sigmoid(x) and 1 - sigmoid(x), which is never 0.

    The rest stays at its value for 88 (709 in double precision) beyond that, which is
    subnormal; that saves a second exponential.
    """
    largest = _LARGEST_OF.get(backend.dtype_name(x.dtype), _LARGEST)
    z = xp.exp(xp.minimum(x, largest))
    rest = z + 1
    z /= rest
    return z, 1 / rest


def exp_in_two(xp, x, largest=_LARGEST):
    """Return p and q, both far from underflow: exp(x) is p q, and q is mostly 1.

    For what multiplies an exponential: ``a * p * q`` is rounded where it is small
    itself, and not where the exponential is. Above ``largest`` it is as at ``largest``.
    """
    p = xp.exp(xp.minimum(xp.maximum(x, _FAR), largest))
    return p, xp.exp(xp.minimum(x - _FAR, 0.0))  # x - _FAR is exact below _FAR


def softplus(xp, x):
    """Return ln(1 + exp(x))."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))

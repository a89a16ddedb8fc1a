"""The functions of ``scipy.special`` that have a gradient here, by SciPy's names.

SciPy asks an array's namespace for a module ``special`` with functions of its names,
and NumPy hands its ufuncs over by name: ``scipy.special.expit(variable)`` is ``expit``
below. What is missing here is refused, for SciPy would compute it without a gradient.
"""

import math
import sys

from xdl.ops.activation.sigmoid import sigmoid
from xdl.ops.activation.smooth import softplus
from xdl.ops.axes import as_operand
from xdl.ops.elementwise.arithmetic import power
from xdl.ops.elementwise.comparison import (
    isfinite,
    isnan,
    logical_and,
    logical_not,
    logical_or,
)
from xdl.ops.elementwise.elementary import expm1, log, log1p
from xdl.ops.elementwise.exponential import erf, exp2
from xdl.ops.elementwise.selection import where

__all__ = [
    "entr",
    "erf",
    "exp10",
    "exp2",
    "expit",
    "expm1",
    "kl_div",
    "log1p",
    "log_expit",
    "logit",
    "rel_entr",
    "softplus",
    "xlog1py",
    "xlogy",
]

expit = sigmoid


def exp10(x):
    """Compute 10**x."""
    return power(10.0, x)


def logit(x):
    """Compute log(x / (1 - x)), what ``expit`` takes back."""
    x = as_operand(x)
    return log(x) - log1p(-x)


def log_expit(x):
    """Compute log(expit(x)) without underflow."""
    return -softplus(-as_operand(x))


def xlogy(x, y):
    """Compute x log(y), 0 where x is 0 and y no NaN."""
    return _product(x, y, log)


def xlog1py(x, y):
    """Compute x log(1 + y), 0 where x is 0 and y no NaN."""
    return _product(x, y, log1p)


def entr(x):
    """Compute -x log(x): 0 at 0, and -inf below."""
    x = as_operand(x)
    inside = -x * log(where(x > 0, x, 1.0))
    return where(x < 0, -math.inf, inside)


def rel_entr(x, y):
    """Compute x log(x / y): 0 for x = 0 and y >= 0, and inf where it is not defined."""
    x, y = as_operand(x), as_operand(y)
    both = logical_and(x > 0, y > 0)
    ratio = log(where(both, x, 1.0)) - log(where(both, y, 1.0))
    is_none = logical_and(x == 0, y >= 0)
    is_nan = logical_or(isnan(x), isnan(y))
    outside = where(is_none, 0.0, where(is_nan, x + y, math.inf))
    return where(both, x * ratio, outside)


def kl_div(x, y):
    """Compute x log(x / y) - x + y, inf where it is not defined; element by element."""
    return rel_entr(x, y) - as_operand(x) + as_operand(y)


def _product(x, y, function):
    x, y = as_operand(x), as_operand(y)
    is_far = logical_not(isfinite(function(y)))
    is_none = logical_and(logical_and(x == 0, y == y), is_far)
    return where(is_none, 0.0, x * function(where(is_none, 1.0, y)))


def __getattr__(name):
    """Refuse SciPy's other functions; what else is asked for is merely not there."""
    if name.startswith("_") or not hasattr(sys.modules.get("scipy.special"), name):
        raise AttributeError(name)
    raise TypeError(
        f"Variable: scipy.special.{name} has no counterpart with a gradient in xdl; "
        "use .numpy() or .value"
    )

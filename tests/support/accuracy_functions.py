"""What the accuracy of functions is measured with: each beside its exact formula."""

import math
from collections.abc import Callable
from typing import NamedTuple

import mpmath as mp
import numpy as np

import xdl
from xdl.ops.activation.rectifiers import SELU

INFINITY = math.inf


class Function(NamedTuple):
    """A function of one number and what is right for it.

    Attributes:
        call: of a Variable.
        value, slope: of a number of mpmath.
        terms, slope_terms: the size of the largest term where terms cancel; or None.
        within: the ends, left out, of where it is finite and smooth.
    """

    call: Callable
    value: Callable
    slope: Callable
    terms: Callable | None = None
    slope_terms: Callable | None = None
    within: tuple = (-INFINITY, INFINITY)


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _density(x):
    return _sigmoid(x) * _sigmoid(-x)


def _softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def _silu_slope(x):
    return _sigmoid(x) * (1 + x * _sigmoid(-x))


def _silu_terms(x):
    return _sigmoid(x) * max(1, abs(x) * _sigmoid(-x))


def _bend(x):
    """Return tanh(softplus(x)) by z = exp(x) without cancellation."""
    z = mp.exp(-abs(x))
    if x < 0:
        return z * (z + 2) / (z * (z + 2) + 2)
    return (1 + 2 * z) / (1 + 2 * z + 2 * z * z)


def _bend_slope(x):
    z = mp.exp(-abs(x))
    if x < 0:
        return 4 * z * (1 + z) / (z * (z + 2) + 2) ** 2
    return 4 * z * z * (1 + z) / (1 + 2 * z + 2 * z * z) ** 2


def _mish_slope(x):
    return _bend(x) + x * _bend_slope(x)


def _mish_terms(x):
    return max(_bend(x), abs(x) * _bend_slope(x))


def _normal(x):
    x = max(min(x, 1e6), -1e6)  # mpmath takes no numbers of 300 digits here
    return mp.erfc(-x / mp.sqrt(2)) / 2


def _normal_density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def _gelu_slope(x):
    return _normal(x) + x * _normal_density(x)


def _gelu_terms(x):
    return max(_normal(x), abs(x) * _normal_density(x))


def _tanh_gelu_parts(x):
    root, cubic = mp.sqrt(mp.mpf(2) / mp.pi), mp.mpf("0.044715")
    inner = 2 * root * (x + cubic * x**3)
    return _sigmoid(inner), x * _density(inner) * 2 * root * (1 + 3 * cubic * x * x)


def _elu(alpha=1.0, width=1.0, scale=1.0):
    alpha, width, scale = mp.mpf(alpha), mp.mpf(width), mp.mpf(scale)
    return (
        lambda x: scale * x if x > 0 else alpha * mp.expm1(x / width),
        lambda x: scale if x > 0 else alpha / width * mp.exp(x / width),
    )


def _softmax_of(x, other):
    return _sigmoid(x - mp.mpf(other))


def _rows(function, other):
    """Return a function of rows (x, other), its first column."""

    return lambda x: function(xdl.stack([x, _full(x, other)], 1))


def _full(x, number):
    return np.full(x.shape, number)


def _positive(call, value, slope, **options):
    return Function(call, value, slope, within=(0, INFINITY), **options)


def _inside(call, value, slope):
    return Function(call, value, slope, within=(-1, 1))


def _inside_0_1(call, value, slope, **options):
    return Function(call, value, slope, within=(0, 1), **options)


_EXPONENTIAL = {
    "exp": Function(xdl.exp, mp.exp, mp.exp),
    "exp2": Function(xdl.exp2, lambda x: 2**x, lambda x: 2**x * mp.log(2)),
    "expm1": Function(xdl.expm1, mp.expm1, mp.exp),
    "log": _positive(xdl.log, mp.log, lambda x: 1 / x),
    "log1p": Function(
        xdl.log1p, mp.log1p, lambda x: 1 / (1 + x), within=(-1, INFINITY)
    ),
    "log2": _positive(xdl.log2, lambda x: mp.log(x, 2), lambda x: 1 / (x * mp.log(2))),
    "log10": _positive(xdl.log10, mp.log10, lambda x: 1 / (x * mp.log(10))),
    "logaddexp": Function(
        lambda x: xdl.logaddexp(x, 1.5),
        lambda x: 1.5 + _softplus(x - 1.5),
        lambda x: _sigmoid(x - 1.5),
        terms=lambda x: 1.5,
    ),
    "logsumexp": Function(
        _rows(lambda rows: xdl.logsumexp(rows, 1), 1.5),
        lambda x: 1.5 + _softplus(x - 1.5),
        lambda x: _sigmoid(x - 1.5),
        terms=lambda x: 1.5,
    ),
    "softmax": Function(
        _rows(lambda rows: xdl.softmax(rows)[:, 0], 1.5),
        lambda x: _sigmoid(x - 1.5),
        lambda x: _density(x - 1.5),
    ),
    "log_softmax": Function(
        _rows(lambda rows: xdl.log_softmax(rows)[:, 0], 1.5),
        lambda x: -_softplus(1.5 - x),
        lambda x: _sigmoid(1.5 - x),
    ),
}
_POWERS = {
    "sqrt": _positive(xdl.sqrt, mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    "rsqrt": _positive(
        xdl.rsqrt, lambda x: 1 / mp.sqrt(x), lambda x: -1 / (2 * x * mp.sqrt(x))
    ),
    "square": Function(xdl.square, lambda x: x * x, lambda x: 2 * x),
    "reciprocal": _positive(xdl.reciprocal, lambda x: 1 / x, lambda x: -1 / (x * x)),
    "divide": _positive(
        lambda x: xdl.divide(3.0, x), lambda x: 3 / x, lambda x: -3 / (x * x)
    ),
    "power": _positive(
        lambda x: xdl.power(x, 2.5), lambda x: x**2.5, lambda x: 2.5 * x**1.5
    ),
    "power of": Function(
        lambda x: xdl.power(2.5, x),
        lambda x: mp.mpf(2.5) ** x,
        lambda x: mp.mpf(2.5) ** x * mp.log(2.5),
    ),
}
_TRIGONOMETRY = {
    "sin": Function(xdl.sin, mp.sin, mp.cos),
    "cos": Function(xdl.cos, mp.cos, lambda x: -mp.sin(x)),
    "tan": Function(xdl.tan, mp.tan, lambda x: 1 / mp.cos(x) ** 2),
    "asin": _inside(xdl.asin, mp.asin, lambda x: 1 / mp.sqrt((1 - x) * (1 + x))),
    "acos": _inside(xdl.acos, mp.acos, lambda x: -1 / mp.sqrt((1 - x) * (1 + x))),
    "atan": Function(xdl.atan, mp.atan, lambda x: 1 / (1 + x * x)),
    "atan2": Function(
        lambda x: xdl.atan2(x, 1.5),
        lambda x: mp.atan2(x, 1.5),
        lambda x: 1.5 / (x * x + 2.25),
    ),
    "sinh": Function(xdl.sinh, mp.sinh, mp.cosh),
    "cosh": Function(xdl.cosh, mp.cosh, mp.sinh),
    "tanh": Function(xdl.tanh, mp.tanh, lambda x: 1 / mp.cosh(x) ** 2),
    "asinh": Function(xdl.asinh, mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x)),
    "acosh": Function(
        xdl.acosh,
        mp.acosh,
        lambda x: 1 / mp.sqrt((x - 1) * (x + 1)),
        within=(1, INFINITY),
    ),
    "atanh": _inside(xdl.atanh, mp.atanh, lambda x: 1 / ((1 - x) * (1 + x))),
    "erf": Function(xdl.erf, mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
}
SIGMOIDS = {
    "sigmoid": Function(xdl.sigmoid, _sigmoid, _density),
    "silu": Function(
        xdl.silu, lambda x: x * _sigmoid(x), _silu_slope, slope_terms=_silu_terms
    ),
    "glu": Function(
        lambda x: xdl.glu(xdl.stack([_full(x, 1.5), x], 1))[:, 0],
        lambda x: 1.5 * _sigmoid(x),
        lambda x: 1.5 * _density(x),
    ),
    "softplus": Function(xdl.softplus, _softplus, _sigmoid),
    "mish": Function(
        xdl.mish, lambda x: x * _bend(x), _mish_slope, slope_terms=_mish_terms
    ),
    "log_expit": Function(
        xdl.ops.special.log_expit, lambda x: -_softplus(-x), lambda x: _sigmoid(-x)
    ),
}
_SPECIAL = {
    "exp10": Function(
        xdl.ops.special.exp10, lambda x: mp.mpf(10) ** x, lambda x: mp.log(10) * 10**x
    ),
    "logit": _inside_0_1(
        xdl.ops.special.logit,
        lambda x: mp.log(x) - mp.log1p(-x),
        lambda x: 1 / (x * (1 - x)),
        terms=lambda x: max(-mp.log(x), -mp.log1p(-x)),
    ),
    "entr": _positive(
        xdl.ops.special.entr,
        lambda x: -x * mp.log(x),
        lambda x: -1 - mp.log(x),
        slope_terms=lambda x: max(1, abs(mp.log(x))),
    ),
}
ELUS = {
    "elu": Function(xdl.elu, *_elu()),
    "elu of 0.7": Function(lambda x: xdl.elu(x, 0.7), *_elu(0.7)),
    "celu": Function(xdl.celu, *_elu()),
    "selu": Function(xdl.selu, *_elu(SELU.alpha, 1.0, SELU.scale)),
}
_OTHER_ACTIVATIONS = {
    "celu of 0.7": Function(lambda x: xdl.celu(x, 0.7), *_elu(0.7, 0.7)),
    "gelu": Function(
        xdl.gelu, lambda x: x * _normal(x), _gelu_slope, slope_terms=_gelu_terms
    ),
    "gelu by tanh": Function(
        lambda x: xdl.gelu(x, "tanh"),
        lambda x: x * _tanh_gelu_parts(x)[0],
        lambda x: sum(_tanh_gelu_parts(x)),
        slope_terms=lambda x: max(map(abs, _tanh_gelu_parts(x))),
    ),
    "softsign": Function(
        xdl.softsign, lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2
    ),
    "hard_sigmoid": Function(
        xdl.hard_sigmoid,
        lambda x: min(max(x / 6 + mp.mpf(0.5), 0), 1),
        lambda x: mp.mpf(1) / 6 if abs(x) < 3 else 0,
        terms=lambda x: 0.5,
    ),
    "hard_swish": Function(
        xdl.hard_swish,
        lambda x: x * min(max(x / 6 + mp.mpf(0.5), 0), 1),
        lambda x: x / 3 + mp.mpf(0.5) if abs(x) < 3 else (x > 0) * 1,
        terms=lambda x: abs(x) / 2,
        slope_terms=lambda x: 0.5,
    ),
}


def _bce(target):
    t = mp.mpf(target)
    return Function(
        lambda x: xdl.binary_cross_entropy(x, _full(x, target), reduction="none"),
        lambda x: -t * mp.log(x) - (1 - t) * mp.log1p(-x),
        lambda x: (x - t) / (x * (1 - x)),
        slope_terms=lambda x: max(x, t) / (x * (1 - x)),
        within=(1e-11, 1 - 1e-11),
    )


def _bce_of_logits(target):
    t = mp.mpf(target)
    return Function(
        lambda x: xdl.binary_cross_entropy_with_logits(
            x, _full(x, target), reduction="none"
        ),
        lambda x: t * _softplus(-x) + (1 - t) * _softplus(x),
        lambda x: (1 - t) * _sigmoid(x) - t * _sigmoid(-x),
        slope_terms=lambda x: max((1 - t) * _sigmoid(x), t * _sigmoid(-x)),
    )


_LOSSES = {
    f"{name} of {target}": function(target)
    for target in (0.0, 0.25, 1.0)
    for name, function in (
        ("binary_cross_entropy", _bce),
        ("binary_cross_entropy_with_logits", _bce_of_logits),
    )
}
FUNCTIONS = (
    _EXPONENTIAL
    | _POWERS
    | _TRIGONOMETRY
    | _SPECIAL
    | SIGMOIDS
    | ELUS
    | _OTHER_ACTIVATIONS
    | _LOSSES
)

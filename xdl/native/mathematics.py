"""Functions that Numba's loops can vectorise, for float32 and float64.

``FUNCTIONS["float32"]["exp"]`` and so on are compiled functions, to be called inside
other compiled code. They have no branches, no calls into libm and no tables, so that a
loop over them becomes packed instructions (``benchmarks/native.py``). What they return,
and the largest error in ulp (units in the last place of the exact result; float32,
float64) that ``tests/native/test_mathematics.py`` allows:

===========  ==========  ==========================================================
function     error, ulp  at the ends
===========  ==========  ==========================================================
``exp``      1.1, 1.1    inf -> inf, -inf -> 0, subnormal results are rounded
``expm1``    1.7, 2.3    inf -> inf, -inf -> -1, keeps the sign of 0
``log``      0.9, 0.9    0 -> -inf, below 0 -> NaN, inf -> inf, subnormals are exact
``log1p``    1.5, 1.5    -1 -> -inf, below -1 -> NaN, inf -> inf, keeps the sign of 0
``tanh``     2.7, 2.7    inf -> 1, -inf -> -1, keeps the sign of 0
``sigmoid``  2.5, 2.5    inf -> 1, -inf -> 0, subnormal results are rounded
``erf``      1.4, 3.1    inf -> 1, -inf -> -1, keeps the sign of 0
===========  ==========  ==========================================================

NaN gives NaN. Of LLVM's fast-math flags only ``contract`` is set, which lets a product
and a sum become one instruction. The others either gain nothing measurable, or assume
that there is no NaN or infinity, or undo the rounding by a large number in ``exp``.

Three are for reductions, ``s = plus(s, x)``, ``m = maximum(m, x)``, ``minimum``: with
``+`` and ``max`` a loop must keep its order, and does not vectorise. ``plus`` may take
its terms in any order: LLVM keeps a few partial sums for each lane of a register, so
that the error bound of n terms falls from n * epsilon to about n / 32 * epsilon; how
longer rows are added up is in ``accumulation``. ``maximum`` and ``minimum`` give NaN
for NaN.

``round_to_tfloat32``, ``round_to_bfloat16`` and ``round_to_float16`` are exact.

Square roots, absolute values, comparisons and ``x**3`` with a written exponent
vectorise as Numba compiles them.

Reference: Cody and Waite, "Software Manual for the Elementary Functions" (1980), for
the reductions: chapter 6 (exp) and 5 (log, by s = f / (2 + f)). The tables are our own
fits, printed by ``benchmarks/minimax.py``; those of ``erf`` are described in
``xdl/backend/erf.py``.
"""

import math

from xdl.backend.erf import _DOUBLE as _ERF_DOUBLE
from xdl.backend.erf import _SINGLE as _ERF_SINGLE
from xdl.native import intrinsics

_EXP_SINGLE = (
    0.4999999815446887,
    0.16666543660315264,
    0.04166719989556403,
    0.008366514881109953,
    0.0013882505627367799,
)
_EXP_DOUBLE = (
    0.5000000000000006,
    0.16666666666666588,
    0.04166666666657686,
    0.008333333333389979,
    0.001388888893152547,
    0.000198412697179345,
    2.4801505324260787e-05,
    2.7557408586315074e-06,
    2.7626016903846963e-07,
    2.5053425979654602e-08,
)
_LOG_SINGLE = (
    0.6666677610203954,
    0.3997757241278106,
    0.2987097348403989,
)
_LOG_DOUBLE = (
    0.6666666666666734,
    0.3999999999941568,
    0.28571428742143673,
    0.22222198599339835,
    0.1818356293642475,
    0.15314086467501176,
    0.14795589293559236,
)


def _reduction(form):
    """Make (n + rounder, r) of x = n * log(2) + r with an integer n."""
    rounder, per_log_2 = form.real(form.rounder), form.real(1.4426950408889634)
    high, low = form.log_2_high, form.log_2_low

    @intrinsics.compiled
    def reduced(x):
        rounded = x * per_log_2 + rounder
        n = rounded - rounder
        return rounded, (x - n * high) - n * low

    return reduced


def _exp(form, table, highest):
    one, highest = form.real(1), form.real(highest)
    lowest = form.real((form.least - 1) * math.log(2))  # 0, without rounding to it
    reduced, rest = _reduction(form), intrinsics.polynomial(form, table)
    scaled = intrinsics.scaled(form)

    @intrinsics.compiled
    def exp(x):
        x = highest if x > highest else x
        x = lowest if x < lowest else x
        rounded, r = reduced(x)
        return scaled(one + (r + r * r * rest(r)), rounded)

    return exp


def _expm1(form, table, lowest, highest):
    half, two, lowest, highest = (form.real(v) for v in (0.5, 2, lowest, highest))
    reduced, rest = _reduction(form), intrinsics.polynomial(form, table)
    half_power = intrinsics.half_power(form)
    # Below it x is the result: so 0 keeps its sign, and a subnormal its last bit.
    tiny = form.real(2.0 ** (-form.digits - 2))

    @intrinsics.compiled
    def expm1(x):
        within = highest if x > highest else x
        within = lowest if x < lowest else within
        rounded, r = reduced(within)
        scale = half_power(rounded)
        y = two * (scale * (r + r * r * rest(r)) + (scale - half))
        return x if abs(x) < tiny else y

    return expm1


def _log_of_parts(form, table):
    """Make log((1 + f) * 2**e)."""
    half, two, rest = form.real(0.5), form.real(2), intrinsics.polynomial(form, table)
    high, low = form.log_2_high, form.log_2_low

    @intrinsics.compiled
    def log_of_parts(f, e):
        s = f / (two + f)
        z = s * s
        square = half * f * f
        return e * high - ((square - (s * (square + z * rest(z)) + e * low)) - f)

    return log_of_parts


def _log(form, table):
    zero, one = form.real(0), form.real(1)
    infinity, nan = form.real(math.inf), form.real(math.nan)
    smallest, digits = form.real(2.0 ** (1 - form.bias)), form.real(form.digits)
    lift = form.real(2.0**form.digits)
    of_parts = _log_of_parts(form, table)
    mantissa, exponent = intrinsics.mantissa(form), intrinsics.exponent(form)

    @intrinsics.compiled
    def log(x):
        normal = x * lift if x < smallest else x
        lifted = digits if x < smallest else zero
        y = of_parts(mantissa(normal) - one, exponent(normal) - lifted)
        y = y if x > zero else (-infinity if x == zero else nan)
        return y if x < infinity else x + x

    return log


def _log1p(form, table):
    one, infinity, nan = form.real(1), form.real(math.inf), form.real(math.nan)
    of_parts = _log_of_parts(form, table)
    mantissa, exponent = intrinsics.mantissa(form), intrinsics.exponent(form)
    over_power, with_sign = intrinsics.over_power(form), intrinsics.with_sign(form)

    @intrinsics.compiled
    def log1p(x):
        u = one + x
        lost = one - (u - x) if x > one else x - (u - one)
        y = of_parts((mantissa(u) - one) + over_power(lost, u), exponent(u))
        y = y if x > -one else (-infinity if x == -one else nan)
        return with_sign(y, x) if x < infinity else x + x

    return log1p


def _tanh(form, expm1):
    two, with_sign = form.real(2), intrinsics.with_sign(form)

    @intrinsics.compiled
    def tanh(x):
        t = expm1(-two * abs(x))
        return with_sign(t / (two + t), x)

    return tanh


def _sigmoid(form, exp):
    zero, one = form.real(0), form.real(1)

    @intrinsics.compiled
    def sigmoid(x):
        e = exp(-abs(x))
        return (e if x < zero else one) / (one + e)

    return sigmoid


def _erf(form, tables, exp):
    p, q, erfc_1 = tables
    one, erfc_1 = form.real(1), form.real(erfc_1)
    within, beyond = intrinsics.polynomial(form, p), intrinsics.polynomial(form, q)

    @intrinsics.compiled
    def erf(x):
        inside = one if x > one else x
        inside = -one if x < -one else inside
        b = abs(x - inside)
        rest = within(inside * inside) + erfc_1 * (one - exp(b * beyond(b)))
        return inside + inside * rest

    return erf


def _round_to_float16(form, rounded):
    """Make the rounding to float16, which below 2**-14 counts in steps of 2**-24."""
    least, most = form.real(2.0**-14), form.real(65504)
    infinity, with_sign = form.real(math.inf), intrinsics.with_sign(form)
    rounder = form.real(2.0 ** (form.digits - 24))  # whose last digit is 2**-24

    @intrinsics.compiled
    def round_to_float16(x):
        size = abs(x)
        y = (size + rounder) - rounder if size < least else rounded(size)
        return with_sign(infinity if y > most else y, x)

    return round_to_float16


def _roundings(form):
    """Return what rounds to numbers with fewer digits, exactly."""
    to_tfloat32 = intrinsics.without(form, form.digits - 10)
    return {
        "round_to_tfloat32": to_tfloat32,
        "round_to_bfloat16": intrinsics.without(form, form.digits - 7),
        "round_to_float16": _round_to_float16(form, to_tfloat32),
    }


def _functions(form, exp_table, log_table, erf_tables, limits):
    highest, flat = limits
    exp = _exp(form, exp_table, highest)
    # Below `flat`, expm1 is -1 to the last digit.
    expm1 = _expm1(form, exp_table, flat, highest)
    return {
        "exp": exp,
        "expm1": expm1,
        "log": _log(form, log_table),
        "log1p": _log1p(form, log_table),
        "tanh": _tanh(form, expm1),
        "sigmoid": _sigmoid(form, exp),
        "erf": _erf(form, erf_tables, exp),
        "plus": intrinsics.plus(form),
        "maximum": intrinsics.larger(form),
        "minimum": intrinsics.smaller(form),
        **_roundings(form),
    }


_OF_SINGLE = (_EXP_SINGLE, _LOG_SINGLE, _ERF_SINGLE, (89, -18))
_OF_DOUBLE = (_EXP_DOUBLE, _LOG_DOUBLE, _ERF_DOUBLE, (710, -39))
FUNCTIONS = {
    "float32": _functions(intrinsics.SINGLE, *_OF_SINGLE),
    "float64": _functions(intrinsics.DOUBLE, *_OF_DOUBLE),
}

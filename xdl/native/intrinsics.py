"""Pieces of elementary functions, written in LLVM's terms, for Numba's loops.

They work on the bits of a number: Numba's own integer arithmetic would widen 32 bits to
64, and halve how many numbers a register holds. Polynomials are here too, for a loop
over coefficients would not vectorise. ``mathematics`` makes functions of them.

Adding 1.5 * 2**digits to a small number rounds it to an integer, which then stands in
the low bits of the sum: so no conversion is needed, which NaN would make undefined.

Reference: IEEE 754-2019, section 3.4, for what the bits mean.
"""

from llvmlite import ir
from numba import __version__, njit, version_info
from numba.core import types
from numba.extending import intrinsic

from xdl.backend.numpy import float32, float64

# The LLVM of earlier ones ends the process when it meets `maximum`.
if (version_info.major, version_info.minor) < (0, 62):
    raise ImportError(f"xdl needs Numba 0.62 or newer, this is {__version__}")


class Format:
    """What the functions must know of a floating dtype."""

    def __init__(self, real, bits, digits, log_2_high, log_2_low):
        self.real = real
        self.integer = ir.IntType(bits)
        self.floating = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.number = types.float32 if bits == 32 else types.float64
        self.digits = digits
        self.bias = 2 ** (bits - digits - 2) - 1
        self.rounder = 1.5 * 2.0**digits
        self.rounder_bits = (self.bias + digits << digits) + 2 ** (digits - 1)
        self.log_2_high, self.log_2_low = real(log_2_high), real(log_2_low)
        self.least = -self.bias - digits  # y * 2**least is above 0 only for y > 1

    def constant(self, value):
        """Return an integer constant of LLVM, as wide as the numbers."""
        return ir.Constant(self.integer, value)


# The high part of log(2) has so few digits that its product with an exponent is exact.
SINGLE = Format(float32, 32, 23, 0.693145751953125, 1.4286068203094173e-06)
DOUBLE = Format(float64, 64, 52, 0.6931471805598903, 5.497923018708371e-14)


def compiled(function):
    """Compile a function that is to be part of loops; it cannot be called otherwise.

    It is put into them always: a function of many instructions would else stay a call,
    and its loop would not vectorise. And it can be made for several dtypes by one
    function: calls of functions of equal names and types, some of them read from disk,
    would be mistaken for one another.
    """
    return njit(
        function,
        error_model="numpy",
        fastmath={"contract"},  # a product and a sum may become one instruction
        forceinline=True,
        no_cfunc_wrapper=True,
        no_cpython_wrapper=True,
    )


def inline(form, arity, emit):
    """Make a function of ``arity`` numbers out of what ``emit`` writes in LLVM's terms.

    LLVM puts it into the loop as it stands, and Numba spends no time on compiling it.
    """
    one = form.number

    def codegen(context, builder, signature, arguments):
        return emit(builder, *arguments)

    def of_one(typing, a):
        return one(one), codegen

    def of_two(typing, a, b):
        return one(one, one), codegen

    return intrinsic(of_one if arity == 1 else of_two)


def polynomial(form, coefficients):
    """Make the sum of ``coefficients[i] * x**i``, by Horner's rule."""
    *others, last = (ir.Constant(form.floating, float(c)) for c in coefficients)

    def emit(builder, x):
        y = last
        for c in reversed(others):
            y = builder.fadd(builder.fmul(y, x), c)
        return y

    return inline(form, 1, emit)


def _named(form, name, flags=()):
    """Make one of LLVM's own functions of two numbers."""

    def emit(builder, x, y):
        kind = ir.FunctionType(form.floating, [form.floating] * 2)
        function = builder.module.declare_intrinsic(name, [form.floating], kind)
        return builder.call(function, [x, y], fastmath=flags)

    return inline(form, 2, emit)


def with_sign(form):
    """Make ``copysign``."""
    return _named(form, "llvm.copysign")


def larger(form):
    """Make the larger of two numbers, NaN if one is NaN; which 0 is left open."""
    return _named(form, "llvm.maximum", ("nsz",))


def smaller(form):
    """Make the smaller of two numbers, NaN if one is NaN; which 0 is left open."""
    return _named(form, "llvm.minimum", ("nsz",))


def plus(form):
    """Make a sum whose terms LLVM may take in another order."""
    return inline(form, 2, lambda builder, x, y: builder.fadd(x, y, flags=("reassoc",)))


def _power_of_two(form, builder, n):
    """Write 2**n for an integer n that is neither too small nor too large."""
    biased = builder.add(n, form.constant(form.bias))
    return builder.bitcast(
        builder.shl(biased, form.constant(form.digits)), form.floating
    )


def _integer_in(form, builder, rounded):
    bits = builder.bitcast(rounded, form.integer)
    return builder.sub(bits, form.constant(form.rounder_bits))


def without(form, digits):
    """Make a number rounded to so many binary digits fewer, to even; NaN stays."""
    half, infinity = (1 << digits - 1) - 1, 2 * form.bias + 1 << form.digits
    sign = 1 << form.integer.width - 1

    def emit(builder, x):
        bits = builder.bitcast(x, form.integer)
        odd = builder.and_(builder.lshr(bits, form.constant(digits)), form.constant(1))
        more = builder.add(bits, builder.add(odd, form.constant(half)))
        kept = builder.and_(more, form.constant(-1 << digits))
        size = builder.and_(bits, form.constant(sign - 1))
        is_nan = builder.icmp_signed(">", size, form.constant(infinity))
        return builder.bitcast(builder.select(is_nan, bits, kept), form.floating)

    return inline(form, 1, emit)


def scaled(form):
    """Make ``y * 2**n``, with n given as ``n + rounder``, in two factors.

    One factor could be neither the largest nor a subnormal power. The second is the
    least normal power for n = ``form.least``. One below, where the product rounds to 0
    for y < 2, its bits are those of 0: processors take long to round a product to 0.
    """
    first = form.bias - (form.digits + 1) - (form.rounder_bits + form.least >> 2)
    both = 2 * form.bias - form.rounder_bits

    def emit(builder, y, rounded):
        bits = builder.bitcast(rounded, form.integer)
        quarter = builder.lshr(bits, form.constant(2))
        a = builder.add(quarter, form.constant(first))
        b = builder.add(builder.sub(bits, a), form.constant(both))
        for biased in (a, b):
            power = builder.shl(biased, form.constant(form.digits))
            y = builder.fmul(y, builder.bitcast(power, form.floating))
        return y

    return inline(form, 2, emit)


def half_power(form):
    """Make ``2**(n - 1)``, with n given as ``n + rounder``."""

    def emit(builder, rounded):
        n = _integer_in(form, builder, rounded)
        return _power_of_two(form, builder, builder.sub(n, form.constant(1)))

    return inline(form, 1, emit)


def _exponent_in(form, builder, x):
    """Write the integer e of x = m * 2**e, with m from sqrt(1/2) to sqrt(2)."""
    half_root = builder.bitcast(ir.Constant(form.floating, 0.5**0.5), form.integer)
    bits = builder.sub(builder.bitcast(x, form.integer), half_root)
    return builder.ashr(bits, form.constant(form.digits))


def exponent(form):
    """Make the e of x = m * 2**e, as a floating number."""

    def emit(builder, x):
        e = _exponent_in(form, builder, x)
        bits = builder.add(e, form.constant(form.rounder_bits))
        rounder = ir.Constant(form.floating, form.rounder)
        return builder.fsub(builder.bitcast(bits, form.floating), rounder)

    return inline(form, 1, emit)


def mantissa(form):
    """Make the m of x = m * 2**e."""

    def emit(builder, x):
        e = _exponent_in(form, builder, x)
        shifted = builder.shl(e, form.constant(form.digits))
        bits = builder.sub(builder.bitcast(x, form.integer), shifted)
        return builder.bitcast(bits, form.floating)

    return inline(form, 1, emit)


def over_power(form):
    """Make ``c / 2**e`` for the e of x; from e = bias on, about 0."""

    def emit(builder, c, x):
        e = _exponent_in(form, builder, x)
        most = form.constant(form.bias - 1)
        e = builder.select(builder.icmp_signed("<", e, most), e, most)
        return builder.fmul(c, _power_of_two(form, builder, builder.neg(e)))

    return inline(form, 2, emit)

"""Operators that take each element by itself."""

import functools
import math

import numpy as np

import xdl
from tests.oracle.nodes.call import LeftOut, data, is_floating, like, number


def _division(call, a, b):
    if is_floating(a):
        return xdl.divide(a, b)
    quotient = xdl.floor_divide(xdl.abs(a), xdl.abs(b)) if _is_signed(a) else a // b
    return quotient * xdl.sign(a) * xdl.sign(b) if _is_signed(a) else quotient


def _is_signed(x):
    return np.dtype(x.dtype).kind in "if"


def _mod(call, a, b):
    if not call.get("fmod", 0):
        return xdl.remainder(a, b)
    if not _is_signed(a):
        return xdl.remainder(a, b)
    rest = xdl.remainder(xdl.abs(a), xdl.abs(b))
    return xdl.where(xdl.less(a, like(a, 0)), -rest, rest)


def _power(call, a, b):
    return xdl.astype(xdl.power(a, xdl.astype(b, a.dtype)), a.dtype)


def _clip(call, x, low=None, high=None):
    if call.opset < 11:
        return xdl.clip(x, call.get("min"), call.get("max"))
    low, high = number(low), number(high)
    if None not in (low, high) and low > high:
        raise LeftOut("xdl refuses a clip whose min is above its max")
    return xdl.clip(x, low, high)


def _gelu(call, x):
    return xdl.gelu(x, call.get("approximate", "none"))


def _shrink(call, x):
    lambd, bias = call.get("lambd", 0.5), call.get("bias", 0.0)
    zero = like(x, 0)
    above = xdl.where(xdl.greater(x, like(x, lambd)), x - like(x, bias), zero)
    return xdl.where(xdl.less(x, like(x, -lambd)), x + like(x, bias), above)


def _thresholded(call, x):
    return xdl.where(xdl.greater(x, like(x, call.get("alpha", 1.0))), x, like(x, 0))


def _prelu(call, x, slope):
    return xdl.where(xdl.less(x, like(x, 0)), x * slope, x)


def _elu(call, x):
    return xdl.elu(x, call.get("alpha", 1.0))


def _selu(call, x):
    alpha, gamma = call.get("alpha"), call.get("gamma")
    if alpha is None:
        return xdl.selu(x)
    return xdl.elu(x, alpha) * like(x, gamma)


def _hard_sigmoid(call, x):
    alpha, beta = call.get("alpha", 0.2), call.get("beta", 0.5)
    return xdl.clip(x * like(x, alpha) + like(x, beta), 0.0, 1.0)


def _swish(call, x):
    alpha = call.get("alpha", 1.0)
    return xdl.silu(x) if alpha == 1 else x * xdl.sigmoid(x * like(x, alpha))


def _swiglu(call, x, *rest):
    axis = call.get("axis", -1)
    gate, value = (x, rest[0]) if rest else xdl.split(x, 2, axis)
    return _swish(call, gate) * value


def _is_infinite(call, x):
    found = xdl.isinf(x)
    if not call.get("detect_negative", 1):
        found = xdl.logical_and(found, xdl.greater(x, like(x, 0)))
    if not call.get("detect_positive", 1):
        found = xdl.logical_and(found, xdl.less(x, like(x, 0)))
    return found


def _dtype_of(number_of_type):
    import onnx

    dtype = onnx.helper.tensor_dtype_to_np_dtype(number_of_type)
    if dtype.name not in KNOWN:
        raise LeftOut(f"xdl has no arrays of {dtype.name}")
    return dtype


KNOWN = {"bool", "bfloat16", "float16", "float32", "float64"}
KNOWN |= {f"{sign}int{width}" for sign in ("", "u") for width in (8, 16, 32, 64)}


def _cast(call, x):
    return xdl.astype(x, _dtype_of(call.get("to")))


def _cast_like(call, x, other):
    return xdl.astype(x, other.dtype)


def _window(*weights):
    """Return the operator of a window that is a sum of cosines."""

    def window(call, size):
        count = number(size)
        length = count if call.get("periodic", 1) else count - 1
        turns = xdl.multiply(data(np.arange(count)).astype("float64"), 2 * math.pi)
        terms = [
            xdl.cos(turns * data(k / length)) * data((-1.0) ** k * weight)
            for k, weight in enumerate(weights)
        ]
        return xdl.astype(functools.reduce(xdl.add, terms), _window_dtype(call))

    return window


def _window_dtype(call):
    return _dtype_of(call.get("output_datatype", 1))


def _folded(function):
    return lambda call, *xs: functools.reduce(function, xs)


def _mean(call, *xs):
    return functools.reduce(xdl.add, xs) / like(xs[0], len(xs))


def _plain(function):
    return lambda call, *xs: function(*xs)


_SAME = {
    "Abs": xdl.abs,
    "Acos": xdl.acos,
    "Acosh": xdl.acosh,
    "Add": xdl.add,
    "And": xdl.logical_and,
    "Asin": xdl.asin,
    "Asinh": xdl.asinh,
    "Atan": xdl.atan,
    "Atanh": xdl.atanh,
    "Ceil": xdl.ceil,
    "Cos": xdl.cos,
    "Cosh": xdl.cosh,
    "Equal": xdl.equal,
    "Erf": xdl.erf,
    "Exp": xdl.exp,
    "Floor": xdl.floor,
    "Greater": xdl.greater,
    "GreaterOrEqual": xdl.greater_equal,
    "HardSwish": xdl.hard_swish,
    "IsNaN": xdl.isnan,
    "Less": xdl.less,
    "LessOrEqual": xdl.less_equal,
    "Log": xdl.log,
    "Mish": xdl.mish,
    "Mul": xdl.multiply,
    "Neg": xdl.negative,
    "Not": xdl.logical_not,
    "Or": xdl.logical_or,
    "Reciprocal": xdl.reciprocal,
    "Relu": xdl.relu,
    "Round": xdl.round,
    "Sigmoid": xdl.sigmoid,
    "Sign": xdl.sign,
    "Sin": xdl.sin,
    "Sinh": xdl.sinh,
    "Softplus": xdl.softplus,
    "Softsign": xdl.softsign,
    "Sqrt": xdl.sqrt,
    "Sub": xdl.subtract,
    "Tan": xdl.tan,
    "Tanh": xdl.tanh,
    "Where": xdl.where,
    "Xor": xdl.not_equal,
}
OPERATORS = {name: _plain(function) for name, function in _SAME.items()} | {
    "BlackmanWindow": _window(0.42, 0.5, 0.08),
    "Cast": _cast,
    "CastLike": _cast_like,
    "Celu": lambda call, x: xdl.celu(x, call.get("alpha", 1.0)),
    "Clip": _clip,
    "Div": _division,
    "Elu": _elu,
    "Gelu": _gelu,
    "HammingWindow": _window(25 / 46, 21 / 46),
    "HannWindow": _window(0.5, 0.5),
    "HardSigmoid": _hard_sigmoid,
    "Identity": lambda call, x: xdl.reshape(x, x.shape),
    "IsInf": _is_infinite,
    "LeakyRelu": lambda call, x: xdl.leaky_relu(x, call.get("alpha", 0.01)),
    "Max": _folded(xdl.maximum),
    "Mean": _mean,
    "Min": _folded(xdl.minimum),
    "Mod": _mod,
    "PRelu": _prelu,
    "Pow": _power,
    "Selu": _selu,
    "Shrink": _shrink,
    "Sum": _folded(xdl.add),
    "SwiGLU": _swiglu,
    "Swish": _swish,
    "ThresholdedRelu": _thresholded,
}

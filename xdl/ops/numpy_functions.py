"""NumPy's functions on Variables: which function of xdl.ops each one is.

``np.sum(variable)`` arrives here as NumPy's function and its arguments. They are read
by the names that NumPy gives them, so that what xdl does not take is refused instead
of taken for something else.
"""

import functools
import inspect
import sys
from types import NoneType
from typing import Any

from xdl import ops
from xdl.arguments import REMEDIES, explained
from xdl.backend import NAMESPACES
from xdl.core.variable import array_of
from xdl.errors import ArgumentError, DeviceError, GraphError
from xdl.recording import told

# Those of NumPy's functions that xdl.ops calls otherwise.
_NAMES = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "true_divide": "divide",
    "amax": "max",
    "amin": "min",
    "around": "round",
    "cumprod": "cumulative_prod",
    "cumsum": "cumulative_sum",
    "linalg.matrix_transpose": "matrix_transpose",
    "linalg.vecdot": "vecdot",
    "linalg.vector_norm": "norm",
    "ravel": "flatten",
    "rint": "round",
}
# Arguments that xdl.ops calls otherwise; the first one has its place, not its name.
_ARGUMENTS = {
    "b": "x2",
    "ddof": "correction",
    "indices_or_sections": "sections",
    "reps": "repetitions",
}
_ATTRIBUTES = ("shape", "ndim", "size")
# Options of all ufuncs, with the values that change nothing.
_USUAL = {"where": True, "casting": "same_kind", "order": "K", "subok": True}


def call(function, arguments, options):
    """Call what ``function``, one of NumPy's, is in xdl.ops.

    Raises:
        ArgumentError: xdl.ops has no such function, or it has no such argument.
    """
    name = function.__name__
    if name in _ATTRIBUTES and len(arguments) == 1 and not options:
        return told(getattr(arguments[0], name))
    ours = operation(function)
    signature = _signature(function)
    if signature is None or hasattr(ours, "op"):
        return ours(*arguments, **{k: v for k, v in options.items() if v is not None})
    given = signature.bind(*arguments, **options).arguments
    given |= given.pop("kwargs", {})  # those of np.pad
    known = _signature(ours).parameters
    first, *rest = given.items()
    taken: dict[Any, Any] = {}
    for theirs, value in rest:
        argument = theirs if theirs in known else _ARGUMENTS.get(theirs)
        if argument in taken:
            raise ArgumentError(f"np.{name}: {argument} came twice")
        if argument in known:
            taken[argument] = value
        elif not _is_default(value, signature.parameters.get(theirs)):
            raise _not_taken(name, theirs)
    return ours(first[1], **taken)


def call_ufunc(ufunc, method, inputs, options):
    """Call what ``getattr(ufunc, method)`` of NumPy or SciPy is in xdl.ops.

    Raises:
        ArgumentError: there is none, or it has no such argument.
    """
    name = ufunc.__name__
    if method != "__call__":
        raise no_counterpart(f"{name}.{method}")
    ours = operation(ufunc)
    known = _signature(ours).parameters
    for option, value in options.items():
        if option not in known and not _is_same(value, _USUAL.get(option)):
            raise _not_taken(name, option)
    return ours(*inputs, **{k: v for k, v in options.items() if k in known})


def operation(function):
    """Return the function of xdl.ops that one of NumPy's, or a ufunc of SciPy's, is.

    Raises:
        ArgumentError: there is none.
    """
    # Functions of one name in np.linalg or np.fft take other axes: each is asked for.
    home = (getattr(function, "__module__", None) or "numpy").split(".")[1:]
    name = ".".join([*home, function.__name__])
    if name in ops.special.__all__:  # SciPy's kl_div is not that of xdl.ops
        return getattr(ops.special, name)
    if name in _OWN:
        return _OWN[name]
    name = _NAMES.get(name, name)
    if name not in ops.__all__:
        raise no_counterpart(name)
    return getattr(ops, name)


def no_counterpart(name):
    """Return the error for what NumPy has and xdl.ops has not."""
    return ArgumentError(
        f"Variable: np.{name} has no counterpart in xdl.ops; use .numpy() or .value"
    )


def as_array(variable, dtype=None, copy=None):
    """Return the values for ``np.asarray(variable)``, read-only.

    Raises:
        GraphError: a function of NumPy asks, which has found the Variable in a list:
            its result would have no gradient.
        DeviceError: the Variable is not on the CPU.
    """
    asks = sys._getframe(2).f_globals.get("__name__", "")
    if variable.trainable and asks.startswith("numpy.") and ".testing" not in asks:
        raise GraphError(
            f"{variable._label()} {tuple(variable.shape)}: a function of NumPy takes "
            "it out of a list as plain numbers, without its gradient; call xdl's, or "
            "give it xdl.stack(list), or .numpy() for the numbers"
        )
    if variable.device != "cpu":
        if variable.device.kind == "trace":
            variable.numpy()  # refuses
        raise DeviceError(
            f"{variable._label()}: it is on {variable.device}, needed the CPU; use "
            ".numpy()"
        )
    array = array_of(variable)
    array = NAMESPACES[type(array)].read_only(array)
    given = () if dtype is None else (dtype,)  # before NumPy 2.3 None is float64
    return array.__array__(*given, copy=copy)


def _not_taken(name, argument):
    """Return the error for an argument that NumPy's function has and xdl's has not."""
    said = REMEDIES.get(argument, "xdl has no such argument")
    if argument == "out":
        said += ": a = a + v, and not a += v"
    return ArgumentError(
        f"np.{name}: {argument} came with a Variable; {said}; for NumPy's result alone "
        "use .numpy() or .value"
    )


# Those whose arguments NumPy reads in a way of its own, by NumPy's names.


@explained
def take(a, indices, axis=None):
    """Pick slices along an axis, or elements in C order, at indices of any shape."""
    return ops.take(a, indices, axis)


@explained
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    """Clip into bounds, which may be arrays."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if not any(map(_is_array, (low, high))):
        return ops.clip(a, low, high)
    a = a if low is None else ops.maximum(a, low)
    return a if high is None else ops.minimum(a, high)


@explained
def concatenate(arrays, axis=0):
    """Join arrays along an axis; those of None one after another, in C order."""
    if axis is None:
        return ops.concat([ops.reshape(array, (-1,)) for array in arrays])
    return ops.concat(arrays, axis)


@explained
def pad(array, pad_width, mode="constant", *, constant_values=0):
    """Add elements around; there is one number for all of them."""
    if _is_array(constant_values) or isinstance(constant_values, dict | NoneType):
        raise ArgumentError(
            f"np.pad: constant_values {constant_values} came, needed one number; pad "
            "one end after another"
        )
    return ops.pad(array, pad_width, mode, constant_values)


@explained
def einsum(*operands, optimize=None):
    """Add products up; in which order is left to xdl."""
    return ops.einsum(*operands)


def _is_array(value):
    return isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0


# From NumPy's names to these functions.
_OWN = {
    "clip": clip,
    "concat": concatenate,
    "concatenate": concatenate,
    "einsum": einsum,
    "pad": pad,
    "take": take,
}


@functools.cache
def _signature(function):
    """Return the signature of a function, or None where C code hides it."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return None
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    return None if inspect.Parameter.VAR_POSITIONAL in kinds else signature


def _is_default(value, parameter):
    default = None if parameter is None else parameter.default
    return value is None or _is_same(value, default)


def _is_same(value, other):
    return value is other or (value == other) is True

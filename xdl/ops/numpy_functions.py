"""NumPy's functions on Variables: which function of xdl.ops each one is.

``np.sum(variable)`` arrives here as NumPy's function and its arguments. They are read
by the names that NumPy gives them, so that what xdl does not take is refused instead
of taken for something else.
"""

import functools
import inspect
import sys

from xdl import ops
from xdl.backend import NAMESPACES
from xdl.core.op import Op
from xdl.errors import DeviceError, GraphError

# Those of NumPy's functions that xdl.ops calls otherwise.
_NAMES = {
    "absolute": "abs",
    "true_divide": "divide",
    "concatenate": "concat",
    "amax": "max",
    "amin": "min",
    "around": "round",
    "cumprod": "cumulative_prod",
    "cumsum": "cumulative_sum",
    "linalg.matrix_transpose": "matrix_transpose",
    "linalg.vector_norm": "norm",
    "ravel": "flatten",
}
# Arguments that xdl.ops calls otherwise; the first one has its place, not its name.
_ARGUMENTS = {
    "a_max": "max",
    "a_min": "min",
    "b": "x2",
    "constant_values": "value",
    "ddof": "correction",
    "indices_or_sections": "sections",
    "pad_width": "widths",
    "reps": "repetitions",
}
_ATTRIBUTES = ("shape", "ndim", "size")


def call(function, arguments, options):
    """Call what ``function``, one of NumPy's, is in xdl.ops.

    Raises:
        TypeError: xdl.ops has no such function, or it has no such argument.
    """
    name = function.__name__
    if name in _ATTRIBUTES and len(arguments) == 1:
        return getattr(arguments[0], name)
    if name == "take":
        return take(*arguments, **options)
    ours = operation(function)
    signature = _signature(function)
    if signature is None or isinstance(ours, Op):
        return ours(*arguments, **{k: v for k, v in options.items() if v is not None})
    given = signature.bind(*arguments, **options).arguments
    given |= given.pop("kwargs", {})  # those of np.pad
    known = _signature(ours).parameters
    first, *rest = given.items()
    taken = {}
    for theirs, value in rest:
        argument = _ARGUMENTS.get(theirs, theirs)
        if argument in known:
            taken[argument] = value
        elif not _is_default(value, signature.parameters.get(theirs)):
            raise no_counterpart(f"{name}: {theirs}")
    return ours(first[1], **taken)


def operation(function):
    """Return the function of xdl.ops that one of NumPy's, or a ufunc of SciPy's, is.

    Raises:
        TypeError: there is none.
    """
    # Functions of one name in np.linalg or np.fft take other axes: each is asked for.
    home = (getattr(function, "__module__", None) or "numpy").split(".")[1:]
    name = ".".join([*home, function.__name__])
    if name in ops.special.__all__:  # SciPy's kl_div is not that of xdl.ops
        return getattr(ops.special, name)
    found = getattr(ops, _NAMES.get(name, name), None)
    if found is None or name.startswith("_"):
        raise no_counterpart(name)
    return found


def no_counterpart(name):
    """Return the TypeError for what NumPy has and xdl.ops has not."""
    return TypeError(
        f"Variable: np.{name} has no counterpart in xdl.ops; use .numpy() or .value"
    )


def as_array(variable, dtype=None, copy=None):
    """Return the values for ``np.asarray(variable)``, read-only.

    Raises:
        GraphError: a function of NumPy asks, which has found the Variable in a list:
            its result would have no gradient.
        DeviceError: the Variable is not on the CPU.
    """
    asks = sys._getframe(1).f_globals.get("__name__", "")
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
    array = NAMESPACES[type(variable._value)].read_only(variable._value)
    return array.__array__(dtype, copy=copy)


def take(x, indices, axis=None):
    """Pick slices along an axis, or elements in C order, at indices of any shape."""
    return ops.take(x, indices, axis)


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
    return value is None or value is default or (value == default) is True

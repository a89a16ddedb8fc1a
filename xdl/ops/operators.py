"""Operators and methods of Variable, and NumPy's functions on Variables.

Variable is defined below the operations and knows none of them; importing
``xdl.ops`` gives it these.
"""

from xdl import backend, ops
from xdl.backend import NAMESPACES
from xdl.core.call import operator_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, DtypeError
from xdl.ops import numpy_functions

_BINARY = {
    "add": ops.add,
    "sub": ops.subtract,
    "mul": ops.multiply,
    "truediv": ops.divide,
    "floordiv": ops.floor_divide,
    "mod": ops.remainder,
    "pow": ops.power,
    "matmul": ops.matmul,
}
_LOGICAL = {"and": ops.logical_and, "or": ops.logical_or}
_COMPARISONS = {
    "eq": ops.equal,
    "ne": ops.not_equal,
    "lt": ops.less,
    "le": ops.less_equal,
    "gt": ops.greater,
    "ge": ops.greater_equal,
}
_UNARY = {"neg": ops.negative, "pos": ops.positive, "abs": ops.abs}
_REDUCTIONS = (
    *(ops.sum, ops.mean, ops.max, ops.min, ops.all, ops.any, ops.argmax, ops.argmin),
    ops.prod,
)

_MOMENTS = (ops.var, ops.std)
# Methods of NumPy's arrays that take the arguments of the function.
_METHODS = {
    "argsort": ops.argsort,
    "cumprod": ops.cumulative_prod,
    "cumsum": ops.cumulative_sum,
    "diagonal": ops.diagonal,
    "repeat": ops.repeat,
    "sort": ops.sort,
    "swapaxes": ops.swapaxes,
}
_BITWISE = {"bitwise_and": "__and__", "bitwise_or": "__or__", "invert": "__invert__"}


def _late(name, made):
    """Return a method that puts ``made()`` in its own place at its first call."""

    def method(*operands):
        setattr(Variable, name, function := made())
        return function(*operands)

    return method


def _forward(name, op):
    return _late(name, lambda: operator_of(op))


def _reflected(name, op):
    def made():
        forward = operator_of(op)
        return lambda self, other: forward(other, self)

    return _late(name, made)


def _comparison(op):
    def method(self, other):
        return NotImplemented if other is None else op(self, other)

    return method


def _logical(op):
    def method(self, *other):
        for operand in (self, *other):
            _require_booleans(op, operand)
        return op(self, *other)

    return method


def _require_booleans(op, operand):
    """Refuse numbers: ``&``, ``|`` and ``~`` mean bits in NumPy, and truth here."""
    dtype = backend.asarray(getattr(operand, "_value", operand)).dtype
    if backend.dtype_name(dtype) != "bool":
        raise DtypeError(
            f"{op}: {backend.dtype_name(dtype)} came, needed booleans; compare first, "
            f"or call xdl.{_snake(type(op).__name__)}"
        )


def _snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _reduction(function):
    def method(self, axis=None, dtype=None, out=None, keepdims=False):
        if dtype is not None or out is not None:
            raise ArgumentError(
                f"Variable.{function.__name__}: dtype and out are not taken"
            )
        return function(self, axis, keepdims)

    return method


def _moment(function):
    def method(self, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
        if dtype is not None or out is not None:
            raise ArgumentError(
                f"Variable.{function.__name__}: dtype and out are not taken"
            )
        return function(self, axis, keepdims, ddof)

    return method


def _method(function):
    def method(self, *arguments, **options):
        return function(self, *arguments, **options)

    return method


def _take(self, indices, axis=None):
    return numpy_functions.take(self, indices, axis)


def _documented(method, text):
    method.__doc__ = text
    return method


def _unpacked(arguments):
    """Return f(2, 3) and f((2, 3)) alike as (2, 3)."""
    if len(arguments) == 1 and hasattr(arguments[0], "__len__"):
        return tuple(arguments[0])
    return arguments


def _reshape(self, *shape, order="C"):
    if order != "C":
        raise ArgumentError(f"Variable.reshape: order {order!r} came, needed 'C'")
    return ops.reshape(self, _unpacked(shape))


def _transpose(self, *axes):
    axes = _unpacked(axes) if axes != (None,) else ()
    return ops.transpose(self, axes or None)


def _flatten(self):
    return ops.reshape(self, (-1,))


def _array_namespace(self, api_version=None):
    """Return ``xdl.ops``: functions written for any namespace run on Variables.

    So do those of ``scipy.special`` that have a gradient (``xdl.ops.special``), with
    SCIPY_ARRAY_API=1 and without; SciPy's others are refused, for it would compute
    them without a gradient. Its ``logsumexp`` and ``log_softmax`` write into arrays,
    which Variables are not for: use those of xdl.
    """
    return ops


def _array_ufunc(self, ufunc, method, *inputs, **options):
    if method == "__call__" and ufunc.__name__ in _BITWISE:
        others = [v for v in inputs if v is not self]
        return getattr(self, _BITWISE[ufunc.__name__])(*others)
    if method != "__call__" or options:
        raise numpy_functions.no_counterpart(f"{ufunc.__name__} ({method})")
    return numpy_functions.operation(ufunc)(*inputs)


def _array_function(self, function, types, arguments, options):
    return numpy_functions.call(function, arguments, options)


def _named_methods():
    """Return the methods that have a name of their own, with their documentation."""
    methods = {
        "reshape": (_reshape, ops.reshape),
        "transpose": (_transpose, ops.transpose),
        "flatten": (_flatten, ops.reshape),
        "ravel": (_flatten, ops.reshape),
        "squeeze": (lambda self, axis=None: ops.squeeze(self, axis), ops.squeeze),
        "astype": (lambda self, dtype: ops.astype(self, dtype), ops.astype),
        "clip": (lambda self, min=None, max=None: ops.clip(self, min, max), ops.clip),
        "dot": (lambda self, other: ops.dot(self, other), ops.dot),
        "take": (_take, ops.take),
    }
    methods |= {name: (_method(f), f) for name, f in _METHODS.items()}
    methods |= {f.__name__: (_moment(f), f) for f in _MOMENTS}
    methods |= {f.__name__: (_reduction(f), f) for f in _REDUCTIONS}
    return {
        name: _documented(method, f"See ``xdl.{getattr(op, '__name__', 'matmul')}``.")
        for name, (method, op) in methods.items()
    }


def _dunder(prefix, table):
    return [(f"__{prefix}{name}__", op) for name, op in table.items()]


def _install():
    methods = {
        "__getitem__": lambda self, index: ops.getitem(self, index),
        "__array_namespace__": _array_namespace,
        "__array_ufunc__": _array_ufunc,
        "__array_function__": _array_function,
        "T": property(lambda self: ops.transpose(self), doc="The axes reversed."),
        "mT": property(ops.matrix_transpose, doc="The last two axes swapped."),
    }
    methods |= _named_methods()
    methods |= {n: _forward(n, op) for n, op in _dunder("", _UNARY)}
    methods |= {f"__{name}__": _comparison(op) for name, op in _COMPARISONS.items()}
    methods |= {n: _forward(n, op) for n, op in _dunder("", _BINARY)}
    methods |= {n: _reflected(n, op) for n, op in _dunder("r", _BINARY)}
    methods |= {f"__{name}__": _logical(op) for name, op in _LOGICAL.items()}
    methods |= {f"__r{name}__": _logical(op) for name, op in _LOGICAL.items()}
    methods["__invert__"] = _logical(ops.logical_not)
    for name, method in methods.items():
        setattr(Variable, name, method)
    NAMESPACES[Variable] = ops

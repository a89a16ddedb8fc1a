"""Operators and methods of Variable, and NumPy's functions on Variables.

Variable is defined below the operations and knows none of them; importing
``xdl.ops`` gives it these. Each finds its function when it is called: ``import xdl``
loads none of them.
"""

from xdl import backend, ops
from xdl.arguments import explained
from xdl.backend import NAMESPACES
from xdl.core.call import operator_of
from xdl.core.variable import Variable
from xdl.elsewhere import OF_VARIABLES, point_elsewhere
from xdl.errors import ArgumentError, DtypeError
from xdl.ops import numpy_functions

# From the names of Python's operators to those of the functions.
_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
}
_LOGICAL = {"and": "logical_and", "or": "logical_or"}
_COMPARISONS = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "abs"}
_REDUCTIONS = ("sum", "mean", "max", "min", "all", "any", "argmax", "argmin", "prod")
_MOMENTS = ("var", "std")
# Methods of NumPy's arrays that take the arguments of the function.
_METHODS = {
    "argsort": "argsort",
    "cumprod": "cumulative_prod",
    "cumsum": "cumulative_sum",
    "diagonal": "diagonal",
    "repeat": "repeat",
    "sort": "sort",
    "swapaxes": "swapaxes",
}
_BITWISE = {"bitwise_and": "__and__", "bitwise_or": "__or__", "invert": "__invert__"}


def _late(name, made):
    """Return a method that puts ``made()`` in its own place at its first call."""

    def method(*operands):
        setattr(Variable, name, function := made())
        return function(*operands)

    return method


def _forward(name, called):
    return _late(name, lambda: operator_of(getattr(ops, called)))


def _reflected(name, called):
    def made():
        forward = operator_of(getattr(ops, called))
        return lambda self, other: forward(other, self)

    return _late(name, made)


def _comparison(name, called):
    def made():
        op = getattr(ops, called)
        return lambda self, other: NotImplemented if other is None else op(self, other)

    return _late(name, made)


def _logical(called):
    def method(self, *other):
        op = getattr(ops, called)
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


def _neither_taken(called):
    return ArgumentError(
        f"Variable.{called}: dtype and out are not taken; several axes are a tuple, "
        "and what comes out is converted by .astype(dtype)"
    )


def _reduction(called):
    def method(self, axis=None, dtype=None, out=None, keepdims=False):
        if dtype is not None or out is not None:
            raise _neither_taken(called)
        return getattr(ops, called).__wrapped__(self, axis, keepdims)

    return method


def _moment(called):
    def method(self, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
        if dtype is not None or out is not None:
            raise _neither_taken(called)
        return getattr(ops, called).__wrapped__(self, axis, keepdims, ddof)

    return method


def _method(called):
    def method(self, *arguments, **options):
        return getattr(ops, called)(self, *arguments, **options)

    return method


def _take(self, indices, axis=None):
    return numpy_functions.take(self, indices, axis)


def _finished(method, name, called):
    """Return a method with its name and documentation, and errors that teach."""
    method.__name__, method.__qualname__ = name, f"Variable.{name}"
    method.__doc__ = f"See ``xdl.{called}``."
    return explained(method)


def _unpacked(arguments):
    """Return f(2, 3) and f((2, 3)) alike as (2, 3)."""
    if len(arguments) == 1 and hasattr(arguments[0], "__len__"):
        return tuple(arguments[0])
    return arguments


def _reshape(self, *shape, order="C"):
    if not shape:
        raise ArgumentError("Variable.reshape: no shape came, needed lengths")
    if order != "C":
        raise ArgumentError(f"Variable.reshape: order {order!r} came, needed 'C'")
    return ops.reshape(self, _unpacked(shape))


def _transpose(self, *axes):
    axes = _unpacked(axes) if axes != (None,) else ()
    return ops.transpose(self, axes or None)


def _reversed(self):
    return getattr(ops, "transpose").__wrapped__(self)  # noqa: B009 (for mypy)


def _squeeze(self, axis=None):
    return ops.squeeze(self, axis)


def _astype(self, dtype):
    return ops.astype(self, dtype)


def _clip(self, min=None, max=None):
    return ops.clip(self, min, max)


def _dot(self, other):
    return ops.dot(self, other)


def _flatten(self, *axes):
    if axes and axes != ("C",):  # NumPy's method takes an order, PyTorch's axes
        raise ArgumentError(
            f"Variable.flatten: {', '.join(map(repr, axes))} came, needed nothing; "
            "xdl.flatten(x, start_axis, end_axis) joins some axes"
        )
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
    return numpy_functions.call_ufunc(ufunc, method, inputs, options)


def _array_function(self, function, types, arguments, options):
    return numpy_functions.call(function, arguments, options)


def _named_methods():
    """Return the methods that have a name of their own, with their documentation."""
    methods = {
        "reshape": (_reshape, "reshape"),
        "transpose": (_transpose, "transpose"),
        "flatten": (_flatten, "reshape"),
        "ravel": (_flatten, "reshape"),
        "squeeze": (_squeeze, "squeeze"),
        "astype": (_astype, "astype"),
        "clip": (_clip, "clip"),
        "dot": (_dot, "dot"),
        "take": (_take, "take"),
    }
    methods |= {name: (_method(called), called) for name, called in _METHODS.items()}
    methods |= {name: (_moment(name), name) for name in _MOMENTS}
    methods |= {name: (_reduction(name), name) for name in _REDUCTIONS}
    return {
        name: _finished(method, name, called)
        for name, (method, called) in methods.items()
    }


def _set_item(self, index, value):
    raise ArgumentError(
        f"{self._label()}: v[index] = value came, but a graph may hold the array; use "
        "xdl.index_update(v, index, value), or write into v.value[index]"
    )


def _dunder(prefix, table):
    return [(f"__{prefix}{name}__", called) for name, called in table.items()]


def _install():
    methods = {
        "__getitem__": lambda self, index: ops.getitem(self, index),
        "__array__": numpy_functions.as_array,
        "__setitem__": _set_item,
        "__array_namespace__": _array_namespace,
        "__array_ufunc__": _array_ufunc,
        "__array_function__": _array_function,
        "T": property(_reversed, doc="The axes reversed."),
        "mT": property(
            lambda self: ops.matrix_transpose(self), doc="The last two axes swapped."
        ),
    }
    methods |= _named_methods()
    methods |= {n: _forward(n, called) for n, called in _dunder("", _UNARY | _BINARY)}
    methods |= {n: _reflected(n, called) for n, called in _dunder("r", _BINARY)}
    methods |= {n: _comparison(n, called) for n, called in _dunder("", _COMPARISONS)}
    methods |= {n: _logical(called) for n, called in _dunder("", _LOGICAL)}
    methods |= {n: _logical(called) for n, called in _dunder("r", _LOGICAL)}
    methods["__invert__"] = _logical("logical_not")
    for name, method in methods.items():
        setattr(Variable, name, method)
    functions = {n: f"xdl.{n}" for n in ops.__all__ if not hasattr(Variable, n)}
    point_elsewhere(Variable, functions | OF_VARIABLES)
    NAMESPACES[Variable] = ops

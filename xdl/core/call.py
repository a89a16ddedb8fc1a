"""Calling an operation: arrays in, a Variable and its node out.

``call`` takes every case. The functions that ``caller`` returns take the usual one,
Variables and arrays that fit as they are, and are written for speed before beauty
(benchmarks/overhead.py): what belongs to the class is read once, when it is made.
"""

from xdl.backend import ARRAYS, NAMESPACES
from xdl.core import mode
from xdl.core.debug import check_output, user_line
from xdl.core.node import Node, tick
from xdl.core.promote import is_data, prepare
from xdl.core.variable import Variable
from xdl.errors import ShapeError, XdlError

new = object.__new__
current_mode = mode.current
FIRST, SECOND, BOTH, ONE = (True, False), (False, True), (True, True), (True,)
NUMBERS = frozenset({float, int})


def caller(cls):
    """Return the function that calls operations of a class."""
    if cls.gradient is None or cls.is_variadic:
        return call
    if len(cls.inputs) == 1 and not cls.residuals and not cls.own_dtype:
        return _unary_caller(cls.compute, cls._keep)
    second_is_own = cls.own_dtype == cls.inputs[1:]
    if len(cls.inputs) == 2 and (not cls.own_dtype or second_is_own):
        residuals, numbers = bool(cls.residuals), cls.takes_numbers
        return _binary_caller(cls.compute, cls._keep, residuals, second_is_own, numbers)
    return call


def _unary_caller(compute, keep):
    def call_unary(op, a):
        if type(a) is not Variable or a._node is None or current_mode() is not None:
            return call(op, a)
        x = a._value
        try:
            y = compute(op, NAMESPACES[type(x)], x)
        except Exception as error:
            y = _recovered(op, error, (a,), (x,))
        if type(y) is not type(x):
            y = NAMESPACES[type(x)].asarray(y)
        out, node = new(Variable), Node()
        out._value, out._node = y, node
        node.op, node.inputs, node.kept = op, (a._node,), keep(y, (), ONE, x)
        node.shape, node.dtype = y.shape, y.dtype
        node.index = tick()
        node.grad = node.flow = node.walk = None
        return out

    return call_unary


def _binary_caller(compute, keep, has_residuals, second_is_own, takes_numbers):
    def call_binary(op, a, b):
        x, z = a, b
        parent1 = parent2 = None
        if type(a) is Variable:
            x, parent1 = a._value, a._node
        if type(b) is Variable:
            z, parent2 = b._value, b._node
        if parent1 is not None:
            wanted = FIRST if parent2 is None else BOTH
            library, dtype, other = type(x), x.dtype, z
        elif parent2 is None:
            return call(op, a, b)
        else:
            wanted = SECOND
            library, dtype, other = type(z), z.dtype, x
        if type(other) is library:
            if other.dtype is not dtype and (not second_is_own or wanted is SECOND):
                return call(op, a, b)
        elif not takes_numbers or type(other) not in NUMBERS:
            return call(op, a, b)
        if current_mode() is not None:
            return call(op, a, b)
        try:
            y = compute(op, NAMESPACES[library], x, z)
        except Exception as error:
            y = _recovered(op, error, (a, b), (x, z))
        y, residuals = (y[0], y[1:]) if has_residuals else (y, ())
        if type(y) is not library:
            y = NAMESPACES[library].asarray(y)
        out, node = new(Variable), Node()
        out._value, out._node = y, node
        node.op, node.inputs = op, (parent1, parent2)
        node.kept = keep(y, residuals, wanted, x, z)
        node.shape, node.dtype = y.shape, dtype
        node.index = tick()
        node.grad = node.flow = node.walk = None
        return out

    return call_binary


def call(op, *inputs):
    """Call an operation on Variables, arrays, numbers and None; return a Variable."""
    if len(inputs) < len(op.inputs) and not op.is_variadic:
        inputs += (None,) * (len(op.inputs) - len(inputs))  # the optional ones
    xp, arrays = prepare(op, inputs)
    try:
        y = op.compute(xp, *arrays)
    except Exception as error:
        y = _recovered(op, error, inputs, arrays)
    residuals = ()
    if op.residuals:
        y, residuals = y[0], y[1:]
    if type(y) not in ARRAYS:
        y = xp.asarray(y)
    out = new(Variable)
    out._value, out._node = y, None
    unusual = current_mode()
    if unusual is not None and unusual.checks:
        check_output(op, op.names_for(inputs), arrays, y)
    parents = tuple([v._node if type(v) is Variable else None for v in inputs])
    if parents.count(None) == len(parents):
        if all(map(is_data, inputs)):
            out._is_data = True
    elif op.gradient is not None and (unusual is None or unusual.records):
        out._node = node = Node()
        wanted = tuple([parent is not None for parent in parents])
        node.op, node.inputs = op, parents
        node.kept = op._keep(y, residuals, wanted, *arrays)
        node.shape, node.dtype = y.shape, y.dtype
        node.index = tick()
        node.grad = node.flow = node.walk = None
        if unusual is not None:
            _note_for_debugging(node, inputs)
    return out


def _note_for_debugging(node, inputs):
    node.place = user_line()
    for variable in inputs:
        if type(variable) is Variable:
            variable._remember()


def _recovered(op, error, inputs, arrays):
    """Return what ``compute`` gives without NumPy's warnings, or raise the error.

    Infinities and NaN that come in go on as NaN, also where warnings are errors.
    """
    if not isinstance(error, FloatingPointError | RuntimeWarning):
        raise _explained(op, error, inputs, arrays) from None
    xp = next(NAMESPACES[type(a)] for a in arrays if type(a) in ARRAYS)
    with xp.quiet():
        return op.compute(xp, *arrays)


def _explained(op, error, inputs, arrays):
    """Return the error to raise: the shape rule's sentence if it has one."""
    shapes = [None if a is None else tuple(getattr(a, "shape", ())) for a in arrays]
    try:
        op.shape(*shapes)
    except XdlError as ours:
        error = ours.with_traceback(None)  # else it holds this frame, and the arrays
    if isinstance(error, ShapeError):
        labels = [
            f"{name} {shape}" + (f' "{v.name}"' if getattr(v, "name", None) else "")
            for name, shape, v in zip(op.names_for(inputs), shapes, inputs, strict=True)
        ]
        error = type(error)(f"{error} ({', '.join(labels)})")
    return error

"""Calling an operation: arrays in, a Variable and its node out.

``call`` takes every case. The functions that ``caller`` returns take the usual one,
Variables and arrays that fit as they are, and are written for speed before beauty
(benchmarks/overhead.py): each is made from a text, as a dataclass makes its methods,
so that what belongs to the class stands in it as if written by hand.
"""

import functools
import types

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
    """Return the function that calls operations of a class: f(op, *inputs).

    It is made at the first call: a program uses few of all operations, and making
    them all would be a fifth of ``import xdl``.
    """
    if not _is_usual(cls):
        return call

    def start(op, *inputs):
        if cls.__call__ is start:
            cls.__call__ = _made(_text(cls, "op, "), compute=cls.compute)
        return cls.__call__(op, *inputs)

    return start


def operator_of(op):
    """Return the function that calls one operation: f(a) or f(a, b)."""
    if not _is_usual(type(op)):
        return lambda *inputs: call(op, *inputs)
    return _made(_text(type(op), ""), compute=type(op).compute, op=op)


class LateKeeper:
    """``op._keep``: the function of ``keeper``, made when it is first asked for."""

    def __get__(self, op, cls):
        keep = keeper(cls)
        cls._keep = staticmethod(keep)
        return keep


def keeper(cls):
    """Return ``keep(y, residuals, wanted, *inputs)``: what ``gradient`` is given."""
    star = "*" if cls.is_variadic else ""
    listed = ", ".join((*cls.inputs[:-1], star + cls.inputs[-1]))
    kept = _kept_text(cls, cls.inputs)
    return eval(f"lambda y, residuals, wanted, {listed}: {kept}")


def _is_usual(cls):
    """Tell whether there is a text for a class; else ``call`` serves."""
    if cls.gradient is None or cls.is_variadic:
        return False
    if len(cls.inputs) == 1:
        return not cls.own_dtype
    return len(cls.inputs) == 2 and cls.own_dtype in ((), cls.inputs[1:])


def _text(cls, op):
    """Return the text of the function for a class that is usual."""
    output = "y, *residuals" if cls.residuals else "y"
    if len(cls.inputs) == 1:
        return _UNARY.format(op=op, kept=_kept_text(cls, ("x",)), output=output)
    second_is_own = cls.own_dtype == cls.inputs[1:]
    return _BINARY.format(
        op=op,
        kept=_kept_text(cls, ("x1", "x2")),
        output=output,
        may_differ="wanted is not SECOND" if second_is_own else "False",
        is_number="type(other) in NUMBERS" if cls.takes_numbers else "False",
    )


def _kept_text(cls, inputs):
    """Return the text of the tuple that is kept, given names for the inputs."""
    parts = []
    for name, (kind, which) in zip(cls.kept_names, cls._sources, strict=True):
        part = inputs[which] if kind in ("input", "inputs") else name
        if kind == "residual":
            part = f"residuals[{which}]"
        elif kind in ("shape", "dtype"):
            owner = inputs[which]
            is_star = cls.is_variadic and which == len(inputs) - 1
            part = f"tuple(x.{kind} for x in {owner})" if is_star else f"{owner}.{kind}"
        if name in cls.kept_for:
            part = f"{part} if wanted[{cls.inputs.index(cls.kept_for[name])}] else None"
        parts.append(part + ", ")
    return f"({''.join(parts)})"


def _made(text, **names):
    return types.FunctionType(_code(text), globals() | names)


@functools.cache
def _code(text):
    return compile(text, __file__, "exec").co_consts[0]


_UNARY = """def call_unary({op}a):
    if type(a) is not Variable or a._node is None or current_mode() is not None:
        return call(op, a)
    x, wanted = a._value, ONE
    try:
        {output} = compute(op, NAMESPACES[type(x)], x)
    except Exception as error:
        {output} = _recovered(op, error, (a,), (x,))
    if type(y) is not type(x):
        y = NAMESPACES[type(x)].asarray(y)
    out, node = new(Variable), Node()
    out._value, out._node = y, node
    node.op, node.inputs, node.kept = op, (a._node,), {kept}
    node.shape, node.dtype = y.shape, y.dtype
    node.index = tick()
    node.grad = node.walk = None
    return out
"""

_BINARY = """def call_binary({op}a, b):
    x1, x2 = a, b
    parent1 = parent2 = None
    if type(a) is Variable:
        x1, parent1 = a._value, a._node
    if type(b) is Variable:
        x2, parent2 = b._value, b._node
    if parent1 is not None:
        wanted = FIRST if parent2 is None else BOTH
        library, dtype, other = type(x1), x1.dtype, x2
    elif parent2 is None:
        return call(op, a, b)
    else:
        wanted = SECOND
        library, dtype, other = type(x2), x2.dtype, x1
    if type(other) is library:
        if other.dtype is not dtype and not ({may_differ}):
            return call(op, a, b)
    elif not ({is_number}):
        return call(op, a, b)
    if current_mode() is not None:
        return call(op, a, b)
    try:
        {output} = compute(op, NAMESPACES[library], x1, x2)
    except Exception as error:
        {output} = _recovered(op, error, (a, b), (x1, x2))
    if type(y) is not library:
        y = NAMESPACES[library].asarray(y)
    out, node = new(Variable), Node()
    out._value, out._node = y, node
    node.op, node.inputs, node.kept = op, (parent1, parent2), {kept}
    node.shape, node.dtype = y.shape, dtype
    node.index = tick()
    node.grad = node.walk = None
    return out
"""


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
        node.grad = node.walk = None
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

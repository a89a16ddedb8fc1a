"""Calling an operation: arrays in, a Variable and its node out.

``call`` takes every case. The functions that ``caller`` returns take the usual one,
Variables and arrays that fit as they are, and are written for speed before beauty
(benchmarks/overhead.py): each is made from a text, as a dataclass makes its methods,
so that what belongs to the class stands in it as if written by hand.
"""

import functools
import types

from xdl import backend
from xdl.arguments import FOREIGN, failed, is_ours, misfit
from xdl.backend import ARRAYS, NAMESPACES
from xdl.core import mode
from xdl.core.debug import as_file, check_output, user_line
from xdl.core.narrow import Rounded, narrow_dtype, rounded, widened
from xdl.core.node import Node, tick
from xdl.core.precision import in_precision
from xdl.core.promote import is_data, prepare, show
from xdl.core.variable import Variable
from xdl.errors import ShapeError, XdlError
from xdl.recording import current, told

new = object.__new__
current_mode = mode.current
FIRST, SECOND, BOTH, ONE = (True, False), (False, True), (True, True), (True,)
NUMBERS = frozenset({float, int})
FLOAT32, FLOAT64 = backend.FLOAT32, backend.FLOAT64


def caller(cls):
    """Return the function that calls operations of a class: f(op, *inputs).

    It is made at the first call: a program uses few of all operations, and making
    them all would be a fifth of ``import xdl``.
    """
    if not _is_usual(cls):
        return call

    def start(op, *inputs, **named):
        if cls.__call__ is start:
            text = _text(cls, "op, ", is_open=True)
            cls.__call__ = _made(cls, text, compute=cls.compute)
        return cls.__call__(op, *inputs, **named)

    return start


def operator_of(op):
    """Return the function that calls one operation: f(a) or f(a, b), and no others."""
    if not _is_usual(type(op)):
        return lambda *inputs: call(op, *inputs)
    text = _text(type(op), "", is_open=False)
    return _made(type(op), text, compute=type(op).compute, op=op)


def function_calling(op):
    """Return a function that calls one operation, with inputs by place or by name.

    It gets its code at its first call, as the operations' classes do.
    """

    def ready():
        if function.__code__ is _WAITING:
            cls = type(op)
            is_usual = _is_usual(cls)
            text = _text(cls, "", is_open=True) if is_usual else _GENERAL
            count = len(cls.signature.inputs) if is_usual else 0
            function.__defaults__ = (None,) * count
            function.__code__ = _filed(cls, text)
        return function

    names = {"op": op, "compute": type(op).compute, "ready": ready}
    function = types.FunctionType(_WAITING, globals() | names)
    return function


def _is_usual(cls):
    """Tell whether there is a text for a class; else ``call`` serves."""
    takes = cls.signature
    if cls.gradient is None or takes.is_variadic or cls.conditions:
        return False
    if len(takes.inputs) == 1:
        return not cls.own_dtype
    return len(takes.inputs) == 2 and cls.own_dtype in ((), takes.inputs[1:])


def _text(cls, op, is_open):
    """Return the text of the function for a class that is usual.

    Args:
        op: its parameter for the operation, or nothing.
        is_open: Python gives operators as many operands as they take; whoever else
            calls may give more, and by name: then ``call`` looks closer.
    """
    takes = cls.signature
    more = ", *more, **named" if is_open else ""
    operands = "a" if len(takes.inputs) == 1 else "a, b"
    refused = _REFUSED.format(operands=operands) if is_open else _AS_MANY_LINES
    output = "y, *residuals" if cls.residuals else "y"
    if len(takes.inputs) == 1:
        kept = takes.kept_text(("x",))
        return _UNARY.format(
            op=op, kept=kept, more=more, refused=refused, output=output
        )
    second_is_own = cls.own_dtype == takes.inputs[1:]
    return _BINARY.format(
        op=op,
        more=more,
        refused=refused,
        kept=takes.kept_text(("x1", "x2")),
        output=output,
        may_differ="wanted is not SECOND" if second_is_own else "False",
        is_number="type(other) in NUMBERS" if cls.takes_numbers else "False",
    )


def _made(cls, text, **names):
    missing = (None,) * len(cls.signature.inputs)
    return types.FunctionType(_filed(cls, text), globals() | names, None, missing)


def _filed(cls, text):
    return _code(text).replace(co_filename=as_file(f"call of {cls.__name__}", text))


@functools.cache
def _code(text):
    constants = compile(text, "", "exec").co_consts
    return next(c for c in constants if isinstance(c, types.CodeType))


_FIRST = """def wait(*inputs, **named):
    return ready()(*inputs, **named)
"""
_WAITING = _code(_FIRST).replace(co_filename=as_file("first call", _FIRST))

_GENERAL = """def call_any(*inputs, **named):
    return call(op, *inputs, **named)
"""

_REFUSED = """    if more or named:
        return call(op, {operands}, *more, **named)
"""

_AS_MANY_LINES = "\n\n"  # so that every form of a call has the same ones in a traceback

_UNARY = """def call_unary({op}a=None{more}):
    if type(a) is not Variable or a._node is None or current_mode() is not None:
        return call(op, a{more})
{refused}    x, wanted = a._value, ONE
    dtype = x.dtype
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return call(op, a)
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

_BINARY = """def call_binary({op}a=None, b=None{more}):
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
        return call(op, a, b{more})
    else:
        wanted = SECOND
        library, dtype, other = type(x2), x2.dtype, x1
    if type(other) is library:
        if other.dtype is not dtype and not ({may_differ}):
            return call(op, a, b{more})
    elif not ({is_number}):
        return call(op, a, b{more})
{refused}    if dtype is not FLOAT32 and dtype is not FLOAT64:
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


def call(op, *inputs, **named):
    """Call an operation on Variables, arrays, numbers and None; return a Variable."""
    takes = op.signature
    if len(inputs) < len(takes.inputs) and not takes.is_variadic:
        inputs += (None,) * (len(takes.inputs) - len(inputs))  # the optional ones
    if named:
        inputs = _with_named(op, inputs, named)
    xp, inputs, arrays, is_open = prepare(op, inputs)
    narrow = narrow_dtype(op, arrays)
    unusual = current_mode()
    if unusual is not None and op.multiplies:
        op = in_precision(op, unusual, arrays)
    is_wide = narrow is not None and not op.moves
    taken = widened(xp, arrays) if is_wide else arrays
    whole, residuals = _computed(op, xp, inputs, taken)
    y = rounded(xp, whole, narrow) if is_wide else whole
    out = new(Variable)
    out._value, out._node = y, None
    if unusual is not None and unusual.checks:
        check_output(op, op.names_for(inputs), arrays, y)
    parents = _parents(op, inputs)
    if parents.count(None) == len(parents):
        if all(map(is_data, inputs)):
            out._is_data = True
        if (recording := current()) is not None and xp is recording.xp:
            given = [getattr(value, "_value", value) for value in inputs]
            recording.looked_at += [a for a in given if type(a) in ARRAYS]
        if is_open:
            show(op, out)
    elif op.gradient is not None and (unusual is None or unusual.records):
        out._node = node = Node()
        wanted = tuple([parent is not None for parent in parents])
        node.op = op if narrow is None else Rounded(op, narrow, arrays)
        node.inputs = parents
        node.kept = takes.keep(whole, residuals, wanted, *arrays)
        node.shape, node.dtype = y.shape, y.dtype
        node.index = tick()
        node.grad = node.walk = None
        if unusual is not None and unusual.checks:
            _note_for_debugging(node, inputs)
    return out


def _with_named(op, inputs, named):
    """Return the inputs with those in their places that came by name."""
    filled, takes = list(inputs), op.signature
    names = () if takes.is_variadic else takes.inputs
    for name, value in named.items():
        if name not in names or filled[names.index(name)] is not None:
            given = [x for x in inputs if x is not None]
            raise misfit(op, given, named, str(op))
        filled[names.index(name)] = value
    return filled


def _computed(op, xp, inputs, arrays):
    """Return the output, an array, and the residuals."""
    try:
        y = op.compute(xp, *arrays)
    except Exception as error:
        y = _recovered(op, error, inputs, arrays)
    residuals = ()
    if op.residuals:
        y, residuals = y[0], y[1:]
    return y if type(y) in ARRAYS else xp.asarray(y), residuals


def _parents(op, inputs):
    """Return the nodes of the inputs, None for what is constant or a condition."""
    parents = tuple([v._node if type(v) is Variable else None for v in inputs])
    if not op.conditions:
        return parents
    named = zip(op.signature.inputs, parents, strict=False)
    return tuple([None if n in op.conditions else p for n, p in named])


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
        told(object())  # who catches it learns that shapes do not fit
        try:
            raise _explained(op, error, inputs, arrays) from None
        finally:
            del error  # it would hold this frame, and the arrays, by its traceback
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
    except Exception:  # a foreign one of the rule: that of ``compute`` says as much
        pass
    if isinstance(error, FOREIGN) and is_ours(type(op)):
        named = zip(op.names_for(inputs), arrays, strict=True)
        error = failed(str(op), error, dict(named))
    if isinstance(error, ShapeError):
        labels = [
            f"{name} {shape}" + (f' "{v.name}"' if getattr(v, "name", None) else "")
            for name, shape, v in zip(op.names_for(inputs), shapes, inputs, strict=True)
        ]
        error = type(error)(f"{error} ({', '.join(labels)})")
    return error

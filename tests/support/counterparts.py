"""The functions of other libraries that those of xdl are compared with.

An operation's class names them (``reference``, ``torch``), or the decorator of a
function that is made of operations does. Where they name none it is the function of the
same name; what no library has stands in tests/ops/<family>/references.py.
"""

import functools
import importlib

import xdl
from xdl.core.case import Counterpart
from xdl.core.op import Op


def class_of(name):
    """Return the class of the operation that a function of xdl.ops calls, or None."""
    function = getattr(xdl.ops, name)
    lone = type(function) if isinstance(function, Op) else None
    return getattr(function, "op_class", lone)


def composed_functions():
    """Return the names of the functions that are made of operations."""
    return [name for name in xdl.ops.__all__ if class_of(name) is None]


@functools.cache
def _function_names():
    return {class_of(name): name for name in reversed(xdl.ops.__all__)}


def named(owner, attribute, default):
    """Return the counterpart that a class or function names, or the default's.

    A class inherits none: its base is compared with that.
    """
    value = vars(owner).get(attribute) or default
    return Counterpart(value) if isinstance(value, str) else value


def options_there(counterpart, options):
    """Return options as a counterpart calls them."""
    theirs = {ours: theirs for theirs, ours in counterpart.options.items()}
    there = {theirs.get(name, name): value for name, value in options.items()}
    return counterpart.defaults | there


@functools.cache
def reference_of(op_class):
    """Return what computes the same, of the inputs and options of a ``Case``, or None.

    Nothing but the class and the file of its family know it.
    """
    own = _of_family(op_class).get(op_class.__name__)
    name = _function_names().get(op_class, op_class.__name__)
    counterpart = named(op_class, "reference", f"numpy.{name}")
    module, _, name = counterpart.name.rpartition(".")
    function = own or getattr(importlib.import_module(module), name, None)

    def call(*inputs, **options):
        return function(*inputs, **options_there(counterpart, options))

    return function and call


def _of_family(op_class):
    family = op_class.__module__.split(".")[2]
    try:
        return importlib.import_module(f"tests.ops.{family}.references").REFERENCES
    except ModuleNotFoundError:
        return {}

"""What comes from elsewhere: arrays of other libraries, and what gradients make.

Gradients are written against ``xp``. Where ``xp`` is ``xdl.ops``, the arrays are
Variables, and these are the names that no operation stands for.
"""

from __future__ import annotations

import contextlib

from xdl import backend
from xdl.arguments import explained
from xdl.backend import NAMESPACES
from xdl.core.case import Case, Counterpart
from xdl.core.op import composed
from xdl.core.option import plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable, array_of
from xdl.errors import ArgumentError
from xdl.ops.axes import as_operand
from xdl.ops.elementwise.arithmetic import add, divide, multiply, subtract
from xdl.ops.elementwise.selection import where
from xdl.ops.layout.shape import astype, reshape
from xdl.typing import ArrayLike


@explained
def from_dlpack(x: ArrayLike) -> Variable:
    """Take an array of another library as data, on the same memory.

    The other way, ``numpy.from_dlpack(variable)`` and ``torch.from_dlpack(variable)``
    share the memory of a Variable that you made, as its ``value`` does: what is written
    there changes the Variable, and a backward through what was computed from it before
    is a ``GraphError``. (NumPy 2.1 itself gives whatever it takes as read-only.) The
    result of an operation is refused, as by PyTorch: a graph may hold it, and PyTorch
    would write into it. ``detach()`` it first.

    Args:
        x: an array with ``__dlpack__``, such as a tensor of PyTorch, on the CPU or a
            GPU; what is written into it changes the result.

    Returns:
        A Variable that is not trainable. ``Variable(x)`` makes a trainable copy.

    Raises:
        DtypeError: ``x`` has no ``__dlpack__``, or its numbers are not real.
        DeviceError: it is on another kind of device, or the GPU is not usable.

    Example:
        >>> import numpy as np
        >>> import xdl
        >>> numbers = np.array([1.0, 2.0])
        >>> x = xdl.from_dlpack(numbers)
        >>> numbers[0] = 7.0
        >>> x
        Variable([7., 2.])
    """
    return as_variable(backend.from_dlpack(x))


@composed(
    torch=Counterpart("linspace", {"end": "stop", "steps": "num"}, samples=()),
    cases=(Case([(), (3,)], {"num": 4}),),
)
def linspace(start: ArrayLike, stop: ArrayLike, num: int = 50) -> Variable:
    """Return numbers from ``start`` to ``stop``, as far from each other.

    Args:
        start, stop: the first and the last, numbers or arrays whose shapes broadcast;
            the gradient flows to both.
        num: how many; default 50. One is ``start`` alone.

    Returns:
        An array (num, ...), with the axes of ``start`` and ``stop`` after the first.

    Raises:
        ArgumentError: ``num`` is no int from 0 on.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> import xdl
        >>> xdl.linspace(0, 1, 5)
        Variable([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    num = plain("linspace", "num", num)
    if not isinstance(num, int) or num < 0:
        raise ArgumentError(f"linspace: num {num!r} came, needed an int >= 0")
    start, stop = as_operand(start), as_operand(stop)
    span = subtract(stop, start)
    counted = backend.cast(backend.from_python(list(range(num))), "int64")
    counted = reshape(counted, (num, *[1] * span.ndim))
    dtype = span.dtype if backend.is_floating(span) else backend.DEFAULT_DTYPE
    part = divide(astype(counted, dtype), max(num - 1, 1))
    return add(multiply(start, subtract(1, part)), multiply(stop, part))  # exact ends


def _like(maker, text):
    def make(like, shape):
        array = array_of(like)
        return Variable._of(getattr(NAMESPACES[type(array)], maker)(array, shape))

    make.__doc__ = f"Return {text}, on the device of ``like``, a Variable."
    return make


new_zeros = _like("new_zeros", "zeros of a shape and of its dtype")
new_ones = _like("new_ones", "ones of a shape and of its dtype")
new_arange = _like("new_arange", "the int64 numbers below a bound")


def quiet():
    """Return an empty context: the operations silence NumPy themselves."""
    return contextlib.nullcontext()


def zero_unless(mask, x):
    """Return ``x`` where ``mask`` holds and 0 elsewhere."""
    return where(mask, x, 0.0)


def is_within(x, limit):
    """Answer False: it is a hint, and a formula that needs it has a general form."""
    return False


def check_indices(indices, size, who, error):
    """Do nothing: the forward computation has checked them."""


def asarray(x):
    """Return ``x``, which is a Variable already."""
    return x

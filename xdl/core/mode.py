"""The switches of eager execution: ``no_grad`` and ``set_debug``.

One ContextVar holds them all, so that an operation reads one value to learn that
nothing unusual is asked for (``None``), and threads never see each other's.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from xdl.arguments import explained
from xdl.recording import count_revision


class Mode(NamedTuple):
    """What the operations of this context do besides computing."""

    records: bool = True
    checks: bool = False


_USUAL = Mode()
_mode: ContextVar[Any] = ContextVar("xdl_mode", default=None)
current = _mode.get


def records() -> bool:
    """Tell whether operations record a graph."""
    return (_mode.get() or _USUAL).records


def _change(**changes):
    changed = (_mode.get() or _USUAL)._replace(**changes)
    _mode.set(None if changed == _USUAL else changed)


class _Recording:
    """A ``with`` block in which graphs are, or are not, recorded."""

    _records = True

    @explained
    def __init__(self) -> None:
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._before.append((_mode.get() or _USUAL).records)
        _change(records=self._records)

    def __exit__(self, *exception: object) -> None:
        _change(records=self._before.pop())


class no_grad(_Recording):
    """Compute without recording a graph: for prediction, and for changing weights.

    Use it as a ``with`` block. What is computed inside is not trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0])
        >>> with xdl.no_grad():
        ...     (w * 2).trainable
        False
    """

    _records = False


class enable_grad(_Recording):
    """Record a graph again, in a ``with`` block inside ``no_grad``.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0])
        >>> with xdl.no_grad(), xdl.enable_grad():
        ...     (w * 2).trainable
        True
    """


@explained
def set_debug(on: bool) -> None:
    """Check every operation of this thread for NaN, in forward and in backward.

    The first NaN raises a ``NonFiniteError`` that names the operation, the layer, the
    line of your program and the range of what went in. What is used of a trainable
    Variable is remembered, so that a backward sees any write into it since. Slow; for
    finding a fault.

    Args:
        on: True or False.

    Example:
        >>> import xdl
        >>> xdl.set_debug(True)
        >>> try:
        ...     xdl.log(xdl.Variable([-1.0]))
        ... except xdl.NonFiniteError as error:
        ...     print(str(error).partition(";")[0])
        ... finally:
        ...     xdl.set_debug(False)
        Log: NaN came out of x from -1 to -1 (shape (1,), float32)
    """
    _change(checks=bool(on))
    count_revision()  # compiled steps run as they are

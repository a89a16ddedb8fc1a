"""The switches of eager execution: ``no_grad``, ``set_debug``, and those of precision.

One ContextVar holds them all, so that an operation reads one value to learn that
nothing unusual is asked for (``None``), and threads never see each other's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from xdl.arguments import explained, kind, refuse_uncallable
from xdl.errors import ArgumentError
from xdl.recording import count_revision

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Mode(NamedTuple):
    """What the operations of this context do besides computing, and how precisely."""

    records: bool = True
    checks: bool = False
    matmul_precision: str = "highest"
    autocast: str | None = None


_USUAL = Mode()
_mode: ContextVar[Mode | None] = ContextVar("xdl_mode", default=None)
current = _mode.get


def records() -> bool:
    """Tell whether operations record a graph."""
    return (_mode.get() or _USUAL).records


def change(**changes: Any) -> dict[str, object]:
    """Set switches of this context; return what they were."""
    now = _mode.get() or _USUAL
    changed = now._replace(**changes)
    _mode.set(None if changed == _USUAL else changed)
    return {name: getattr(now, name) for name in changes}


class Block:
    """A ``with`` block, or a function, in which switches are set.

    Args:
        **changes: the switches.
    """

    def __init__(self, **changes: object) -> None:
        self._changes, self._before = changes, list[dict[str, object]]()

    def __enter__(self) -> None:
        self._before.append(change(**self._changes))

    def __exit__(self, *exception: object) -> None:
        change(**self._before.pop())

    def __call__(
        self, function: Callable[_Given, _Result]
    ) -> Callable[_Given, _Result]:
        """Return the function, each call of which is such a block.

        The bodies of generators and coroutines are, too; who iterates is outside.

        Raises:
            ArgumentError: it is no function.
        """
        who = type(self).__name__
        if isinstance(function, type):
            raise ArgumentError(f"{who}: {kind(function)} came, needed a function")
        refuse_uncallable(who, function)
        block = functools.partial(Block, **self._changes)
        return cast("Callable[_Given, _Result]", _within(block, function))


class no_grad(Block):
    """Compute without recording a graph: for prediction, and for changing weights.

    Use it as a ``with`` block, or write ``@xdl.no_grad()`` above a function. What is
    computed inside is not trainable.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0])
        >>> with xdl.no_grad():
        ...     (w * 2).trainable
        False
        >>> @xdl.no_grad()
        ... def predict(x):
        ...     return w * x
        >>> predict(2.0).trainable
        False
    """

    @explained
    def __init__(self) -> None:
        super().__init__(records=False)


class enable_grad(Block):
    """Record a graph again, in a ``with`` block or a function, inside ``no_grad``.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0])
        >>> with xdl.no_grad(), xdl.enable_grad():
        ...     (w * 2).trainable
        True
    """

    @explained
    def __init__(self) -> None:
        super().__init__(records=True)


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
    change(checks=bool(on))
    count_revision()  # compiled steps run as they are


def _within(block, function):
    """Return a function whose body runs within a new block at each call."""
    import inspect  # here, for it would take 5 ms of `import xdl`

    async def wait(*inputs, **options):
        with block():
            return await function(*inputs, **options)

    def generate(*inputs, **options):
        return (yield from _Steps(block, function(*inputs, **options)))

    def call(*inputs, **options):
        with block():
            return function(*inputs, **options)

    is_generator = inspect.isgeneratorfunction(function)
    within = wait if inspect.iscoroutinefunction(function) else call
    return functools.wraps(function)(generate if is_generator else within)


class _Steps:
    """A generator, each step of which runs within a block: what is between does not."""

    def __init__(self, block, generator):
        self._block, self._generator = block, generator

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        with self._block():
            return self._generator.send(value)

    def throw(self, *error):
        with self._block():
            return self._generator.throw(*error)

    def close(self):
        with self._block():
            self._generator.close()

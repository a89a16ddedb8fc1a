"""Layers without weights of their own: dropout, flattening, one after another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, overload

from xdl.arguments import kind
from xdl.core.module import Module
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops import dropout, reshape
from xdl.ops.axes import as_operand
from xdl.ops.random import Dropout as _Dropout
from xdl.typing import ArrayLike


class Dropout(Module):
    """Set elements to 0 at random while training; do nothing after ``eval()``.

    Args:
        p: the probability of 0, from 0 to 1; default 0.5. The others are divided by
            1 - p.

    Raises:
        ArgumentError: ``p`` is outside [0, 1].

    Example:
        >>> import xdl
        >>> xdl.nn.Dropout(0.5).eval()([1.0, 2.0])
        Variable([1., 2.], dtype=float32)
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = _Dropout(p).p

    def forward(self, x: ArrayLike) -> Variable:
        return dropout(x, self.p, self.is_training)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Flatten(Module):
    """Make one axis of the axes from ``start`` on.

    Args:
        start: the first of them, an int >= 0; default 1, so that samples stay apart.

    Raises:
        ArgumentError: ``start`` is no int >= 0.
        ShapeError (when it is called): there is no axis ``start``.

    Example:
        >>> import xdl
        >>> xdl.nn.Flatten()(xdl.Variable([[[1.0, 2.0], [3.0, 4.0]]])).shape
        (1, 4)
    """

    def __init__(self, start: int = 1) -> None:
        super().__init__()
        start = plain("Flatten", "start", start)
        if not isinstance(start, int) or start < 0:
            raise ArgumentError(f"Flatten: start {start!r} came, needed an int >= 0")
        self.start = start

    def forward(self, x: ArrayLike) -> Variable:
        x = as_operand(x)
        shape = tuple(x.shape)
        if len(shape) <= self.start:
            raise ShapeError(f"{self}: x {shape} has no axis {self.start}")
        kept = shape[: self.start]
        return reshape(x, (*kept, math.prod(shape[self.start :])))

    def __repr__(self) -> str:
        return f"Flatten({self.start})"


class Sequential(Module):
    """Call layers one after another.

    Args:
        layers: Modules, or functions of one Variable.

    Raises:
        ArgumentError: one of them cannot be called.

    Example:
        >>> import xdl
        >>> model = xdl.nn.Sequential(
        ...     xdl.nn.Linear(4, 8), xdl.nn.ReLU(), xdl.nn.Linear(8, 3)
        ... )
        >>> model([[1.0, 2.0, 3.0, 4.0]]).shape
        (1, 3)
        >>> list(model.parameter)[:2]
        ['layers/0/weight', 'layers/0/bias']
    """

    def __init__(self, *layers: Module | Callable[..., Any]) -> None:
        super().__init__()
        for layer in layers:
            if not callable(layer) or isinstance(layer, type):
                hint = ""
                if isinstance(layer, type):
                    hint = f"; make one: {layer.__name__}(...)"
                elif isinstance(layer, list | tuple):
                    hint = " one by one: Sequential(*layers)"
                raise ArgumentError(
                    f"Sequential: {kind(layer)} came, needed layers and functions{hint}"
                )
        self.layers = layers

    def forward(self, x: ArrayLike) -> Variable:
        y: Any = x
        for layer in self.layers:
            y = layer(y)
        return y

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Return a layer; for a slice, a Sequential of these layers."""
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        return self.layers[index]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

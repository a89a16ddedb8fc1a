"""Signature: what operations take and keep, read from their class when it is made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from xdl.core.debug import as_file
from xdl.errors import GraphError, ShapeError

if TYPE_CHECKING:
    from xdl.core.node import Node

_CO_VARARGS = 0x04  # inspect.CO_VARARGS


class Signature:
    """What the operations of a class take, and what is kept for their gradient.

    Args:
        cls: the class; the parameters of its ``compute`` and ``gradient`` are read.

    Attributes:
        inputs: the names of the inputs.
        is_variadic: whether the last of them stands for any number.
        required: how many there must be; the others are optional.
        takes_part: for each, whether it has the floating dtype that they share.
        kept: the names of what is kept for the gradient, in its order.
        sources: where each of these comes from, as pairs (kind, position): an
            ``"input"``, the ``"inputs"`` that a star stands for, the ``"shape"`` or
            ``"dtype"`` of one, a ``"residual"``, ``"y"`` or ``"wanted"``.

    Raises:
        GraphError: a parameter of ``gradient`` is none of these.
    """

    def __init__(self, cls: type[Any]) -> None:
        names, star = parameters(cls.compute)
        self.inputs = (*names[2:], star) if star else names[2:]
        self.is_variadic = star is not None
        self.required = len(self.inputs) - len(written(cls.compute).__defaults__ or ())
        self.takes_part = tuple([name not in cls.own_dtype for name in self.inputs])
        self._name, self._kept_for = cls.__name__, cls.kept_for
        self.kept: tuple[str, ...] = ()
        if cls.gradient is not None:
            names, _ = parameters(cls.gradient)
            self.kept = names[names.index("gy") + 1 :]
        self.sources = [self._source(name, cls.residuals) for name in self.kept]

    def _source(self, name: str, residuals: tuple[str, ...]) -> tuple[str, Any]:
        if name in ("y", "wanted"):
            return name, None
        if name in residuals:
            return "residual", residuals.index(name)
        if name in self.inputs:
            position = self.inputs.index(name)
            return ("inputs" if self.is_star(position) else "input"), position
        owner, _, attribute = name.rpartition("_")
        if owner in self.inputs and attribute in ("shape", "dtype"):
            return attribute, self.inputs.index(owner)
        raise GraphError(
            f"{self._name}.gradient: parameter {name!r} is neither an input of compute "
            f"{self.inputs}, nor y, wanted, <input>_shape, <input>_dtype or one of the "
            f"residuals {residuals}"
        )

    def is_star(self, position: int) -> bool:
        """Tell whether the input at a position stands for any number of them."""
        return self.is_variadic and position == len(self.inputs) - 1

    def names_for(self, who: Any, inputs: Sequence[Any]) -> tuple[str, ...]:
        """Return a name for each input of a call.

        Raises:
            ShapeError: there are too many; the sentence names ``who``.
        """
        if not self.is_variadic:
            if len(inputs) > len(self.inputs):
                raise ShapeError(
                    f"{who}: {len(inputs)} inputs came, needed {len(self.inputs)}"
                )
            return self.inputs[: len(inputs)]
        *fixed, star = self.inputs
        rest = [f"{star}[{i}]" for i in range(len(inputs) - len(fixed))]
        return (*fixed, *rest)

    @functools.cached_property
    def keep(self) -> Callable[..., tuple[Any, ...]]:
        """The function ``keep(y, residuals, wanted, *inputs)``: what is kept.

        It is made when it is first asked for: a program uses few of all operations.
        """
        *fixed, last = self.inputs
        listed = ", ".join((*fixed, f"*{last}" if self.is_variadic else last))
        kept = self.kept_text(self.inputs)
        text = f"lambda y, residuals, wanted, {listed}: {kept}"
        code = compile(text, as_file(f"kept by {self._name}", text), "eval")
        return eval(code)  # type: ignore[no-any-return]

    def kept_text(self, inputs: Sequence[str]) -> str:
        """Return the text of the tuple that is kept, given names for the inputs."""
        parts = []
        for name, (kind, which) in zip(self.kept, self.sources, strict=True):
            part = inputs[which] if kind in ("input", "inputs") else name
            if kind == "residual":
                part = f"residuals[{which}]"
            elif kind in ("shape", "dtype"):
                owner = inputs[which]
                part = f"{owner}.{kind}"
                if self.is_star(which):
                    part = f"tuple(x.{kind} for x in {owner})"
            if name in self._kept_for:
                wanted = self.inputs.index(self._kept_for[name])
                part = f"{part} if wanted[{wanted}] else None"
            parts.append(part + ", ")
        return f"({''.join(parts)})"

    def shapes(self, node: Node) -> list[tuple[int, ...] | None]:
        """Return the shapes of a call's inputs, None where they were not kept."""
        known: dict[int, Any] = {}
        for (kind, which), kept in zip(self.sources, node.kept, strict=True):
            if kind in ("input", "inputs", "shape"):
                items = kept if self.is_star(which) else (kept,)
                for i, item in enumerate(items, which):
                    shape = item if kind == "shape" else getattr(item, "shape", None)
                    known[i] = known.get(i) if shape is None else shape
        return [
            known.get(i) if parent is None else parent.shape
            for i, parent in enumerate(node.inputs)
        ]


def written(function: Any) -> Any:
    """Return the function as it was written: without what was wrapped around it."""
    return getattr(function, "__wrapped__", function)


def parameters(function: Any) -> tuple[tuple[str, ...], str | None]:
    """Return the names of a function's positional parameters and of its star or None.

    The code object is read, not `inspect.signature`: 50 operations would take 5 ms.
    """
    code = written(function).__code__
    names = code.co_varnames[: code.co_argcount + 1]
    has_star = bool(code.co_flags & _CO_VARARGS)
    return names[: code.co_argcount], names[-1] if has_star else None

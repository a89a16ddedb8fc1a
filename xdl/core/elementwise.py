"""Bases of operations that go element by element: of one array, of two."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xdl.backend import blocks
from xdl.core.case import Case, binary_cases, unary_cases
from xdl.core.op import Op

if TYPE_CHECKING:
    from xdl.core.variable import Variable
    from xdl.typing import ArrayLike


class Unary(Op):
    """The base of operations of one array.

    Attributes:
        is_chain: it is many calls, which go through large arrays block by block; then
            ``gradient`` is of arrays of the shape of ``x`` alone, as ``compute`` is.
    """

    cases = unary_cases()
    is_chain: bool = False

    def __init_subclass__(cls) -> None:
        if cls.is_chain:
            for name in {"compute", "gradient"} & vars(cls).keys():
                setattr(cls, name, _in_blocks(getattr(cls, name)))
        super().__init_subclass__()

    def __call__(self, x: ArrayLike) -> Variable:
        """Call the operation on a Variable, an array or a number."""
        return super().__call__(x)


class Binary(Op):
    """The base of operations of two arrays whose shapes broadcast."""

    cases = binary_cases()

    def __call__(self, x1: ArrayLike, x2: ArrayLike) -> Variable:
        """Call the operation on two Variables, arrays or numbers."""
        return super().__call__(x1, x2)


class Comparison(Binary):
    """The base of comparisons: no gradient flows, and what comes out is true or not."""

    cases = (*binary_cases(), Case([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]))


def _in_blocks(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def in_blocks(self: Any, xp: Any, *arrays: Any) -> Any:
        if arrays[0].size < blocks.LEAST:
            return function(self, xp, *arrays)
        of_block = functools.partial(function, self, xp)
        return blocks.by_elements(xp, of_block, *arrays)

    return in_blocks

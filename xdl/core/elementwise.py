"""Bases of operations that go element by element: of one array, of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdl.core.case import Case, binary_cases, unary_cases
from xdl.core.op import Op

if TYPE_CHECKING:
    from xdl.core.variable import Variable
    from xdl.typing import ArrayLike


class Unary(Op):
    """The base of operations of one array."""

    cases = unary_cases()

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

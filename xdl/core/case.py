"""Samples of an operation's use, kept beside it; the tests are generated from them."""

from typing import Any, NamedTuple

from xdl.errors import ShapeError


class Case(NamedTuple):
    """One use that must work.

    Attributes:
        inputs: for each input a tuple (the shape of a float array to draw), or a list
            (a literal array, for indices and labels); None for an optional input.
        options: the arguments of the operation's class.
        low, high: the range that the float arrays are drawn from.
        smooth: whether the gradient exists everywhere in the range; default True.
        gradients: at a kink or a singular point, the gradients of the sum of the output
            that PyTorch has there, one for each input that has any.
    """

    inputs: list[Any]
    options: dict[str, Any] = {}
    low: float = -2.0
    high: float = 2.0
    smooth: bool = True
    gradients: list[Any] | None = None

    @property
    def is_smooth(self) -> bool:
        """Whether the gradient exists everywhere in the range."""
        return self.smooth and self.gradients is None


class BadCase(NamedTuple):
    """One use that must be refused.

    Attributes:
        inputs, options: as in ``Case``.
        error: the class of the error.
        says: a part of its sentence.
    """

    inputs: list[Any]
    error: type[Exception]
    says: str
    options: dict[str, Any] = {}


Cases = tuple[Case | BadCase, ...]


def unary_cases(low: float = -2.0, high: float = 2.0) -> Cases:
    """Return cases of an operation of one array, of numbers in a range."""
    return Case([(2, 3)], low=low, high=high), Case([()], low=low, high=high), _NONE


def binary_cases(low: float = -2.0, high: float = 2.0) -> Cases:
    """Return cases of an operation of two that broadcast, of numbers in a range."""
    shapes = [(2, 3), (2, 3)], [(3, 1), (1, 4)], [(), (2, 3)], [(4,), (2, 4)]
    good = [Case(list(pair), low=low, high=high) for pair in (*shapes, [(0, 3), (3,)])]
    return *good, _REFUSED


_NONE = Case([(3, 0, 2)])
_REFUSED = BadCase(
    [(2, 3), (4,)], ShapeError, "shapes (2, 3) and (4,) do not broadcast"
)


class Onnx(NamedTuple):
    """How an operation is called in ONNX: one node, its options in their places.

    Options that are None are left out, inputs in the middle too.

    Attributes:
        name: the operator's name.
        attributes: from ONNX's attribute name to the option that holds its value.
        inputs: options that ONNX takes as further integer inputs, in order.
        numbers: options that ONNX takes as further inputs, numbers of the dtype of the
            first input, in order.
        fixed: attributes that are the same for every instance, with their values.
    """

    name: str
    attributes: dict[str, str] = {}
    inputs: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    fixed: dict[str, Any] = {}


class Counterpart(NamedTuple):
    """A function of another library that computes the same as one of xdl.

    Attributes:
        name: the function's, with the modules that it stands in.
        options: from the name of an option there to that of the operation.
        defaults: options that are other ones there if nothing is said, with the values
            that they need.
        samples: for PyTorch, the entries of its operator database that are given to
            the function, with ``:variant`` where one has it; default: its name.
    """

    name: str
    options: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    samples: tuple[str, ...] | None = None

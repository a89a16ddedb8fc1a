"""Reductions without a gradient: truth and positions along axes."""

from __future__ import annotations

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_axis
from xdl.ops.reduction.reduce import (
    DIMS,
    EMPTY,
    MANY,
    OF_NUMBER,
    NonEmptyReduction,
    Reduction,
)
from xdl.typing import ArrayLike, Axes, Axis


class All(Reduction):
    torch = Counterpart("all", DIMS)
    onnx = "ReduceProd"
    cases = (*MANY, *EMPTY, *OF_NUMBER)

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.all(x, axis=axis, keepdims=self.keepdims)

    def to_onnx(self, graph, x):
        return _of_booleans(super(), graph, x)


@function_of(All)
def all(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Tell along axes whether all elements are true (not 0).

    Args:
        x: an array of any shape.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        Booleans; True for no elements.

    Raises:
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.all([[True, False], [True, True]], axis=1)
        Variable([False,  True])
    """
    return All(axis, keepdims)(x)


class Any(Reduction):
    torch = Counterpart("any", DIMS)
    onnx = "ReduceSum"
    cases = (*MANY, *EMPTY, *OF_NUMBER)

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.any(x, axis=axis, keepdims=self.keepdims)

    def to_onnx(self, graph, x):
        return _of_booleans(super(), graph, x)


@function_of(Any)
def any(x: ArrayLike, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Tell along axes whether any element is true (not 0).

    Args:
        x: an array of any shape.
        axis: None (all axes), an int or a tuple of ints.
        keepdims: keep reduced axes with length 1; default False.

    Returns:
        Booleans; False for no elements.

    Raises:
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.any([[True, False], [False, False]], axis=1)
        Variable([ True, False])
    """
    return Any(axis, keepdims)(x)


def _of_booleans(reduction, graph, x):
    """Write a reduction of truth values as one of the integers 0 and 1."""
    shape = graph.shape(x)
    x = graph.cast(graph.cast(x, "bool"), "int32")
    return graph.cast(
        reduction.to_onnx(graph, graph.declare(x, shape, "int32")), "bool"
    )


_ARG = (
    Case([(2, 3)]),
    Case([(2, 3)], {"axis": 0}),
    Case([(2, 3)], {"axis": -1, "keepdims": True}),
    BadCase([(2, 3)], ShapeError, "axis 2 came", {"axis": 2}),
    BadCase([(2, 3)], ArgumentError, "axis (0,) came, needed an int", {"axis": (0,)}),
    BadCase([(3, 0)], ShapeError, "has no elements", {"axis": 1}),
    *OF_NUMBER[:3],
)


class ArgMax(NonEmptyReduction):
    torch = Counterpart("argmax", DIMS)
    onnx = "ArgMax"
    cases = _ARG

    def __init__(self, axis=None, keepdims=False):
        axis = axis if axis is None else as_axis(type(self).__name__, axis)
        super().__init__(axis, keepdims)

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.argmax(x, axis=axis, keepdims=self.keepdims)

    def to_onnx(self, graph, x):
        if self.axis is not None and graph.shape(x):
            return graph.add(self.onnx, x, axis=self.axis, keepdims=self.keepdims)
        ndim = len(graph.shape(x))
        x = graph.add("Reshape", x, graph.integers(-1))
        y = graph.add(self.onnx, x, axis=0, keepdims=False)
        ones = graph.integers((1,) * ndim)
        return graph.add("Reshape", y, ones) if self.keepdims else y


@function_of(ArgMax)
def argmax(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Find the position of the largest element, the first of those that tie.

    Args:
        x: an array of any shape.
        axis: an int, or None for the position in the flattened array.
        keepdims: keep the reduced axis with length 1; default False.

    Returns:
        int64 positions; not trainable.

    Raises:
        ShapeError: the axis is empty or does not exist.

    Example:
        >>> import xdl
        >>> xdl.argmax([[1.0, 5.0], [3.0, 2.0]], axis=1)
        Variable([1, 0])
    """
    return ArgMax(axis, keepdims)(x)


class ArgMin(ArgMax):
    torch = Counterpart("argmin", DIMS)
    onnx = "ArgMin"
    cases = _ARG

    def compute(self, xp, x):
        axis = self.axis if x.ndim else self._no_axis()
        return xp.argmin(x, axis=axis, keepdims=self.keepdims)


@function_of(ArgMin)
def argmin(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Find the position of the smallest element, the first of those that tie.

    Args:
        x: an array of any shape.
        axis: an int, or None for the position in the flattened array.
        keepdims: keep the reduced axis with length 1; default False.

    Returns:
        int64 positions; not trainable.

    Raises:
        ShapeError: the axis is empty or does not exist.

    Example:
        >>> import xdl
        >>> xdl.argmin([[1.0, 5.0], [3.0, 2.0]], axis=1)
        Variable([0, 1])
    """
    return ArgMin(axis, keepdims)(x)

"""Sorting along an axis."""

from __future__ import annotations

from xdl.core.case import BadCase, Case, Cases, Counterpart
from xdl.core.op import Op, composed, function_of
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import one_axis
from xdl.ops.indexing.getitem import getitem
from xdl.ops.indexing.picking import add_along_axis, take_along_axis
from xdl.ops.layout.composed import along
from xdl.typing import ArrayLike, Axis


class Argsort(Op):
    torch = Counterpart("argsort", {"dim": "axis"}, {"stable": True})
    cases: Cases = (
        Case([(2, 5)]),
        Case([(5, 2)], {"axis": 0, "descending": True}),
        Case([[[1, 0, 1, 0], [2, 2, 2, 2]]], {"axis": 1, "descending": True}),
        Case([(0, 3)]),
        BadCase([(2, 3)], ShapeError, "axis 2 came", {"axis": 2}),
        BadCase([()], ShapeError, "axis -1 came"),
    )

    def __init__(self, axis=-1, descending=False, stable=True):
        self.axis = axis
        self.descending, self.stable = bool(descending), bool(stable)

    def shape(self, x_shape):
        one_axis(self, len(x_shape), self.axis)
        return x_shape

    def compute(self, xp, x):
        self.shape(x.shape)
        if not self.descending:
            return xp.argsort(x, axis=self.axis, stable=self.stable)
        # Reversed before and after, so that equal elements keep their order.
        backwards = self._backwards(x)
        places = xp.argsort(
            xp.getitem(x, backwards), axis=self.axis, stable=self.stable
        )
        return x.shape[self.axis] - 1 - xp.getitem(places, backwards)

    def _backwards(self, x):
        return (slice(None),) * (self.axis % x.ndim) + (slice(None, None, -1),)

    def to_onnx(self, graph, x):
        return self._sorted(graph, x)[1]

    def _sorted(self, graph, x):
        """Write the sort, and return the names of the elements and their positions."""
        count = graph.integers(graph.shape(x)[self.axis])
        largest = self.descending
        return graph.add("TopK", x, count, outputs=2, axis=self.axis, largest=largest)


class Sort(Argsort):
    torch = Counterpart("sort", {"dim": "axis"})
    cases = (
        Case([(2, 5)]),
        Case([(5, 2)], {"axis": 0, "descending": True}),
        Case([(2, 3, 2)], {"axis": 1, "stable": True}),
        Case([[2.0, 1.0, 1.0]], gradients=[[1.0, 1.0, 1.0]]),
        Case([(0, 3)]),
        BadCase([(2, 3)], ShapeError, "axis 2 came", {"axis": 2}),
        BadCase([()], ShapeError, "axis -1 came"),
    )

    def __init__(self, axis=-1, descending=False, stable=False):
        super().__init__(axis, descending, stable)

    def compute(self, xp, x):
        self.shape(x.shape)
        y = xp.sort(x, axis=self.axis)  # 12 times as fast as by positions
        return xp.getitem(y, self._backwards(y)) if self.descending else y

    def gradient(self, xp, gy, x):
        axis, order = self.axis % len(x.shape), super().compute(xp, x)
        return (add_along_axis(xp, gy, order, axis, x.shape[axis]),)

    def to_onnx(self, graph, x):
        return self._sorted(graph, x)[0]


@function_of(Argsort)
def argsort(
    x: ArrayLike, axis: Axis = -1, descending: bool = False, stable: bool = True
) -> Variable:
    """Find the positions of the elements in sorted order; NaN counts as the greatest.

    Args:
        x: an array of one axis or more.
        axis: an int, or None: the elements in C order; default -1.
        descending: begin with the greatest; default False.
        stable: equal elements keep their order, in a descending sort too; default
            True.

    Returns:
        int64 positions on the axis; not trainable.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.argsort([3.0, 1.0, 2.0])
        Variable([1, 2, 0])
    """
    x, axis = along(x, axis, number_has_axis=True)
    return Argsort(axis, descending, stable)(x)


@function_of(Sort)
def sort(
    x: ArrayLike, axis: Axis = -1, descending: bool = False, stable: bool = False
) -> Variable:
    """Sort the elements along an axis; NaN counts as the greatest.

    Args:
        x: an array of one axis or more.
        axis: an int, or None: the elements in C order; default -1.
        descending: begin with the greatest; default False.
        stable: of equal elements the first gets the first gradient; default False,
            four times as fast on the way back.

    Returns:
        The elements in that order; each passes its gradient to where it stood.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.sort([3.0, 1.0, 2.0])
        Variable([1., 2., 3.], dtype=float32)
    """
    x, axis = along(x, axis)
    return Sort(axis, descending, stable)(x)


@composed(cases=(Case([(3, 5)], {"k": 2}),))
def topk(
    x: ArrayLike, k: int, axis: Axis = -1, largest: bool = True
) -> tuple[Variable, Variable]:
    """Find the k largest elements along an axis, the largest first.

    Of equal elements the first come first.

    Args:
        x: an array of one axis or more.
        k: how many, an int.
        axis: an int, or None: the elements in C order; default -1.
        largest: False finds the smallest, the smallest first; default True.

    Returns:
        The elements and their int64 positions on the axis, a tuple of two Variables.

    Raises:
        ShapeError: there is no such axis, or it has fewer than k elements.
        ArgumentError: ``k`` is negative.

    Example:
        >>> import xdl
        >>> values, positions = xdl.topk([3.0, 1.0, 2.0], 2)
        >>> values, positions
        (Variable([3., 2.], dtype=float32), Variable([0, 2]))
    """
    x, axis = along(x, axis)
    axis = one_axis("topk", x.ndim, axis)
    k = plain("topk", "k", k)
    if k < 0:
        raise ArgumentError(f"topk: k {k} came, needed 0 or more")
    if k > x.shape[axis]:
        raise ShapeError(
            f"topk: k {k} came, but axis {axis} of shape {tuple(x.shape)} has "
            f"{x.shape[axis]} elements"
        )
    order = Argsort(axis, largest)(x)
    positions = getitem(order, (slice(None),) * axis + (slice(0, k),))
    return take_along_axis(x, positions, axis), positions

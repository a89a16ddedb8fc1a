"""Joining arrays."""

from __future__ import annotations

from collections.abc import Iterable

from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.axes import as_axis, one_axis
from xdl.ops.layout.shape import reshape
from xdl.typing import ArrayLike, Axis


class Concat(Op):
    torch = Counterpart("cat", {"dim": "axis"})
    moves = True
    onnx = Onnx("Concat", {"axis": "axis"})
    cases = (
        Case([(2, 3), (4, 3)]),
        Case([(2, 3), (2, 1), (2, 2)], {"axis": -1}),
        Case([(0, 3), (2, 3)]),
        BadCase([(2, 3), (2, 4)], ShapeError, "(2, 3) and (2, 4)"),
        BadCase([(2, 3), (2,)], ShapeError, "(2, 3) and (2,)"),
        BadCase([(2,), (2,)], ShapeError, "axis 1 came", {"axis": 1}),
    )

    def __init__(self, axis=0):
        self.axis = as_axis("Concat", axis)

    def shape(self, *shapes):
        if not shapes:
            raise ShapeError(f"{self}: needed at least one array")
        axis = one_axis(self, len(shapes[0]), self.axis)
        for other in shapes[1:]:
            rests = {s[:axis] + s[axis + 1 :] for s in (shapes[0], other)}
            if len(rests) > 1 or len(other) != len(shapes[0]):
                raise ShapeError(f"{self}: shapes {shapes[0]} and {other} do not join")
        total = sum(s[axis] for s in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def flops(self, y_shape, *shapes):
        return 0

    def compute(self, xp, *xs):
        return xp.concat(xs, axis=self.axis)

    def gradient(self, xp, gy, xs_shape, wanted):
        axis = self.axis % gy.ndim
        gradients, start = [], 0
        for shape, is_wanted in zip(xs_shape, wanted, strict=True):
            end = start + shape[axis]
            part = (slice(None),) * axis + (slice(start, end),)
            gradients.append(xp.getitem(gy, part) if is_wanted else None)
            start = end
        return tuple(gradients)


class Stack(Op):
    torch = Counterpart("stack", {"dim": "axis"})
    moves = True
    cases = (
        Case([(2, 3), (2, 3)]),
        Case([(2, 3), (2, 3), (2, 3)], {"axis": -1}),
        Case([(2, 3)], {"axis": 1}),
        Case([(), ()]),
        Case([(0, 3), (0, 3)], {"axis": 2}),
        BadCase([(2, 3), (3, 2)], ShapeError, "(2, 3) and (3, 2)"),
        BadCase([(2, 3), (2,)], ShapeError, "(2, 3) and (2,)"),
        BadCase([(2,), (2,)], ShapeError, "axis 2 came", {"axis": 2}),
    )

    def __init__(self, axis=0):
        self.axis = as_axis("Stack", axis)

    def shape(self, *shapes):
        for other in shapes[1:]:
            if other != shapes[0]:
                raise ShapeError(f"{self}: shapes {shapes[0]} and {other} differ")
        axis = one_axis(self, len(shapes[0]) + 1, self.axis)
        return (*shapes[0][:axis], len(shapes), *shapes[0][axis:])

    def flops(self, y_shape, *shapes):
        return 0

    def compute(self, xp, *xs):
        if not -xs[0].ndim - 1 <= as_axis(self, self.axis) <= xs[0].ndim:
            self.shape(*(x.shape for x in xs))  # refuses it
        return xp.stack(xs, axis=self.axis)

    def gradient(self, xp, gy, wanted):
        before = (slice(None),) * (self.axis % gy.ndim)
        return tuple(
            xp.getitem(gy, (*before, i)) if is_wanted else None
            for i, is_wanted in enumerate(wanted)
        )

    def to_onnx(self, graph, *xs):
        places = graph.integers(self.axis)
        xs = tuple([graph.add("Unsqueeze", x, places) for x in xs])
        return graph.add("Concat", *xs, axis=self.axis)


@function_of(Concat)
def concat(xs: Iterable[ArrayLike], axis: Axis = 0) -> Variable:
    """Join arrays along an axis that they have.

    Args:
        xs: a sequence of arrays whose shapes differ along that axis at most.
        axis: an int, or None: the elements of each in C order; default 0.

    Returns:
        The arrays, one after the other.

    Raises:
        ShapeError: there is nothing to join, no such axis, or the other lengths differ.

    Example:
        >>> import xdl
        >>> xdl.concat([[1.0, 2.0], [3.0]])
        Variable([1., 2., 3.], dtype=float32)
    """
    if axis is None:
        xs, axis = [reshape(x, (-1,)) for x in xs], 0
    return Concat(axis)(*xs)


@function_of(Stack)
def stack(xs: Iterable[ArrayLike], axis: int = 0) -> Variable:
    """Join arrays of one shape along a new axis.

    Args:
        xs: a sequence of arrays of one shape.
        axis: where the new axis stands in the result, an int; default 0.

    Returns:
        The arrays, one after the other along that axis.

    Raises:
        ShapeError: there is nothing to join, no such place, or the shapes differ.

    Example:
        >>> import xdl
        >>> xdl.stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
        Variable([[1., 3.],
                  [2., 4.]], dtype=float32)
    """
    return Stack(axis)(*xs)

"""The same elements in another order, or again, or only those on one side."""

from __future__ import annotations

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_axes, positive_axes
from xdl.typing import ArrayLike, Axes, Shape


class Flip(Op):
    torch = Counterpart("flip", {"dims": "axis"})
    moves = True
    cases = (
        Case([(2, 3)]),
        Case([()]),
        Case([(2, 3, 4)], {"axis": (0, -1)}),
        Case([(0, 3)], {"axis": 1}),
        BadCase([(2, 3)], ShapeError, "axis 2 came", {"axis": 2}),
        BadCase([(2, 3)], ShapeError, "one axis twice", {"axis": (0, -2)}),
    )

    def __init__(self, axis=None):
        self.axis = as_axes("Flip", axis)

    def shape(self, x_shape):
        positive_axes(self, len(x_shape), self.axis)
        return x_shape

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        axes = positive_axes(self, x.ndim, self.axis)
        parts = [slice(None, None, -1 if i in axes else 1) for i in range(x.ndim)]
        return xp.getitem(x, tuple(parts)) if parts else x

    def gradient(self, xp, gy):
        return (self.compute(xp, gy),)

    def to_onnx(self, graph, x):
        axes = positive_axes(self, len(graph.shape(x)), self.axis)
        return graph.slice(x, {axis: slice(None, None, -1) for axis in axes})


class Roll(Op):
    torch = Counterpart("roll", {"shifts": "shift", "dims": "axis"})
    moves = True
    cases = (
        Case([(2, 3)], {"shift": 1}),
        Case([(2, 3)], {"shift": -1, "axis": 1}),
        Case([(2, 3)], {"shift": (1, 5), "axis": (0, -1)}),
        Case([()], {"shift": 3}),
        Case([(0, 3)], {"shift": 1, "axis": 0}),
        BadCase([(2, 3)], ShapeError, "axis 2 came", {"shift": 1, "axis": 2}),
    )

    def __init__(self, shift, axis=None):
        self.shift, self.axis = as_axes("Roll", shift), as_axes("Roll", axis)
        self._pairs = _shift_of_each_axis(self.shift, self.axis)

    def shape(self, x_shape):
        for _, axis in self._pairs if self.axis is not None else ():
            positive_axes(self, len(x_shape), axis)
        return x_shape

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        self.shape(x.shape)
        return self._rolled(xp, x, 1)

    def gradient(self, xp, gy):
        return (self._rolled(xp, gy, -1),)

    def _rolled(self, xp, x, sign):
        if self.axis is None:
            flat = xp.reshape(x, (-1,))
            return xp.reshape(_rolled(xp, flat, sign * self._pairs[0][0], 0), x.shape)
        for shift, axis in self._pairs:
            x = _rolled(xp, x, sign * shift, axis % x.ndim)
        return x


def _shift_of_each_axis(shift, axis):
    shifts = (shift,) if isinstance(shift, int) else shift
    axes = (axis,) if axis is None or isinstance(axis, int) else axis
    if shifts is not None and len(shifts) == 1:
        shifts *= len(axes)
    if shifts is None or len(shifts) != len(axes):
        raise ArgumentError(
            f"Roll: shift {shift} came for axis {axis}, needed one shift for each axis"
        )
    return tuple(zip(shifts, axes, strict=True))


def _rolled(xp, x, shift, axis):
    start = -shift % (x.shape[axis] or 1)
    before = (slice(None),) * axis
    ends = slice(start, None), slice(0, start)
    return xp.concat([xp.getitem(x, (*before, end)) for end in ends], axis=axis)


class Tril(Op):
    torch = Counterpart("tril", {"diagonal": "k"})
    cases = (
        Case([(3, 3)]),
        Case([(2, 3, 4)], {"k": 1}),
        Case([(4, 3)], {"k": -1}),
        Case([(2, 0)]),
        BadCase([(3,)], ShapeError, "needed at least 2"),
    )

    def __init__(self, k=0):
        self.k = k

    def shape(self, x_shape):
        if len(x_shape) < 2:
            raise ShapeError(f"{self}: {len(x_shape)} axes came, needed at least 2")
        return x_shape

    def compute(self, xp, x):
        self.shape(x.shape)
        return xp.tril(x, k=self.k)

    def gradient(self, xp, gy):
        return (xp.tril(gy, k=self.k),)

    def to_onnx(self, graph, x):
        return graph.add("Trilu", x, graph.constant(self.k, "int64"), upper=0)


class Triu(Tril):
    torch = Counterpart("triu", {"diagonal": "k"})

    def compute(self, xp, x):
        self.shape(x.shape)
        return xp.triu(x, k=self.k)

    def gradient(self, xp, gy):
        return (xp.triu(gy, k=self.k),)

    def to_onnx(self, graph, x):
        return graph.add("Trilu", x, graph.constant(self.k, "int64"), upper=1)


@function_of(Flip)
def flip(x: ArrayLike, axis: Axes = None) -> Variable:
    """Reverse the order of the elements along axes.

    Args:
        x: an array of any shape.
        axis: an int, a tuple of ints, or None: all axes.

    Returns:
        The elements in reversed order, a view of ``x``.

    Raises:
        ShapeError: there is no such axis, or one is named twice.

    Example:
        >>> import xdl
        >>> xdl.flip([[1.0, 2.0], [3.0, 4.0]], axis=1)
        Variable([[2., 1.],
                  [4., 3.]], dtype=float32)
    """
    return Flip(axis)(x)


@function_of(Roll)
def roll(x: ArrayLike, shift: Shape, axis: Axes = None) -> Variable:
    """Move the elements along axes; those that leave at one end come in at the other.

    Args:
        x: an array of any shape.
        shift: by how many places, an int or one for each axis.
        axis: an int, a tuple of ints, or None: the elements in C order.

    Returns:
        The moved elements, of the shape of ``x``.

    Raises:
        ShapeError: there is no such axis.
        ArgumentError: there is not one shift for each axis.

    Example:
        >>> import xdl
        >>> xdl.roll([1.0, 2.0, 3.0], 1)
        Variable([3., 1., 2.], dtype=float32)
    """
    return Roll(shift, axis)(x)


@function_of(Tril)
def tril(x: ArrayLike, k: int = 0) -> Variable:
    """Keep the lower triangle of matrices and set the rest to 0.

    Args:
        x: an array (..., n, m).
        k: the diagonal above which elements become 0: 0 is the main one, 1 the next
            above it; default 0.

    Returns:
        The triangles, of the shape of ``x``.

    Raises:
        ShapeError: ``x`` has fewer than two axes.

    Example:
        >>> import xdl
        >>> xdl.tril([[1.0, 2.0], [3.0, 4.0]])
        Variable([[1., 0.],
                  [3., 4.]], dtype=float32)
    """
    return Tril(k)(x)


@function_of(Triu)
def triu(x: ArrayLike, k: int = 0) -> Variable:
    """Keep the upper triangle of matrices and set the rest to 0.

    Args:
        x: an array (..., n, m).
        k: the diagonal below which elements become 0: 0 is the main one, 1 the next
            above it; default 0.

    Returns:
        The triangles, of the shape of ``x``.

    Raises:
        ShapeError: ``x`` has fewer than two axes.

    Example:
        >>> import xdl
        >>> xdl.triu([[1.0, 2.0], [3.0, 4.0]])
        Variable([[1., 2.],
                  [0., 4.]], dtype=float32)
    """
    return Triu(k)(x)

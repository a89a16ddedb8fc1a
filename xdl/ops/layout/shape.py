"""Shape: the same elements, arranged anew."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdl import backend
from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.op import Op, composed, function_of
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import DtypeError, ShapeError
from xdl.ops.axes import as_shape, positive_axes
from xdl.typing import ArrayLike, DType, Shape


class Reshape(Op):
    reference = Counterpart("numpy.reshape", {"shape": "target"})
    torch = Counterpart("reshape", {"shape": "target"}, samples=("reshape", "view"))
    moves = True
    onnx = Onnx("Reshape", inputs=("target",), fixed={"allowzero": 1})
    cases = (
        Case([(2, 3)], {"target": (3, 2)}),
        Case([(2, 3, 4)], {"target": (-1, 4)}),
        Case([()], {"target": (1, 1)}),
        Case([(0, 3)], {"target": (3, 0)}),
        BadCase([(6,)], ShapeError, "(4, -1)", {"target": (4, -1)}),
        BadCase([(6,)], ShapeError, "(-1, -1)", {"target": (-1, -1)}),
        BadCase([(2, 3)], ShapeError, "6 elements", {"target": (7,)}),
    )

    def __init__(self, target):
        self.target = as_shape("Reshape", target)
        if min(self.target, default=0) < -1:
            raise ShapeError(f"{self}: needed lengths from 0 on, or one -1")

    def shape(self, x_shape):
        size = math.prod(x_shape)
        known = math.prod(n for n in self.target if n != -1)
        fits = known == size
        if self.target.count(-1) == 1:
            fits = known > 0 and size % known == 0
        if self.target.count(-1) > 1 or not fits:
            raise ShapeError(f"{self}: {size} elements of shape {x_shape} do not fit")
        return tuple(size // known if n == -1 else n for n in self.target)

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        return xp.reshape(x, self.target)

    def gradient(self, xp, gy, x_shape):
        return (xp.reshape(gy, x_shape),)


class PermuteDims(Op):
    torch = Counterpart("permute", {"dims": "axes"})
    moves = True
    onnx = Onnx("Transpose", {"perm": "axes"})
    cases = (
        Case([(2, 3)], {"axes": (1, 0)}),
        Case([(2, 3, 4)], {"axes": (2, 0, 1)}),
        Case([(2, 0, 4)], {"axes": (2, 0, 1)}),
        Case([()], {"axes": ()}),
        BadCase([(2, 3)], ShapeError, "needed 2 axes", {"axes": (0, 1, 2)}),
        BadCase([(2, 3)], ShapeError, "one axis twice", {"axes": (0, -2)}),
    )

    def __init__(self, axes):
        self.axes = as_shape("PermuteDims", axes)

    def shape(self, x_shape):
        if len(self.axes) != len(x_shape):
            raise ShapeError(f"{self}: needed {len(x_shape)} axes for shape {x_shape}")
        return tuple(x_shape[a] for a in positive_axes(self, len(x_shape), self.axes))

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        return xp.permute_dims(x, self.axes)

    def gradient(self, xp, gy):
        inverse = [0] * gy.ndim
        for i, axis in enumerate(self.axes):
            inverse[axis] = i
        return (xp.permute_dims(gy, tuple(inverse)),)


class BroadcastTo(Op):
    reference = Counterpart("numpy.broadcast_to", {"shape": "target"})
    torch = Counterpart("broadcast_to", {"size": "target"})
    moves = True
    onnx = Onnx("Expand", inputs=("target",))
    cases = (
        Case([(2, 1)], {"target": (2, 3)}),
        Case([()], {"target": (2, 2)}),
        Case([(3,)], {"target": (0, 3)}),
        BadCase([(2,)], ShapeError, "does not broadcast", {"target": (3,)}),
        BadCase([(1, 1)], ShapeError, "does not broadcast", {"target": (3,)}),
        BadCase([(1,)], ShapeError, "does not broadcast", {"target": ()}),
        BadCase([(1,)], ShapeError, "needed lengths from 0 on", {"target": (-1,)}),
    )

    def __init__(self, target):
        self.target = as_shape("BroadcastTo", target)
        if min(self.target, default=0) < 0:
            raise ShapeError(f"{self}: needed lengths from 0 on")

    def shape(self, x_shape):
        padded = (1,) * (len(self.target) - len(x_shape)) + tuple(x_shape)
        fits = len(padded) == len(self.target)
        if not fits or any(
            n not in (1, m) for n, m in zip(padded, self.target, strict=True)
        ):
            raise ShapeError(f"{self}: shape {x_shape} does not broadcast to it")
        return self.target

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        return xp.broadcast_to(x, self.target)

    def gradient(self, xp, gy):
        return (gy,)  # the walk back sums it to the shape of x


class Astype(Op):
    moves = True
    own_dtype = ("x",)
    cases = (
        Case([(2, 3)], {"dtype": "float64"}),
        Case([(2, 3)], {"dtype": "float32"}),
        BadCase([(2,)], DtypeError, "complex64", {"dtype": "complex64"}),
    )

    def __init__(self, dtype):
        self.dtype = backend.parse_dtype(dtype)

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        return xp.astype(x, self.dtype)

    def gradient(self, xp, gy, x_dtype):
        return (xp.astype(gy, x_dtype),)

    def to_onnx(self, graph, x):
        return graph.cast(x, self.dtype)


@function_of(Reshape)
def reshape(x: ArrayLike, shape: Shape) -> Variable:
    """Arrange the elements in another shape, in C order.

    Args:
        x: an array of any shape.
        shape: an int or a sequence of ints; one of them may be -1, the length that
            makes the sizes equal.

    Returns:
        The elements of ``x``, of that shape.

    Raises:
        ShapeError: the sizes differ, or -1 stands twice.

    Example:
        >>> import xdl
        >>> xdl.reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
        Variable([[1., 2.],
                  [3., 4.]], dtype=float32)
    """
    return Reshape(shape)(x)


@function_of(PermuteDims)
def permute_dims(x: ArrayLike, axes: Sequence[int]) -> Variable:
    """Reorder the axes.

    Args:
        x: an array of any shape.
        axes: each axis once: axis i of the result is axis ``axes[i]`` of ``x``.

    Returns:
        ``x`` with its axes in that order.

    Raises:
        ShapeError: ``axes`` does not name each axis once.

    Example:
        >>> import xdl
        >>> xdl.permute_dims([[1.0, 2.0], [3.0, 4.0]], (1, 0))
        Variable([[1., 3.],
                  [2., 4.]], dtype=float32)
    """
    return PermuteDims(axes)(x)


@composed(torch="mT", cases=(Case([(2, 3, 4)]),))
def matrix_transpose(x: ArrayLike) -> Variable:
    """Swap the last two axes.

    Args:
        x: an array (..., n, m).

    Returns:
        An array (..., m, n).

    Raises:
        ShapeError: ``x`` has fewer than two axes.

    Example:
        >>> import xdl
        >>> xdl.matrix_transpose([[1.0, 2.0]]).shape
        (2, 1)
    """
    x = x if hasattr(x, "shape") else as_variable(x)
    ndim = len(x.shape)
    if ndim < 2:
        raise ShapeError(f"matrix_transpose: {ndim} axes came, needed at least 2")
    return PermuteDims((*range(ndim - 2), ndim - 1, ndim - 2))(x)


@composed(torch=Counterpart("T", samples=("T", "t")), cases=(Case([(2, 3)]),))
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Variable:
    """Reverse the axes, or reorder them as ``permute_dims`` does.

    Args:
        x: an array of any shape.
        axes: None (reversed), or each axis once.

    Returns:
        ``x`` with its axes in that order.

    Raises:
        ShapeError: ``axes`` does not name each axis once.

    Example:
        >>> import xdl
        >>> xdl.transpose([[[1.0, 2.0]]]).shape
        (2, 1, 1)
    """
    if axes is None:
        x = x if hasattr(x, "shape") else as_variable(x)
        axes = range(len(x.shape) - 1, -1, -1)
    return PermuteDims(axes)(x)


@function_of(BroadcastTo)
def broadcast_to(x: ArrayLike, shape: Shape) -> Variable:
    """Repeat along axes of length 1, or new axes in front, to reach a shape.

    Args:
        x: an array whose shape broadcasts to ``shape``.
        shape: an int or a sequence of ints.

    Returns:
        ``x`` with that shape; its memory is not copied.

    Raises:
        ShapeError: ``x`` does not broadcast to the shape.

    Example:
        >>> import xdl
        >>> xdl.broadcast_to([1.0, 2.0], (2, 2))
        Variable([[1., 2.],
                  [1., 2.]], dtype=float32)
    """
    return BroadcastTo(shape)(x)


@function_of(Astype)
def astype(x: ArrayLike, dtype: DType) -> Variable:
    """Convert to another dtype; gradients flow between floating dtypes.

    Args:
        x: an array of any shape.
        dtype: a dtype or its name.

    Returns:
        The elements as that dtype.

    Raises:
        DtypeError: the dtype is not boolean, integer or real floating.

    Example:
        >>> import xdl
        >>> xdl.astype([1.5, -2.5], "int64")
        Variable([ 1, -2])
    """
    return Astype(dtype)(x)

"""Resizing of sequences, images and volumes: a linear map along each of their axes.

Each element of the result is made of one element of the old axis, or of two neighbours
and weights, which are gathered. (A product with the matrix of the map is faster, but
multiplies what does not count with 0, and NaN spreads.) The way back goes through the
same pairs by element of the old axis: those that take it stand side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, function_of
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_operand, as_shape
from xdl.ops.convolution.windows import applied
from xdl.ops.elementwise.selection import weighed
from xdl.typing import ArrayLike, Shape

MODES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,)}


class _Axis(NamedTuple):
    """How an axis is resized: from n elements to m, ``step`` apart in those of n."""

    axis: int
    n: int
    m: int
    step: float | None
    is_nearest: bool
    align_corners: bool

    @property
    def _line(self):
        """Three ints a, b, c: element i stands at (a i + b) / c among those of n."""
        if self.is_nearest:
            return self.n, 0, self.m
        if self.align_corners:
            return max(self.n - 1, 1), 0, max(self.m - 1, 1)
        return 2 * self.n, self.n - self.m, 2 * self.m

    def nearest(self, i):
        """Return the number of the element that element i is in mode nearest."""
        if self.step is None:
            return i * self.n // self.m
        return min(math.floor(i * self.step), self.n - 1)

    def sources(self, xp, like):
        """Return which elements are taken, and how much of the next one: None, or (m,).

        Without a step it is computed in integers: a weight of 0 is then just 0.
        """
        numbers, last = xp.new_arange(like, self.m), self.n - 1
        if self.step is None or self.align_corners:
            a, b, c = self._line
            places = xp.minimum(xp.maximum(a * numbers + b, 0), last * c)
            left = places // c
            rest = xp.astype(places - left * c, xp.float64) / c
        else:
            places = xp.astype(numbers, xp.float64)
            half = 0.0 if self.is_nearest else 0.5
            places = (places + half) * self.step - half
            places = xp.minimum(xp.maximum(places, 0.0), float(last))
            rest = places - xp.floor(places)
            left = xp.astype(xp.floor(places), xp.int64)
        return left, None if self.is_nearest else xp.astype(rest, like.dtype)

    def takers(self, xp, like, left):
        """Yield, of those that take each of the n elements, the first, the second, ...

        Each time with a mask (n,): which elements are taken so often; None for all.
        """
        starts, most = self._starts(xp, like, left)
        sure = self.m // self.n if self.is_nearest and self.step is None else 0
        for k in range(most):
            taker = starts[:-1] + k
            mask = None if k < sure else taker < starts[1:]
            yield xp.minimum(taker, self.m - 1), mask

    def _starts(self, xp, like, left):
        """Return the first taker of each element and of none, and the most of one."""
        columns = xp.new_arange(like, self.n + 1)
        if self.step is None or self.align_corners:
            a, b, c = self._line
            starts = xp.minimum(xp.maximum(-((b - c * columns) // a), 0), self.m)
            starts = xp.where(columns == 0, 0 * columns, starts)
            starts = xp.where(columns == self.n, 0 * columns + self.m, starts)
            first, last = (-((b - c * j) // a) for j in (1, self.n - 1))
            most = max(first, self.m - last, -(-self.m // self.n))
            return starts, min(most, self.m) if self.n > 1 else self.m
        earlier = xp.astype(left[:, None] < columns, xp.int64)
        most = math.ceil(1.5 / self.step) + 1
        return xp.sum(earlier, axis=0), min(most, self.m)


class _Resizing(Op):
    """What the two directions share: the options, and the axes that change."""

    def _set(self, size, steps, mode, align_corners):
        self.size = as_shape(type(self).__name__, size)
        self.steps, self.mode = steps, mode
        self.align_corners = align_corners

    @property
    def _options(self):
        return self.steps, self.mode, self.align_corners

    @property
    def floating(self):  # type: ignore[override]
        """Integers become floating numbers, but where they are only repeated."""
        return self.mode != "nearest"

    def _resized(self, shape):
        count = len(self.size)
        if len(shape) != count + 2 or 0 in shape[2:] or min(self.size) < 1:
            raise ShapeError(
                f"{self}: an array {tuple(shape)} came, needed (n, channels) and "
                f"{count} axes with elements, for the size {self.size}"
            )
        return (*shape[:2], *self.size)

    def flops(self, y_shape, x_shape):
        return 0 if self.mode == "nearest" else 4 * len(self.size) * math.prod(y_shape)

    def _axes(self, image, result):
        """Return the axes that change, the last one first: its elements stand dense."""
        steps = self.steps or (None,) * len(image)
        kind = self.mode == "nearest", self.align_corners
        found = [
            _Axis(axis, n, m, step, *kind)
            for axis, (n, m, step) in enumerate(zip(image, result, steps, strict=True))
            if n != m or step not in (None, 1)
        ]
        return found[::-1]


class Interpolate(_Resizing):
    torch = Counterpart(
        "nn.functional.interpolate",
        samples=tuple(f"nn.functional.interpolate:{mode}" for mode in MODES),
    )
    cases = (
        Case([(2, 3, 4)], {"size": (7,)}),
        Case([(2, 1, 5)], {"size": (3,), "mode": "linear"}),
        Case([(1, 2, 4, 3)], {"size": (8, 3)}),
        Case([(1, 2, 3, 5)], {"size": (7, 2), "mode": "bilinear"}),
        Case(
            [(2, 1, 4, 3)],
            {"size": (3, 5), "mode": "bilinear", "align_corners": True},
        ),
        Case([(1, 1, 2, 3, 4)], {"size": (3, 2, 5), "mode": "trilinear"}),
        Case([(1, 1, 3)], {"size": (1,), "mode": "linear", "align_corners": True}),
        Case([(1, 1, 4)], {"size": (5,), "steps": (0.7,)}),
        Case([(1, 1, 4)], {"size": (7,), "steps": (0.5625,), "mode": "linear"}),
        Case([(1, 1, 40)], {"size": (70,), "mode": "linear"}),
        Case([(1, 1, 70)], {"size": (40,)}),
        Case([(2, 2, 3)], {"size": (3,), "mode": "linear"}),
        Case([(0, 2, 3, 3)], {"size": (6, 6), "mode": "bilinear"}),
        BadCase([(1, 2, 3)], ShapeError, "an array (1, 2, 3)", {"size": (4, 4)}),
        BadCase([(1, 2, 0)], ShapeError, "with elements", {"size": (4,)}),
    )

    def __init__(self, size, steps=None, mode="nearest", align_corners=False):
        self._set(size, steps, mode, align_corners)

    def shape(self, x_shape):
        return self._resized(x_shape)

    def compute(self, xp, x):
        self._resized(x.shape)
        axes = self._axes(x.shape[2:], self.size)
        for axis in axes:
            x = self._stretched(xp, x, axis)
        return x if axes else xp.copy(x)

    def _stretched(self, xp, x, axis):
        left, rest = axis.sources(xp, x)
        y = xp.take(x, left, axis=axis.axis + 2)
        if rest is None:
            return y
        rest = xp.reshape(rest, (axis.m,) + (1,) * (x.ndim - axis.axis - 3))
        y *= 1 - rest
        right = xp.take(x, xp.minimum(left + 1, axis.n - 1), axis=axis.axis + 2)
        return y + weighed(xp, right, rest)

    def gradient(self, xp, gy, x_shape):
        op = InterpolateByInput(tuple(x_shape[2:]), *self._options)
        return (applied(op, xp, gy),)

    def to_onnx(self, graph, x):
        shape = graph.shape(x)
        if self.mode == "nearest":  # ONNX's own rounds a product of the number
            for axis in self._axes(shape[2:], self.size):
                places = graph.integers([axis.nearest(i) for i in range(axis.m)])
                x = graph.add("Gather", x, places, axis=axis.axis + 2)
            return graph.add("Identity", x)
        scales = sizes = None
        if self.steps is None:
            sizes = graph.integers((*shape[:2], *self.size))
        else:
            scales = [1.0, 1.0, *(1 / step for step in self.steps)]
            scales = graph.constant(scales, "float32")
        where = "align_corners" if self.align_corners else "half_pixel"
        return graph.add(
            "Resize",
            *(x, None, scales, sizes),
            mode="linear",
            coordinate_transformation_mode=where,
        )


@function_of(Interpolate)
def interpolate(
    x: ArrayLike,
    size: Shape | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Variable:
    """Resize sequences, images or volumes.

    Element i of a new axis stands at ``(i + 1/2) s - 1/2`` of the old one, for the step
    ``s`` = old length / new length; for ``align_corners`` the first and last elements
    stand on the first and last ones. In the linear modes it is the mean of its two
    neighbours, weighed by how close they are; in mode ``"nearest"`` it is the element
    ``floor(i s)``, as in PyTorch.

    Args:
        x: an array (n, channels, ...) with one, two or three more axes.
        size: the new lengths of these axes: an int for all of them, or ints.
        scale_factor: instead of ``size``: by how much each length grows, rounded down,
            a number or one for each axis; ``s`` is then 1 / scale_factor.
        mode: ``"nearest"`` (default), or ``"linear"`` for one axis, ``"bilinear"`` for
            two, ``"trilinear"`` for three.
        align_corners: see above; not in mode ``"nearest"``.

    Returns:
        The array (n, channels, *size).

    Raises:
        ArgumentError: not one of ``size`` and ``scale_factor`` is given, or it, the
            mode or ``align_corners`` does not fit.
        ShapeError: ``x`` has other axes, or one without elements.

    Example:
        >>> import xdl
        >>> xdl.interpolate([[[1.0, 3.0]]], 4, mode="linear")
        Variable([[[1. , 1.5, 2.5, 3. ]]], dtype=float32)
    """
    who, x = "interpolate", as_operand(x)
    count = x.ndim - 2
    if count not in MODES.get(mode, ()):
        raise ArgumentError(
            f"{who}: mode {mode!r} came for x {tuple(x.shape)}, needed 'nearest', or "
            "'linear', 'bilinear', 'trilinear' for 3, 4, 5 axes"
        )
    if align_corners and mode == "nearest":
        raise ArgumentError(f"{who}: align_corners has no meaning in mode 'nearest'")
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            f"{who}: size {size} and scale_factor {scale_factor} came, needed one of "
            "them"
        )
    if size is not None:
        size, steps = _for_axes(who, "size", as_shape(who, size), count), None
    else:
        factors = _for_axes(who, "scale_factor", _as_floats(who, scale_factor), count)
        size = [math.floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True)]
        steps = tuple(1 / factor for factor in factors)
    return Interpolate(size, steps, mode, align_corners)(x)


class InterpolateByInput(_Resizing):
    """Compute the gradient of ``interpolate``: each element is given to its sources.

    Args:
        size: the lengths of the axes of ``x``.
        g: the gradient by the result of ``interpolate``.
        steps, mode, align_corners: as there.

    Returns:
        An array (n, channels, *size).

    Raises:
        ShapeError: ``g`` has other axes, or one without elements.

    Example:
        >>> from xdl.ops.convolution.interpolation import InterpolateByInput
        >>> InterpolateByInput((2,), mode="linear")([[[1.0, 1.0, 1.0, 1.0]]])
        Variable([[[2., 2.]]], dtype=float32)
    """

    cases = (
        Case([(2, 3, 7)], {"size": (4,)}),
        Case([(1, 2, 7, 2)], {"size": (3, 5), "mode": "bilinear"}),
        Case(
            [(1, 1, 3, 5)],
            {"size": (4, 3), "mode": "bilinear", "align_corners": True},
        ),
        Case([(1, 1, 3, 2, 5)], {"size": (2, 3, 4), "mode": "trilinear"}),
        Case([(1, 1, 70)], {"size": (40,), "mode": "linear"}),
        Case([(1, 1, 3)], {"size": (3,)}),
        Case([(1, 1, 6, 5)], {"size": (3, 4)}),
        Case([(1, 1, 5)], {"size": (4,), "steps": (0.7,)}),
        BadCase([(1, 2, 3)], ShapeError, "an array (1, 2, 3)", {"size": (4, 4)}),
    )

    def __init__(self, size, steps=None, mode="nearest", align_corners=False):
        self._set(size, steps, mode, align_corners)

    def shape(self, g_shape):
        return self._resized(g_shape)

    def compute(self, xp, g):
        self._resized(g.shape)
        axes = self._axes(self.size, g.shape[2:])
        for axis in reversed(axes):
            g = self._gathered(xp, g, axis)
        return g if axes else xp.copy(g)

    def _gathered(self, xp, g, axis):
        left, rest = axis.sources(xp, g)
        to_left: Any = None
        to_right: Any = None
        after = (1,) * (g.ndim - axis.axis - 3)
        for taker, mask in axis.takers(xp, g, left):
            part = xp.take(g, taker, axis=axis.axis + 2)
            if mask is not None:
                part = xp.zero_unless(xp.reshape(mask, (axis.n, *after)), part)
            if rest is not None:
                weight = xp.reshape(xp.take(rest, taker, axis=0), (axis.n, *after))
                to_right = _sum(to_right, weighed(xp, part, weight))
                part *= 1 - weight
            to_left = _sum(to_left, part)
        if rest is None:
            return to_left
        whole = (slice(None),) * (axis.axis + 2)
        moved = xp.getitem(to_right, (*whole, slice(0, axis.n - 1), ...))
        to_left[(*whole, slice(1, None), ...)] += moved
        return to_left

    def gradient(self, xp, gy, g_shape):
        return (applied(Interpolate(tuple(g_shape[2:]), *self._options), xp, gy),)


def _sum(total, part):
    if total is None:
        return part
    total += part
    return total


def _as_floats(who, value):
    value = plain(who, "scale_factor", value)
    try:
        return tuple(map(float, value if isinstance(value, list | tuple) else [value]))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{who}: scale_factor {value!r} came, needed a number or numbers"
        ) from None


def _for_axes(who, name, values, count):
    """Return one value for each axis.

    Raises:
        ArgumentError: there are not as many, or one is not over 0.
    """
    values = values * count if len(values) == 1 else values
    if len(values) != count or not all(0 < value < math.inf for value in values):
        raise ArgumentError(
            f"{who}: {name} {values} came, needed {count} numbers over 0, or one for "
            "all axes"
        )
    return values

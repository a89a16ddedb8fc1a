"""Resizing of sequences, images and volumes: a linear map along each of their axes.

In the linear modes what an element is made of stands close together, so the matrix of
such a map is a band. It is multiplied block by block: a long axis then costs no more
for an element than a short one. Gathering the two neighbours of each element takes
twice the time forward, and its gradient would be a scattered sum. The price is that an
infinite element makes others of its block NaN.
"""

import math
from typing import NamedTuple

from xdl.core.case import BadCase, Case
from xdl.core.op import Op, function_of
from xdl.core.option import plain
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape
from xdl.ops.layout import as_operand
from xdl.ops.windows import applied

MODES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,)}
BLOCK = 32  # rows of a band in one product


class _Axis(NamedTuple):
    """How an axis is resized: from n elements to m, ``step`` apart in those of n."""

    axis: int
    n: int
    m: int
    step: float | None
    is_nearest: bool
    align_corners: bool

    def place(self, i):
        """Return where the element i of the result stands among those of n."""
        if self.step is None and self.is_nearest:
            return i * self.n // self.m  # exact, as no product with n / m is
        if self.align_corners:
            return i * ((self.n - 1) / (self.m - 1) if self.m > 1 else 0.0)
        step = self.n / self.m if self.step is None else self.step
        return i * step if self.is_nearest else (i + 0.5) * step - 0.5

    def places(self, xp, like):
        """Return that of every element, within the axis, on the device of ``like``."""
        numbers = xp.new_arange(like, self.m)
        if self.step is None and self.is_nearest:
            return self.place(numbers)
        found = self.place(xp.astype(numbers, xp.float64))
        if self.is_nearest:
            found = xp.astype(xp.floor(found), xp.int64)
        return xp.minimum(xp.maximum(found, 0 * found), 0 * found + (self.n - 1))

    def bands(self, xp, like):
        """Yield blocks of the matrix (m, n): which rows, which columns, the block."""
        places, columns = self.places(xp, like), xp.new_arange(like, self.n)
        columns = xp.astype(columns, xp.float64)
        for start in range(0, self.m, BLOCK):
            stop = min(start + BLOCK, self.m)
            first, last = (
                min(max(math.floor(self.place(i)), 0), self.n - 1)
                for i in (start, stop - 1)
            )
            seen = slice(first, min(last + 2, self.n))
            distance = xp.abs(places[start:stop][:, None] - columns[seen])
            # 1 where it stands on an element, 0 from the next one on
            band = xp.maximum(1 - distance, 0 * distance)
            yield slice(start, stop), seen, xp.astype(band, like.dtype)

    def uses(self, xp, like):
        """Yield, for mode nearest, who takes each of the n elements: the first, ...

        Each time with a mask (n,): which elements are taken so often; None for all.
        """
        places, columns = self.places(xp, like), xp.new_arange(like, self.n + 1)
        earlier = xp.astype(places[:, None] < columns, xp.int64)
        starts = xp.sum(earlier, axis=0)
        if self.step is None:
            sure, most = self.m // self.n, -(-self.m // self.n)
        else:
            sure, most = 0, min(self.m, math.ceil(1 / self.step) + 1)
        for k in range(most):
            taker = starts[:-1] + k
            mask = None if k < sure else taker < starts[1:]
            yield xp.minimum(taker, 0 * taker + (self.m - 1)), mask


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
    def floating(self):
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
            if self.mode == "nearest":
                x = xp.take(x, axis.places(xp, x), axis=axis.axis + 2)
            else:
                x = self._stretched(xp, x, axis)
        return x if axes else xp.copy(x)

    def _stretched(self, xp, x, axis):
        before, after = x.shape[: axis.axis + 2], x.shape[axis.axis + 3 :]
        lead, tail = math.prod(before), math.prod(after)
        x = xp.reshape(x, (lead, axis.n, tail) if after else (lead, axis.n))
        parts = [
            xp.matmul(band, x[:, seen, :])
            if after
            else xp.matmul(x[:, seen], xp.matrix_transpose(band))
            for _, seen, band in axis.bands(xp, x)
        ]
        y = parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)
        return xp.reshape(y, (*before, axis.m, *after))

    def gradient(self, xp, gy, x_shape):
        op = InterpolateByInput(tuple(x_shape[2:]), *self._options)
        return (applied(op, xp, gy),)

    def to_onnx(self, graph, x):
        shape = graph.shape(x)
        if self.mode == "nearest":  # ONNX's own rounds a product of the number
            for axis in self._axes(shape[2:], self.size):
                found = (math.floor(axis.place(i)) for i in range(axis.m))
                places = graph.integers([min(place, axis.n - 1) for place in found])
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
        >>> from xdl.ops.interpolation import InterpolateByInput
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
        gather = self._summed if self.mode == "nearest" else self._gathered
        for axis in reversed(axes):
            g = gather(xp, g, axis)
        return g if axes else xp.copy(g)

    def _summed(self, xp, g, axis):
        total, after = None, (1,) * (g.ndim - axis.axis - 3)
        for takers, mask in axis.uses(xp, g):
            part = xp.take(g, takers, axis=axis.axis + 2)
            if mask is not None:
                part = xp.where(xp.reshape(mask, (axis.n, *after)), part, 0.0)
            total = part if total is None else total + part
        return total

    def _gathered(self, xp, g, axis):
        before, after = g.shape[: axis.axis + 2], g.shape[axis.axis + 3 :]
        lead, tail = math.prod(before), math.prod(after)
        g = xp.reshape(g, (lead, axis.m, tail) if after else (lead, axis.m))
        gx = xp.new_zeros(g, (lead, axis.n, *g.shape[2:]))
        for rows, seen, band in axis.bands(xp, g):
            if after:
                gx[:, seen, :] += xp.matmul(xp.matrix_transpose(band), g[:, rows, :])
            else:
                gx[:, seen] += xp.matmul(g[:, rows], band)
        return xp.reshape(gx, (*before, axis.n, *after))

    def gradient(self, xp, gy, g_shape):
        return (applied(Interpolate(tuple(g_shape[2:]), *self._options), xp, gy),)


@function_of(Interpolate)
def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False):
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

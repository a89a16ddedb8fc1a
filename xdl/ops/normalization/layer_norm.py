"""Normalization: values shifted and scaled to mean 0 and variance 1.

Sums over an axis are products with a vector of ones, which BLAS computes in a quarter
of the time of a reduction; what is kept for the gradient is the centred input, before
it is scaled, and one factor per row or channel.
"""

from __future__ import annotations

import math

from xdl.backend import NAMESPACES
from xdl.core.case import BadCase, Case, Cases
from xdl.core.op import Op, composed, function_of
from xdl.core.option import number, plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape
from xdl.ops.elementwise.arithmetic import add, multiply
from xdl.ops.layout.shape import reshape
from xdl.typing import ArrayLike, Shape


class Normalization(Op):
    """What the normalizations share: what is kept, and the way back to a graph."""

    residuals: tuple[str, ...] = ("centred", "scale")

    def flops(self, y_shape, *shapes):
        return 8 * math.prod(y_shape)

    def _standardized(self, xp, x):
        """Return what is kept of an input, centred, and the factors."""
        raise NotImplementedError

    def _of_rows(self, xp, rows, shape):
        """Return what was kept of the input in its shape."""
        return xp.reshape(rows, shape)

    def rewrap(self, node, wrap):
        """Take the centred input for the input: the result does not see the shift."""
        weight, rows, *_, wanted = node.kept
        xp = NAMESPACES[type(rows)]
        x = xp.astype(self._of_rows(xp, rows, node.shape), node.dtype)
        x = wrap(x, node.inputs[0])
        if weight is not None:
            weight = wrap(weight, node.inputs[1])
        return weight, *self._standardized(NAMESPACES[Variable], x), wanted


def row_dots(xp, x1, x2):
    """Return the sums of x1 * x2 over the last axis, by BLAS, without the product."""
    return xp.matmul(x1[..., None, :], x2[..., :, None])[..., 0, 0]


def check_lengths(who, needed, **shapes):
    """Refuse the shapes, by the name of their array, that are not ``needed``.

    Raises:
        ShapeError: as said.
    """
    for name, shape in shapes.items():
        if shape is not None and tuple(shape) != needed:
            raise ShapeError(f"{who}: {name} has shape {tuple(shape)}, needed {needed}")


def checked_eps(who, eps):
    """Return ``eps`` as a float.

    Raises:
        ArgumentError: it is negative or not finite.
    """
    eps = float(number(who, "eps", eps))
    if not 0 <= eps < math.inf:
        raise ArgumentError(f"{who}: eps {eps!r} came, needed a finite number >= 0")
    return eps


class LayerNorm(Normalization):
    torch = "nn.functional.layer_norm"
    onnx = "LayerNormalization"
    centres = True  # whether the mean is subtracted
    floating = True
    cases: Cases = (
        Case([(2, 3), (3,), (3,)], {"features": (3,)}),
        Case([(2, 3), None, None], {"features": 3}),
        Case([(2, 3), (3,), None], {"features": (3,)}),
        Case([(2, 3), None, (3,)], {"features": (3,)}),
        Case([(4,), (4,), (4,)], {"features": (4,)}),
        Case([(2, 3, 4), (3, 4), (3, 4)], {"features": (3, 4)}),
        Case([(2, 3, 4), (4,), (4,)], {"features": (4,), "eps": 0.1}),
        Case([(0, 3), (3,), (3,)], {"features": (3,)}),
        BadCase([(2, 3), None, None], ShapeError, "end in (2,)", {"features": 2}),
        BadCase([(3,), None, None], ShapeError, "end in (2, 3)", {"features": (2, 3)}),
        BadCase([(3,), (2,), None], ShapeError, "weight has", {"features": 3}),
        BadCase([(3,), None, (1,)], ShapeError, "bias has", {"features": 3}),
        BadCase(
            [(3,), None, None], ArgumentError, "eps -1", {"features": 3, "eps": -1}
        ),
    )

    def __init__(self, features, eps=1e-5):
        self.features = as_shape(type(self).__name__, features)
        self.eps = checked_eps(type(self).__name__, eps)
        if not self.features:
            raise ShapeError(f"{self}: no axes came, needed at least one")

    def shape(self, x_shape, weight_shape=None, bias_shape=None):
        if tuple(x_shape[-len(self.features) :]) != self.features:
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} came, its shape must end in "
                f"{self.features}"
            )
        check_lengths(self, self.features, weight=weight_shape, bias=bias_shape)
        return tuple(x_shape)

    def compute(self, xp, x, weight=None, bias=None):
        self.shape(x.shape, *(a if a is None else a.shape for a in (weight, bias)))
        rows = self._split(xp, x)
        if xp.fused is not None and xp.fused.takes_rows(rows):
            flat = [a if a is None else _flat(xp, a) for a in (weight, bias)]
            made = xp.fused.layer_norm(rows, *flat, self.eps, self.centres)
            return xp.reshape(made[0], x.shape), *made[1:]
        centred, scale = self._centred(xp, rows)
        y = centred * scale
        if weight is not None:
            y *= _flat(xp, weight)
        if bias is not None:
            y += _flat(xp, bias)
        return xp.reshape(y, x.shape), centred, scale

    def gradient(self, xp, gy, weight, centred, scale, wanted):
        rows = xp.reshape(gy, centred.shape)
        if xp.fused is not None and xp.fused.takes_rows(rows):
            return self._by_kernels(xp, gy, weight, centred, scale, wanted)
        product = rows * centred if wanted[0] or wanted[1] else None
        gx = gweight = gbias = None
        if wanted[0]:
            gx = self._by_x(xp, rows, product, weight, centred, scale)
            gx = xp.reshape(gx, gy.shape)
        if wanted[1]:
            gweight = xp.matmul(xp.reshape(scale, (scale.shape[0],)), product)
            gweight = xp.reshape(gweight, self.features)
        if len(wanted) > 2 and wanted[2]:
            gbias = xp.matmul(xp.new_ones(rows, (rows.shape[0],)), rows)
            gbias = xp.reshape(gbias, self.features)
        return gx, gweight, gbias

    def _by_kernels(self, xp, gy, weight, centred, scale, wanted):
        rows = xp.reshape(gy, centred.shape)
        gx, by_weight = None, (None, None)
        if wanted[0]:
            flat = weight if weight is None else _flat(xp, weight)
            given = rows, flat, centred, scale, self.centres
            gx = xp.reshape(xp.fused.layer_norm_gradient(*given), gy.shape)
        if any(wanted[1:]):
            wants_bias = len(wanted) > 2 and wanted[2]
            by_weight = xp.fused.layer_norm_by_weight(rows, centred, scale, wants_bias)
        gweight, gbias = by_weight
        if len(self.features) > 1:  # of one axis it has the shape: no view is made
            gweight = xp.reshape(gweight, self.features) if wanted[1] else None
            gbias = None if gbias is None else xp.reshape(gbias, self.features)
        return gx, gweight if wanted[1] else None, gbias

    def _split(self, xp, x):
        size = math.prod(self.features)
        count = math.prod(x.shape[: len(x.shape) - len(self.features)])
        return xp.reshape(x, (count, size))

    def _standardized(self, xp, x):
        return self._centred(xp, self._split(xp, x))

    def _centred(self, xp, rows):
        mean = self._mean(xp, rows)
        centred = rows - mean[:, None]
        return centred, self._scale(xp, centred)

    def _scale(self, xp, rows):
        """Return 1 / sqrt(mean square + eps) of each row, a column."""
        mean_square = row_dots(xp, rows, rows) * (1 / max(rows.shape[1], 1))
        return (1 / xp.sqrt(mean_square + self.eps))[:, None]

    def _mean(self, xp, rows, weight=None):
        size = rows.shape[1]
        is_plain = weight is None
        factors = xp.new_ones(rows, (size,)) if is_plain else _flat(xp, weight)
        return xp.matmul(rows, factors) * (1 / max(size, 1))

    def _by_x(self, xp, rows, product, weight, centred, scale):
        gx = centred * self._along(xp, product, weight, scale)
        gx -= rows if weight is None else rows * _flat(xp, weight)
        gx += self._mean(xp, rows, weight)[:, None]
        gx *= -scale
        return gx

    def _along(self, xp, product, weight, scale):
        """Return how much of the gradient lies along each row, a column."""
        return self._mean(xp, product, weight)[:, None] * (scale * scale)

    def to_onnx(self, graph, x, weight=None, bias=None):
        if weight is None:
            weight = graph.add(
                "Expand", graph.number(1, x), graph.integers(self.features)
            )
        axis = -len(self.features)
        return graph.add(self.onnx, x, weight, bias, axis=axis, epsilon=self.eps)


@function_of(LayerNorm)
def layer_norm(
    x: ArrayLike,
    shape: Shape,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-05,
) -> Variable:
    """Bring the last axes to mean 0 and variance 1: (x - mean) / sqrt(var + eps).

    The result is then multiplied by ``weight`` and ``bias`` is added. 16-bit numbers
    are computed in float32.

    Args:
        x: an array (..., *shape).
        shape: the lengths of the axes that are normalized together, an int or a
            sequence of ints.
        weight, bias: arrays of that shape, or None.
        eps: added to the variance; default 1e-5.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ShapeError: ``x`` does not end in ``shape``, or a weight has another shape.
        ArgumentError: ``eps`` is negative or not finite.

    Example:
        >>> import xdl
        >>> xdl.layer_norm([[1.0, 3.0], [2.0, 4.0]], 2)
        Variable([[-0.999995,  0.999995],
                  [-0.999995,  0.999995]], dtype=float32)

    Reference: Ba, Kiros and Hinton, "Layer Normalization", 2016, eq. 4.
    """
    return LayerNorm(shape, eps)(x, weight, bias)


def _flat(xp, weight):
    return xp.reshape(weight, (math.prod(weight.shape),))


class RMSNorm(LayerNorm):
    torch = "nn.functional.rms_norm"
    onnx = "RMSNormalization"
    centres = False
    cases = (
        Case([(2, 3), (3,)], {"features": (3,)}),
        Case([(2, 3), None], {"features": 3}),
        Case([(2, 3, 4), (3, 4)], {"features": (3, 4), "eps": 0.1}),
        Case([(0, 3), (3,)], {"features": (3,)}),
        BadCase([(2, 3), None], ShapeError, "end in (2,)", {"features": 2}),
        BadCase([(3,), (2,)], ShapeError, "weight has shape (2,)", {"features": 3}),
    )

    def compute(self, xp, x, weight=None):  # type: ignore[override]
        return super().compute(xp, x, weight)

    def gradient(self, xp, gy, weight, centred, scale, wanted):
        return super().gradient(xp, gy, weight, centred, scale, wanted)[:2]

    def _centred(self, xp, rows):
        return rows, self._scale(xp, rows)

    def _by_x(self, xp, rows, product, weight, centred, scale):
        gx = centred * self._along(xp, product, weight, scale)
        gx -= rows if weight is None else rows * _flat(xp, weight)
        gx *= -scale
        return gx


@function_of(RMSNorm)
def rms_norm(
    x: ArrayLike, shape: Shape, weight: ArrayLike | None = None, eps: float = 1e-05
) -> Variable:
    """Divide the last axes by their root mean square: x / sqrt(mean(x**2) + eps).

    The result is then multiplied by ``weight``. 16-bit numbers are computed in
    float32.

    Args:
        x: an array (..., *shape).
        shape: the lengths of the axes that are normalized together, an int or a
            sequence of ints.
        weight: an array of that shape, or None.
        eps: added to the mean square; default 1e-5.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ShapeError: ``x`` does not end in ``shape``, or ``weight`` has another shape.
        ArgumentError: ``eps`` is negative or not finite.

    Example:
        >>> import xdl
        >>> xdl.rms_norm([[3.0, 4.0]], 2, eps=0.0).numpy().round(4)
        array([[0.8485, 1.1314]], dtype=float32)

    Reference: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019, eq. 4.
    """
    return RMSNorm(shape, eps)(x, weight)


@composed(torch="nn.functional.group_norm", cases=(Case([(3, 4, 5)], {"groups": 2}),))
def group_norm(
    x: ArrayLike,
    groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-05,
) -> Variable:
    """Bring groups of channels of each sample to mean 0 and variance 1.

    The result is then multiplied by ``weight`` and ``bias`` is added.

    Args:
        x: an array (n, c, ...): samples, channels, positions.
        groups: how many groups the channels are divided into, an int.
        weight, bias: arrays (c,), or None.
        eps: added to the variance; default 1e-5.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ShapeError: ``x`` has no axis of channels, they do not divide into groups, or a
            weight has another shape than (c,).
        ArgumentError: ``eps`` is negative or not finite.

    Example:
        >>> import xdl
        >>> xdl.group_norm([[1.0, 3.0, 10.0, 30.0]], 2).numpy().round(4)
        array([[-1.,  1., -1.,  1.]], dtype=float32)

    Reference: Wu and He, "Group Normalization", 2018, eq. 7.
    """
    x = as_variable(x)
    if x.ndim < 2:
        raise ShapeError(f"group_norm: x {x.shape} came, needed (n, channels, ...)")
    n, c = x.shape[:2]
    groups = plain("group_norm", "groups", groups)
    if not isinstance(groups, int) or groups < 1 or c % groups:
        raise ShapeError(
            f"group_norm: groups {groups!r} came, needed a divisor of {c} channels"
        )
    size = math.prod(x.shape[1:]) // groups
    y = layer_norm(reshape(x, (n, groups, size)), size, eps=eps)
    return _per_channel(reshape(y, x.shape), weight, bias)


@composed(torch="nn.functional.instance_norm", cases=(Case([(3, 4, 5), (4,), (4,)]),))
def instance_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-05,
) -> Variable:
    """Bring every channel of each sample to mean 0 and variance 1.

    The result is then multiplied by ``weight`` and ``bias`` is added.

    Args:
        x: an array (n, c, ...): samples, channels, positions.
        weight, bias: arrays (c,), or None.
        eps: added to the variance; default 1e-5.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ShapeError: a channel has a single value, or a weight another shape than (c,).
        ArgumentError: ``eps`` is negative or not finite.

    Example:
        >>> import xdl
        >>> xdl.instance_norm([[[1.0, 3.0], [10.0, 30.0]]]).numpy().round(4)
        array([[[-1.,  1.],
                [-1.,  1.]]], dtype=float32)

    Reference: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization", 2016, eq. 1.
    """
    x = as_variable(x)
    if x.ndim < 3 or math.prod(x.shape[2:]) == 1:
        raise ShapeError(
            f"instance_norm: x {x.shape} came, needed (n, channels, ...) with more "
            "than one position"
        )
    return group_norm(x, x.shape[1], weight, bias, eps)


def _per_channel(y, weight, bias):
    """Return ``y * weight + bias`` with both along axis 1."""
    shape = (-1,) + (1,) * (y.ndim - 2)
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None:
            check_lengths(
                "group_norm", (y.shape[1],), **{name: as_variable(array).shape}
            )
    if weight is not None:
        y = multiply(y, reshape(weight, shape))
    return y if bias is None else add(y, reshape(bias, shape))

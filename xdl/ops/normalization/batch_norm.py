"""Batch normalization: every channel to mean 0 and variance 1 over the batch."""

from __future__ import annotations

import math

from xdl.backend import blocks
from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, EmptyBatchError, ShapeError
from xdl.ops.elementwise.arithmetic import add, divide, multiply, subtract
from xdl.ops.elementwise.elementary import sqrt
from xdl.ops.layout.shape import reshape
from xdl.ops.normalization.channels import Channels
from xdl.ops.normalization.layer_norm import (
    Normalization,
    as_variable,
    check_lengths,
    checked_eps,
)
from xdl.typing import ArrayLike


class BatchNorm(Normalization):
    residuals = ("rows", "shift", "scale")
    onnx = None  # ONNX takes a mean and a variance; those of the batch train
    torch = "nn.functional.batch_norm"
    floating = True
    cases = (
        Case([(4, 3), (3,), (3,)]),
        Case([(4, 3), None, None], {"eps": 0.1}),
        Case([(2, 3, 4), (3,), None]),
        Case([(2, 3, 2, 2), None, (3,)]),
        BadCase([(4,), None, None], ShapeError, "needed (samples, channels, ...)"),
        BadCase([(4, 3), (4,), None], ShapeError, "weight has shape (4,)"),
        BadCase([(4, 3), None, (4,)], ShapeError, "bias has shape (4,)"),
        BadCase([(1, 3), None, None], ShapeError, "one value per channel"),
        BadCase([(0, 3), None, None], EmptyBatchError, "empty batch"),
        BadCase([(4, 3), None, None], ArgumentError, "eps nan", {"eps": math.nan}),
    )

    def __init__(self, eps=1e-5, on_statistics=None):
        """Make the operation.

        Args:
            eps: added to the variance.
            on_statistics: None, or what is called with the mean and the variance of
                the batch, plain arrays (c,), and the count of values that each is of,
                at the end of each computation.
        """
        self.eps = checked_eps("BatchNorm", eps)
        self._on_statistics = on_statistics

    def shape(self, x_shape, weight_shape=None, bias_shape=None):
        if len(x_shape) < 2:
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} came, needed (samples, channels, ...)"
            )
        needed = (x_shape[1],)
        check_lengths(self, needed, weight=weight_shape, bias=bias_shape)
        count = x_shape[0] * math.prod(x_shape[2:])
        if count == 0:
            raise EmptyBatchError(f"{self}: an empty batch {x_shape} has no mean")
        if count == 1:
            raise ShapeError(f"{self}: x {x_shape} has one value per channel")
        return tuple(x_shape)

    def compute(self, xp, x, weight=None, bias=None):
        self.shape(x.shape, *(a if a is None else a.shape for a in (weight, bias)))
        channels = Channels(xp, x.shape)
        mean, variance, rows, shift = _statistics(xp, channels, x)
        scale = 1 / xp.sqrt(variance + self.eps)
        factor = channels.along(scale if weight is None else scale * weight)
        after = bias if bias is None else channels.along(bias)

        def normalized(rows):
            y = _product(rows, shift, factor)
            if after is not None:
                y += after
            return y

        y = channels.array(blocks.by_rows(xp, normalized, rows))
        if self._on_statistics is not None:
            self._on_statistics(mean, variance, channels.count)
        return y, rows, shift, scale

    def gradient(self, xp, gy, weight, rows, shift, scale, wanted):
        channels = Channels(xp, gy.shape)
        g = channels.rows(gy)

        def sums(g, rows):
            return channels.sum(g), channels.dot(_product(rows, shift), g)

        total, along = channels.sums(sums, g, rows)
        along = along * scale
        gx = None
        if wanted[0]:
            part = -1 / channels.count
            slope = channels.along(along * scale * part)
            mean = channels.along(total * part)
            factor = channels.along(scale if weight is None else scale * weight)

            def by_x(g, rows):
                gx = _product(rows, shift, slope)
                gx += g
                gx += mean
                gx *= factor
                return gx

            gx = channels.array(blocks.by_rows(xp, by_x, g, rows))
        gweight = along if wanted[1] else None
        gbias = total if wanted[2] else None
        return gx, gweight, gbias

    def _of_rows(self, xp, rows, shape):
        return Channels(xp, shape).array(rows)

    def _standardized(self, xp, x):
        _, variance, rows, shift = _statistics(xp, Channels(xp, x.shape), x)
        return rows, shift, 1 / xp.sqrt(variance + self.eps)


@function_of(BatchNorm)
def batch_norm(
    x: ArrayLike,
    mean: ArrayLike | None = None,
    var: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-05,
) -> Variable:
    """Bring every channel to mean 0 and variance 1: (x - mean) / sqrt(var + eps).

    The result is then multiplied by ``weight`` and ``bias`` is added. 16-bit numbers
    are computed in float32.

    Args:
        x: an array (n, c) or (n, c, ...): samples, channels, positions.
        mean, var: None (default): those of the batch, over all axes but that of the
            channels, the variance without Bessel's correction; else arrays (c,), as
            when predicting.
        weight, bias: arrays (c,), or None.
        eps: added to the variance; default 1e-5.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ShapeError: ``x`` has no axis of channels, or a channel a single value, or an
            array has another shape than (c,).
        EmptyBatchError: there are no values to average.
        ArgumentError: ``eps`` is negative or not finite; a mean without a variance.

    Example:
        >>> import xdl
        >>> xdl.batch_norm([[1.0, 0.0], [3.0, 0.0]])
        Variable([[-0.999995,  0.      ],
                  [ 0.999995,  0.      ]], dtype=float32)

    Reference: Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    if (mean is None) is not (var is None):
        raise ArgumentError("BatchNorm: one of mean and var came, needed both or none")
    if mean is None:
        is_usual = type(eps) is float and eps == _batch_norm.eps
        op = _batch_norm if is_usual else BatchNorm(eps)
        return op(x, weight, bias)
    return _with_statistics(as_variable(x), mean, var, weight, bias, eps)


def _statistics(xp, channels, x):
    """Return the means and variances of the channels, and the centred rows of ``x``.

    The rows come as two arrays of which one is to be subtracted from the other, where
    that is done block by block; else the second is None.
    """
    rows, part, shift = channels.rows(x), 1 / channels.count, None
    (total,) = channels.sums(lambda rows: (channels.sum(rows),), rows)
    mean = total * part
    if blocks.pay(xp, rows):
        shift = channels.along(mean)
    else:
        rows = rows - channels.along(mean)

    def squares(rows):
        centred = _product(rows, shift)
        return (channels.dot(centred, centred),)

    (total,) = channels.sums(squares, rows)
    return mean, total * part, rows, shift


def _product(rows, shift, factor=None):
    """Return (rows - shift) * factor, without what is None."""
    if shift is None:
        return rows if factor is None else rows * factor
    y = rows - shift
    if factor is not None:
        y *= factor
    return y


_batch_norm = BatchNorm()


def _with_statistics(x, mean, var, weight, bias, eps):
    """Normalize with statistics from elsewhere: one product, one sum."""
    if x.ndim < 2:
        raise ShapeError(
            f"BatchNorm: x {x.shape} came, needed (samples, channels, ...)"
        )
    given = {"mean": mean, "var": var, "weight": weight, "bias": bias}
    shapes = {k: as_variable(v).shape for k, v in given.items() if v is not None}
    check_lengths("BatchNorm", (x.shape[1],), **shapes)
    scale = divide(
        1.0 if weight is None else weight, sqrt(add(var, checked_eps("BatchNorm", eps)))
    )
    shift = multiply(mean, scale)
    shift = multiply(shift, -1.0) if bias is None else subtract(bias, shift)
    shape = (-1,) + (1,) * (x.ndim - 2)
    return add(multiply(x, reshape(scale, shape)), reshape(shift, shape))

"""Convolution of images: products with columns that are made a few images at a time."""

import math

from xdl.core.case import BadCase, Case
from xdl.core.op import Op, function_of
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape
from xdl.ops.layout import as_operand
from xdl.ops.shape import expand_dims, squeeze
from xdl.ops.windows import applied, as_pair, inner, padded, places, shifts

BLOCK = 1 << 18  # elements: the columns of one product stay in a cache


class _Convolution(Op):
    """What the three products of a convolution share: its options and its blocks."""

    refuses_integers = True

    def _set(self, stride, padding, dilation, groups):
        self.stride = as_pair("Conv2d", "stride", stride, 1)
        self.padding = as_pair("Conv2d", "padding", padding, 0)
        self.dilation = as_pair("Conv2d", "dilation", dilation, 1)
        if not isinstance(groups, int) or groups < 1:
            raise ArgumentError(f"Conv2d: groups {groups!r} came, needed an int >= 1")
        self.groups = groups

    @property
    def _options(self):
        return self.stride, self.padding, self.dilation, self.groups

    def _check(self, x_shape, weight_shape):
        """Return the places of the window, once the shapes are known to fit."""
        if len(x_shape) != 4 or len(weight_shape) != 4:
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} and weight {tuple(weight_shape)} came, "
                "needed (n, channels, height, width) and (out, in, rows, columns)"
            )
        channels, out, groups = x_shape[1], weight_shape[0], self.groups
        if channels % groups or out % groups:
            raise ShapeError(
                f"{self}: groups {groups} came, needed a divisor of {channels} "
                f"channels in and {out} out"
            )
        if weight_shape[1] * groups != channels:
            raise ShapeError(
                f"{self}: x has {channels} channels, weight needs "
                f"{weight_shape[1] * groups}"
            )
        return places(
            self,
            x_shape[2:],
            weight_shape[2:],
            self.stride,
            self.padding,
            self.dilation,
        )

    def _matrices(self, xp, weight):
        """Return the weight as a matrix, or one for each group."""
        out, fan_in = weight.shape[0], math.prod(weight.shape[1:])
        if self.groups == 1:
            return xp.reshape(weight, (out, fan_in))
        return xp.reshape(weight, (self.groups, out // self.groups, fan_in))

    def _as_rows(self, xp, y, area):
        """Return images as matrices (rows, area), one for each image and group."""
        n, rows = y.shape[0], math.prod(y.shape[1:]) // area
        if self.groups == 1:
            return xp.reshape(y, (n, rows, area))
        return xp.reshape(y, (n, self.groups, rows // self.groups, area))

    def _columns(self, xp, x, window, count):
        """Return what the window sees at each place, as the columns of matrices."""
        x = padded(xp, x, self.padding)
        parts = [x[i] for i in shifts(window, count, self.stride, self.dilation)]
        columns = parts[0] if len(parts) == 1 else xp.stack(parts, axis=2)
        return self._as_rows(xp, columns, math.prod(count))

    def _blocks(self, n, channels, window, count):
        """Return slices of the images whose columns make a block; all for 1 x 1."""
        size = channels * math.prod(window) * math.prod(count)
        many = n if math.prod(window) == 1 else max(1, BLOCK // max(size, 1))
        return [slice(i, min(i + many, n)) for i in range(0, n, max(many, 1))]


class Conv2d(_Convolution):
    """Slide windows over images and take the product with what they see.

    ``y[n, o, i, j] = bias[o] + sum of x[n, c, i s + a d - p, j s + b d - p] *
    weight[o, c, a, b]`` over c, a, b, with stride s, dilation d and padding p; x is 0
    outside. The window is not mirrored.

    Args:
        x: images (n, channels, height, width).
        weight: an array (out, channels / groups, rows, columns).
        bias: an array (out,), or None: no bias.
        stride: steps between places, an int or a pair of ints; default 1.
        padding: how many zeros are put on each side, an int or a pair; default 0.
        dilation: steps between the elements of the window, likewise; default 1.
        groups: in how many parts the channels are divided, each with its outputs.

    Returns:
        An array (n, out, rows of places, columns of places).

    Raises:
        ShapeError: the shapes do not fit, or the window is larger than the image.
        ArgumentError: a stride or dilation below 1, or a padding below 0.
        DtypeError: ``x`` holds integers and ``weight`` floating numbers.

    Example:
        >>> import xdl
        >>> xdl.conv2d([[[[1.0, 2.0, 3.0]]]], [[[[1.0, -1.0]]]])
        Variable([[[[-1., -1.]]]], dtype=float32)

    Reference: Dumoulin and Visin, "A Guide to Convolution Arithmetic for Deep
    Learning", 2016, sections 2 and 4.
    """

    kept_for = {"x": "weight", "weight": "x"}
    cases = (
        Case([(2, 3, 5, 4), (4, 3, 3, 2), (4,)]),
        Case([(2, 3, 5, 4), (4, 3, 3, 3), None], {"stride": 2, "padding": 1}),
        Case([(2, 4, 5, 5), (6, 2, 2, 3), (6,)], {"groups": 2, "padding": (0, 2)}),
        Case([(1, 2, 7, 6), (1, 2, 3, 2), None], {"dilation": 2, "stride": (1, 2)}),
        Case([(2, 3, 4, 4), (2, 3, 1, 1), (2,)]),
        Case([(0, 3, 4, 4), (2, 3, 3, 3), (2,)]),
        BadCase([(1, 2, 2, 2), (1, 2, 3, 3), None], ShapeError, "does not fit"),
        BadCase([(1, 3, 4, 4), (1, 2, 3, 3), None], ShapeError, "weight needs 2"),
        BadCase(
            [(1, 3, 4, 4), (2, 1, 3, 3), None], ShapeError, "groups 2", {"groups": 2}
        ),
        BadCase([(3, 4, 4), (2, 3, 3, 3), None], ShapeError, "x (3, 4, 4)"),
        BadCase([(1, 3, 4, 4), (2, 3, 3, 3), (3,)], ShapeError, "needed (2,)"),
        BadCase([(1, 1, 4, 4), (1, 1, 3, 3)], ArgumentError, "stride 0", {"stride": 0}),
        BadCase(
            [(1, 1, 4, 4), (1, 1, 3, 3)], ArgumentError, "padding -1", {"padding": -1}
        ),
        BadCase(
            [(1, 1, 4, 4), (1, 1, 3, 3)], ArgumentError, "dilation 0", {"dilation": 0}
        ),
        BadCase([(1, 1, 4, 4), (1, 1, 3, 3)], ArgumentError, "groups 0", {"groups": 0}),
    )

    def __init__(self, stride=1, padding=0, dilation=1, groups=1):
        self._set(stride, padding, dilation, groups)

    def shape(self, x_shape, weight_shape, bias_shape=None):
        count = self._check(x_shape, weight_shape)
        if bias_shape is not None and tuple(bias_shape) != tuple(weight_shape[:1]):
            raise ShapeError(
                f"{self}: bias has shape {tuple(bias_shape)}, needed "
                f"{tuple(weight_shape[:1])}"
            )
        return (x_shape[0], weight_shape[0], *count)

    def flops(self, y_shape, x_shape, weight_shape, bias_shape=None):
        fan_in = math.prod(weight_shape[1:])
        return (2 * fan_in + (bias_shape is not None)) * math.prod(y_shape)

    def compute(self, xp, x, weight, bias=None):
        y_shape = self.shape(
            x.shape, weight.shape, None if bias is None else bias.shape
        )
        (n, channels), window, count = x.shape[:2], weight.shape[2:], y_shape[2:]
        matrices, ys = self._matrices(xp, weight), []
        if bias is not None:
            bias = xp.reshape(bias, (*matrices.shape[:-1], 1))
        for part in self._blocks(n, channels, window, count):
            y = xp.matmul(matrices, self._columns(xp, x[part, ...], window, count))
            ys.append(y if bias is None else y + bias)
        if len(ys) != 1:
            return _joined(xp, x, ys, y_shape)
        return xp.reshape(ys[0], y_shape)

    def gradient(self, xp, gy, x, weight, x_shape, weight_shape, wanted):
        gx = gweight = gbias = None
        if wanted[0]:
            op = Conv2dByInput(tuple(x_shape[2:]), *self._options)
            gx = applied(op, xp, gy, weight)
        if wanted[1]:
            op = Conv2dByWeight(tuple(weight_shape[2:]), *self._options)
            gweight = applied(op, xp, x, gy)
        if len(wanted) > 2 and wanted[2]:
            gbias = xp.sum(gy, axis=(0, 2, 3))
        return gx, gweight, gbias


class Conv2dByInput(_Convolution):
    """Compute the gradient of ``conv2d`` by its images: a transposed convolution.

    Args:
        size: (height, width) of the images.
        g: the gradient by the output (n, out, rows of places, columns of places).
        weight: as in ``conv2d``, and so are the other options.

    Returns:
        An array (n, channels, height, width).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import xdl
        >>> from xdl.ops.conv import Conv2dByInput
        >>> Conv2dByInput((1, 3))([[[[1.0, 2.0]]]], [[[[1.0, -1.0]]]])
        Variable([[[[ 1.,  1., -2.]]]], dtype=float32)
    """

    kept_for = {"g": "weight", "weight": "g"}
    cases = (
        Case([(2, 4, 3, 3), (4, 3, 3, 2)], {"size": (5, 4)}),
        Case([(2, 4, 3, 2), (4, 3, 3, 3)], {"size": (5, 4), "stride": 2, "padding": 1}),
        Case([(2, 6, 4, 3), (6, 2, 2, 3)], {"size": (5, 5), "groups": 2}),
        Case([(1, 2, 2, 2), (2, 1, 3, 2)], {"size": (8, 5), "dilation": 3}),
        Case([(0, 2, 2, 2), (2, 1, 3, 3)], {"size": (4, 4)}),
        BadCase([(1, 1, 3, 3), (1, 1, 2, 2)], ShapeError, ": g (", {"size": (3, 3)}),
    )

    def __init__(self, size, stride=1, padding=0, dilation=1, groups=1):
        self.size = as_pair("Conv2dByInput", "size", size, 1)
        self._set(stride, padding, dilation, groups)

    def shape(self, g_shape, weight_shape):
        channels = weight_shape[1] * self.groups
        count = self._check((g_shape[0], channels, *self.size), weight_shape)
        if tuple(g_shape[1:]) != (weight_shape[0], *count):
            raise ShapeError(
                f"{self}: g {tuple(g_shape)} came, needed "
                f"{(g_shape[0], weight_shape[0], *count)}"
            )
        return (g_shape[0], channels, *self.size)

    def flops(self, y_shape, g_shape, weight_shape):
        return 2 * math.prod(weight_shape[1:]) * math.prod(g_shape)

    def compute(self, xp, g, weight):
        gx_shape = self.shape(g.shape, weight.shape)
        n, channels = gx_shape[:2]
        window, count = weight.shape[2:], g.shape[2:]
        transposed = xp.matrix_transpose(self._matrices(xp, weight))
        gxs = []
        for part in self._blocks(n, channels, window, count):
            rows = self._as_rows(xp, g[part, ...], math.prod(count))
            gxs.append(self._added(xp, xp.matmul(transposed, rows), window, count))
        if len(gxs) != 1:
            return _joined(xp, g, gxs, gx_shape)
        return gxs[0]

    def _added(self, xp, columns, window, count):
        """Return the images where each column is added to what its window saw."""
        n, channels = columns.shape[0], math.prod(columns.shape[1:-1])
        channels //= math.prod(window)
        if math.prod(window) == 1 and count == self.size and not any(self.padding):
            return xp.reshape(columns, (n, channels, *count))
        columns = xp.reshape(columns, (n, channels, math.prod(window), *count))
        height, width = (
            m + 2 * p for m, p in zip(self.size, self.padding, strict=True)
        )
        gx = xp.new_zeros(columns, (n, channels, height, width))
        for k, i in enumerate(shifts(window, count, self.stride, self.dilation)):
            gx[i] += columns[:, :, k, ...]
        return gx[inner(self.padding, self.size)]

    def gradient(self, xp, gy, g, weight, weight_shape, wanted):
        gg = gweight = None
        if wanted[0]:
            gg = applied(Conv2d(*self._options), xp, gy, weight)
        if wanted[1]:
            op = Conv2dByWeight(tuple(weight_shape[2:]), *self._options)
            gweight = applied(op, xp, gy, g)
        return gg, gweight


class Conv2dByWeight(_Convolution):
    """Compute the gradient of ``conv2d`` by its weight.

    Args:
        window: (rows, columns) of the weight.
        x: images as in ``conv2d``, and so are the other options.
        g: the gradient by the output (n, out, rows of places, columns of places).

    Returns:
        An array (out, channels / groups, rows, columns).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import xdl
        >>> from xdl.ops.conv import Conv2dByWeight
        >>> Conv2dByWeight((1, 2))([[[[1.0, 2.0, 3.0]]]], [[[[1.0, -1.0]]]])
        Variable([[[[-1., -1.]]]], dtype=float32)
    """

    kept_for = {"x": "g", "g": "x"}
    cases = (
        Case([(2, 3, 5, 4), (2, 4, 3, 3)], {"window": (3, 2)}),
        Case(
            [(2, 3, 5, 4), (2, 4, 3, 2)],
            {"window": (3, 3), "stride": 2, "padding": 1},
        ),
        Case([(2, 4, 5, 5), (2, 6, 4, 3)], {"window": (2, 3), "groups": 2}),
        Case([(0, 2, 4, 4), (0, 3, 2, 2)], {"window": (3, 3)}),
        BadCase([(1, 1, 4, 4), (1, 1, 4, 4)], ShapeError, ": g (", {"window": (2, 2)}),
    )

    def __init__(self, window, stride=1, padding=0, dilation=1, groups=1):
        self.window = as_pair("Conv2dByWeight", "window", window, 1)
        self._set(stride, padding, dilation, groups)

    def shape(self, x_shape, g_shape):
        weight_shape = (g_shape[1], x_shape[1] // self.groups, *self.window)
        count = self._check(x_shape, weight_shape)
        if tuple(g_shape) != (x_shape[0], g_shape[1], *count):
            raise ShapeError(
                f"{self}: g {tuple(g_shape)} came, needed "
                f"{(x_shape[0], g_shape[1], *count)}"
            )
        return weight_shape

    def flops(self, y_shape, x_shape, g_shape):
        return 2 * math.prod(y_shape[1:]) * math.prod(g_shape)

    def compute(self, xp, x, g):
        weight_shape = self.shape(x.shape, g.shape)
        (n, channels), count = x.shape[:2], g.shape[2:]
        total = None
        for part in self._blocks(n, channels, self.window, count):
            columns = self._columns(xp, x[part, ...], self.window, count)
            rows = self._as_rows(xp, g[part, ...], math.prod(count))
            products = xp.matmul(rows, xp.matrix_transpose(columns))
            added = xp.sum(products, axis=0)
            total = added if total is None else total + added
        if total is None:
            return xp.new_zeros(x, weight_shape)
        return xp.reshape(total, weight_shape)

    def gradient(self, xp, gy, x, g, x_shape, wanted):
        gx = gg = None
        if wanted[0]:
            op = Conv2dByInput(tuple(x_shape[2:]), *self._options)
            gx = applied(op, xp, g, gy)
        if wanted[1]:
            gg = applied(Conv2d(*self._options), xp, x, gy)
        return gx, gg


def _joined(xp, like, blocks, shape):
    if not blocks:
        return xp.new_zeros(like, shape)
    return xp.reshape(xp.concat(blocks, axis=0), shape)


@function_of(Conv2d)
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return Conv2d(stride, padding, dilation, groups)(x, weight, bias)


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide windows over sequences and take the product with what they see.

    It is ``conv2d`` on images that are one row high.

    Args:
        x: sequences (n, channels, length).
        weight: an array (out, channels / groups, width).
        bias: an array (out,), or None: no bias.
        stride, padding, dilation, groups: ints, as in ``conv2d``.

    Returns:
        An array (n, out, places).

    Raises:
        ShapeError: the shapes do not fit, or the window is longer than the sequence.
        ArgumentError: a stride or dilation below 1, or a padding below 0.

    Example:
        >>> import xdl
        >>> xdl.conv1d([[[1.0, 2.0, 4.0]]], [[[1.0, -1.0]]])
        Variable([[[-1., -2.]]], dtype=float32)
    """
    x, weight = as_operand(x), as_operand(weight)
    if x.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            f"conv1d: x {tuple(x.shape)} and weight {tuple(weight.shape)} came, needed "
            "(n, channels, length) and (out, in, width)"
        )
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    lone = {name: as_shape("conv1d", value) for name, value in options.items()}
    for name, value in lone.items():
        if len(value) != 1:
            raise ArgumentError(f"conv1d: {name} {value} came, needed an int")
    op = Conv2d(
        (1, *lone["stride"]), (0, *lone["padding"]), (1, *lone["dilation"]), groups
    )
    return squeeze(op(expand_dims(x, -2), expand_dims(weight, -2), bias), -2)

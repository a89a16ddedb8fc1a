"""Convolution of volumes: one product for each layer of them, for all its taps."""

import math

from xdl.core.case import BadCase, Case
from xdl.core.op import Op, function_of
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape
from xdl.ops.convolution.conv2d import Conv2d, Conv2dByInput, Conv2dByWeight
from xdl.ops.convolution.rows import conv_to_onnx, transposed_to_onnx
from xdl.ops.convolution.windows import applied, places


def as_triple(who, name, value, least):
    """Return an int or three ints as three: (depth, rows, columns).

    Raises:
        ArgumentError: it is something else, or less than ``least``.
    """
    triple = as_shape(who, value)
    triple = triple * 3 if len(triple) == 1 else triple
    if len(triple) != 3 or min(triple) < least:
        raise ArgumentError(
            f"{who}: {name} {value} came, needed an int or three ints, each at least "
            f"{least}"
        )
    return triple


class _Convolution3d(Op):
    """What the three products share: which layers of the volumes meet which taps.

    A layer is what volumes hold at one depth, a tap what the window holds at one. A
    layer meets the taps of a few places; the weights of these, one below the other,
    make one two-dimensional convolution of it, so its columns are made once and not
    for each tap.
    """

    refuses_integers = True

    def _set(self, stride, padding, dilation, groups):
        self.stride = as_triple("Conv3d", "stride", stride, 1)
        self.padding = as_triple("Conv3d", "padding", padding, 0)
        self.dilation = as_triple("Conv3d", "dilation", dilation, 1)
        if not isinstance(groups, int) or groups < 1:
            raise ArgumentError(f"Conv3d: groups {groups!r} came, needed an int >= 1")
        self.groups = groups

    @property
    def _options(self):
        return self.stride, self.padding, self.dilation, self.groups

    @property
    def _flat_options(self):
        flat = (option[1:] for option in self._options[:3])
        return (*flat, self.groups)

    def _check(self, x_shape, weight_shape):
        """Return the places of the window, once the shapes are known to fit."""
        if len(x_shape) != 5 or len(weight_shape) != 5:
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} and weight {tuple(weight_shape)} came, "
                "needed (n, channels, depth, height, width) and (out, in, depth, rows, "
                "columns)"
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
        return places(self, x_shape[2:], weight_shape[2:], *self._options[:3])

    def _check_places(self, name, shape, count):
        if tuple(shape) != count:
            raise ShapeError(f"{self}: {name} {tuple(shape)} came, needed {count}")

    def _meetings(self, depth, taps, count):
        """Yield each layer with the taps it meets and the places where it does so."""
        stride, padding, dilation = (option[0] for option in self._options[:3])
        for layer in range(depth):
            met = []
            for tap in range(taps):
                place, rest = divmod(layer + padding - tap * dilation, stride)
                if not rest and 0 <= place < count:
                    met.append((tap, place))
            if met:
                yield layer, [tap for tap, _ in met], [place for _, place in met]

    def _taps(self, xp, weight):
        """Return the weight as (groups, out / groups, in, taps, rows, columns)."""
        out, *rest = weight.shape
        return xp.reshape(weight, (self.groups, out // self.groups, *rest))

    def _chosen(self, xp, weights, taps):
        """Return the weights of some taps as those of a flat convolution."""
        chosen = xp.stack([weights[:, :, :, tap, ...] for tap in taps], axis=1)
        return xp.reshape(chosen, (math.prod(chosen.shape[:3]), *chosen.shape[3:]))

    def _at_places(self, xp, g, spots):
        """Return what stands at some places as the outputs of a flat convolution."""
        n, out, _, *area = g.shape
        g = xp.reshape(g, (n, self.groups, out // self.groups, *g.shape[2:]))
        chosen = xp.stack([g[:, :, :, spot, ...] for spot in spots], axis=2)
        return xp.reshape(chosen, (n, out * len(spots), *area))


class Conv3d(_Convolution3d):
    """Slide windows over volumes and take the product with what they see.

    As ``conv2d``, with one more axis: ``y[n, o, h, i, j]`` is ``bias[o]`` plus the sum
    of ``x[n, c, h s + e d - p, i s + a d - p, j s + b d - p] weight[o, c, e, a, b]``.

    Args:
        x: volumes (n, channels, depth, height, width).
        weight: an array (out, channels / groups, depth, rows, columns).
        bias: an array (out,), or None: no bias.
        stride: steps between places, an int or three ints; default 1.
        padding: how many zeros are put on each side, an int or three; default 0.
        dilation: steps between the elements of the window, likewise; default 1.
        groups: in how many parts the channels are divided, each with its outputs.

    Returns:
        An array (n, out, places in depth, rows of places, columns of places).

    Raises:
        ShapeError: the shapes do not fit, or the window is larger than the volume.
        ArgumentError: a stride or dilation below 1, or a padding below 0.
        DtypeError: ``x`` holds integers and ``weight`` floating numbers.

    Example:
        >>> import xdl
        >>> y = xdl.conv3d([[[[[1.0]], [[2.0]], [[4.0]]]]], [[[[[1.0]], [[-1.0]]]]])
        >>> y.shape, y.numpy().ravel().tolist()
        ((1, 1, 2, 1, 1), [-1.0, -2.0])
    """

    kept_for = {"x": "weight", "weight": "x"}
    cases = (
        Case([(2, 3, 4, 5, 4), (2, 3, 2, 3, 2), (2,)]),
        Case([(1, 2, 5, 4, 5), (3, 2, 3, 3, 3), None], {"stride": 2, "padding": 1}),
        Case([(2, 4, 3, 3, 4), (6, 2, 2, 1, 3), (6,)], {"groups": 2, "padding": 1}),
        Case(
            [(1, 1, 6, 4, 3), (2, 1, 2, 2, 1), None],
            {"dilation": (3, 2, 1), "stride": (2, 1, 2), "padding": (2, 0, 1)},
        ),
        Case([(2, 3, 2, 2, 2), (2, 3, 1, 1, 1), (2,)], {"stride": (3, 1, 1)}),
        Case([(1, 1, 1, 1, 1), (1, 1, 1, 1, 1), (1,)], {"padding": 1}),
        Case([(0, 3, 2, 3, 3), (2, 3, 2, 3, 3), (2,)]),
        BadCase([(1, 2, 1, 3, 3), (1, 2, 2, 2, 2), None], ShapeError, "does not fit"),
        BadCase([(1, 3, 2, 2, 2), (1, 2, 1, 1, 1), None], ShapeError, "weight needs 2"),
        BadCase([(3, 2, 2, 2), (2, 3, 1, 1, 1), None], ShapeError, "x (3, 2, 2, 2)"),
        BadCase([(1, 3, 2, 2, 2), (2, 3, 1, 1, 1), (3,)], ShapeError, "needed (2,)"),
        BadCase([(1, 1, 1, 1, 1)] * 2, ArgumentError, "stride 0", {"stride": 0}),
        BadCase([(1, 1, 1, 1, 1)] * 2, ArgumentError, "padding -1", {"padding": -1}),
        BadCase([(1, 1, 1, 1, 1)] * 2, ArgumentError, "dilation 0", {"dilation": 0}),
        BadCase([(1, 1, 1, 1, 1)] * 2, ArgumentError, "groups 0", {"groups": 0}),
        BadCase([(1, 3, 1, 1, 1)] * 2, ShapeError, "groups 2", {"groups": 2}),
    )

    def __init__(self, stride=1, padding=0, dilation=1, groups=1):
        self._set(stride, padding, dilation, groups)

    def shape(self, x_shape, weight_shape, bias_shape=None):
        count = self._check(x_shape, weight_shape)
        if bias_shape is not None:
            self._check_places("bias", bias_shape, (weight_shape[0],))
        return (x_shape[0], weight_shape[0], *count)

    def flops(self, y_shape, x_shape, weight_shape, bias_shape=None):
        fan_in = math.prod(weight_shape[1:])
        return (2 * fan_in + (bias_shape is not None)) * math.prod(y_shape)

    def compute(self, xp, x, weight, bias=None):
        y_shape = self.shape(
            x.shape, weight.shape, None if bias is None else bias.shape
        )
        n, out, count, *area = y_shape
        groups, flat = self.groups, Conv2d(*self._flat_options)
        y = xp.new_zeros(x, (n, groups, out // groups, count, *area))
        if bias is not None:
            y[...] = xp.reshape(bias, (groups, out // groups, 1, 1, 1))
        weights = self._taps(xp, weight)
        for layer, taps, spots in self._meetings(x.shape[2], weight.shape[2], count):
            chosen = self._chosen(xp, weights, taps)
            products = applied(flat, xp, x[:, :, layer, ...], chosen)
            products = xp.reshape(
                products, (n, groups, len(taps), out // groups, *area)
            )
            for i, spot in enumerate(spots):
                y[:, :, :, spot, ...] += products[:, :, i, ...]
        return xp.reshape(y, y_shape)

    def gradient(self, xp, gy, x, weight, x_shape, weight_shape, wanted):
        gx = gweight = gbias = None
        if wanted[0]:
            op = Conv3dByInput(tuple(x_shape[2:]), *self._options)
            gx = applied(op, xp, gy, weight)
        if wanted[1]:
            op = Conv3dByWeight(tuple(weight_shape[2:]), *self._options)
            gweight = applied(op, xp, x, gy)
        if len(wanted) > 2 and wanted[2]:
            gbias = xp.sum(gy, axis=(0, 2, 3, 4))
        return gx, gweight, gbias

    def to_onnx(self, graph, x, weight, bias=None):
        return conv_to_onnx(self, graph, x, weight, bias)


class Conv3dByInput(_Convolution3d):
    """Compute the gradient of ``conv3d`` by its volumes.

    Args:
        size: (depth, height, width) of the volumes.
        g: the gradient by the output (n, out, places in depth, rows, columns).
        weight: as in ``conv3d``, and so are the other options.

    Returns:
        An array (n, channels, depth, height, width).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> from xdl.ops.convolution.conv3d import Conv3dByInput
        >>> Conv3dByInput((1, 1, 3))([[[[[1.0, 2.0]]]]], [[[[[1.0, -1.0]]]]])
        Variable([[[[[ 1.,  1., -2.]]]]], dtype=float32)
    """

    kept_for = {"g": "weight", "weight": "g"}
    cases = (
        Case([(2, 4, 2, 3, 3), (4, 3, 2, 3, 2)], {"size": (3, 5, 4)}),
        Case(
            [(1, 4, 2, 3, 2), (4, 2, 3, 3, 3)],
            {"size": (4, 5, 4), "stride": 2, "padding": 1},
        ),
        Case([(2, 6, 3, 4, 3), (6, 1, 1, 2, 3)], {"size": (3, 5, 5), "groups": 2}),
        Case([(0, 2, 2, 2, 2), (2, 1, 3, 3, 3)], {"size": (4, 4, 4)}),
        BadCase(
            [(1, 1, 3, 3, 3), (1, 1, 2, 2, 2)], ShapeError, ": g (", {"size": (3, 3, 3)}
        ),
    )

    def __init__(self, size, stride=1, padding=0, dilation=1, groups=1):
        self.size = as_triple("Conv3dByInput", "size", size, 1)
        self._set(stride, padding, dilation, groups)

    def shape(self, g_shape, weight_shape):
        channels = weight_shape[1] * self.groups
        count = self._check((g_shape[0], channels, *self.size), weight_shape)
        self._check_places("g", g_shape, (g_shape[0], weight_shape[0], *count))
        return (g_shape[0], channels, *self.size)

    def flops(self, y_shape, g_shape, weight_shape):
        return 2 * math.prod(weight_shape[1:]) * math.prod(g_shape)

    def compute(self, xp, g, weight):
        gx = xp.new_zeros(g, self.shape(g.shape, weight.shape))
        flat = Conv2dByInput(self.size[1:], *self._flat_options)
        weights, count = self._taps(xp, weight), g.shape[2]
        for layer, taps, spots in self._meetings(self.size[0], weight.shape[2], count):
            chosen = self._chosen(xp, weights, taps)
            gx[:, :, layer, ...] = applied(
                flat, xp, self._at_places(xp, g, spots), chosen
            )
        return gx

    def gradient(self, xp, gy, g, weight, weight_shape, wanted):
        gg = gweight = None
        if wanted[0]:
            gg = applied(Conv3d(*self._options), xp, gy, weight)
        if wanted[1]:
            op = Conv3dByWeight(tuple(weight_shape[2:]), *self._options)
            gweight = applied(op, xp, gy, g)
        return gg, gweight

    def to_onnx(self, graph, g, weight):
        return transposed_to_onnx(self, graph, g, weight)


class Conv3dByWeight(_Convolution3d):
    """Compute the gradient of ``conv3d`` by its weight.

    Args:
        window: (depth, rows, columns) of the weight.
        x: volumes as in ``conv3d``, and so are the other options.
        g: the gradient by the output (n, out, places in depth, rows, columns).

    Returns:
        An array (out, channels / groups, depth, rows, columns).

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> from xdl.ops.convolution.conv3d import Conv3dByWeight
        >>> Conv3dByWeight((1, 1, 2))([[[[[1.0, 2.0, 3.0]]]]], [[[[[1.0, -1.0]]]]])
        Variable([[[[[-1., -1.]]]]], dtype=float32)
    """

    kept_for = {"x": "g", "g": "x"}
    cases = (
        Case([(2, 3, 3, 5, 4), (2, 4, 2, 3, 3)], {"window": (2, 3, 2)}),
        Case(
            [(1, 2, 4, 5, 4), (1, 4, 2, 3, 2)],
            {"window": (3, 3, 3), "stride": 2, "padding": 1},
        ),
        Case([(2, 4, 3, 5, 5), (2, 6, 3, 4, 3)], {"window": (1, 2, 3), "groups": 2}),
        Case([(0, 2, 4, 4, 4), (0, 3, 2, 2, 2)], {"window": (3, 3, 3)}),
        BadCase([(1, 1, 4, 4, 4)] * 2, ShapeError, ": g (", {"window": (2, 2, 2)}),
    )

    def __init__(self, window, stride=1, padding=0, dilation=1, groups=1):
        self.window = as_triple("Conv3dByWeight", "window", window, 1)
        self._set(stride, padding, dilation, groups)

    def shape(self, x_shape, g_shape):
        weight_shape = (g_shape[1], x_shape[1] // self.groups, *self.window)
        count = self._check(x_shape, weight_shape)
        self._check_places("g", g_shape, (x_shape[0], g_shape[1], *count))
        return weight_shape

    def flops(self, y_shape, x_shape, g_shape):
        return 2 * math.prod(y_shape[1:]) * math.prod(g_shape)

    def compute(self, xp, x, g):
        shape = self.shape(x.shape, g.shape)
        groups, (out, *rest) = self.groups, shape
        total = xp.new_zeros(x, (groups, out // groups, *rest))
        flat = Conv2dByWeight(self.window[1:], *self._flat_options)
        for layer, taps, spots in self._meetings(
            x.shape[2], self.window[0], g.shape[2]
        ):
            met = self._at_places(xp, g, spots)
            found = applied(flat, xp, x[:, :, layer, ...], met)
            found = xp.reshape(
                found, (groups, len(taps), out // groups, *found.shape[1:])
            )
            for i, tap in enumerate(taps):
                total[:, :, :, tap, ...] += found[:, i, ...]
        return xp.reshape(total, shape)

    def gradient(self, xp, gy, x, g, x_shape, wanted):
        gx = gg = None
        if wanted[0]:
            op = Conv3dByInput(tuple(x_shape[2:]), *self._options)
            gx = applied(op, xp, g, gy)
        if wanted[1]:
            gg = applied(Conv3d(*self._options), xp, x, gy)
        return gx, gg


@function_of(Conv3d)
def conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return Conv3d(stride, padding, dilation, groups)(x, weight, bias)

"""What convolutions over one, two and three axes share: options, shapes, gradients.

A convolution is linear in its input and in its weight. The gradient by either is a
product of the other and of ``gy``; and the gradients of these three products are these
three again.
"""

import math

from xdl.core.op import Op
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.windows import applied, per_axis, places

SIDES = {
    1: ("length", "width"),
    2: ("height, width", "rows, columns"),
    3: ("depth, height, width", "depth, rows, columns"),
}


class Convolution(Op):
    """One of the three products: its options, and whether shapes fit.

    Attributes:
        axes: over how many axes the window slides.
        family: the classes of the three products: ``Forward``, ``ByInput``,
            ``ByWeight``.
    """

    refuses_integers = multiplies = True
    axes = 2
    family: tuple = ()

    def _set(self, stride, padding, dilation, groups):
        who = f"Conv{self.axes}d"
        self.stride = per_axis(who, "stride", stride, 1, self.axes)
        self.padding = per_axis(who, "padding", padding, 0, self.axes)
        self.dilation = per_axis(who, "dilation", dilation, 1, self.axes)
        if not isinstance(groups, int) or groups < 1:
            raise ArgumentError(f"{who}: groups {groups!r} came, needed an int >= 1")
        self.groups = groups

    @property
    def _options(self):
        return self.stride, self.padding, self.dilation, self.groups

    def _check(self, x_shape, weight_shape):
        """Return the places of the window, once the shapes are known to fit."""
        if not len(x_shape) == len(weight_shape) == self.axes + 2:
            image, window = SIDES[self.axes]
            raise ShapeError(
                f"{self}: x {tuple(x_shape)} and weight {tuple(weight_shape)} came, "
                f"needed (n, channels, {image}) and (out, in, {window})"
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

    def _check_shape(self, name, shape, needed):
        if tuple(shape) != needed:
            raise ShapeError(f"{self}: {name} {tuple(shape)} came, needed {needed}")

    def _as_onnx(self):
        return {
            "strides": self.stride,
            "pads": self.padding * 2,  # before each axis, and after each
            "dilations": self.dilation,
            "group": self.groups,
        }


class Forward(Convolution):
    """The convolution itself: of ``x`` and ``weight``, plus ``bias``."""

    kept_for = {"x": "weight", "weight": "x"}

    def __init__(self, stride=1, padding=0, dilation=1, groups=1):
        self._set(stride, padding, dilation, groups)

    def shape(self, x_shape, weight_shape, bias_shape=None):
        count = self._check(x_shape, weight_shape)
        if bias_shape is not None:
            self._check_shape("bias", bias_shape, (weight_shape[0],))
        return (x_shape[0], weight_shape[0], *count)

    def flops(self, y_shape, x_shape, weight_shape, bias_shape=None):
        fan_in = math.prod(weight_shape[1:])
        return (2 * fan_in + (bias_shape is not None)) * math.prod(y_shape)

    def gradient(self, xp, gy, x, weight, x_shape, weight_shape, wanted):
        _, by_input, by_weight = self.family
        gx = gweight = gbias = None
        if wanted[0]:
            op = by_input(tuple(x_shape[2:]), *self._options)
            gx = applied(op, xp, gy, weight)
        if wanted[1]:
            op = by_weight(tuple(weight_shape[2:]), *self._options)
            gweight = applied(op, xp, x, gy)
        if len(wanted) > 2 and wanted[2]:
            gbias = self._of_bias(xp, gy)
        return gx, gweight, gbias

    def _of_bias(self, xp, gy):
        """Return the gradient by the bias: a sum over all but the channels."""
        return xp.sum(gy, axis=(0, *range(2, self.axes + 2)))

    def to_onnx(self, graph, x, weight, bias=None):
        return graph.add("Conv", x, weight, bias, **self._as_onnx())


class ByInput(Convolution):
    """The gradient by the input, of ``g`` and ``weight``: a transposed convolution."""

    kept_for = {"g": "weight", "weight": "g"}

    def __init__(self, size, stride=1, padding=0, dilation=1, groups=1):
        self.size = per_axis(type(self).__name__, "size", size, 1, self.axes)
        self._set(stride, padding, dilation, groups)

    def shape(self, g_shape, weight_shape):
        channels = weight_shape[1] * self.groups
        count = self._check((g_shape[0], channels, *self.size), weight_shape)
        self._check_shape("g", g_shape, (g_shape[0], weight_shape[0], *count))
        return (g_shape[0], channels, *self.size)

    def flops(self, y_shape, g_shape, weight_shape):
        return 2 * math.prod(weight_shape[1:]) * math.prod(g_shape)

    def gradient(self, xp, gy, g, weight, weight_shape, wanted):
        forward, _, by_weight = self.family
        gg = gweight = None
        if wanted[0]:
            gg = applied(forward(*self._options), xp, gy, weight)
        if wanted[1]:
            op = by_weight(tuple(weight_shape[2:]), *self._options)
            gweight = applied(op, xp, gy, g)
        return gg, gweight

    def to_onnx(self, graph, g, weight):
        window, count = graph.shape(weight)[2:], graph.shape(g)[2:]
        added = []
        for axis, size in enumerate(self.size):
            reach = self.dilation[axis] * (window[axis] - 1) + 1
            least = (count[axis] - 1) * self.stride[axis] - 2 * self.padding[axis]
            added.append(size - least - reach)
        options = self._as_onnx() | {"output_padding": tuple(added)}
        return graph.add("ConvTranspose", g, weight, **options)


class ByWeight(Convolution):
    """The gradient by the weight, of ``x`` and ``g``."""

    kept_for = {"x": "g", "g": "x"}

    def __init__(self, window, stride=1, padding=0, dilation=1, groups=1):
        self.window = per_axis(type(self).__name__, "window", window, 1, self.axes)
        self._set(stride, padding, dilation, groups)

    def shape(self, x_shape, g_shape):
        weight_shape = (g_shape[1], x_shape[1] // self.groups, *self.window)
        count = self._check(x_shape, weight_shape)
        self._check_shape("g", g_shape, (x_shape[0], g_shape[1], *count))
        return weight_shape

    def flops(self, y_shape, x_shape, g_shape):
        return 2 * math.prod(y_shape[1:]) * math.prod(g_shape)

    def gradient(self, xp, gy, x, g, x_shape, wanted):
        forward, by_input, _ = self.family
        gx = gg = None
        if wanted[0]:
            op = by_input(tuple(x_shape[2:]), *self._options)
            gx = applied(op, xp, g, gy)
        if wanted[1]:
            gg = applied(forward(*self._options), xp, x, gy)
        return gx, gg

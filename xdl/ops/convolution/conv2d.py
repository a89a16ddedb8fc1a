"""Convolution of images, and its gradients."""

from __future__ import annotations

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.depthwise import by_input, by_weight, convolved, is_depthwise
from xdl.ops.convolution.products import ByInput, ByWeight, Convolution, Forward
from xdl.ops.convolution.windows import channels_last, images_last, inner
from xdl.typing import ArrayLike, Shape


class OfImages(Convolution):
    """What the three products on images share: taps, which lie as channels do."""

    axes = 2

    def _taps(self, xp, weight):
        """Return the weight as (rows, columns, channels / groups, out)."""
        taps = xp.permute_dims(weight, (2, 3, 1, 0))
        return xp.reshape(xp.reshape(taps, (-1,)), taps.shape)

    def _is_pointwise(self, window):
        """Tell whether it is a product of matrices: of windows of one element."""
        is_plain = self.groups == 1 and not any(self.padding)
        return is_plain and tuple(window) == (1, 1)

    def _points(self, xp, x):
        """Return the elements that windows of one see, (places of all images, c)."""
        if max(self.stride) > 1:
            x = x[:, :: self.stride[0], :: self.stride[1], :]
        return xp.reshape(x, (-1, x.shape[3]))


class Conv2d(OfImages, Forward):
    torch = "nn.functional.conv2d"
    cases = (
        Case([(2, 3, 5, 4), (4, 3, 3, 2), (4,)]),
        Case([(2, 3, 5, 4), (4, 3, 3, 3), None], {"stride": 2, "padding": 1}),
        Case([(2, 4, 5, 5), (6, 2, 2, 3), (6,)], {"groups": 2, "padding": (0, 2)}),
        Case([(1, 2, 7, 6), (1, 2, 3, 2), None], {"dilation": 2, "stride": (1, 2)}),
        Case([(2, 3, 4, 4), (2, 3, 1, 1), (2,)]),
        Case([(2, 9, 3, 4), (2, 9, 1, 1), (2,)], {"padding": (0, 1)}),
        Case([(2, 8, 4, 4), (4, 4, 3, 2), (4,)], {"groups": 2, "padding": 1}),
        Case(
            [(2, 3, 5, 6), (3, 1, 2, 3), (3,)],
            {"groups": 3, "padding": 1, "stride": (1, 2), "dilation": (2, 1)},
        ),
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

    def compute(self, xp, x, weight, bias=None):
        y_shape = self.shape(
            x.shape, weight.shape, None if bias is None else bias.shape
        )
        n, out, *count = y_shape
        if is_depthwise(weight.shape, self.groups):
            y = convolved(xp, self, x, weight, count)
            y = y if bias is None else y + bias
            return xp.permute_dims(y, (0, 3, 1, 2))
        x, taps = images_last(xp, x), self._taps(xp, weight)
        if self._is_pointwise(weight.shape[2:]):
            y = xp.matmul(self._points(xp, x), taps[0, 0, ...])
            y = xp.reshape(y if bias is None else y + bias, (n, *count, out))
        else:
            y = xp.convolution(x, taps, bias, self._options)
        return xp.permute_dims(y, (0, 3, 1, 2))

    def _of_bias(self, xp, gy):
        rows = channels_last(xp, gy)  # a product: 8 times as fast as a sum
        ones = xp.new_ones(gy, (1, rows.shape[1]))
        return xp.sum(xp.matmul(ones, rows), axis=(0, 1))


@function_of(Conv2d)
def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Shape = 1,
    padding: Shape = 0,
    dilation: Shape = 1,
    groups: int = 1,
) -> Variable:
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
    return Conv2d(stride, padding, dilation, groups)(x, weight, bias)


class Conv2dByInput(OfImages, ByInput):
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
        >>> from xdl.ops.convolution.conv2d import Conv2dByInput
        >>> Conv2dByInput((1, 3))([[[[1.0, 2.0]]]], [[[[1.0, -1.0]]]])
        Variable([[[[ 1.,  1., -2.]]]], dtype=float32)
    """

    cases = (
        Case([(2, 4, 3, 3), (4, 3, 3, 2)], {"size": (5, 4)}),
        Case([(2, 4, 3, 2), (4, 3, 3, 3)], {"size": (5, 4), "stride": 2, "padding": 1}),
        Case([(2, 6, 4, 3), (6, 2, 2, 3)], {"size": (5, 5), "groups": 2}),
        Case([(1, 2, 2, 2), (2, 1, 3, 2)], {"size": (8, 5), "dilation": 3}),
        Case([(0, 2, 2, 2), (2, 1, 3, 3)], {"size": (4, 4)}),
        Case([(2, 4, 5, 4), (4, 3, 1, 1)], {"size": (3, 2), "padding": 1}),
        Case([(2, 3, 3, 2), (3, 1, 3, 2)], {"size": (5, 3), "groups": 3}),
        Case([(2, 4, 4, 2), (4, 9, 3, 2)], {"size": (4, 3), "padding": (1, 0)}),
        BadCase([(1, 1, 3, 3), (1, 1, 2, 2)], ShapeError, ": g (", {"size": (3, 3)}),
    )

    def compute(self, xp, g, weight):
        n, channels, *_ = self.shape(g.shape, weight.shape)
        g = images_last(xp, g)
        if is_depthwise(weight.shape, self.groups):
            size = (m + 2 * p for m, p in zip(self.size, self.padding, strict=True))
            gx = by_input(xp, self, g, weight, tuple(size))
            gx = gx[:, *inner(self.padding, self.size)[1:], :]
        elif self._is_pointwise(weight.shape[2:]):
            gx = self._at_points(xp, g, weight)
        else:
            taps = self._taps(xp, weight)
            gx = xp.convolution_by_input(g, taps, self.size, self._options)
        return xp.permute_dims(gx, (0, 3, 1, 2))

    def _at_points(self, xp, g, weight):
        """Return the gradient where windows of one element stand, 0 elsewhere."""
        (n, *count, out), channels = g.shape, weight.shape[1]
        matrix = xp.reshape(weight, (out, channels))
        given = xp.matmul(xp.reshape(g, (-1, out)), matrix)
        given = xp.reshape(given, (n, *count, channels))
        if count == list(self.size):
            return given
        gx = xp.new_zeros(given, (n, *self.size, channels))
        gx[:, :: self.stride[0], :: self.stride[1], :] = given
        return gx


class Conv2dByWeight(OfImages, ByWeight):
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
        >>> from xdl.ops.convolution.conv2d import Conv2dByWeight
        >>> Conv2dByWeight((1, 2))([[[[1.0, 2.0, 3.0]]]], [[[[1.0, -1.0]]]])
        Variable([[[[-1., -1.]]]], dtype=float32)
    """

    cases = (
        Case([(2, 3, 5, 4), (2, 4, 3, 3)], {"window": (3, 2)}),
        Case(
            [(2, 3, 5, 4), (2, 4, 3, 2)],
            {"window": (3, 3), "stride": 2, "padding": 1},
        ),
        Case([(2, 4, 5, 5), (2, 6, 4, 3)], {"window": (2, 3), "groups": 2}),
        Case([(0, 2, 4, 4), (0, 3, 2, 2)], {"window": (3, 3)}),
        Case([(2, 8, 4, 4), (2, 6, 2, 3)], {"window": (3, 2), "groups": 2}),
        Case([(2, 3, 4, 4), (2, 3, 3, 3)], {"window": (2, 2), "groups": 3}),
        BadCase([(1, 1, 4, 4), (1, 1, 4, 4)], ShapeError, ": g (", {"window": (2, 2)}),
    )

    def compute(self, xp, x, g):
        weight_shape = self.shape(x.shape, g.shape)
        if is_depthwise(weight_shape, self.groups):
            return by_weight(xp, self, x, g, weight_shape)
        x, g = images_last(xp, x), images_last(xp, g)
        if self._is_pointwise(self.window):
            g = xp.reshape(g, (-1, g.shape[3]))
            found = xp.matmul(xp.matrix_transpose(g), self._points(xp, x))
            return xp.reshape(found, weight_shape)
        taps = xp.convolution_by_weight(x, g, self.window, self._options)
        return xp.permute_dims(taps, (3, 2, 0, 1))


FAMILY = (Conv2d, Conv2dByInput, Conv2dByWeight)
for _product in FAMILY:
    _product.family = FAMILY

"""Convolution of volumes: one product for each layer of them, for all its taps."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case
from xdl.core.op import function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.convolution.conv2d import Conv2d, Conv2dByInput, Conv2dByWeight
from xdl.ops.convolution.products import ByInput, ByWeight, Convolution, Forward
from xdl.ops.convolution.windows import applied
from xdl.typing import ArrayLike, Shape


class _ByLayers(Convolution):
    """What the three products share: which layers of the volumes meet which taps.

    A layer is what volumes hold at one depth, a tap what the window holds at one. A
    layer meets the taps of a few places; the weights of these, one below the other,
    make one two-dimensional convolution of it, so its columns are made once and not
    for each tap.
    """

    axes = 3

    @property
    def _flat_options(self):
        flat = (option[1:] for option in self._options[:3])
        return (*flat, self.groups)

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


class Conv3d(_ByLayers, Forward):
    torch = "nn.functional.conv3d"
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


@function_of(Conv3d)
def conv3d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Shape = 1,
    padding: Shape = 0,
    dilation: Shape = 1,
    groups: int = 1,
) -> Variable:
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
    return Conv3d(stride, padding, dilation, groups)(x, weight, bias)


class Conv3dByInput(_ByLayers, ByInput):
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


class Conv3dByWeight(_ByLayers, ByWeight):
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


FAMILY = (Conv3d, Conv3dByInput, Conv3dByWeight)
for _product in FAMILY:
    _product.family = FAMILY

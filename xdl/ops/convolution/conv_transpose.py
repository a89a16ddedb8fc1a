"""Transposed convolution: what leads from the places of a window back to images."""

from __future__ import annotations

from xdl.core.case import Case
from xdl.core.op import composed
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_operand
from xdl.ops.convolution.conv2d import Conv2dByInput
from xdl.ops.convolution.products import SIDES
from xdl.ops.convolution.windows import KINDS, per_axis
from xdl.ops.indexing.getitem import getitem
from xdl.ops.indexing.padding import pad
from xdl.ops.layout.shape import reshape
from xdl.ops.layout.unit_axes import expand_dims, squeeze
from xdl.typing import ArrayLike, Shape


@composed(
    torch="nn.functional.conv_transpose2d",
    cases=(Case([(2, 3, 4, 4), (3, 2, 3, 3), (2,)]),),
)
def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Shape = 1,
    padding: Shape = 0,
    output_padding: Shape = 0,
    groups: int = 1,
    dilation: Shape = 1,
) -> Variable:
    """Add to an image, at each place of a window, the weight times what stands there.

    It is the gradient of ``conv2d`` by its images: ``y[n, o, i s + a d - p, j s + b d -
    p]`` is the sum of ``x[n, c, i, j] weight[c, o, a, b]`` over all c, i, j, a, b that
    lead there, plus ``bias[o]``. An image gets ``(rows - 1) s - 2 p + d (window - 1) +
    1`` rows, and ``output_padding`` more.

    Args:
        x: images (n, channels, height, width).
        weight: an array (channels, out / groups, rows, columns).
        bias: an array (out,), or None: no bias.
        stride: steps between places, an int or a pair of ints; default 1.
        padding: how much is cut off on each side, an int or a pair; default 0.
        output_padding: rows and columns added at the end, fewer than the stride or the
            dilation; default 0.
        groups: in how many parts the channels are divided, each with its outputs.
        dilation: steps between the elements of the window; default 1.

    Returns:
        An array (n, out, rows, columns).

    Raises:
        ShapeError: the shapes do not fit, or nothing is left of the image.
        ArgumentError: a stride or dilation below 1, a padding below 0, or an
            ``output_padding`` that is too large.
        DtypeError: ``x`` holds integers and ``weight`` floating numbers.

    Example:
        >>> import xdl
        >>> xdl.conv_transpose2d([[[[1.0, 2.0]]]], [[[[1.0, -1.0]]]], stride=2)
        Variable([[[[ 1., -1.,  2., -2.]]]], dtype=float32)

    Reference: Dumoulin and Visin, "A Guide to Convolution Arithmetic for Deep
    Learning", 2016, section 4.
    """
    options = (stride, padding, output_padding, dilation)
    return _transposed("conv_transpose2d", 2, x, weight, bias, groups, *options)


@composed(
    torch="nn.functional.conv_transpose1d", cases=(Case([(2, 3, 5), (3, 2, 3), (2,)]),)
)
def conv_transpose1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Shape = 1,
    padding: Shape = 0,
    output_padding: Shape = 0,
    groups: int = 1,
    dilation: Shape = 1,
) -> Variable:
    """Add to a sequence, at each place of a window, the weight times what stands there.

    It is ``conv_transpose2d`` on images that are one row high.

    Args:
        x: sequences (n, channels, length).
        weight: an array (channels, out / groups, width).
        bias: an array (out,), or None: no bias.
        stride, padding, output_padding, dilation: ints, as in ``conv_transpose2d``.
        groups: in how many parts the channels are divided, each with its outputs.

    Returns:
        An array (n, out, (length - 1) stride - 2 padding + dilation (width - 1) + 1 +
        output_padding).

    Raises:
        ShapeError: the shapes do not fit, or nothing is left of the sequence.
        ArgumentError: as for ``conv_transpose2d``.

    Example:
        >>> import xdl
        >>> xdl.conv_transpose1d([[[1.0, 2.0]]], [[[1.0, -1.0]]], stride=2)
        Variable([[[ 1., -1.,  2., -2.]]], dtype=float32)
    """
    options = (stride, padding, output_padding, dilation)
    return _transposed("conv_transpose1d", 1, x, weight, bias, groups, *options)


def _transposed(
    who, axes, x, weight, bias, groups, stride, padding, output_padding, dilation
):
    x, weight, bias = _operands(who, x, weight, bias, groups, axes)
    stride = per_axis(who, "stride", stride, 1, axes)
    dilation = per_axis(who, "dilation", dilation, 1, axes)
    padding = per_axis(who, "padding", padding, 0, axes)
    added = per_axis(who, "output_padding", output_padding, 0, axes)
    steps = list(zip(stride, dilation, strict=True))
    if any(a >= max(pair) for a, pair in zip(added, steps, strict=True)):
        raise ArgumentError(
            f"{who}: output_padding {output_padding} came, needed less than the "
            f"stride {stride} or the dilation {dilation}"
        )
    whole = tuple(
        (n - 1) * s + d * (w - 1) + 1
        for n, w, (s, d) in zip(x.shape[2:], weight.shape[2:], steps, strict=True)
    )
    size = [n - 2 * p + a for n, p, a in zip(whole, padding, added, strict=True)]
    if min(size) < 1:
        raise ShapeError(
            f"{who}: {KINDS[axes]} {tuple(x.shape[2:])} become {tuple(size)}, needed "
            "at least 1 along each axis"
        )
    if axes == 1:  # images that are one row high
        x, weight = expand_dims(x, -2), expand_dims(weight, -2)
        size = [1, *size]
        whole, stride, dilation = (1, *whole), (1, *stride), (1, *dilation)
        padding, added = (0, *padding), (0, *added)
    y = _of_images(x, weight, groups, size, whole, stride, padding, added, dilation)
    y = y if bias is None else y + reshape(bias, (-1, 1, 1))
    return squeeze(y, -2) if axes == 1 else y


def _operands(who, x, weight, bias, groups, axes):
    """Return the inputs as what has a shape, once the shapes are known to fit."""
    x, weight = as_operand(x), as_operand(weight)
    if not x.ndim == weight.ndim == axes + 2:
        image, window = SIDES[axes]
        raise ShapeError(
            f"{who}: x {tuple(x.shape)} and weight {tuple(weight.shape)} came, needed "
            f"(n, channels, {image}) and (channels, out / groups, {window})"
        )
    groups = plain(who, "groups", groups)
    if not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"{who}: groups {groups!r} came, needed an int >= 1")
    channels, out = weight.shape[0], weight.shape[1] * groups
    if x.shape[1] != channels or channels % groups:
        raise ShapeError(
            f"{who}: x has {x.shape[1]} channels, weight needs {channels}, a multiple "
            f"of groups {groups}"
        )
    if bias is not None:
        bias = as_operand(bias)
        if tuple(bias.shape) != (out,):
            raise ShapeError(
                f"{who}: bias has shape {tuple(bias.shape)}, needed ({out},)"
            )
    return x, weight, bias


def _of_images(x, weight, groups, size, whole, stride, padding, added, dilation):
    if all(a < s for a, s in zip(added, stride, strict=True)):
        return Conv2dByInput(size, stride, padding, dilation, groups)(x, weight)
    # The window has another place there, at which nothing stands.
    y = Conv2dByInput(whole, stride, 0, dilation, groups)(x, weight)
    y = pad(y, ((0, 0), (0, 0), (0, added[0]), (0, added[1])))
    kept = [slice(p, p + n) for p, n in zip(padding, size, strict=True)]
    return getitem(y, (..., kept[0], kept[1]))

"""Padding: elements added at the ends of axes."""

from __future__ import annotations

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, function_of
from xdl.core.option import number
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_operand, as_shape
from xdl.ops.indexing.getitem import getitem
from xdl.ops.layout.arrange import flip
from xdl.ops.layout.join import concat
from xdl.ops.layout.shape import broadcast_to
from xdl.typing import ArrayLike, Widths


class Pad(Op):
    torch = Counterpart(
        "nn.functional.pad",
        samples=tuple(
            f"nn.functional.pad:{mode}" for mode in ("constant", "reflect", "replicate")
        ),
    )
    cases = (
        Case([(2, 3)], {"widths": 1}),
        Case([(2, 3)], {"widths": (2, 0), "value": 0.5}),
        Case([(2, 3)], {"widths": ((0, 1), (2, 3)), "value": -1.0}),
        Case([()], {"widths": 2}),
        Case([(0, 3)], {"widths": ((1, 1), (0, 0))}),
        BadCase([(2, 3)], ShapeError, "1 pairs", {"widths": ((1, 1),)}),
    )

    def __init__(self, widths, value=0):
        self.widths, self.value = _as_widths(widths), number("Pad", "value", value)

    def shape(self, x_shape):
        return tuple(
            before + n + after
            for n, (before, after) in zip(x_shape, self._pairs(x_shape), strict=True)
        )

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        for axis, pair in enumerate(self._pairs(x.shape)):
            if any(pair):
                blocks = [self._block(xp, x, axis, width) for width in pair]
                x = xp.concat([blocks[0], x, blocks[1]], axis=axis)
        return x

    def gradient(self, xp, gy, x_shape):
        pairs = zip(x_shape, self._pairs(x_shape), strict=True)
        return (xp.getitem(gy, tuple(slice(b, b + n) for n, (b, _) in pairs)),)

    def _pairs(self, x_shape):
        return _pairs_of(self, self.widths, len(x_shape))

    def _block(self, xp, x, axis, width):
        zeros = xp.new_zeros(x, (*x.shape[:axis], width, *x.shape[axis + 1 :]))
        return zeros + self.value if self.value else zeros

    def to_onnx(self, graph, x):
        if graph.shape(x) == ():
            return graph.add("Identity", x)
        before, after = zip(*self._pairs(graph.shape(x)), strict=True)
        widths = graph.integers((*before, *after))
        return graph.add("Pad", x, widths, graph.number(self.value, x))


def _as_widths(widths):
    """Return ``widths`` as a pair of ints, or as a tuple of such pairs."""
    try:
        found = as_shape("Pad", widths)
    except ArgumentError:
        found = tuple(as_shape("Pad", pair) for pair in widths)
        if any(len(pair) != 2 for pair in found):
            raise ArgumentError(
                f"Pad: widths {found} came, needed pairs of ints"
            ) from None
    else:
        found *= 2 if len(found) == 1 else 1
        if len(found) != 2:
            raise ArgumentError(f"Pad: widths {found} came, needed an int or pairs")
    if any(min(pair) < 0 for pair in (found if type(found[0]) is tuple else [found])):
        raise ArgumentError(f"Pad: widths {found} came, needed widths from 0 on")
    return found


def _pairs_of(who, widths, ndim):
    pairs = widths if type(widths[0]) is tuple else (widths,) * ndim
    if len(pairs) != ndim:
        raise ShapeError(f"{who}: {len(pairs)} pairs came, but there are {ndim} axes")
    return pairs


@function_of(Pad)
def pad(
    x: ArrayLike, widths: Widths, mode: str = "constant", value: float = 0
) -> Variable:
    """Add elements at both ends of axes.

    Args:
        x: an array of any shape.
        widths: how many before and after: an int, a pair of ints for every axis, or a
            pair for each axis.
        mode: ``"constant"``; ``"reflect"``, the elements mirrored at the outermost
            one; or ``"edge"``, the outermost one again, also called ``"replicate"``.
        value: the number to add in mode ``"constant"``; default 0.

    Returns:
        The array with these elements around it.

    Raises:
        ShapeError: there is not one pair for each axis, or the axis has too few
            elements to mirror or repeat.
        ArgumentError: a width is negative, or there is no such mode.

    Example:
        >>> import xdl
        >>> xdl.pad([1.0, 2.0, 3.0], (2, 1))
        Variable([0., 0., 1., 2., 3., 0.], dtype=float32)
        >>> xdl.pad([1.0, 2.0, 3.0], (2, 1), "reflect")
        Variable([3., 2., 1., 2., 3., 2.], dtype=float32)
    """
    if mode == "constant":
        return Pad(widths, value)(x)
    if mode not in _EXTENSIONS:
        raise ArgumentError(
            f"Pad: mode {mode!r} came, needed 'constant', 'reflect', 'edge' or "
            "'replicate'"
        )
    x = as_operand(x)
    for axis, pair in enumerate(_pairs_of("Pad", _as_widths(widths), x.ndim)):
        if any(pair):
            x = _EXTENSIONS[mode](x, axis, *pair)
    return as_variable(x)


def _reflected(x, axis, before, after):
    length = x.shape[axis]
    if max(before, after) >= length:
        raise ShapeError(
            f"Pad: axis {axis} has length {length}, needed more than the {before} and "
            f"{after} elements to mirror"
        )
    first = flip(_along(x, axis, 1, before + 1), axis)
    last = flip(_along(x, axis, length - 1 - after, length - 1), axis)
    return concat([first, x, last], axis)


def _repeated(x, axis, before, after):
    length = x.shape[axis]
    if not length:
        raise ShapeError(f"Pad: axis {axis} has no element to repeat")
    first, last = _along(x, axis, 0, 1), _along(x, axis, length - 1, length)
    shapes = [(*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in (before, after)]
    ends = broadcast_to(first, shapes[0]), broadcast_to(last, shapes[1])
    return concat([ends[0], x, ends[1]], axis)


def _along(x, axis, start, stop):
    return getitem(x, (slice(None),) * axis + (slice(start, stop),))


_EXTENSIONS = {"reflect": _reflected, "edge": _repeated, "replicate": _repeated}

"""Pooling to a size that is asked for."""

from __future__ import annotations

from xdl import backend
from xdl.core.case import Case
from xdl.core.op import composed
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.ops.axes import as_operand
from xdl.ops.convolution.windows import per_axis
from xdl.ops.elementwise.arithmetic import divide
from xdl.ops.elementwise.selection import where
from xdl.ops.indexing.getitem import take
from xdl.ops.layout.shape import reshape
from xdl.ops.pooling.avg_pool import avg_pool2d
from xdl.ops.reduction.reduce import mean, sum
from xdl.typing import ArrayLike, Shape


@composed(
    torch="nn.functional.adaptive_avg_pool2d",
    cases=(Case([(2, 3, 5, 6)], {"size": 2}),),
)
def adaptive_avg_pool2d(x: ArrayLike, size: Shape) -> Variable:
    """Take means over as many windows as asked for, of nearly equal sizes.

    Row i of the windows goes from ``floor(i height / rows)`` to
    ``ceil((i + 1) height / rows)``, and so do the columns.

    Args:
        x: images (n, channels, height, width).
        size: (rows, columns) of the result, an int or a pair of ints.

    Returns:
        An array (n, channels, rows, columns).

    Raises:
        ShapeError: ``x`` has not 4 axes, or an image has no elements.
        ArgumentError: a size below 1.

    Example:
        >>> import xdl
        >>> xdl.adaptive_avg_pool2d([[[[1.0, 2.0, 3.0]]]], (1, 2))
        Variable([[[[1.5, 2.5]]]], dtype=float32)
    """
    rows, columns = per_axis("adaptive_avg_pool2d", "size", size, 1, 2)
    x = as_operand(x)
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ShapeError(
            f"adaptive_avg_pool2d: x {tuple(x.shape)} came, needed (n, channels, "
            "height, width) with elements"
        )
    if (rows, columns) == (1, 1):
        return mean(x, axis=(2, 3), keepdims=True)
    height, width = x.shape[2:]
    if height % rows == 0 and width % columns == 0:
        return avg_pool2d(x, (height // rows, width // columns))
    return _means(_means(x, 3, columns), 2, rows)


def _means(x, axis, parts):
    """Return the means over windows along an axis: each gathered, the longest whole."""
    length = x.shape[axis]
    starts = [i * length // parts for i in range(parts)]
    stops = [-(-(i + 1) * length // parts) for i in range(parts)]
    counts = [stop - start for start, stop in zip(starts, stops, strict=True)]
    longest, after = max(counts), (1,) * (x.ndim - axis - 1)
    pairs = list(zip(starts, counts, strict=True))
    places = [min(start + j, length - 1) for start, _ in pairs for j in range(longest)]
    y = take(x, _integers(places), axis)
    y = reshape(y, (*x.shape[:axis], parts, longest, *x.shape[axis + 1 :]))
    inside = [[j < count for j in range(longest)] for count in counts]
    is_inside = reshape(inside, (parts, longest, *after))
    total = sum(where(is_inside, y, 0.0), axis=axis + 1)
    return divide(total, reshape(_integers(counts), (parts, *after)))


def _integers(listed):
    return backend.cast(backend.from_python(listed), "int64")

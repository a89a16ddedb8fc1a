"""Pooling to a size that is asked for."""

from xdl.arguments import explained
from xdl.errors import ShapeError
from xdl.ops.affine import matmul
from xdl.ops.layout import as_operand
from xdl.ops.mean_pool import avg_pool2d
from xdl.ops.reduce import mean
from xdl.ops.shape import matrix_transpose
from xdl.ops.windows import as_pair


@explained
def adaptive_avg_pool2d(x, size):
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
    size = as_pair("adaptive_avg_pool2d", "size", size, 1)
    x = as_operand(x)
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ShapeError(
            f"adaptive_avg_pool2d: x {tuple(x.shape)} came, needed (n, channels, "
            "height, width) with elements"
        )
    if size == (1, 1):
        return mean(x, axis=(2, 3), keepdims=True)
    height, width = x.shape[2:]
    if height % size[0] == 0 and width % size[1] == 0:
        return avg_pool2d(x, (height // size[0], width // size[1]))
    rows, columns = _means(height, size[0]), _means(width, size[1])
    return matmul(rows, matmul(x, matrix_transpose(columns)))


def _means(length, parts):
    """Return the matrix (parts, length) that takes the means, as nested lists."""
    starts = [i * length // parts for i in range(parts)]
    stops = [-(-(i + 1) * length // parts) for i in range(parts)]
    return [
        [1 / (stop - start) if start <= j < stop else 0.0 for j in range(length)]
        for start, stop in zip(starts, stops, strict=True)
    ]

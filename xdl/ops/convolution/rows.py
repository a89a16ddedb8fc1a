"""Convolution of images by rows: a row of a matrix is what a window sees.

A convolution is a product with these rows. They are copied block by block, so that they
are read again while they are in a cache.
"""

import itertools
import math

from xdl.ops.convolution.products import Convolution
from xdl.ops.convolution.windows import few, padded
from xdl.recording import for_any_length


class ByRows(Convolution):
    """What the three products on images share: blocks of rows, and matrices."""

    axes = 2

    def _seen(self, xp, x, window):
        """Return a view of what the windows see, and where its blocks are."""
        n, channels = x.shape[:2]
        seen = xp.sliding_windows(
            padded(xp, x, self.padding), window, self.stride, self.dilation
        )
        rows, columns = seen.shape[4:]
        if math.prod(window) == 1:
            return seen, [(slice(0, n), slice(0, rows))]
        size = channels * math.prod(window) * columns
        return seen, blocks(n, rows, size, xp.BLOCK)

    def _rows(self, xp, seen):
        """Copy what the windows see: a row for each place, (s, groups, rows, fan in).

        Few channels are copied row by row of the image, and each image makes a matrix;
        many, which lie beside each other, window by window into one matrix.
        """
        n, channels, *window, rows, columns = seen.shape
        groups, area, share = self.groups, rows * columns, channels // self.groups
        fan_in = share * math.prod(window)
        if few(channels):
            planes = xp.reshape(seen, (n, groups, fan_in, area))
            return xp.matrix_transpose(planes)
        if groups == 1:
            seen = xp.permute_dims(seen, (0, 4, 5, 2, 3, 1))
            return xp.reshape(seen, (1, 1, n * area, fan_in))
        seen = xp.reshape(seen, (n, groups, share, *window, rows, columns))
        seen = xp.permute_dims(seen, (1, 0, 5, 6, 3, 4, 2))
        return xp.reshape(seen, (1, groups, n * area, fan_in))

    def _by_group(self, xp, y, stacked):
        """Return images (n, rows, columns, channels) as (s, groups, area, share)."""
        n, rows, columns, channels = y.shape
        shape = (n, rows * columns) if stacked else (1, n * rows * columns)
        y = xp.reshape(y, (*shape, self.groups, channels // self.groups))
        return xp.permute_dims(y, (0, 2, 1, 3))

    def _ungrouped(self, xp, y, shape):
        """Return (s, groups, area, share) as images of a shape, the channels last."""
        return xp.reshape(xp.permute_dims(y, (0, 2, 1, 3)), shape)

    def _matrices(self, xp, weight, is_few):
        """Return the weight as matrices (groups, out / groups, fan in)."""
        out, share, *window = weight.shape
        if not is_few:
            weight = xp.permute_dims(weight, (0, 2, 3, 1))
        shape = (self.groups, out // self.groups, share * math.prod(window))
        return xp.reshape(weight, shape)


def blocks(n, rows, size, most):
    """Return slices of n images and of their rows of places that make blocks.

    They are a few images each, or a few rows of one, as many in each.

    Args:
        n: how many images there are.
        rows: how many rows of places each has.
        size: how many elements a row of places needs.
        most: how many elements a block has, about.
    """
    if for_any_length():
        return [(slice(0, n), slice(0, rows))]
    parts = max(1, round(rows * size / most))  # a rest of few rows is slow
    some = max(1, -(-rows // parts))
    many = max(1, most // max(size * rows, 1))
    firsts = itertools.product(range(0, n, many), range(0, rows, some))
    return [
        (slice(i, min(i + many, n)), slice(j, min(j + some, rows))) for i, j in firsts
    ]


def moved(rows, part):
    """Return those of the rows that a tap sees which a part of the places needs."""
    first = rows.start + part.start * rows.step
    last = first + (part.stop - part.start - 1) * rows.step
    return slice(first, last + 1, rows.step)

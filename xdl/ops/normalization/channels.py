"""Channels: arrays (n, c, ...) as rows, for sums and products with a number a channel.

Images of many channels lie channels last, and are rows (..., c) as they are; those of
few are planes, and stay (n, c, positions). NumPy is slow with short rows: of large
arrays each row has all channels several times, ``(times * c)``.
"""

import math

from xdl.backend import blocks
from xdl.ops.convolution.windows import few
from xdl.ops.normalization.layer_norm import row_dots
from xdl.recording import for_any_length

_WIDE = 256  # numbers of a row
_LARGE = 1 << 14  # numbers from which on wider rows are worth their making


class Channels:
    """The rows of arrays of one shape.

    Args:
        xp: the namespace of the arrays.
        shape: (n, c, ...).
    """

    def __init__(self, xp, shape):
        self.xp, self.shape = xp, shape
        self.n, self.c, *self.size = shape
        self.count = self.n * math.prod(self.size)
        self.are_planes = few(self.c) and self.count > self.n
        self.times = 1
        if self.count * self.c >= _LARGE and self.c < _WIDE and not for_any_length():
            most = 1 << (_WIDE // self.c).bit_length() - 1
            self.times = math.gcd(self.count, most)

    def rows(self, x):
        """Return an array of the shape as rows."""
        if self.are_planes:
            return self.xp.reshape(x, (self.n, self.c, self.count // self.n))
        if self.size:
            ndim = len(self.shape)
            x = self.xp.permute_dims(x, (0, *range(2, ndim), 1))
        return self.xp.reshape(x, (self.count // self.times, self.times * self.c))

    def array(self, rows):
        """Return rows as an array of the shape."""
        if self.are_planes or not self.size:
            return self.xp.reshape(rows, self.shape)
        y = self.xp.reshape(rows, (self.n, *self.size, self.c))
        ndim = len(self.shape)
        return self.xp.permute_dims(y, (0, ndim - 1, *range(1, ndim - 1)))

    def along(self, values):
        """Return numbers of the channels (c,) as they lie along rows."""
        if self.are_planes:
            return self.xp.reshape(values, (self.c, 1))
        if self.times == 1:
            return values
        values = self.xp.broadcast_to(values, (self.times, self.c))
        return self.xp.reshape(values, (self.times * self.c,))

    def sums(self, function, *rows):
        """Return sums for each channel (c,) of what a function makes of rows.

        Args:
            function: returns a tuple of sums by ``sum`` or ``dot``.
            rows: what it is given, block by block.
        """
        found = blocks.by_rows(self.xp, function, *rows)
        return [self._of_channels(sums) for sums in found]

    def sum(self, rows):
        """Return the sums of the rows, or of the planes, as one row."""
        xp = self.xp
        if self.are_planes:
            rows = xp.matmul(rows, xp.new_ones(rows, rows.shape[2:]))
        return xp.matmul(xp.new_ones(rows, (rows.shape[0],)), rows)[None, :]

    def dot(self, x1, x2):
        """Return the sums of the products of rows, or of planes, as one row."""
        if not self.are_planes:
            return self.sum(x1 * x2)
        dots = row_dots(self.xp, x1, x2)
        return self.xp.matmul(self.xp.new_ones(dots, (dots.shape[0],)), dots)[None, :]

    def _of_channels(self, sums):
        size = math.prod(sums.shape)
        if size > self.c:
            sums = self.xp.reshape(sums, (size // self.c, self.c))
            return self.xp.sum(sums, axis=0)
        return self.xp.reshape(sums, (self.c,))

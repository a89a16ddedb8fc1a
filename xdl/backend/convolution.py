"""Convolutions of images whose channels lie side by side, as products of matrices.

A row of a matrix is what a window sees at one place. Rows are copied block by block, so
that they are read again while they are in a cache. ``xp`` is NumPy itself, or what has
the same functions of another library.

Reference: K. Chellapilla, S. Puri, P. Simard, "High Performance Convolutional Neural
Networks for Document Processing" (2006), section 3.1.
"""

import math

import numpy as np

BLOCK = 1 << 18  # elements: blocks of so many stay in a cache


def few(channels):
    """Tell whether images are copied as planes, whose rows are longer."""
    return channels < 8


def blocks(n, rows, size, most):
    """Return slices of n images and of their rows of places that make blocks.

    They are a few images each, or a few rows of one, as many in each.

    Args:
        n: how many images there are.
        rows: how many rows of places each has.
        size: how many elements a row of places needs.
        most: how many elements a block has, about.
    """
    parts = max(1, round(rows * size / most))  # a rest of few rows is slow
    some = max(1, -(-rows // parts))
    many = max(1, most // max(size * rows, 1))
    return [
        (slice(i, min(i + many, n)), slice(j, min(j + some, rows)))
        for i in range(0, n, many)
        for j in range(0, rows, some)
    ]


def counted(size, window, stride, padding, dilation):
    """Return at how many places a window stands along each axis."""
    spans = zip(size, window, stride, padding, dilation, strict=True)
    return tuple([(m + 2 * p - d * (w - 1) - 1) // s + 1 for m, w, s, p, d in spans])


class _Windows:
    """What windows see in a block of images: rows of a matrix, in memory of their own.

    Args:
        x: images (n, height, width, channels).
        window: (rows, columns) of the window.
        options: stride, padding, dilation (pairs), and groups.
    """

    def __init__(self, xp, x, window, options):
        self.xp, self.x, self.window, self.options = xp, x, window, options
        self.is_few = few(x.shape[3])
        self._made = None

    def rows(self, images, part, columns):
        """Return the rows (s, groups, places, fan in) of some rows of places.

        Args:
            images, part: slices of images, and of rows of places.
            columns: places in a row.
        """
        (step, _), (pad, _), (between, _), _ = self.options
        first = part.start * step - pad
        last = first + (part.stop - part.start - 1) * step
        last += between * (self.window[0] - 1) + 1
        height = self.x.shape[1]
        seen = self.x[images, max(first, 0) : min(last, height)]
        edges = max(-first, 0), max(last - height, 0)
        facts, count = (seen.shape, edges), (part.stop - part.start, columns)
        if (facts, count) != self._made:
            self._make(*facts, count)
            self._made = facts, count
        windows = self._windows
        if windows is None:
            windows = self._views(seen, count)
        else:
            self._inner[...] = seen
        self._copies[...] = windows
        return self._matrix

    def _make(self, shape, edges, count):
        """Make the memory of a block: padded images, and what is seen of them."""
        xp, (_, pad), groups = self.xp, self.options[1], self.options[3]
        n, height, width, channels = shape
        self._windows = None
        if self.is_few or pad or any(edges):
            self._pad(shape, edges, count)
        area, fan_in = math.prod(count), channels // groups * math.prod(self.window)
        lie = (
            (n, groups, fan_in, area) if self.is_few else (1, groups, n * area, fan_in)
        )
        matrix = xp.empty(lie, self.x.dtype)
        self._matrix = matrix.swapaxes(-2, -1) if self.is_few else matrix
        self._copies = matrix.reshape(self._shape(n, count))

    def _pad(self, shape, edges, count):
        """Make padded images, 0 where there is padding."""
        xp, (_, pad) = self.xp, self.options[1]
        n, height, width, channels = shape
        size = edges[0] + height + edges[1], width + 2 * pad
        lie = (n, channels, *size) if self.is_few else (n, *size, channels)
        padded = xp.zeros(lie, self.x.dtype)
        if self.is_few:
            padded = padded.transpose(0, 2, 3, 1)
        inside = slice(edges[0], edges[0] + height), slice(pad, pad + width)
        self._inner = padded[:, *inside, :]
        self._windows = self._views(padded, count)

    def _shape(self, n, count):
        """Return the lengths of the axes of the copies."""
        groups = self.options[3]
        share = self.x.shape[3] // groups
        if self.is_few:
            return (n, groups, share, *self.window, *count)
        return (groups, n, *count, *self.window, share)

    def _views(self, images, count):
        """Return the windows as a view, its axes in the order of the rows."""
        n, _, _, channels = images.shape
        (down, across), _, (below, beside), groups = self.options
        whole, row, column, channel = images.strides
        share = channels // groups
        seen = self.xp.lib.stride_tricks.as_strided(
            images,
            (n, *count, *self.window, groups, share),
            (
                whole,
                row * down,
                column * across,
                row * below,
                column * beside,
                channel * share,
                channel,
            ),
        )
        order = (0, 5, 6, 3, 4, 1, 2) if self.is_few else (5, 0, 1, 2, 3, 4, 6)
        return seen.transpose(order)


def _matrices(xp, taps, groups, is_few):
    """Return the taps as matrices (groups, fan in, out / groups)."""
    *window, share, out = taps.shape
    taps = taps.reshape(*window, share, groups, out // groups)
    order = (3, 2, 0, 1, 4) if is_few else (3, 0, 1, 2, 4)
    taps = taps.transpose(order)
    return taps.reshape(groups, share * math.prod(window), out // groups)


def _by_group(y, groups, is_stacked):
    """Return images (n, rows, columns, channels) as (s, groups, places, share)."""
    n, rows, columns, channels = y.shape
    shape = (n, rows * columns) if is_stacked else (1, n * rows * columns)
    return y.reshape(*shape, groups, channels // groups).transpose(0, 2, 1, 3)


def convolution(x, taps, bias, options, out=None, xp=np, most=BLOCK):
    """Return the images that windows of taps make.

    Args:
        x: images (n, height, width, channels).
        taps: an array (rows, columns, channels / groups, out).
        bias: an array (out,), or None.
        options: stride, padding, dilation (pairs), and groups.
        out: an array for the result, or None.
        most: elements of a block.

    Returns:
        An array (n, rows of places, columns of places, out).
    """
    window, groups, (n, *size, channels) = taps.shape[:2], options[3], x.shape
    count = counted(size, window, *options[:3])
    if out is None:
        kind = xp.result_type(x.dtype, taps.dtype)
        out = xp.empty((n, *count, taps.shape[3]), kind)
    elif not out.flags.c_contiguous:
        return _written(convolution(x, taps, bias, options, None, xp, most), out)
    windows = _Windows(xp, x, window, options)
    matrices = _matrices(xp, taps, groups, windows.is_few)
    if bias is not None:  # for a row of places: sums of short rows are slow
        bias = xp.zeros((count[1], len(bias)), out.dtype) + bias
    size = channels * math.prod(window) * count[1]
    for images, part in blocks(n, count[0], size, most):
        rows, block = windows.rows(images, part, count[1]), out[images, part]
        if rows.shape[:2] == (1, 1):
            flat = block.reshape(-1, block.shape[3])
            xp.matmul(rows[0, 0], matrices[0], out=flat)
        else:
            product = xp.matmul(rows, matrices).transpose(0, 2, 1, 3)
            block[...] = product.reshape(block.shape)
        if bias is not None:
            block += bias
    return out


def convolution_by_weight(x, g, window, options, out=None, xp=np, most=BLOCK):
    """Return the gradient of ``convolution`` by its taps.

    Args:
        x, options, out, most: as of ``convolution``.
        g: the gradient by the result (n, rows of places, columns of places, out).
        window: (rows, columns) of the taps.

    Returns:
        An array (rows, columns, channels / groups, out).
    """
    groups, (n, *_, channels) = options[3], x.shape
    windows, total = _Windows(xp, x, window, options), None
    share, outs, count = channels // groups, g.shape[3], g.shape[1:3]
    size = channels * math.prod(window) * count[1]
    for images, part in blocks(n, count[0], size, most):
        rows = windows.rows(images, part, count[1]).swapaxes(-2, -1)
        given = _by_group(g[images, part], groups, windows.is_few)
        products = xp.matmul(rows, given)
        products = products[0] if len(products) == 1 else products.sum(0)
        total = products if total is None else total + products
    shape = (*window, share, outs)
    if total is None:
        total = xp.zeros(shape, xp.result_type(x.dtype, g.dtype))
    else:
        kept = (share, *window) if windows.is_few else (*window, share)
        total = total.reshape(groups, *kept, outs // groups)
        order = (2, 3, 1, 0, 4) if windows.is_few else (1, 2, 3, 0, 4)
        total = total.transpose(order).reshape(shape)  # a copy, if one is needed
    return _written(total, out)


def convolution_by_input(g, taps, size, options, out=None, xp=np, most=BLOCK):
    """Return the gradient of ``convolution`` by its images.

    Args:
        g: the gradient by the result (n, rows of places, columns of places, out).
        taps, options, out, most: as of ``convolution``.
        size: (height, width) of the images.

    Returns:
        An array (n, height, width, channels).
    """
    turned = turned_options(taps.shape, g.shape[1:3], size, options)
    is_less = taps.shape[3] <= 2 * taps.shape[2] * options[3]
    # Zeros of the padding times a NaN would be NaN at places that no window has.
    if xp is np and turned and is_less and np.isfinite(taps).all():
        taps = turned_taps(taps, options[3])
        return convolution(g, taps, None, turned, out, xp, most)
    if xp is np or options[3] > 1:
        return _scattered(xp, g, taps, size, options, most, out)
    return _written(_overlapped(xp, g, taps, size, options), out)


def turned_options(taps_shape, count, size, options):
    """Return options with which the gradient is a convolution of ``g``; or None."""
    stride, padding, dilation, groups = options
    window = taps_shape[:2]
    reach = [d * (w - 1) for d, w in zip(dilation, window, strict=True)]
    around = tuple([r - p for r, p in zip(reach, padding, strict=True)])
    if max(stride) > 1 or min(around) < 0:
        return None
    options = (1, 1), around, dilation, groups
    return options if counted(count, window, *options[:3]) == tuple(size) else None


def turned_taps(taps, groups):
    """Return the taps mirrored, (rows, columns, out / groups, channels)."""
    rows, columns, share, out = taps.shape
    taps = taps[::-1, ::-1].reshape(rows, columns, share, groups, out // groups)
    return taps.transpose(0, 1, 4, 3, 2).reshape(rows, columns, -1, groups * share)


def _overlapped(xp, g, taps, size, options):
    """Return the gradient by the images in a few calls: what taps give, seen at once.

    What all taps give at all places is written between zeros. In a view whose strides
    along the taps go backwards, what belongs to an element of the images lies together.
    """
    stride, padding, dilation, _ = options
    *window, share, outs = taps.shape
    n, *count = g.shape[:3]
    given = xp.matmul(g.reshape(-1, outs), taps.reshape(-1, outs).T)
    reach = [d * (w - 1) for d, w in zip(dilation, window, strict=True)]
    sizes = zip(size, padding, reach, count, stride, strict=True)
    lengths = [max(m + p + r, (c - 1) * s + r + 1) for m, p, r, c, s in sizes]
    wide = xp.zeros((n, *lengths, *window, share), given.dtype)
    places = zip(reach, count, stride, strict=True)
    rows, columns = (slice(r, r + (c - 1) * s + 1, s) for r, c, s in places)
    wide[:, rows, columns] = given.reshape(n, *count, *window, share)
    whole, row, column, down, across, channel = wide.strides
    first = wide[:, padding[0] + reach[0] :, padding[1] + reach[1] :]
    back = down - dilation[0] * row, across - dilation[1] * column
    seen = xp.lib.stride_tricks.as_strided(
        first, (n, *size, *window, share), (whole, row, column, *back, channel)
    )
    return seen.sum((3, 4))


def _scattered(xp, g, taps, size, options, most, out):
    """Return the gradient by the images, to which each place adds what it gives."""
    stride, padding, dilation, groups = options
    *window, share, outs = taps.shape
    n, *count = g.shape[:3]
    matrices = taps.reshape(-1, share, groups, outs // groups).transpose(0, 2, 3, 1)
    shape, kind = (n, *size, groups * share), xp.result_type(g.dtype, taps.dtype)
    out = xp.empty(shape, kind) if out is None else out
    out[...] = 0
    offsets = [
        [d * i - p for i in range(w)]
        for d, p, w in zip(dilation, padding, window, strict=True)
    ]
    # Half as much as in the other products: the images too are read and written.
    row = groups * share * math.prod(window) * count[1]
    for images, part in blocks(n, count[0], row, most // 2):
        given = g[images, part]
        # One product for each tap: sums of whole rows of images are fast.
        products = xp.matmul(_by_group(given, groups, False), matrices)
        products = products.transpose(0, 2, 1, 3)
        products = products.reshape(-1, *given.shape[:3], shape[3])
        taps_at = [(i, j) for i in offsets[0] for j in offsets[1]]
        for k, (i, j) in enumerate(taps_at):
            above, to_rows = _inside(part, i, stride[0], size[0])
            left, to_columns = _inside(slice(0, count[1]), j, stride[1], size[1])
            out[images, to_rows, to_columns] += products[k][:, above, left]
    return out


def _written(result, out):
    """Return a result: in ``out``, if there is one."""
    if out is None:
        return result
    out[...] = result
    return out


def _inside(part, offset, stride, size):
    """Return which of some places see an element of the images, and which elements."""
    first = max(part.start, -(offset // stride))  # the first that is not before 0
    last = min(part.stop, (size - 1 - offset) // stride + 1)
    last = max(first, last)
    start = first * stride + offset
    seen = slice(start, start + max(last - first - 1, 0) * stride + 1, stride)
    if first == last:
        seen = slice(0, 0)
    return slice(first - part.start, last - part.start), seen

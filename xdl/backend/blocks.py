"""Blocks: long chains of calls a few rows at a time, so that what lies between is near.

A chain of calls on a large array goes through all of it at each call, and takes memory
from the system for each result. Cut into blocks that fit into a cache, it reads what it
is given once and writes what it makes once. NumPy alone needs that: a recording fuses
the chain, and a GPU wants few large calls. So with any other namespace, and where the
arrays are small, the whole is one block.
"""

import numpy as np

from xdl.backend import numpy as host

# Elements. Measured on chains of ten calls (EPYC, 512 KiB of L2, 32 MiB of L3): from a
# million on blocks take 0.5 to 0.9 of the time, below they lose more than they win.
SIZE, LEAST = 1 << 16, 1 << 20


def pay(xp, x):
    """Tell whether an array goes in blocks."""
    return xp is host and x.size >= LEAST


def by_rows(xp, function, *arrays):
    """Return what a function makes of arrays, block by block of their rows.

    Args:
        xp: the namespace of the arrays.
        function: of as many arrays; returns an array, or a tuple of arrays and None,
            each with as many rows as it was given, or with one row.
        arrays: arrays of one length.

    Returns:
        What the function returned, the rows of all blocks one after another: as many
        as the arrays have, or one a block.
    """
    if not pay(xp, arrays[0]):
        return function(*arrays)
    made, rows = [], len(arrays[0])
    height = min(rows, max(1, SIZE * rows // arrays[0].size))
    for start in range(0, rows, height):
        results = function(*[x[start : start + height] for x in arrays])
        parts = results if type(results) is tuple else (results,)
        if not start:
            made = [_room(part, rows, height) for part in parts]
        for y, part in zip(made, parts, strict=True):
            if y is not None:
                first = start if len(y) == rows else start // height
                y[first : first + len(part)] = part
    return tuple(made) if type(results) is tuple else made[0]


def by_elements(xp, function, *arrays):
    """Return what a function of single elements makes of arrays, block by block.

    Args:
        xp: the namespace of the arrays.
        function: of as many arrays; returns one of their shape, or a tuple of such.
        arrays: arrays of one shape. They go in blocks where they lie in memory in one
            order without gaps.
    """
    order = _order(arrays) if pay(xp, arrays[0]) else None
    if order is None:
        return function(*arrays)
    shape = [arrays[0].shape[axis] for axis in order]
    back = sorted(range(len(order)), key=order.__getitem__)
    results = by_rows(xp, function, *_flat(arrays, order))
    if type(results) is tuple:
        return tuple([y.reshape(shape).transpose(back) for y in results])
    return results.reshape(shape).transpose(back)


def views(xp, *arrays):
    """Return tuples of flat views, block by block, of arrays that are written into.

    The arrays are of one shape; those without axes are in each tuple as they are. Where
    they do not lie alike there is one tuple: the arrays.
    """
    large = [x for x in arrays if x.ndim]
    order = _order(large) if pay(xp, arrays[0]) else None
    if order is None:
        return [arrays]
    flat = iter(_flat(large, order))
    flat = [next(flat) if x.ndim else x for x in arrays]
    return [
        [x[i : i + SIZE] if x.ndim else x for x in flat]
        for i in range(0, arrays[0].size, SIZE)
    ]


def _room(part, rows, height):
    """Return an array for the rows of all blocks, given those of the first one."""
    if part is None:
        return None
    count = rows if len(part) == height else -(-rows // height)
    return np.empty((count, *part.shape[1:]), part.dtype)


def _order(arrays):
    """Return the order of the axes in which all arrays lie without gaps, or None."""
    x = arrays[0]
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    is_plain = all(
        y.shape == x.shape and y.transpose(order).flags.c_contiguous for y in arrays
    )
    return order if is_plain else None


def _flat(arrays, order):
    return [x.transpose(order).reshape(-1) for x in arrays]

"""Blocks of images, and of their rows of places, that stay in a cache."""

from xdl.backend.convolution import blocks as blocks_of
from xdl.recording import for_any_length


def blocks(n, rows, size, most):
    """Return slices of images and of rows of places; a single block for any length."""
    if for_any_length():
        return [(slice(0, n), slice(0, rows))]
    return blocks_of(n, rows, size, most)


def moved(rows, part):
    """Return those of the rows that a tap sees which a part of the places needs."""
    first = rows.start + part.start * rows.step
    last = first + (part.stop - part.start - 1) * rows.step
    return slice(first, last + 1, rows.step)

"""The arena: one piece of memory, and where in it each buffer begins."""

import bisect
import heapq
import itertools
from typing import Any

import numpy as np

_ALIGNMENT = 64  # bytes: a cache line, and the longest vector registers
_GAPS = 1 << 20  # bytes: so many that no buffer uses are not worth a search


class Buffer:
    """A piece of the arena: ``nbytes`` from ``offset`` on, used from ``first`` to
    ``last`` (numbers of instructions); or a piece of another Buffer."""

    __slots__ = ("_offset", "first", "last", "nbytes", "within")

    def __init__(self, nbytes, first, last, within=None, offset=None):
        self.nbytes, self.first, self.last = nbytes, first, last
        self.within, self._offset = within, offset

    @property
    def offset(self):
        """Where it begins in the arena."""
        return self._offset + (self.within.offset if self.within else 0)

    @offset.setter
    def offset(self, offset):
        self._offset = offset


def placed_in_arena(buffers):
    """Give each Buffer its offset; return the size of the arena.

    Placed in the order of time, what is made lies where something is still in a cache;
    placed by size, it may take less memory.
    """
    own = [b for b in buffers.values() if b.within is None]
    places, nbytes = _by_time(own)
    if nbytes > _most_alive(own) + _GAPS:
        others, least = _by_size(own)
        if least < nbytes:
            places, nbytes = others, least
    for buffer in own:
        buffer.offset = places[id(buffer)]
    return nbytes


def room(buffer):
    """Return the bytes that a Buffer takes, to the end of a cache line."""
    return -(-buffer.nbytes // _ALIGNMENT) * _ALIGNMENT


def _most_alive(buffers):
    """Return the bytes of all that live at one time: no arena is smaller."""
    changes: dict[Any, Any] = {}
    for buffer in buffers:
        for i, sign in ((buffer.first, 1), (buffer.last + 1, -1)):
            changes[i] = changes.get(i, 0) + sign * room(buffer)
    return max(itertools.accumulate(changes[i] for i in sorted(changes)), default=0)


def _by_time(buffers):
    """Return offsets, first fit by time, and the size of the arena."""
    # of those that live: by offsets, by ends
    places: dict[Any, Any] = {}
    spans: list[Any] = []
    ends: list[Any] = []
    end = 0
    for buffer in sorted(buffers, key=lambda b: (b.first, -b.nbytes)):
        while ends and ends[0][0] < buffer.first:
            _, span = heapq.heappop(ends)
            del spans[bisect.bisect_left(spans, span)]
        size, at = room(buffer), 0
        for first, last, _ in spans:
            if at + size <= first:
                break
            at = max(at, last)
        places[id(buffer)] = at
        span = (at, at + size, id(buffer))
        bisect.insort(spans, span)
        heapq.heappush(ends, (buffer.last, span))
        end = max(end, at + size)
    return places, end


def _by_size(buffers):
    """Return offsets, best fit from the largest on, and the size of the arena."""
    places, end = {}, 0
    lives = np.empty((4, len(buffers)), np.int64)  # first, last; from where to where
    for k, buffer in enumerate(sorted(buffers, key=lambda b: (-b.nbytes, b.first))):
        first, last, starts, ends = lives[:, :k]
        meets = np.flatnonzero((first <= buffer.last) & (last >= buffer.first))
        meets = meets[np.argsort(starts[meets])]
        lows = np.concatenate(([0], np.maximum.accumulate(ends[meets])))
        gaps = starts[meets] - lows[:-1]
        size = room(buffer)
        fits = np.flatnonzero(gaps >= size)
        at = int(lows[fits[np.argmin(gaps[fits])]] if fits.size else lows[-1])
        places[id(buffer)] = at
        lives[:, k] = buffer.first, buffer.last, at, at + size
        end = max(end, at + size)
    return places, end

"""Random numbers: one seed for a model, the same on every device.

Numbers are drawn on the host by NumPy and moved, so that a seed gives the same model
on the CPU and on a GPU.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

from xdl.arguments import explained
from xdl.backend import pending
from xdl.errors import ArgumentError

_generator: ContextVar[Any] = ContextVar("xdl_generator", default=None)
_stream: ContextVar[Any] = ContextVar("xdl_stream", default=None)
_WORD = 2**64


@explained
def seed(number: int) -> None:
    """Make every later random draw of this thread reproducible.

    Args:
        number: a non-negative int.

    Raises:
        ArgumentError: ``number`` is not a non-negative int.

    Example:
        >>> import xdl
        >>> def draw():
        ...     xdl.seed(0)
        ...     return xdl.Parameter().get_variable("w", [2, 2]).numpy()
        >>> bool((draw() == draw()).all())
        True
    """
    if (
        isinstance(number, bool)
        or not isinstance(number, int | np.integer)
        or number < 0
    ):
        raise ArgumentError(f"seed: {number!r} came, needed a non-negative int")
    _generator.set(np.random.Generator(np.random.PCG64(int(number))))
    _stream.set((int(number), 0))


def generator():
    """Return this thread's NumPy generator; without ``seed`` it starts from entropy."""
    current = _generator.get()
    if current is None:
        current = np.random.default_rng()
        _generator.set(current)
    return current


def next_draw(count=1):
    """Return (seed, number): the name of this thread's next draw of random bits.

    The numbers count from 0 on after each ``seed``; without one, the seed is drawn from
    entropy at the first call. ``count`` draws are taken at once, the first is returned.
    """
    key, number = _stream.get() or (np.random.SeedSequence().entropy, 0)
    _stream.set((key, number + count))
    return key, number


def draw_for_forward():
    """Take the next draw, which is put back if its batch is refused."""
    before = next_draw()
    pending.note(_put_back, before, next_draw(0))


def _put_back(before, after):
    if _stream.get() == after:
        _stream.set(before)


def bits(count, width, key, number):
    """Return uniform random integers of ``width`` bits (16 or 32), the same every time.

    They are NumPy's Philox 4x64-10 with the 128 lower bits of ``key`` as its key and
    ``number`` as the third word of its counter; after the last one the first follows.
    """
    words = -(-count * width // 64)
    halves = np.array([key % _WORD, key // _WORD % _WORD], np.uint64)
    philox = np.random.Philox(key=halves, counter=[0, 0, number % _WORD, 0])
    drawn = np.asarray(philox.random_raw(words), "<u8")  # one order on every machine
    return drawn.view(f"<u{width // 8}")[:count]


def orthonormal(rows, columns):
    """Return a matrix of orthonormal columns, all equally likely; columns <= rows."""
    q, r = np.linalg.qr(generator().standard_normal((rows, columns)))
    return q * np.where(r.diagonal() < 0, -1.0, 1.0)


def state():
    """Return where the draws of this thread stand, for ``restore``."""
    return generator().bit_generator.state, next_draw(0)


def restore(state):
    """Go on with the draws that followed when ``state()`` returned ``state``."""
    generator().bit_generator.state, stream = state
    _stream.set(stream)


def draw(scores, temperature=1.0, top_k=None):
    """Draw a position with a probability that grows with its score.

    Args:
        scores: a host array (n,).
        temperature: the scores are divided by it; 0: the largest score.
        top_k: leave all but so many of the largest out; None: none.

    Returns:
        An int.
    """
    if temperature == 0:
        return int(scores.argmax())
    scores = scores.astype(np.float64) / temperature
    if top_k is not None and top_k < len(scores):
        scores[scores < np.partition(scores, -top_k)[-top_k]] = -np.inf
    # The largest of the scores plus Gumbel noise is drawn as softmax says.
    return int((scores + generator().gumbel(size=len(scores))).argmax())

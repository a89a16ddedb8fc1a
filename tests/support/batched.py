"""Small steps, and the sizes of a batch that their saved programs take."""

import math

import numpy as np

import xdl
from xdl import Variable

SIZES = (1, 2, 3, 5, 7, 8, 16, 17, 33, 64, 100)  # of batches; steps are recorded with 8
ALL = frozenset(SIZES)
TABLE = np.arange(40, dtype=np.float32).reshape(8, 5)
ROW = np.arange(5, dtype=np.float32)[None]
WEIGHT = Variable(np.cos(np.arange(25.0)).reshape(5, 5), dtype="float32", name="n")


def rows(n, width=5, seed=0):
    """Return random numbers (n, width), always the same."""
    rng = np.random.default_rng([n, seed])
    return rng.standard_normal((n, width)).astype(np.float32)


def one(n):
    """Return the argument of a step of one array."""
    return (rows(n),)


def two(n):
    """Return those of a step of two."""
    return rows(n), rows(n, seed=1)


def labelled(n):
    """Return rows and their labels."""
    return rows(n), np.arange(n) * 7 % 5


def _sequences(n):
    return (rows(n, 12).reshape(n, 4, 3),)


def _in_time(n):
    return (rows(n, 12).reshape(n, 4, 3).transpose(1, 0, 2),)


def _images(n):
    return (rows(n, 96).reshape(n, 2, 6, 8),)


def _at_least(n):
    return {size for size in SIZES if size >= n}


def _up_to(n):
    return {size for size in SIZES if size <= n}


def _looped(x):
    return sum(x[i] for i in range(len(x)))


def _cut_by_gradient(x):
    return xdl.gradient(lambda v: xdl.sum(xdl.split(v, [20])[0]))(x)


def _matched(x):
    try:
        return xdl.matmul(x, x)
    except xdl.ShapeError:
        return x


# A step, the arguments for a batch, and the sizes that its file takes.
STEPS = {
    "mean over the batch": (lambda x: xdl.mean(x, axis=0), one, ALL),
    "mean of all": (xdl.mean, one, ALL),
    "size by shape": (lambda x: x / x.shape[0], one, ALL),
    "size by len": (lambda x: x.sum(axis=0) * (0.5 / len(x)), one, ALL),
    "size by size": (lambda x: x.sum() / x.size, one, ALL),
    "root of the size": (lambda x: x / math.sqrt(len(x)), one, ALL),
    "standard deviation": (
        lambda x: xdl.std(x, axis=0, correction=1),
        one,
        _at_least(3),
    ),
    "argsort": (lambda x: xdl.argsort(x, axis=0), one, ALL),
    "sort": (lambda x: xdl.sort(x, axis=0), one, ALL),
    "cumulative sum": (lambda x: xdl.cumulative_sum(x, axis=0), one, ALL),
    "cumulative product": (lambda x: xdl.cumulative_prod(x, axis=0), one, ALL),
    "tile": (lambda x: xdl.tile(x, (2, 3)), one, ALL),
    "repeat": (lambda x: xdl.repeat(x, 3, 0), one, ALL),
    "roll": (lambda x: xdl.roll(x, 3, 0), one, _at_least(3)),
    "roll by more": (lambda x: xdl.roll(x, 50, 0), one, {8}),
    "pad": (lambda x: xdl.pad(x, ((1, 2), (0, 0))), one, ALL),
    "flip": (lambda x: xdl.flip(x, axis=0), one, ALL),
    "reversed": (lambda x: x[::-1], one, ALL),
    "every second": (lambda x: x[::2], one, {8}),
    "differences": (lambda x: x[1:] - x[:-1], one, ALL),
    "last": (lambda x: x[-1], one, ALL),
    "first six": (lambda x: x[:6].mean(axis=0), one, _at_least(6)),
    "first twenty": (lambda x: x[:20].mean(axis=0), one, _up_to(20)),
    "first twenty by split": (_cut_by_gradient, one, _up_to(20)),
    "all but three": (lambda x: x[3:].mean(axis=0), one, _at_least(5)),
    "half": (lambda x: xdl.split(x, 2)[0], one, {8}),
    "taken apart": (lambda x: xdl.unstack(x)[0], one, {8}),
    "a constant row": (lambda x: xdl.concat([x, ROW], axis=0), one, ALL),
    "a constant table": (lambda x: xdl.concat([x, TABLE], axis=0), one, ALL),
    "plus a constant": (lambda x: x + TABLE, one, {8}),
    "constant positions": (lambda x: xdl.take(x, [0, 6, 2], axis=0), one, _at_least(7)),
    "one_hot": (lambda x, t: xdl.one_hot(t, 5) * x, labelled, ALL),
    "cross entropy": (xdl.softmax_cross_entropy, labelled, ALL),
    "no label": (
        lambda x, t: xdl.softmax_cross_entropy(x, t, ignore_index=0),
        labelled,
        ALL,
    ),
    "accuracy": (
        lambda x, t: xdl.mean(xdl.astype(xdl.argmax(x, axis=1) == t, "float32")),
        labelled,
        ALL,
    ),
    "place of the largest": (
        lambda x: xdl.argmax(x, axis=0, keepdims=True),
        one,
        ALL,
    ),
    "labels by position": (lambda x, t: x[np.arange(len(t)), t], labelled, ALL),
    "each with each": (lambda x: xdl.reshape(x @ xdl.transpose(x), (-1,)), one, ALL),
    "distances": (lambda x: xdl.sum((x[:, None] - x[None]) ** 2, axis=-1), one, ALL),
    "contrastive": (
        lambda x: xdl.softmax_cross_entropy(x @ xdl.transpose(x), np.arange(len(x))),
        one,
        ALL,
    ),
    "lower triangle": (lambda x: xdl.tril(x @ xdl.transpose(x)), one, ALL),
    "rows of rows": (
        lambda x: xdl.reshape(xdl.reshape(x, (-1, 1)) * 2, (x.shape[0], 5)),
        one,
        ALL,
    ),
    "rows of a fixed shape": (lambda x: xdl.reshape(x, (4, -1)), one, {8}),
    "counted by NumPy": (
        lambda x: x * np.arange(5 * len(x), dtype="f4").reshape(-1, 5),
        one,
        ALL,
    ),
    "filled by NumPy": (
        lambda x: x * np.full((len(x), 1), 1 / len(x), "f4"),
        one,
        ALL,
    ),
    "made by NumPy": (lambda x: np.eye(len(x), dtype="f4") @ x, one, {8}),
    "times a weight": (lambda x: x @ WEIGHT, one, ALL),
    "two together": (lambda x, y: x * xdl.softmax(y, axis=0), two, ALL),
    "images": (
        lambda x: xdl.interpolate(xdl.max_pool2d(x, 2), scale_factor=2),
        _images,
        ALL,
    ),
    "attention": (
        lambda q: xdl.scaled_dot_product_attention(q, q, q, causal=True),
        _sequences,
        ALL,
    ),
    "the second axis": (
        lambda x: xdl.concat([xdl.mean(x[i], axis=0) for i in range(len(x))]),
        _in_time,
        ALL,
    ),
    "if it is over 50": (lambda x: x * 2 if len(x) > 50 else x, one, _up_to(50)),
    "if it is 100": (lambda x: x * 2 if len(x) == 100 else x, one, ALL - {100}),
    "if it is 7": (lambda x: x * 2 if x.shape[0] == 7 else x, one, ALL - {7}),
    "if it is 8": (lambda x: x * 2 if len(x) == 8 else x, one, {8}),
    "if it is odd": (lambda x: x * 2 if len(x) % 2 else x, one, {8}),
    "if it is over 50, a number": (
        lambda x: x * (3.0 if x.shape[0] > 50 else 2.0),
        one,
        _up_to(50),
    ),
    "if NumPy says that it is over 50": (
        lambda x: x * (3.0 if np.shape(x)[0] > 50 else 2.0),
        one,
        _up_to(50),
    ),
    "if its array has over 200 numbers": (
        lambda x: x * (3.0 if x.value.size > 200 else 2.0),
        one,
        _up_to(40),
    ),
    "if a part of it is over 50": (
        lambda x: x * (3.0 if len(x[1:]) > 50 else 2.0),
        one,
        _up_to(51),
    ),
    "if its rows are over 50": (
        lambda x: x * (3.0 if sum(1 for _ in x) > 50 else 2.0),
        one,
        {8},
    ),
    "at most 32": (lambda x: x / min(x.shape[0], 32), one, _up_to(32)),
    "if it fits": (_matched, one, ALL - {5}),
    "a loop": (_looped, one, {8}),
    "what is returned": (lambda x: (x, len(x), 1 / len(x)), one, ALL),
}

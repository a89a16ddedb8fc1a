"""Kernels that make in one launch what operations compose of many, each with a twin.

The twin is what the operation does where ``xp.fused`` is None: on every other device,
in a recording, and here with ``XDL_CUDA_KERNELS=0``. Numbers agree within rounding; NaN
and infinities are as there.

| kernel | twin |
| --- | --- |
| cross_entropy | ``SoftmaxCrossEntropy.compute`` and ``gradient`` |
| softmax | ``Softmax.compute`` and ``gradient`` |
| layer_norm | ``LayerNorm.compute`` and ``gradient``, of ``RMSNorm`` too |
| max_pool, max_unpool | ``MaxPool2d.compute``, ``MaxUnpool2d.compute`` |
| lstm | ``Lstm._step`` and ``_step_back`` |
| gelu | ``GELU.compute`` and ``gradient`` |
| dropout | ``Dropout.compute`` and ``gradient`` |
| bits | ``xdl.backend.random.bits``, the same to the bit |
| add_rows | ``Embedding.gradient`` |

Those of optimizers are in ``xdl.backend.cuda.optim``.
"""

import math

import numpy as np

from xdl.backend.cuda import sources as sources
from xdl.backend.cuda.layer_sources import POOL

_REAL = {"float32": "float", "float64": "double"}
_WORD = 2**64
_MOST_BLOCKS = 1 << 20
_SLICE = 64  # rows whose gradients by a weight one block adds, at least


class Fused:
    """The kernels of operations.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy):
        self._cupy, self._kernels = cupy, {}

    def takes(self, x):
        """Tell whether there are kernels for the dtype of an array."""
        return x.dtype.name in _REAL

    def takes_rows(self, x):
        """Tell whether there are kernels for the rows of an array."""
        return x.dtype.name in _REAL and x.ndim > 0 < x.shape[-1]

    def cross_entropy(self, logits, target):
        """Return the loss of each row; the scores less the largest; sum(exp) of it."""
        x, new = self._dense(logits), self._cupy.empty
        loss, shifted = new(target.shape, x.dtype), new(x.shape, x.dtype)
        total = new((*x.shape[:-1], 1), x.dtype)
        given = x, self._dense(target), *_rows(x), shifted, total, loss
        self._by_row("cross_entropy", x, given, INDEX=target.dtype)
        return loss, shifted, total

    def cross_entropy_gradient(self, gy, divisor, shifted, total, target):
        """Return the gradient by the scores; ``gy`` is one number, or one a row."""
        gx, step = self._cupy.empty_like(shifted), int(gy.ndim > 0)
        gy = self._dense(gy)
        real = shifted.dtype.type(divisor)
        given = gy, step, real, shifted, total, self._dense(target), *_rows(shifted), gx
        self._by_row("cross_entropy_gradient", shifted, given, INDEX=target.dtype)
        return gx

    def softmax(self, x):
        """Return the softmax over the last axis."""
        x = self._dense(x)
        y = self._cupy.empty_like(x)
        self._by_row("softmax", x, (x, *_rows(x), y))
        return y

    def softmax_gradient(self, gy, y):
        """Return the gradient of the softmax by its input."""
        gy, y = self._dense(gy), self._dense(y)
        gx = self._cupy.empty_like(y)
        self._by_row("softmax_gradient", y, (gy, y, *_rows(y), gx))
        return gx

    def layer_norm(self, rows, weight, bias, eps, centres):
        """Return the result, the centred rows and the factor of each, a column."""
        x = self._dense(rows)
        y, scale = self._cupy.empty_like(x), self._cupy.empty((len(x), 1), x.dtype)
        centred = self._cupy.empty_like(x) if centres else x
        given = x, *map(self._or_null, (weight, bias)), *_rows(x), float(eps)
        self._by_row("layer_norm", x, (*given, int(centres), y, centred, scale))
        return y, centred, scale

    def layer_norm_gradient(self, gy, weight, centred, scale, centres):
        """Return the gradient by the rows."""
        gy, gx = self._dense(gy), self._cupy.empty_like(centred)
        given = gy, self._or_null(weight), centred, scale, *_rows(gy), int(centres)
        self._by_row("layer_norm_gradient", gy, (*given, gx))
        return gx

    def layer_norm_by_weight(self, gy, centred, scale, wants_bias):
        """Return the gradients by the weight and, or None, by the bias."""
        gy, new = self._dense(gy), self._cupy.empty
        count, size = gy.shape
        slices = max(1, min(256, count // _SLICE))
        parts = new((2 if wants_bias else 1, slices, size), gy.dtype)
        given = gy, centred, scale, count, size, slices, int(wants_bias), parts
        self._launch("columns", gy, (-(-size // 32), slices), (32, 8), given)
        gweight = new((size,), gy.dtype)
        gbias = new((size,), gy.dtype) if wants_bias else None
        folded = parts, size, slices, gweight, self._or_null(gbias)
        self._launch("fold", gy, (-(-size // 256),), (256,), folded)
        return gweight, gbias

    def gelu(self, x, by_tanh):
        """Return the GELU and the factor that ``x`` has in it."""
        name = "gelu_tanh" if by_tanh else "gelu"
        return self._elementwise(name, "T x", "T y, T part")(x)

    def gelu_gradient(self, gy, x, part, by_tanh):
        """Return the gradient of the GELU by its input."""
        name = "gelu_tanh_gradient" if by_tanh else "gelu_gradient"
        return self._elementwise(name, "T gy, T x, T part", "T gx")(gy, x, part)

    def dropout(self, x, p, key, number):
        """Return what is left of ``x``, and where that is."""
        x, width = self._dense(x), 16 if 0.01 <= p <= 0.99 else 32
        y, mask = self._cupy.empty_like(x), self._cupy.empty(x.shape, "bool")
        least = np.uint32(math.floor(p * 2**width))
        given = x, x.size, x.dtype.type(1 / (1 - p)), least, *_name(key, number)
        self._by_word("dropout", x, width, (*given, y, mask))
        return y, mask

    def kept(self, x, mask, p):
        """Return what a mask of dropout leaves of ``x``."""
        kernel = self._elementwise("kept", "T x, bool mask, T scale", "T y")
        return kernel(x, mask, x.dtype.type(1 / (1 - p)))

    def bits(self, shape, width, key, number):
        """Return random integers of 16 or 32 bits."""
        y = self._cupy.empty(shape, f"uint{width}")
        self._by_word("bits", y, width, (y.size, *_name(key, number), y))
        return y

    def rows_at(self, table, indices):
        """Return rows of a table; their numbers were checked."""
        return table.take(indices, axis=0)

    def max_pool(self, x, count, options, fill):
        """Return the largest of each window, and its number there."""
        numbers = "uint8" if math.prod(options[0]) <= 256 else "int32"
        shape, is_last = (*x.shape[:2], *count), x.strides[1] == x.itemsize
        y, winners = (self._images(shape, d, is_last) for d in (x.dtype, numbers))
        fill = x.dtype.type(fill)
        given = x, fill, _pool(x.shape, count, options, x, winners), y, winners
        self._flat("max_pool", x, y.size, given, INDEX=winners.dtype)
        return y, winners

    def max_unpool(self, gy, winners, size, options):
        """Return the gradient by the images of a pooling."""
        shape, is_last = (*gy.shape[:2], *size), winners.strides[1] == winners.itemsize
        gx, count = self._images(shape, gy.dtype, is_last), gy.shape[2:]
        given = gy, winners, _pool(shape, count, options, gy, winners), gx
        self._flat("max_unpool", gy, gx.size, given, INDEX=winners.dtype)
        return gx

    def lstm(self, q, z, c):
        """Return h, c and what is kept of a step, given the projected h and x."""
        (_, *shape), new = q.shape, self._cupy.empty
        q, c = self._dense(q), self._dense(c)
        strides = [step // z.itemsize for step in z.strides]
        made = [new(shape, q.dtype) for _ in range(4)]
        saved = [new((3, *shape), q.dtype) for _ in range(2)]
        h, now, g, bent = made
        given = q, z, *strides, c, c.size, shape[-1], h, now, *saved, g, bent
        self._flat("lstm", q, c.size, given)
        return h, now, *saved, g, bent

    def lstm_gradient(self, gh, gc, saved, c):
        """Return the gradients by what went into the gates, and by c."""
        gz, gbefore = (self._cupy.empty(s, c.dtype) for s in ((4, *c.shape), c.shape))
        given = *map(self._dense, (gh, gc, *saved, c)), c.size, gz, gbefore
        self._flat("lstm_gradient", c, c.size, given)
        return gz, gbefore

    def _images(self, shape, dtype, is_last):
        """Return new images, with the channels last in memory or not."""
        if not is_last:
            return self._cupy.empty(shape, dtype)
        n, channels, *size = shape
        return self._cupy.empty((n, *size, channels), dtype).transpose(0, 3, 1, 2)

    def add_rows(self, rows, indices, length):
        """Return (length, width) zeros with rows added at indices, duplicates too."""
        dtype = rows.dtype
        wide = dtype if self.takes(rows) else self._cupy.float32
        y = self._cupy.zeros((length, rows.shape[1]), wide)
        rows = self._dense(rows.astype(wide, copy=False))
        given = rows, self._dense(indices), rows.size, rows.shape[1], length, y
        self._flat("add_rows", y, rows.size, given, INDEX=indices.dtype)
        return y.astype(dtype, copy=False)

    def _dense(self, x):
        return self._cupy.ascontiguousarray(x) if x.ndim else x

    def _or_null(self, x):
        return np.uint64(0) if x is None else self._dense(x)

    def _by_row(self, name, x, given, **types):
        """Launch a block for each row of the last axis."""
        rows, length = _rows(x)
        threads = min(256, max(32, 1 << (length - 1).bit_length()))
        threads = 1024 if length > 4096 else threads  # a power of two
        self._launch(name, x, (min(rows, _MOST_BLOCKS),), (threads,), given, **types)

    def _flat(self, name, x, size, given, **types):
        """Launch a thread for each element, as far as blocks go."""
        blocks = min(_MOST_BLOCKS, -(-size // 256))
        self._launch(name, x, (blocks,), (256,), given, **types)

    def _by_word(self, name, x, width, given):
        """Launch a thread for each four words of 64 random bits."""
        threads = -(-x.size // (256 // width))
        key = f"{name}{width}"
        self._launch(key, x, (-(-threads // 128),), (128,), given)

    def _launch(self, name, x, blocks, threads, given, **types):
        if not min(blocks):
            return
        key = name, x.dtype, *types.values()
        if key not in self._kernels:
            words = {"REAL": _REAL.get(x.dtype.name, x.dtype.name)}
            words |= {word: sources.TYPES[t.name] for word, t in types.items()}
            text = sources.text(name, words)
            self._kernels[key] = self._cupy.RawKernel(text, f"xdl_{name}")
        self._kernels[key](blocks, threads, given)

    def _elementwise(self, name, inputs, outputs):
        if name not in self._kernels:
            body, kernel = sources.ELEMENTWISE[name], self._cupy.ElementwiseKernel
            self._kernels[name] = kernel(inputs, outputs, body, f"xdl_{name}")
        return self._kernels[name]


def _rows(x):
    """Return how many rows the last axis has, and their length."""
    length = x.shape[-1]
    return math.prod(x.shape[:-1]), length


_POOL = np.dtype([(name, np.int64) for name in POOL])


def _pool(shape, count, options, x, winners):
    """Return what a kernel of a pooling is told of its images and windows."""
    strides = [step // a.itemsize for a in (x, winners) for step in a.strides]
    is_last = int(winners.strides[1] == winners.itemsize)
    numbers = *shape, *count, *(i for pair in options for i in pair), is_last, *strides
    return np.array(tuple(numbers), _POOL)


def _name(key, number):
    """Return the two words of a key, and the number of a draw."""
    words = key % _WORD, key // _WORD % _WORD, number % _WORD
    return [np.uint64(word) for word in words]

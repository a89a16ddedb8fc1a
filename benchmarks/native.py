"""What Numba's loops cost, piece by piece: `python -m benchmarks.native`.

It needs the extra ``jit``. NumPy and the loop are timed in turn, on one thread, and the
least time of each is printed: what the machine can do, not what it did at the moment.
The machine code is compiled anew (no cache), so the first figure is honest too.
"""

import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import math  # noqa: E402  (after the thread count is set)

import numba  # noqa: E402
import numpy as np  # noqa: E402

from xdl.native.cache import native  # noqa: E402
from xdl.native.gemm import product  # noqa: E402
from xdl.native.mathematics import FUNCTIONS  # noqa: E402

f4 = np.float32
exp, log, plus, maximum = (
    FUNCTIONS["float32"][name] for name in ("exp", "log", "plus", "maximum")
)
ZERO, ONE, LOWEST, EPSILON = f4(0), f4(1), f4(-np.inf), f4(1e-5)
BY_NUMPY = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
}
BY_LIBM = {name: getattr(math, name) for name in BY_NUMPY} | {"erf": math.erf}


def least(function, *arguments, count=20, rounds=9):
    """Return the least seconds of a call, over rounds of ``count`` calls."""
    function(*arguments)
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(count):
            function(*arguments)
        found.append((time.perf_counter() - start) / count)
    return min(found)


def elementwise(function):
    """Compile a loop over the elements of x."""

    @native
    def loop(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    return loop


def functions(size=16_384):
    """Time each function on numbers that stay in cache, in ns a number."""
    for dtype, table in FUNCTIONS.items():
        x = (np.random.default_rng(0).random(size) * 5 + 0.01).astype(dtype)
        y = np.empty_like(x)
        for name in BY_LIBM | {"sigmoid": None}:
            ours = least(elementwise(table[name]), x, y) / size * 1e9
            line = f"{dtype} {name:8} ours {ours:5.2f} ns"
            if name in BY_NUMPY:
                theirs = least(BY_NUMPY[name], x, y) / size * 1e9
                line += f"  NumPy {theirs:5.2f}"
            if name in BY_LIBM:
                libm = least(elementwise(BY_LIBM[name]), x, y) / size * 1e9
                line += f"  Numba's math.{name} {libm:6.2f}"
            print(line)


@native
def softmax(x, y):
    for i in range(x.shape[0]):
        most, total = LOWEST, ZERO
        for j in range(x.shape[1]):
            most = maximum(most, x[i, j])
        for j in range(x.shape[1]):
            y[i, j] = exp(x[i, j] - most)
            total = plus(total, y[i, j])
        for j in range(x.shape[1]):
            y[i, j] *= ONE / total


def numpy_softmax(x, y):
    np.subtract(x, np.maximum.reduce(x, axis=1, keepdims=True), out=y)
    np.exp(y, out=y)
    np.divide(y, np.add.reduce(y, axis=1, keepdims=True), out=y)


@native
def layer_norm(x, y):
    size = f4(x.shape[1])
    for i in range(x.shape[0]):
        total, squares = ZERO, ZERO
        for j in range(x.shape[1]):
            total = plus(total, x[i, j])
        mean = total / size
        for j in range(x.shape[1]):
            squares = plus(squares, (x[i, j] - mean) ** 2)
        scale = ONE / math.sqrt(squares / size + EPSILON)
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - mean) * scale


def numpy_layer_norm(x, y):
    np.subtract(x, np.add.reduce(x, axis=1, keepdims=True) / f4(x.shape[1]), out=y)
    variance = np.add.reduce(y * y, axis=1, keepdims=True) / f4(x.shape[1])
    y *= 1 / np.sqrt(variance + EPSILON)


def rows():
    """Time loops over rows, in us a call."""
    for shape in ((1, 10), (32, 10), (1024, 64), (256, 1024), (64, 8192)):
        x = np.random.default_rng(0).standard_normal(shape).astype(f4)
        y, count = np.empty_like(x), max(3, 200_000 // x.size)
        pairs = ((softmax, numpy_softmax), (layer_norm, numpy_layer_norm))
        for (ours, theirs), name in zip(pairs, ("softmax", "layer norm"), strict=True):
            a, b = (least(f, x, y, count=count) * 1e6 for f in (ours, theirs))
            print(f"{name:10} {shape!s:10} ours {a:7.2f} us  NumPy {b:7.2f}")


PRODUCTS = (  # rows, terms, columns, and which operand is turned over
    (1, 8, 8, ""),
    (1, 64, 10, ""),
    (64, 1, 10, ""),
    (32, 64, 10, ""),
    (64, 32, 64, "b"),
    (32, 256, 256, ""),
    (32, 256, 256, "b"),
    (128, 784, 512, ""),
    (784, 128, 512, "a"),
    (2048, 256, 256, ""),
    (256, 2048, 256, "a"),
)


def repeated(multiply):
    """Compile a loop that multiplies the same matrices again and again."""

    @native
    def many(a, b, c, count):
        for _ in range(count):
            multiply(a, b, c)

    return many


@native(inner=True)
def by_loops(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = ZERO
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def products():
    """Time products by blocks, by loops and by NumPy's BLAS, in us."""
    rng = np.random.default_rng(0)
    for m, k, n, turned in PRODUCTS:
        a = rng.random((k, m) if "a" in turned else (m, k), f4)
        b = rng.random((n, k) if "b" in turned else (k, n), f4)
        a, b = a.T if "a" in turned else a, b.T if "b" in turned else b
        c, count = np.empty((m, n), f4), max(2, int(1e8 / (m * k * n)))
        line = f"({m}, {k}) @ ({k}, {n}) {turned and turned + '.T':4}"
        for name, function in (("blocks", product(a, b, c)), ("loops", by_loops)):
            if name == "blocks" or m * k * n < 100_000:
                many = repeated(function)
                seconds = least(many, a, b, c, count, count=1) / count
                line += f" {name} {seconds * 1e6:.2f} us "
        seconds = least(np.matmul, a, b, c, count=min(count, 5000))
        print(f"{line} np.matmul {seconds * 1e6:.2f}")


def many_arrays(size=4112):
    """Time a loop over 24 arrays, with and without the promise that none overlap."""
    names = [f"a{i}" for i in range(24)]
    pairs = zip(names, names[12:], strict=False)
    lines = [f"        {y}[i] = {x}[i] * {x}[i] + {x}[i]" for x, y in pairs]
    header = f"def loop({', '.join(names)}):\n    for i in range(a0.size):\n"
    namespace = {}
    exec(header + "\n".join(lines), namespace)
    arrays = [np.ones(size, f4) for _ in names]
    apart = least(native(namespace["loop"]), *arrays) * 1e6
    options = {"error_model": "numpy", "fastmath": {"contract"}}
    any_way = least(numba.njit(**options)(namespace["loop"]), *arrays) * 1e6
    print(f"12 + 12 arrays of {size}: native {apart:.1f} us  njit {any_way:.1f}")


def main():
    """Print everything."""
    products()
    many_arrays()
    rows()
    functions()


if __name__ == "__main__":
    main()

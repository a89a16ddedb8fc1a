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

from xdl.program.native.blas import GEMM  # noqa: E402
from xdl.program.native.cache import native  # noqa: E402
from xdl.program.native.mathematics import FUNCTIONS  # noqa: E402

f4 = np.float32
exp, log, plus, maximum = (
    FUNCTIONS["float32"][name] for name in ("exp", "log", "plus", "maximum")
)
gemm = GEMM["float32"]
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


@native
def by_loops(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = ZERO
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


@native
def by_blas(a, b, c):
    gemm(ONE, a, b, ZERO, c)


@native
def repeated_loops(a, b, c, count):
    for _ in range(count):
        by_loops(a, b, c)


@native
def repeated_blas(a, b, c, count):
    for _ in range(count):
        by_blas(a, b, c)


def products(count=100):
    """Time products inside compiled code, and NumPy's from Python, in ns."""
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 64, 10), (64, 1, 10), (32, 64, 10), (64, 64, 64)):
        a, b = rng.random((m, k)).astype(f4), rng.random((k, n)).astype(f4)
        c = np.empty((m, n), f4)
        loops = least(repeated_loops, a, b, c, count, count=5) / count * 1e9
        blas = least(repeated_blas, a, b, c, count, count=5) / count * 1e9
        theirs = least(np.matmul, a, b, c, count=500) * 1e9
        line = f"({m}, {k}) @ ({k}, {n}): loops {loops:6.0f} ns  BLAS {blas:6.0f}"
        print(f"{line}  np.matmul from Python {theirs:6.0f}")


@native(inner=True)
def exp_of_rows(scores, t):
    """Write exp(scores - their row's largest) over them; add up those of t before."""
    right = ZERO
    for i in range(scores.shape[0]):
        most = LOWEST
        for j in range(scores.shape[1]):
            most = maximum(most, scores[i, j])
        for j in range(scores.shape[1]):
            scores[i, j] -= most
        right += scores[i, t[i]]
    flat = scores.reshape(scores.size)  # the rows are shorter than a register
    for k in range(flat.size):
        flat[k] = exp(flat[k])
    return right


@native(inner=True)
def cross_entropy(scores, t):
    """Write the gradient over the scores and return the loss."""
    # Sizes are asked for, not written: with ten columns written LLVM unrolls the loops
    # into single instructions, and a step in an epoch costs 0.37 us instead of 0.29.
    size, classes = scores.shape
    loss = -exp_of_rows(scores, t)
    for i in range(size):
        total = ZERO
        for j in range(classes):
            total = plus(total, scores[i, j])
        loss += log(total)
        scale = ONE / (total * f4(size))
        for j in range(classes):
            scores[i, j] *= scale
        scores[i, t[i]] -= ONE / f4(size)
    return loss / f4(size)


@native
def digits_step(x, t, W, scores, lr):
    gemm(ONE, x, W, ZERO, scores)
    loss = cross_entropy(scores, t)
    if x.shape[0] > 1:
        gemm(-lr, x.T, scores, ONE, W)
        return loss
    for k in range(W.shape[0]):  # an outer product: half the time of the call
        for j in range(W.shape[1]):
            W[k, j] -= lr * x[0, k] * scores[0, j]
    return loss


@native
def digits_epoch(x, t, W, scores, lr, losses):
    for i in range(x.shape[0]):
        losses[i] = digits_step(x[i], t[i], W, scores, lr)


def numpy_digits_step(x, t, W, rows):
    scores = x @ W
    shifted = scores - np.maximum.reduce(scores, axis=1, keepdims=True)
    exponential = np.exp(shifted)
    total = np.add.reduce(exponential, axis=1, keepdims=True)
    loss = np.add.reduce(np.log(total)[:, 0] - shifted[rows, t]) / len(x)
    gradient = exponential / total
    gradient[rows, t] -= 1
    W -= f4(0.01 / len(x)) * (x.T @ gradient)
    return loss


def digits(batch, steps=1000):
    """Time the digits step as one function, in us a step."""
    rng = np.random.default_rng(0)
    images, lr = rng.random((steps, batch, 64), dtype=f4), f4(0.01)
    labels, losses = rng.integers(0, 10, (steps, batch)), np.empty(steps, f4)
    start = (rng.standard_normal((64, 10)) / 8).astype(f4)
    scores, rows = np.empty((batch, 10), f4), np.arange(batch)
    ours, theirs = start.copy(), start.copy()

    pairs = list(zip(images, labels, strict=True))
    arguments = images, labels, ours, scores, lr, losses

    def numpy_loop():
        return [numpy_digits_step(x, t, theirs, rows) for x, t in pairs]

    def calls():
        for x, t in pairs:
            digits_step(x, t, ours, scores, lr)

    begun = time.perf_counter()
    digits_epoch(*arguments)
    compiling = time.perf_counter() - begun
    difference = np.abs(losses - numpy_loop()).max()
    by_hand = least(numpy_loop, count=1) / steps * 1e6
    call = least(calls, count=1) / steps * 1e6
    whole = least(digits_epoch, *arguments, count=1) / steps * 1e6
    print(
        f"digits step, batch {batch}: NumPy {by_hand:.2f} us  a call {call:.2f}", end=""
    )
    print(f" ({call / by_hand:.3f})  in an epoch {whole:.2f} ({whole / by_hand:.3f})")
    print(f"  first call {compiling:.2f} s  losses differ by {difference:.0e}")


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
    digits(1)
    digits(32)
    products()
    many_arrays()
    rows()
    functions()


if __name__ == "__main__":
    main()

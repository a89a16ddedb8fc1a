"""What xdl costs over the NumPy that it calls: `python -m benchmarks.overhead`.

Everything is measured in turn with its NumPy counterpart in the same run, on one BLAS
thread, and the median of the ratios is printed: absolute times drift on shared
machines. `--save` writes the figures under benchmarks/results/.
"""

import argparse
import compileall
import datetime
import functools
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402  (after the thread count is set)

import xdl  # noqa: E402

CHAIN = 1000
RULER = 100  # hand-written steps for each round of the chain
RESULTS = pathlib.Path(__file__).parent / "results"


def microseconds(function):
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e6


def in_turn(first, second, repeats):
    """Time two functions in turn; return the two lists of microseconds."""
    pairs = [(microseconds(first), microseconds(second)) for _ in range(repeats)]
    return [a for a, _ in pairs], [b for _, b in pairs]


class Digits:
    """The digits step at a batch size: written by hand, and compiled.

    Args:
        rows: of a batch.
        batches: how many.
    """

    def __init__(self, rows, batches):
        rng = np.random.default_rng(0)
        self.images = rng.random((batches, rows, 64), dtype=np.float32)
        self.labels = rng.integers(0, 10, (batches, rows))
        self.pairs = list(zip(self.images, self.labels, strict=True))
        self.weight = (rng.standard_normal((64, 10)) / 8).astype(np.float32)
        self.rows = np.arange(rows)

    def by_hand(self):
        """Do all steps as an expert writes them with NumPy."""
        weight, rows = self.weight, self.rows
        lr = np.float32(0.01 / len(rows))
        for x, t in self.pairs:
            scores = x @ weight
            shifted = scores - np.maximum.reduce(scores, axis=1, keepdims=True)
            exponential = np.exp(shifted)
            total = np.add.reduce(exponential, axis=1, keepdims=True)
            np.add.reduce(np.log(total)[:, 0] - shifted[rows, t]) / len(rows)
            gradient = exponential / total
            gradient[rows, t] -= 1
            weight[...] -= lr * (x.T @ gradient)

    def compiled(self, executor):
        """Return the step of a new model, compiled, and a function that does all."""
        model = xdl.LinearModel(64, 10)
        optimizer = xdl.SGD(model.parameter, lr=0.01)

        def step(x, t):
            model.forward(x)
            loss = model.loss(t)
            model.backward()
            optimizer.update()
            return loss

        fast = xdl.compile(step, model, optimizer, executor=executor)

        def by_calls():
            for x, t in self.pairs:
                fast(x, t)

        return fast, by_calls


def digits_step(samples=1000, repeats=20):
    """Time the per-sample digits step: forward, loss, backward, update."""
    digits = Digits(1, samples)
    model = xdl.LinearModel(64, 10)
    optimizer = xdl.SGD(model.parameter, lr=0.01)

    def by_xdl():
        for x, t in digits.pairs:
            model.forward(x)
            model.loss(t)
            model.backward()
            optimizer.update()

    digits.by_hand(), by_xdl()
    xdl_times, numpy_times = in_turn(by_xdl, digits.by_hand, repeats)
    return _compared("digits step, batch 1", xdl_times, numpy_times, samples)


def compiled_digits(rows, batches=1000, repeats=20):
    """Time the compiled digits step, in calls and in one call for all batches."""
    digits, results = Digits(rows, batches), []
    for executor in ["numpy", *["numba"] * _is_installed("numba")]:
        fast, by_calls = digits.compiled(executor)
        in_one = functools.partial(fast.over, digits.images, digits.labels)
        for how, function in (("calls", by_calls), ("one call", in_one)):
            digits.by_hand(), function()
            xdl_times, numpy_times = in_turn(function, digits.by_hand, repeats)
            name = f"digits, batch {rows}, {executor}, {how}"
            results.append(_compared(name, xdl_times, numpy_times, batches))
    return results


def _is_installed(name):
    return importlib.util.find_spec(name) is not None


def chain(repeats=200):
    """Time a chain of 1,000 multiplications, forward and backward.

    What an operation costs over NumPy's own calls is given in microseconds, and in
    hand-written digits steps, run in turn with it: that is the same on machines of
    other speeds.
    """
    ruler = Digits(1, RULER)
    ones = np.ones(4, np.float32)
    start = xdl.Variable(ones)
    factor = xdl.Variable(ones, trainable=False)

    def by_xdl():
        y = start
        for _ in range(CHAIN):
            y = y * factor
        y.backward(ones)
        start.clear_grad()

    def by_numpy():
        y = ones
        for _ in range(CHAIN):
            y = np.multiply(y, ones)
        gy = ones
        for _ in range(CHAIN):
            gy = np.multiply(gy, ones)

    functions = by_xdl, by_numpy, ruler.by_hand
    turns = [[microseconds(f) for f in functions] for _ in range(repeats)]
    xdl_times, numpy_times, steps = zip(*turns, strict=True)
    name = "multiplication, forward + backward"
    result = _compared(name, xdl_times, numpy_times, CHAIN)
    overheads = [(ours - own) / CHAIN for ours, own, _ in turns]
    result["overhead_us"] = statistics.median(overheads)
    shares = [o / (step / RULER) for o, step in zip(overheads, steps, strict=True)]
    result["overhead_in_digits_steps"] = statistics.median(shares)
    return result


def imports(repeats=15):
    """Time `import xdl` and `import numpy` in fresh interpreters, both compiled."""
    compileall.compile_dir(pathlib.Path(xdl.__file__).parent, quiet=1)

    def importing(name):
        return lambda: subprocess.run(
            [sys.executable, "-c", f"import {name}"], check=True
        )

    xdl_times, numpy_times = in_turn(importing("xdl"), importing("numpy"), repeats)
    result = _compared("import", xdl_times, numpy_times, 1000)
    differences = [a - b for a, b in zip(xdl_times, numpy_times, strict=True)]
    result["more_than_numpy_ms"] = statistics.median(differences) / 1000
    return result


def _compared(name, xdl_times, numpy_times, count):
    ratios = [a / b for a, b in zip(xdl_times, numpy_times, strict=True)]
    return {
        "what": name,
        "xdl": statistics.median(xdl_times) / count,
        "numpy": statistics.median(numpy_times) / count,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/")
    options = parser.parse_args()
    results = [digits_step(), chain(), imports()]
    compiled = [*compiled_digits(1), *compiled_digits(32)]
    for r in [*results, *compiled]:
        unit = "ms" if r["what"] == "import" else "us"
        line = (
            f"{r['what']:36} xdl {r['xdl']:8.2f} {unit}  NumPy {r['numpy']:8.2f} {unit}"
        )
        print(f"{line}  ratio {r['ratio']:.2f}")
    overhead, more = results[1]["overhead_us"], results[2]["more_than_numpy_ms"]
    share = results[1]["overhead_in_digits_steps"]
    print(
        f"overhead of one operation, forward + backward: {overhead:.2f} us, "
        f"{share:.3f} of a hand-written digits step"
    )
    print(f"import xdl, more than NumPy's import: {more:.0f} ms")
    if options.save:
        record = {
            "command": "python -m benchmarks.overhead --save",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "numpy": np.__version__,
            "xdl": xdl.__version__,
            "results": [*results, *compiled],
        }
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "overhead.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()

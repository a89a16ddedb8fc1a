"""Where a compiled step's time goes, and its floor: `python -m benchmarks.floor`.

For each workload of `benchmarks.peers` the program of an executor, numpy or numba, is
run with a clock between its lines. The least time of each line over the rounds is added
up by what the line calls; beside it stand the FLOPs of the products, the bytes that all
instructions read and write, and the share of the products, below which no executor that
multiplies alike can come. One thread, unless OPENBLAS_NUM_THREADS says other.
"""

import argparse
import ast
import collections
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402  (after the thread count is set)

import xdl  # noqa: E402
from benchmarks.peer_xdl import WORKLOADS  # noqa: E402

PRODUCTS = frozenset({"dot", "matmul", "product"})


def clocked(executor):
    """Return the executor's function with a clock after each line, and their names."""
    tree = ast.parse(executor.source)
    step = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    step.body = [
        inner
        for node in step.body
        for inner in (node.body if isinstance(node, ast.Try) else [node])
    ]
    *lines, last = step.body
    tick = ast.parse("clock()").body
    step.body = [*tick]
    for line in lines:
        step.body += [line, *tick]
    step.body.append(last)
    times = []
    namespace = executor.namespace | {
        "clock": lambda: times.append(time.perf_counter())
    }
    module = ast.Module([step], type_ignores=[])
    exec(compile(ast.fix_missing_locations(module), "<clocked>", "exec"), namespace)
    return namespace["step"], [_called(line) for line in lines], times


def _called(line):
    """Return the name of the function that a line calls, or what it is."""
    if isinstance(line, ast.For):
        return "tiles"
    for node in ast.walk(line):
        if isinstance(node, ast.Call):
            function = node.func
            return (
                function.id.rstrip("_")
                if isinstance(function, ast.Name)
                else function.attr
            )
    return type(line).__name__.lower()


def profile(training, executor, rounds):
    """Return milliseconds by kind of line, and the program's statistics."""
    state = training.model, training.optimizer
    step = xdl.compile(training.step, *state, executor=executor)
    for _ in range(3):
        step(*training.batch)
    (replay,) = step._replays.values()
    run, names, times = clocked(replay.executor)
    least = np.full(len(names), np.inf)
    for _ in range(rounds):
        times.clear()
        with np.errstate(all="ignore"):
            run(*training.batch, 0, 0)
        least = np.minimum(least, np.diff(times))
    spent = collections.Counter()
    for name, seconds in zip(names, least, strict=True):
        spent[name] += seconds * 1e3
    return spent, step.program.statistics()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS))
    parser.add_argument("--executor", default="numpy", choices=("numpy", "numba"))
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    for workload in options.workloads:
        spent, counted = profile(
            WORKLOADS[workload](1), options.executor, options.rounds
        )
        whole = sum(spent.values())
        products = sum(spent[name] for name in PRODUCTS)
        print(
            f"{workload}: {whole:.2f} ms in {counted['lines']} lines; products "
            f"{products:.2f} ms ({products / whole:.0%}), "
            f"{counted['product_flops'] / 1e9:.3f} GFLOP at "
            f"{counted['product_flops'] / products / 1e6:.0f} GFLOP/s; "
            f"{counted['bytes'] / 1e6:.1f} MB moved"
        )
        for name, milliseconds in spent.most_common(8):
            print(f"    {milliseconds:8.3f} ms  {name}")


if __name__ == "__main__":
    main()

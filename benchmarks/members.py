"""Many models trained as one, against one: `python -m benchmarks.members`.

A step of a member stands beside a step of ``over``, of the same network on batches of
as many rows, in turn in one run; then two threads beside one. Printed are microseconds
a step, the least of several runs, and ratios.
"""

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402  (after the thread count is set)

import xdl  # noqa: E402

SIZES, ROWS, SAMPLES = (64, 32, 10), 32, 2000
COUNTS = (8, 64, 300)


def compiled():
    """Return a compiled step of a small perceptron."""
    model = xdl.models.MLP(SIZES)
    optimizer = xdl.optim.Adam(model, lr=1e-3)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    return xdl.compile(step, model, optimizer, executor="numba")


def taken(call, steps):
    """Return microseconds a step of a call."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e6 / steps


def measured(n, steps, repeats):
    """Return the least microseconds a step of ``over``, one and two threads."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, SIZES[0])).astype("f4")
    target = rng.integers(0, SIZES[-1], SAMPLES)
    rows = rng.integers(0, SAMPLES, (n, steps, ROWS))
    single, step = compiled(), compiled()
    batches = x[rows[0]], target[rows[0]]
    one, two = (step.members(n, threads) for threads in (1, 2))
    calls = [
        (lambda: [single.over(*batches) for _ in range(n)], n * steps),
        (lambda: one.over(rows, x, target), n * steps),
        (lambda: two.over(rows, x, target), n * steps),
    ]
    for call, _ in calls:
        call()
    runs = [[taken(*call) for call in calls] for _ in range(repeats)]
    return [min(times) for times in zip(*runs, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    for n in COUNTS:
        over, one, two = measured(n, options.steps, options.repeats)
        print(
            f"{n} members: over {over:.2f} us a step, a member's {one:.2f} "
            f"({one / over:.2f}), on two threads {two:.2f} ({two / one:.2f})"
        )


if __name__ == "__main__":
    main()

"""What a Trainer costs over the loop that it saves: `python -m benchmarks.trainer`.

Both do the same compiled steps on the same batches, in turn, an epoch each. Printed are
microseconds a step of both, and of the trainer's own the median of the differences of
neighbours: absolute times drift on shared machines.
"""

import argparse
import os
import statistics

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402  (after the thread count is set)

import xdl  # noqa: E402
from benchmarks.overhead import in_turn  # noqa: E402
from xdl.train import Trainer, batches  # noqa: E402

# A name, the sizes of the layers, the rows of a batch, the batches and the epochs.
WORKLOADS = (
    ("digits, linear, batch 1", (64, 10), 1, 1797, 60),
    ("MLP 784-512-512-10, batch 128", (784, 512, 512, 10), 128, 20, 12),
)


def model_of(sizes):
    if len(sizes) == 2:
        return xdl.LinearModel(*sizes)
    return xdl.models.MLP(sizes)


def loops(sizes, rows, count, executor):
    """Return functions that do an epoch: a loop by hand, and a trainer."""
    rng = np.random.default_rng(0)
    x = rng.random((rows * count, sizes[0]), dtype=np.float32)
    data = batches(x, rng.integers(0, 10, rows * count), rows)
    by_hand, trained = model_of(sizes), model_of(sizes)
    optimizer = xdl.SGD(by_hand, lr=0.01)
    trainer = Trainer(trained, xdl.SGD(trained, lr=0.01), executor=executor)

    def step(x, target):
        by_hand.forward(x)
        loss = by_hand.loss(target)
        by_hand.backward()
        optimizer.update()
        return loss

    step = xdl.compile(step, by_hand, optimizer, executor=executor)

    def loop():
        for x, target in data.of_epoch(0):
            step(x, target)

    return loop, lambda: trainer.fit(data, epochs=trainer.epoch + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executor", default="numpy")
    options = parser.parse_args()
    for name, sizes, rows, count, epochs in WORKLOADS:
        pair = loops(sizes, rows, count, options.executor)
        in_turn(*pair, 3)
        times = [[t / count for t in one] for one in in_turn(*pair, epochs)]
        apart = statistics.median(b - a for a, b in zip(*times, strict=True))
        loop, trainer = map(min, times)
        print(f"{name}, {options.executor}: loop {loop:.2f} us, trainer {trainer:.2f}")
        print(f"  the trainer's own: {apart:.2f} us a step ({apart / loop:+.1%})")


if __name__ == "__main__":
    main()

"""Train models of their own in threads, at the same time, and then one by one.

``python -m tests.attack.threaded EXECUTOR THREADS`` prints how many of the threads had
results that differ from those of the same training alone.
"""

import sys
import threading

import numpy as np

import xdl
from xdl import models, optim

STEPS = 50


def trained(seed, executor):
    """Train a model; return the bytes of all losses and weights."""
    xdl.seed(seed)
    dropout = 0.3 if seed % 2 else 0.0
    model = models.MLP([16, 12, 4], dropout=dropout)
    optimizer = optim.Adam(model, lr=0.01)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast = xdl.compile(step, model, optimizer, executor=executor)
    rng = np.random.default_rng(seed)
    rows = 5 + seed // 4  # some threads compile the same text, others do not
    x, target = rng.standard_normal((rows, 16)).astype("f4"), rng.integers(0, 4, rows)
    losses = [fast(x, target=target).item() for _ in range(STEPS)]
    return repr(losses), [v.numpy().tobytes() for v in model.parameter.values()]


def main(executor, count):
    found, start = [None] * count, threading.Barrier(count)

    def work(seed):
        start.wait()
        found[seed] = trained(seed, executor)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = [trained(seed, executor) for seed in range(count)]
    print(sum(a != b for a, b in zip(found, alone, strict=True)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

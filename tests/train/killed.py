"""Kill a training, often: ``python -m tests.train.killed FOLDER EXECUTOR TIMES``.

A child trains and saves; it is killed at a random moment, and another one goes on from
what it left. Printed are, as JSON, the steps that the checkpoint was of at each kill,
and whether the end is, to the bit, that of a training that was never killed.
"""

import json
import os
import pathlib
import pickle
import random
import signal
import sys
import time

import xdl
from tests.train.trained import Training
from xdl.train import Checkpoint, EarlyStopping, LRSchedule, WeightAverage

EPOCHS = 60


def training(executor, path, seed):
    """Return a Training with a schedule, averages and early stopping, which saves."""

    def callbacks(optimizer, model):
        made = [
            LRSchedule(xdl.optim.CosineAnnealingLR(optimizer, 3 * EPOCHS), "step"),
            EarlyStopping(patience=EPOCHS),
            WeightAverage(xdl.optim.EMA(model, 0.9)),
        ]
        return [*made, Checkpoint(path, every=2)] if path else made

    return Training(executor, seed, callbacks)


def child(executor, path, end):
    """Go on from the last checkpoint, if there is one; write the end as bits."""
    one = training(executor, path, seed=os.getpid())
    if path.exists():
        one.trainer.load(path)
    else:
        one = training(executor, path, seed=0)
    end.write_bytes(pickle.dumps(one.fit(EPOCHS)))


def steps_in(path):
    """Return of which step a checkpoint is; 0: there is none."""
    if not path.exists():
        return 0
    return xdl.load(path)["trainer"]["course"]["steps"]


def kill_one(executor, path, end, wait):
    """Let a child train, and kill it a while after it has saved; return its status."""
    before = path.stat().st_ino if path.exists() else None
    number = os.fork()
    if not number:
        child(executor, path, end)
        os._exit(0)
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return status
        if path.exists() and path.stat().st_ino != before:
            break
        time.sleep(0.001)
    time.sleep(wait)
    os.kill(number, signal.SIGKILL)
    return os.waitpid(number, 0)[1]


def main():
    """Read the options and print what was found."""
    folder, executor, times = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    expected = training(executor, None, seed=0).fit(EPOCHS)
    path, end, rng, killed = folder / "last", folder / "end", random.Random(1), []
    for _ in range(times):
        kill_one(executor, path, end, rng.uniform(0, 0.15))
        killed.append(steps_in(path))
    if not end.exists():
        child(executor, path, end)
    found = pickle.loads(end.read_bytes())
    print(json.dumps({"killed": killed, "is_equal": found == expected}))


if __name__ == "__main__":
    main()

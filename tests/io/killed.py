"""Kill a process that saves, often: ``python -m tests.io.killed FOLDER TIMES``.

Each time a child saves without end, and is killed at a random moment. Printed are, as
JSON, the step that the file holds after each time, and how many temporary files lay
there then; and how many after one more save.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time

import numpy as np

import xdl

WEIGHT = np.arange(300_000, dtype=np.float32)


def save(path, step):
    """Save a step, and a weight that belongs to it."""
    xdl.save(path, step=step, weight=WEIGHT + step)


def killed(path, step, wait):
    """Save from ``step`` on in a child, and kill it after a while."""
    child = os.fork()
    if not child:
        while True:
            save(path, step)
            step += 1
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def left_in(folder):
    """Count the files but the checkpoint."""
    return len(list(folder.iterdir())) - 1


def main():
    """Read the options and print what was found."""
    folder, times = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    path, rng = folder / "last.safetensors", random.Random(0)
    save(path, 0)
    steps, left = [0], []
    for _ in range(times):
        killed(path, steps[-1] + 1, rng.uniform(0, 0.03))
        left.append(left_in(folder))
        saved = xdl.load(path)
        assert (saved["weight"] == WEIGHT + saved["step"]).all()
        steps.append(saved["step"])
    save(path, steps[-1] + 1)
    print(json.dumps({"steps": steps, "left": left, "at_last": left_in(folder)}))


if __name__ == "__main__":
    main()
